"""A collection: the voices of millions of recordings in one LanceDB table, to find similar recordings.

A recording is one vector. For each sound that was heard, the mean of all recordings is subtracted and the
rest is scaled to unit length; the vectors of two sounds are concatenated, as in a library (`voiceprints`). So
the cosine of two recordings is their score.

Letters in shapes: N recordings, K sounds, D size of a vector.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from singerid.encoders.back_end import BackEnd
from singerid.errors import SingeridError
from singerid.library.core import hearing_of
from singerid.library.hearing import Hearing
from singerid.library.parquet_rows import matrix_of
from singerid.library.records import Settings
from singerid.library.voiceprints import FloatArray, behind
from singerid.sound.files import AudioError
from singerid.sound.fingerprint import sound_fingerprint
from singerid.system.devices import CPU
from singerid.system.file_names import absolute
from singerid.system.places import is_url
from singerid.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "recordings"
VECTOR = "vector"
PLAIN = ("path", "size", "changed_ns", "fingerprint", "scheme", "seconds", "voice_seconds", "singer", "album")
"""Columns of the table beside the vector, as in `heard_schema`."""
SPARE = 2
"""So many more results are asked for, as the recording itself (same sound or same path) is left out."""
FORMAT = 1

_ABOUT = b"singerid"
_AHEAD = 2**27  # bytes that LanceDB may read ahead


@dataclass(frozen=True, eq=False)
class About:
    """The metadata of the table.

    Attributes:
        settings: encoder, sounds and separator that its recordings were heard with.
        shared: (K, D) the mean that is subtracted from the vectors of each sound.
    """

    settings: Settings
    shared: NDArray[np.float64]

    def schema(self) -> "pa.Schema":
        """The schema of the table."""
        import pyarrow as pa

        kinds = {"size": pa.int64(), "changed_ns": pa.int64(), "scheme": pa.int32()}
        kinds |= {"seconds": pa.float64(), "voice_seconds": pa.float64()}
        columns: list[tuple[str, Any]] = [(name, kinds.get(name, pa.string())) for name in PLAIN]
        columns.append((VECTOR, pa.list_(pa.float32(), self.shared.size)))
        value = {"format": FORMAT, "settings": asdict(self.settings), "shared": self.shared.tolist()}
        return pa.schema(columns, {_ABOUT: json.dumps(value, sort_keys=True).encode()})

    def comparable(self, vectors: FloatArray) -> FloatArray:
        """Unit vectors (N, K, D) in the form of the table: (N, K * D)."""
        nothing = np.eye(0, dtype=np.float32)
        return behind([BackEnd(own.astype(np.float32), nothing, False) for own in self.shared], vectors)

    def rows(self, plain: "pa.RecordBatch", comparable: FloatArray) -> "pa.RecordBatch":
        """Rows of the table, made of the plain columns and vectors (N, K * D)."""
        import pyarrow as pa

        schema = self.schema()
        flat = pa.array(np.ascontiguousarray(comparable).ravel())
        columns = [plain[name].cast(schema.field(name).type) for name in PLAIN]
        columns.append(pa.FixedSizeListArray.from_arrays(flat, comparable.shape[1]))
        return pa.record_batch(columns, schema=schema)

    def heard(self, comparable: FloatArray) -> NDArray[np.float64]:
        """The inverse of `comparable`: the unit vectors (N, K, D) as they were heard.

        As the original vector has unit length, its direction after centring and the mean determine it. So the
        table need not hold the original vectors.
        """
        sounds, size = self.shared.shape
        left = comparable.reshape(-1, sounds, size).astype(np.float64) * np.sqrt(sounds)
        along = (left * self.shared).sum(-1)
        length = np.sqrt(np.maximum(along**2 + 1 - (self.shared**2).sum(-1), 0)) - along
        found: NDArray[np.float64] = self.shared + length[..., None] * left
        return found


@dataclass(frozen=True)
class Alike:
    """A recording that sounds like another one.

    Attributes:
        path: path of its file when it was heard.
        singer: the singer; "": not known.
        score: the cosine, -1 to 1.
    """

    path: str
    singer: str
    score: float


@dataclass(frozen=True)
class IndexChoice:
    """How a collection is searched, and the measured recall and speed.

    Attributes:
        kind: kind of LanceDB index; "": no index, every recording is compared.
        count: number of recordings when the index was made and measured.
        partitions: number of groups of recordings in the index.
        probes: number of groups that a query searches.
        walk: `ef` of a graph index, the number of candidates kept in view; 0: the index is not a graph.
        refine: this many times more candidates than asked for are compared exactly; 0: the index is exact.
        recall: share of the true ten nearest recordings that are found.
        queries: number of queries of the measurement.
        median_ms: median time of a query in ms.
        slow_ms: the time in ms that 19 of 20 queries stay below.
        seconds: how long it took to make the index.
        tried: the other choices that were measured, in words.
    """

    kind: str
    count: int
    partitions: int = 0
    probes: int = 0
    walk: int = 0
    refine: int = 0
    recall: float = 1.0
    queries: int = 0
    median_ms: float = 0.0
    slow_ms: float = 0.0
    seconds: float = 0.0
    tried: tuple[str, ...] = ()


class Collection:
    """An open collection.

    Args:
        where: its folder or address.
        table: the LanceDB table.
        device: where to compute.
        weights: weights of the separator, for a collection of vocals; None: the published ones.

    Raises:
        SingeridError: the table is not a collection.
    """

    def __init__(
        self, where: str, table: Any, device: torch.device = CPU, weights: Path | None = None
    ) -> None:
        self.where, self.table = where, table
        self._device, self._weights = device, weights
        self.about = _read_about(where, table)

    @classmethod
    def open(cls, where: str, device: torch.device = CPU, weights: Path | None = None) -> "Collection":
        """Open a collection.

        Args:
            where: its folder, or its address in an object store.
            device: where to compute.
            weights: weights of the separator; None: the published ones.

        Raises:
            SingeridError: there is no collection, it cannot be read, or LanceDB is not installed.
        """
        lancedb = import_lancedb()
        if not is_url(where) and not Path(where).is_dir():  # LanceDB would create the folder
            raise SingeridError(f"{where}: does not exist; make it: singerid library collect PARQUET {where}")
        table = open_table(lancedb, where)
        if table is None:
            raise SingeridError(
                f"{where}: is not a collection; give a folder that singerid library collect made"
            )
        return cls(where, table, device, weights)

    def __len__(self) -> int:
        with lance_errors(self.where):
            return int(self.table.count_rows())

    @property
    def settings(self) -> Settings:
        """The encoder, sounds and separator that its recordings were heard with."""
        return self.about.settings

    @cached_property
    def hearing(self) -> Hearing:
        """The open encoder and separator that its recordings were heard with.

        Raises:
            SingeridError: encoder or separator cannot be opened, or differ from those that made its vectors.
        """
        hearing, difference = hearing_of(self.settings, self._device, self._weights)
        if difference:
            raise SingeridError(
                f"{self.where}: {difference}; use the same here, or hear its recordings "
                "again, and collect them into another folder"
            )
        return hearing

    @property
    def index(self) -> IndexChoice | None:
        """How it is searched; None: nothing was chosen yet, so every recording is compared."""
        with lance_errors(self.where):
            kept = (self.table.schema.field(VECTOR).metadata or {}).get(_ABOUT)
        try:
            value = json.loads(kept or "null")
            return value and IndexChoice(**{**value, "tried": tuple(value["tried"])})
        except (ValueError, TypeError, KeyError):  # written by another version: the choice is made again
            return None

    @index.setter
    def index(self, choice: IndexChoice | None) -> None:
        value = None if choice is None else json.dumps(asdict(choice))
        with lance_errors(self.where):
            self.table.update_field_metadata({"path": VECTOR, "metadata": {_ABOUT.decode(): value}})

    def similar(self, file: Path | str, most: int = 10) -> list[Alike]:
        """The recordings that sound most like a file, best first, without the file itself.

        Raises:
            AudioError: the file cannot be read, or no voice is found in it.
            SingeridError: encoder or separator are not those of the collection.
        """
        path = Path(file)
        heard = self.hearing(path, lambda _: None)
        if heard.vectors is None:
            raise AudioError(path, "nobody is heard to sing in it")
        return self.alike(heard.vectors, most, sound_fingerprint(path), str(absolute(path)))

    def alike(
        self, vectors: FloatArray, most: int = 10, fingerprint: str = "", path: str = ""
    ) -> list[Alike]:
        """The recordings that are most similar to a voice, best first.

        Args:
            vectors: (K, D) of the voice, of unit length.
            most: how many recordings to return.
            fingerprint: fingerprint of its sound; recordings with the same one are left out.
            path: path of its file; a recording with the same path is left out.
        """
        asked = self.about.comparable(vectors[None])[0]
        columns = ["path", "singer", "fingerprint", "_distance"]
        found = self.search(asked, most + SPARE, self.index, columns).to_pylist()
        return [
            Alike(row["path"], row["singer"], round(1 - row["_distance"], 4))
            for row in found
            if row["path"] != path and (not fingerprint or row["fingerprint"] != fingerprint)
        ][:most]

    def search(
        self, asked: FloatArray, most: int, choice: IndexChoice | None, columns: list[str]
    ) -> "pa.Table":
        """The rows that are nearest to a vector, nearest first.

        Args:
            asked: (K * D,) the vector, in the form of the table.
            most: how many rows to return.
            choice: how to search; None: compare every recording.
            columns: columns to return; "_distance" is 1 - cosine.
        """
        with lance_errors(self.where):
            query = self.table.search(asked, vector_column_name=VECTOR, query_type="vector")
            query = query.distance_type("cosine").limit(most).select([c for c in columns if c != "_rowid"])
            query = query.with_row_id("_rowid" in columns)
            if choice is None or not choice.kind:
                return query.bypass_vector_index().to_arrow()
            query = query.nprobes(choice.probes)
            if choice.walk:
                query = query.ef(max(choice.walk, most * max(1, choice.refine)))  # LanceDB refuses a lower ef
            if choice.refine:
                query = query.refine_factor(choice.refine)
            return query.to_arrow()

    def batches(self, columns: list[str], rows: int = 4096) -> Iterator["pa.RecordBatch"]:
        """All rows in batches; the column "_rowid" is LanceDB's number of a row."""
        with lance_errors(self.where):
            query = self.table.search().select([name for name in columns if name != "_rowid"])
            yield from query.with_row_id("_rowid" in columns).to_batches(rows)

    def write_again(self, about: About, without: NDArray[np.integer] | None = None) -> None:
        """Rewrite all rows, at once or not at all; the indexes and the `index` choice are lost.

        LanceDB's own deletion is not used: it keeps deleted rows in place, and making an index is slow then.

        Args:
            about: the new metadata of the table; the vectors are centred by its mean.
            without: numbers of rows that are left out.
        """
        import pyarrow as pa

        def again() -> Iterator[pa.RecordBatch]:
            for batch in self.batches([*PLAIN, VECTOR, "_rowid"]):
                if without is not None:
                    rows = batch["_rowid"].to_numpy(zero_copy_only=False)
                    batch = batch.filter(pa.array(~np.isin(rows, without)))
                vectors = matrix_of(batch[VECTOR])
                if about is not self.about:
                    vectors = about.comparable(self.about.heard(vectors).astype(np.float32))
                yield about.rows(batch, vectors)

        with lance_errors(self.where):
            reader = pa.RecordBatchReader.from_batches(about.schema(), again())
            self.table.add(reader, mode="overwrite")
        self.about = about


