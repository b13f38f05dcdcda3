"""Libraries of made-up voices: vectors around one of each singer, at once and by no network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from conftest import SAMPLE_RATE, voice
from singerid.library.enroll import EnrollReport, Entrant, enroll_heard
from singerid.library.finding import FoundFile
from singerid.library.hearing import HeardVoice
from singerid.library.library import Library
from singerid.library.records import Settings
from singerid.library.schema import JOURNALED

SIZE = 64
SETTINGS = Settings("small", "made up", "mixture")


def direction(singer: str) -> np.ndarray:
    """A singer's voice."""
    own = np.random.default_rng(sum(map(ord, singer))).standard_normal(SIZE)
    return own / np.linalg.norm(own)


def heard(singer: str, take: int, spread: float = 0.5, seconds: float | None = None) -> HeardVoice:
    """What is heard of a recording: no two takes are alike, or as long."""
    seed = np.random.default_rng([take, *map(ord, singer)])
    noise = seed.standard_normal(SIZE)
    vector = direction(singer) + spread * noise / np.linalg.norm(noise)
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    length = 100.0 + 1.7 * take if seconds is None else seconds
    return HeardVoice(vector[None], length, round(length * 0.8, 3), False, ())


def take(
    singer: str, number: int, path: Path | str = "", **options: Any
) -> tuple[Entrant, FoundFile, HeardVoice]:
    """A recording that is to be enrolled as the singer who sings in it."""
    file = FoundFile(str(path), 0, 0, f"{singer.encode('utf-8', 'surrogatepass').hex()}-{number}")
    where = Path(path or f"{number}.wav")
    return Entrant(where, singer, f"album {number % 3}"), file, heard(singer, number, **options)


def put(library: Library, takes: Sequence[tuple[Entrant, FoundFile, HeardVoice]]) -> EnrollReport:
    """Enroll takes as one command."""
    with library.core.database.command("enroll") as entry:
        return enroll_heard(library.core, takes, entry)


def made(folder: Path, singers: Sequence[str] = ("Ada", "Bea", "Cy"), takes: int = 4) -> Library:
    """A new library of made-up voices."""
    library = Library.open(folder, create=True)
    library.core.keep_settings(SETTINGS)
    put(library, [take(singer, number) for singer in singers for number in range(takes)])
    return library


def dump(library: Library) -> dict[str, list[tuple[Any, ...]]]:
    """All that the journal answers for, and the vectors.

    Back ends are made anew after each command: their ids, and the exemplars, follow from the rest.
    """
    database = library.core.database
    tables = {name: ", ".join((*key, *rest)) for name, (key, rest) in JOURNALED.items()}
    tables["recordings"] = tables["recordings"].replace("exemplar, ", "")
    found = {
        name: sorted(database.rows(f"SELECT {what} FROM {name}"), key=repr) for name, what in tables.items()
    }
    found["settings"] = [row for row in found["settings"] if row[0] != "back_end"]
    found["vectors"] = sorted(database.rows("SELECT recording, sound, hex(vector) FROM vectors"))
    return found


def write_voice(path: Path, pitch: float, seconds: float = 2.0, seed: int = 0) -> Path:
    """A recording that `small_ears` hear: 200, 300, ... Hz are other singers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(pitch, seconds, seed), SAMPLE_RATE)
    return path


def write_noise(path: Path, seconds: float = 2.0) -> Path:
    """A recording in which nobody sings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal(int(seconds * SAMPLE_RATE)), SAMPLE_RATE)
    return path


PITCHES = {"Ada": 200.0, "Bea": 290.0, "Cy": 410.0}


def write_singers(folder: Path, takes: int = 3) -> Path:
    """A folder SINGER/ALBUM/TRACK of three singers."""
    for singer, pitch in PITCHES.items():
        for number in range(takes):
            path = folder / singer / f"album {number}" / f"{number}.wav"
            write_voice(path, pitch * (1 + 0.01 * number), 1.5 + 0.3 * number, number)
    return folder
