"""What processes say of strangers' files, as plain data, and read again with care: they may be taken over."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from singerid.errors import Failure
from singerid.library.hearing import HeardCells, HeardVoice
from singerid.sound.files import AudioError
from singerid.system.children import Beat, Child, ChildEndedError, Work

_BETWEEN = b"\0"  # which no path has in it


def plainly(work: Work) -> Work:
    """The same work, which says of a file that cannot be used why, in place of raising AudioError."""

    def told(item: Any, beat: Beat) -> Any:
        try:
            return {"made": work(item, beat)}
        except AudioError as error:
            return {"unusable": error.reason}

    return told


def asked(child: Child, item: Any, path: Path, go_on: Callable[[], bool] = lambda: True) -> Any:
    """What `plainly` made work of another process gives for an item.

    Args:
        child: the process.
        item: that it is asked.
        path: the file that it is about.
        go_on: see `Child.ask`.

    Raises:
        AudioError: the file cannot be used, or has ended the process.
        StoppedError: it was not to go on.
        SingeridError: the process cannot work.
    """
    try:
        reply = child.ask(item, go_on)
    except ChildEndedError as error:
        raise AudioError(path, f"cannot be used: {error}") from error
    if isinstance(reply, dict) and "made" in reply:
        return reply["made"]
    reason = reply.get("unusable") if isinstance(reply, dict) else None
    raise AudioError(path, reason if isinstance(reason, str) else _UNREADABLE)


_UNREADABLE = "cannot be used: the decoder gave no answer that can be read"


def plain_list(files: tuple[Path, ...], failures: list[Failure]) -> dict[str, Any]:
    """Files that were found, and what could not be listed."""
    return {
        "files": _BETWEEN.join(map(os.fsencode, files)),
        "failures": [[one.path, one.reason] for one in failures],
    }


def list_of(reply: Any) -> tuple[list[Path], list[Failure]]:
    """What `plain_list` said; ValueError: it is not that."""
    files, failures = _field(reply, "files", bytes), _field(reply, "failures", list)
    return (
        [Path(os.fsdecode(one)) for one in files.split(_BETWEEN) if one],
        [Failure(str(path), str(reason)) for path, reason in failures],
    )


def plain_voice(heard: HeardVoice, warning: str) -> dict[str, Any]:
    """What was heard of a recording, without its windows, and what is wrong with the file."""
    cells = heard.cells
    return {
        "vectors": heard.vectors,
        "seconds": float(heard.seconds),
        "voice_seconds": float(heard.voice_seconds),
        "short": bool(heard.short),
        "warning": warning,
        "cells": None
        if cells is None
        else {
            "vectors": cells.vectors,
            "sung": cells.sung,
            "seconds": float(cells.seconds),
            "sounds": cells.sounds,
            "several": cells.several,
        },
    }


def voice_of(reply: Any, sounds: int, size: int) -> tuple[HeardVoice, str]:
    """What `plain_voice` said; ValueError: it is not that.

    Args:
        reply: what was said.
        sounds: how many of them the library listens to, K.
        size: of its vectors, D.
    """
    vectors = _array(reply, "vectors", (sounds, size), optional=True)
    told = _field(reply, "cells", dict | None)
    cells = None
    if told is not None:
        finer = _array(told, "vectors", (None, sounds, size))
        length = len(finer)
        cells = HeardCells(
            finer,
            _array(told, "sung", (length,)),
            _number(told, "seconds"),
            _array(told, "sounds", (None,)).astype(np.bool_),
            _array(told, "several", (length,), optional=True),
        )
    voice = HeardVoice(
        vectors,
        _number(reply, "seconds"),
        _number(reply, "voice_seconds"),
        _field(reply, "short", bool),
        (),
        cells,
    )
    return voice, _field(reply, "warning", str)


def _field(reply: Any, name: str, kind: Any) -> Any:
    if not isinstance(reply, dict) or name not in reply or not isinstance(reply[name], kind):
        raise ValueError(f"{name} is missing, or something else")
    return reply[name]


def _number(reply: Any, name: str) -> float:
    number = float(_field(reply, name, int | float))
    if not 0 <= number < 1e9:
        raise ValueError(f"{name} is no length")
    return number


def _array(reply: Any, name: str, shape: tuple[int | None, ...], optional: bool = False) -> Any:
    """An array of finite numbers, or of truths; in its shape None is any size."""
    found = _field(reply, name, np.ndarray | None if optional else np.ndarray)
    if found is None:
        return None
    fits = len(found.shape) == len(shape) and all(
        size is None or size == own for size, own in zip(shape, found.shape, strict=True)
    )
    if not fits or not np.isfinite(found).all():
        raise ValueError(f"{name} has another shape, or is not finite")
    return found
