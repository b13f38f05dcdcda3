"""Replies of processes about untrusted files, as plain data.

They are checked when they are read, because a malicious file may have taken over the process.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from singerid.errors import Failure
from singerid.library.hearing import HeardCells, HeardVoice
from singerid.listening.voice.loudness import CELL_SECONDS as _SOUND_SECONDS
from singerid.sound.files import AudioError
from singerid.system.children import Beat, Child, ChildEndedError, Work
from singerid.text import printable

_BETWEEN = b"\0"  # no path has it in it


def plainly(work: Work) -> Work:
    """The same work, but for a file that cannot be used it replies why, instead of raising AudioError."""

    def told(item: Any, beat: Beat) -> Any:
        try:
            return {"made": work(item, beat)}
        except AudioError as error:
            return {"unusable": error.reason}

    return told


def asked(child: Child, item: Any, path: Path, go_on: Callable[[], bool] = lambda: True) -> Any:
    """The reply of another process, whose work was made by `plainly`, to an item.

    Args:
        child: the process.
        item: what it is asked.
        path: the file that this is about.
        go_on: see `Child.ask`.

    Raises:
        AudioError: the file cannot be used, or has ended the process.
        StoppedError: `go_on` returned False.
        SingeridError: the process cannot work.
    """
    try:
        reply = child.ask(item, go_on)
    except ChildEndedError as error:
        raise AudioError(path, f"cannot be used: {error}") from error
    if isinstance(reply, dict) and "made" in reply:
        return reply["made"]
    reason = reply.get("unusable") if isinstance(reply, dict) else None
    raise AudioError(path, reason[:_MOST_WORDS] if isinstance(reason, str) else UNREADABLE)


UNREADABLE = "cannot be used: the decoder gave no readable answer"
_MOST_WORDS = 2000  # characters of a reason or a warning
_MOST_SECONDS = 1e6
_UNIT = 1.001  # length of a unit vector, with some room for rounding
_BEYOND = 60.0  # seconds that the last cell, or a window, may reach beyond the end


def plain_list(files: tuple[Path, ...], failures: list[Failure]) -> dict[str, Any]:
    """Files that were found, and what could not be listed."""
    return {
        "files": _BETWEEN.join(map(os.fsencode, files)),
        "failures": [[one.path, one.reason] for one in failures],
    }


def list_of(reply: Any) -> tuple[list[Path], list[Failure]]:
    """What `plain_list` was given, from its reply; raises ValueError if the reply is invalid."""
    files, failures = _field(reply, "files", bytes), _field(reply, "failures", list)
    return (
        [Path(os.fsdecode(one)) for one in files.split(_BETWEEN) if one],
        [Failure(str(path), str(reason)[:_MOST_WORDS]) for path, reason in failures],
    )


def plain_voice(heard: HeardVoice, warning: str) -> dict[str, Any]:
    """What was heard of a recording, without its windows, and a warning about the file."""
    cells = heard.cells
    return {
        "vectors": _singly(heard.vectors),
        "seconds": float(heard.seconds),
        "voice_seconds": float(heard.voice_seconds),
        "short": bool(heard.short),
        "warning": warning,
        "cells": None
        if cells is None
        else {
            "vectors": _singly(cells.vectors),
            "sung": _singly(cells.sung),
            "seconds": float(cells.seconds),
            "sounds": np.asarray(cells.sounds, np.bool_),
            "several": _singly(cells.several),
        },
    }


def _singly(array: Any) -> Any:
    return None if array is None else np.asarray(array, np.float32)


def voice_of(reply: Any, sounds: int, size: int) -> tuple[HeardVoice, str]:
    """What `plain_voice` was given, from its reply; raises ValueError if the reply is invalid.

    Args:
        reply: the reply.
        sounds: number of sounds that the library listens to (mixture, vocals), K.
        size: size of its vectors, D.
    """
    vectors = _array(reply, "vectors", (sounds, size), optional=True, most=_UNIT)
    length = number_of(reply, "seconds")
    told = _field(reply, "cells", dict | None)
    voice = HeardVoice(
        vectors,
        length,
        number_of(reply, "voice_seconds"),
        _field(reply, "short", bool),
        (),
        None if told is None else _cells(told, length, sounds, size),
    )
    return voice, printable(_field(reply, "warning", str)[:_MOST_WORDS])


def _cells(told: dict[str, Any], length: float, sounds: int, size: int) -> HeardCells:
    vectors = _array(told, "vectors", (None, sounds, size), most=_UNIT)
    count, seconds = len(vectors), number_of(told, "seconds")
    audible = _array(told, "sounds", (None,), np.bool_)
    beyond = max(count * seconds, len(audible) * _SOUND_SECONDS) > length + _BEYOND
    if not count or not seconds or beyond:
        raise ValueError("there are no cells, or more than fit")
    sung = _array(told, "sung", (count,), most=_UNIT)
    if sung.min() < 0:
        raise ValueError("sung is not a share")
    return HeardCells(vectors, sung, seconds, audible, _array(told, "several", (count,), optional=True))


def _field(reply: Any, name: str, kind: Any) -> Any:
    if not isinstance(reply, dict) or name not in reply or not isinstance(reply[name], kind):
        raise ValueError(f"{name} is missing, or of another type")
    return reply[name]


def number_of(reply: Any, name: str) -> float:
    """A length in seconds from a field of a reply; raises ValueError if it is invalid."""
    found = _field(reply, name, int | float)
    if isinstance(found, bool) or not 0 <= found <= _MOST_SECONDS:
        raise ValueError(f"{name} is not a length")
    return float(found)


def _array(
    reply: Any,
    name: str,
    shape: tuple[int | None, ...],
    kind: type[np.generic] = np.float32,
    *,
    optional: bool = False,
    most: float = np.inf,
) -> Any:
    """An array of finite numbers or booleans.

    None in `shape` allows any size; no row may be longer than `most`.
    """
    found = _field(reply, name, np.ndarray | None if optional else np.ndarray)
    if found is None:
        return None
    fits = len(found.shape) == len(shape) and all(
        size is None or size == own for size, own in zip(shape, found.shape, strict=True)
    )
    if not fits or found.dtype != kind or not np.isfinite(found).all():
        raise ValueError(f"{name} has another shape or kind, or is not finite")
    rows = found if found.ndim == 1 else np.linalg.norm(found.astype(np.float64), axis=-1)
    if np.isfinite(most) and rows.size and rows.max() > most:
        raise ValueError(f"{name} is too large")
    return found
