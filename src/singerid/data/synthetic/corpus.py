"""The corpus on disk: DIR/{mixture,vocals,accompaniment}/singer/album/song.flac, DIR/f0, DIR/corpus.json."""

import io
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import SAMPLE_RATE, Corpus, Song, draw_corpus
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
    """Render a corpus into `folder`, or what is missing of it.

    The files are the same whatever the number of workers. `folder/mixture` is a
    singer/album/track tree; the stems lie at the same paths in `vocals` and `accompaniment`, F0 in Hz
    at the centres of the mel frames (0 where unvoiced) in `f0` as .npy.

    Args:
        folder: made when missing; it must be empty or hold this very corpus.
        config: how large a corpus, and which.
        workers: processes; by default one for each usable core.
        show_progress: draw a bar on a terminal.

    Returns:
        How many songs were rendered now.

    Raises:
        SingeridError: `folder` holds something else or cannot be written; fewer than one worker.
    """
    if workers is not None and workers < 1:
        raise SingeridError(f"--workers {workers}: choose 1 or more")
    corpus = draw_corpus(config)
    _claim(folder, corpus)
    missing = [song for song in corpus.songs if not _file(folder, "mixture", song).exists()]
    workers = min(workers or usable_processors(), len(missing))
    for _ in progress(_write_all(folder, missing, workers), "Singing", len(missing), show_progress):
        pass
    return len(missing)


def _claim(folder: Path, corpus: Corpus) -> None:
    """Write the corpus's description, or check that the one in `folder` is of the same corpus."""
    settings = {"generator": VERSION, **asdict(corpus.config), "seconds": float(corpus.config.seconds)}
    path = folder / DESCRIPTION
    if folder.exists() and not folder.is_dir():
        raise SingeridError(f"{folder}: is a file; name a folder")
    if path.exists():
        found = read_json(path, "choose another folder")
        differing = _differences(found, settings)
        if differing:
            raise SingeridError(
                f"{folder}: holds another corpus ({differing}); choose another folder or delete it"
            )
    else:
        if folder.exists() and any(not entry.name.startswith(".tmp-") for entry in folder.iterdir()):
            raise SingeridError(
                f"{folder}: is not empty and holds no {DESCRIPTION}; choose a new or empty folder"
            )
        write_json(path, {"settings": settings, **corpus.describe()})


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


def _write_all(folder: Path, songs: list[Song], workers: int) -> Iterator[None]:
    for song, outcome in each_in_processes(partial(_write_song, folder), songs, workers):
        if isinstance(outcome, WorkerDied):
            raise SingeridError(
                f"{folder}: the process that made {song.path} died; is there too little memory?"
            )
        yield


def _write_song(folder: Path, song: Song) -> None:
    """Write F0 and stems, and the mixture last: where that exists the song is whole."""
    stems = render(song)
    buffer = io.BytesIO()
    np.save(buffer, stems.f0)
    _write_bytes(_file(folder, "f0", song), buffer)
    for condition in CONDITIONS:
        _write_bytes(_file(folder, condition, song), _flac(getattr(stems, condition)))


def _flac(samples: npt.NDArray[np.float32]) -> io.BytesIO:
    import soundfile

    buffer = io.BytesIO()
    integers = (samples * FULL_SCALE).astype(np.int16)  # exact: the samples are quantised already
    soundfile.write(buffer, integers, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer


def _write_bytes(path: Path, buffer: io.BytesIO) -> None:
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())