def import_lancedb() -> Any:
    """The package lancedb; raises SingeridError where it is not installed."""
    # LanceDB reads these variables when it is imported. By default it reads up to 2 GB ahead.
    os.environ.setdefault("LANCEDB_LOG", "error")
    os.environ.setdefault("LANCE_DEFAULT_IO_BUFFER_SIZE", str(_AHEAD))
    try:
        import lancedb
    except ImportError as error:
        raise SingeridError(
            "collections need LanceDB, which is not installed: pip install 'singerid[scale]'"
        ) from error
    return lancedb


def connected(lancedb: Any, where: str) -> Any:
    """LanceDB's connection to a folder or an address; reads always see the latest version of a table."""
    return lancedb.connect(where, read_consistency_interval=timedelta(0))


def open_table(lancedb: Any, where: str) -> Any:
    """The table in a folder or at an address; None: there is none."""
    with lance_errors(where):
        try:
            return connected(lancedb, where).open_table(TABLE)
        except ValueError as error:
            if "was not found" in str(error):
                return None
            raise


@contextmanager
def lance_errors(where: str) -> Iterator[None]:
    """Turn LanceDB's errors into a SingeridError of one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        text = one_line(error)
        if "No space left" in text or "File too large" in text or "Quota" in text:
            remedy = "free some space, then run the same command again: it continues"
        elif any(word in text.lower() for word in ("denied", "read-only", "forbidden", "unauthorized")):
            remedy = "check your permissions to read and write it"
        else:
            remedy = (
                "check that it exists and that you may read and write it; if it is damaged, make it again"
            )
        raise SingeridError(f"{where}: LanceDB failed ({text[:300]}); {remedy}") from error


def _read_about(where: str, table: Any) -> About:
    with lance_errors(where):
        schema = table.schema
    no_collection = SingeridError(
        f"{where}: its table '{TABLE}' is not a collection of singerid; choose another folder"
    )
    try:
        value = json.loads(schema.metadata[_ABOUT])
        if int(value["format"]) <= FORMAT:
            return About(Settings(**value["settings"]), np.array(value["shared"], np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise no_collection from error
    raise SingeridError(f"{where}: has a format that this version of singerid does not know; update singerid")
