"""The corpus on disk: DIR/{mixture,vocals,accompaniment}/singer/album/song.flac, DIR/f0, DIR/corpus.json."""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import SAMPLE_RATE, Song, draw_corpus
from singerid.data.synthetic.studio import FULL_SCALE, render
from singerid.errors import SingeridError
from singerid.system.console import progress
from singerid.system.files import atomic_write, read_json, write_json
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.system.processors import usable_processors

VERSION = 1  # of the generator: raised when the same settings give other samples
DESCRIPTION = "corpus.json"
CONDITIONS = ("vocals", "accompaniment", "mixture")


def write_corpus(
    folder: Path, config: CorpusConfig, workers: int | None = None, *, show_progress: bool = False
) -> int:
    """Render a corpus into `folder`; songs that are there already are kept.

    The files are the same whatever the number of workers. `folder/mixture` is a
    singer/album/track tree; the stems lie at the same paths in `vocals` and `accompaniment`, F0 in Hz
    at the centres of the mel frames (0 where unvoiced) in `f0` as .npy.

    Args:
        folder: made when missing; it must be empty or hold this same corpus.
        config: size and seed of the corpus.
        workers: processes; by default one for each usable core.
        show_progress: draw a bar on a terminal.

    Returns:
        Number of songs that this call rendered.

    Raises:
        SingeridError: `folder` holds something else or cannot be written; fewer than one worker.
    """
    if workers is not None and workers < 1:
        raise SingeridError(f"`workers={workers}`: choose 1 or more")
    corpus = draw_corpus(config)
    claim(folder / DESCRIPTION, "corpus", settings_of(config), corpus.describe())
    missing = [song for song in corpus.songs if not _file(folder, "mixture", song).exists()]
    write_all(folder, partial(_write_song, folder), missing, workers, show_progress=show_progress)
    return len(missing)


def settings_of(config: CorpusConfig) -> dict[str, Any]:
    """A corpus's settings as its description file holds them."""
    return {"generator": VERSION, **asdict(config), "seconds": float(config.seconds)}


def claim(path: Path, what: str, settings: dict[str, Any], description: dict[str, Any]) -> None:
    """Write the description file of a folder, or check that the file there has the same settings.

    Args:
        path: of the description file; its folder is made when missing.
        what: what the folder holds, for an error.
        settings: settings that must be the same.
        description: other content to write.

    Raises:
        SingeridError: the folder holds something else or cannot be written.
    """
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise SingeridError(f"{folder}: is a file; name a folder")
    if path.exists():
        found = read_json(path, "choose another folder")
        differing = _differences(found, settings)
        if differing:
            raise SingeridError(
                f"{folder}: holds another {what} ({differing}); choose another folder or delete it"
            )
    else:
        if folder.exists() and any(not entry.name.startswith(".tmp-") for entry in folder.iterdir()):
            raise SingeridError(
                f"{folder}: is not empty and holds no {path.name}; choose a new or empty folder"
            )
        write_json(path, {"settings": settings, **description})


def _differences(description: Any, settings: dict[str, Any]) -> str:
    found = description.get("settings") if isinstance(description, dict) else None
    if not isinstance(found, dict):
        return "its description is not readable"
    return ", ".join(
        f"{name} {found.get(name)} instead of {value}"
        for name, value in settings.items()
        if found.get(name) != value
    )


def _file(folder: Path, kind: str, song: Song) -> Path:
    suffix = ".npy" if kind == "f0" else ".flac"
    return folder / kind / f"{song.path}{suffix}"


class _Rendered(Protocol):
    @property
    def path(self) -> str: ...


Item = TypeVar("Item", bound=_Rendered)


def write_all(
    folder: Path,
    write: Callable[[Item], None],
    songs: Sequence[Item],
    workers: int | None,
    *,
    show_progress: bool,
) -> None:
    """Write songs into `folder`, each by one call of `write`, in `workers` processes; None: one a core."""
    workers = min(workers or usable_processors(), len(songs))
    done = each_in_processes(write, songs, workers)
    for song, outcome in progress(done, "Singing", len(songs), show_progress):
        if isinstance(outcome, WorkerDied):
            raise SingeridError(
                f"{folder}: the process that made {song.path} died; is there too little memory?"
            )


def _write_song(folder: Path, song: Song) -> None:
    """Write F0, the stems and, last, the mixture: if that exists, the song is complete."""
    stems = render(song)
    buffer = io.BytesIO()
    np.save(buffer, stems.f0)
    _write_bytes(_file(folder, "f0", song), buffer)
    for condition in CONDITIONS:
        write_flac(_file(folder, condition, song), getattr(stems, condition))


def write_flac(path: Path, samples: npt.NDArray[np.float32]) -> None:
    """Write samples that are multiples of 2 ** -15, (N,), as 16-bit FLAC."""
    import soundfile

    buffer = io.BytesIO()
    integers = (samples * FULL_SCALE).astype(np.int16)  # exact: the samples are quantised already
    soundfile.write(buffer, integers, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    _write_bytes(path, buffer)


def _write_bytes(path: Path, buffer: io.BytesIO) -> None:
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())
