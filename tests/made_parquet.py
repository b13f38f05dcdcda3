"""Folders of heard recordings in Parquet, of made-up voices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from singerid.library.heard_schema import schema
from singerid.library.records import Settings

SIZE = 24
SETTINGS = Settings("small", "small, 96 bands", "mixture")
BOTH = Settings("small", "small, 96 bands", "both", "repet", "1")


def voices(count: int, sounds: int = 1, seed: int = 0, singers: int = 40, size: int = SIZE) -> np.ndarray:
    """Unit vectors (count, sounds, size) of recordings around those of singers, which share a direction."""
    rng = np.random.default_rng(seed)
    own = 1 + rng.standard_normal((singers, sounds, size))
    vectors = own[np.arange(count) % singers] + rng.standard_normal((count, sounds, size))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def row(
    number: int, vectors: np.ndarray | None, settings: Settings = SETTINGS, **changes: Any
) -> dict[str, Any]:
    """A recording; without vectors nobody sings in it."""
    made = {
        "path": f"/music/{number}.mp3",
        "size": 1000 + number,
        "changed_ns": 5,
        "fingerprint": f"print {number}",
        "scheme": 1,
        "seconds": 200.0,
        "voice_seconds": 0.0 if vectors is None else 150.0,
        "short": False,
        "warning": "",
        "reason": "",
        "singer": f"singer {number % 40}" if number % 2 else "",
        "album": "",
    }
    made |= {
        sound: None if vectors is None else vectors[at].tolist() for at, sound in enumerate(settings.sounds)
    }
    return made | changes


def write_rows(
    path: Path, rows: Sequence[dict[str, Any]], settings: Settings = SETTINGS, size: int = SIZE
) -> Path:
    """A file of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema(settings.sounds, size, settings)), path)
    return path


def write_folder(
    folder: Path, vectors: np.ndarray, settings: Settings = SETTINGS, a_file: int = 100, first: int = 0
) -> Path:
    """A folder of files, so many recordings in each; of unlike settings in a folder of its own."""
    mark = f"{sum(map(ord, repr(settings))):x}"
    for start in range(0, len(vectors), a_file):
        rows = [
            row(first + start + at, one, settings) for at, one in enumerate(vectors[start : start + a_file])
        ]
        name = f"{first + start:08}.parquet"
        write_rows(folder / mark / name, rows, settings, vectors.shape[2])
    return folder
