"""A collection: the voices of millions of recordings in one LanceDB table, for finding those that are alike.

A recording is one vector: of each sound that was heard, what all recordings share is taken off, and what is
left is of unit length; two sounds stand side by side, as in a library (`voiceprints`). So the cosine of two
recordings is their score.

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
from singerid.library.hearing import Hearing
from singerid.library.parquet_rows import matrix_of
from singerid.library.records import Settings
from singerid.library.voiceprints import FloatArray, behind
from singerid.sound.files import AudioError
from singerid.sound.fingerprint import sound_fingerprint
from singerid.system.devices import CPU
from singerid.system.file_names import absolute
from singerid.system.places import is_url
from singerid.text import one_line, printable

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "recordings"
VECTOR = "vector"
PLAIN = ("path", "size", "changed_ns", "fingerprint", "scheme", "seconds", "voice_seconds", "singer", "album")
"""Columns of the table beside the vector, as in `heard_schema`."""
SPARE = 2
"""So many more are looked for: what is the recording itself, by its sound or by its path, is left out."""
FORMAT = 1

_ABOUT = b"singerid"
_AHEAD = 2**27  # bytes


@dataclass(frozen=True, eq=False)
class About:
    """What the table says of itself.

    Attributes:
        settings: what its recordings were heard by.
        shared: (K, D) what is taken off the vectors of each sound.
    """

    settings: Settings
    shared: NDArray[np.float64]

    def schema(self) -> "pa.Schema":
        """Of the table."""
        import pyarrow as pa

        kinds = {"size": pa.int64(), "changed_ns": pa.int64(), "scheme": pa.int32()}
        kinds |= {"seconds": pa.float64(), "voice_seconds": pa.float64()}
        columns: list[tuple[str, Any]] = [(name, kinds.get(name, pa.string())) for name in PLAIN]
        columns.append((VECTOR, pa.list_(pa.float32(), self.shared.size)))
        value = {"format": FORMAT, "settings": asdict(self.settings), "shared": self.shared.tolist()}
        return pa.schema(columns, {_ABOUT: json.dumps(value, sort_keys=True).encode()})

    def comparable(self, vectors: FloatArray) -> FloatArray:
        """Unit vectors (N, K, D) as the table has them: (N, K * D)."""
        nothing = np.eye(0, dtype=np.float32)
        return behind([BackEnd(own.astype(np.float32), nothing, False) for own in self.shared], vectors)

    def rows(self, plain: "pa.RecordBatch", comparable: FloatArray) -> "pa.RecordBatch":
        """Rows of the table: of other columns, and vectors (N, K * D)."""
        import pyarrow as pa

        schema = self.schema()
        flat = pa.array(np.ascontiguousarray(comparable).ravel())
        columns = [plain[name].cast(schema.field(name).type) for name in PLAIN]
        columns.append(pa.FixedSizeListArray.from_arrays(flat, comparable.shape[1]))
        return pa.record_batch(columns, schema=schema)

    def heard(self, comparable: FloatArray) -> NDArray[np.float64]:
        """The unit vectors (N, K, D) that became (N, K * D) of the table.

        What was taken off and the direction that was left tell the length that it had, for the whole was of
        unit length: a second table of the vectors as they were heard is not needed.
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
        path: of its file when it was heard.
        singer: who sings; "": it is not known.
        score: the cosine, -1 to 1.
    """

    path: str
    singer: str
    score: float


@dataclass(frozen=True)
class IndexChoice:
    """How a collection is searched, and what that was measured to be worth.

    Attributes:
        kind: of LanceDB's index; "": none, every recording is compared.
        count: recordings when it was made and measured.
        partitions: groups of recordings that it has.
        probes: of those, how many are looked into.
        walk: of a graph, how many recordings are held in view; 0: it is none.
        refine: so many times more than is asked for are compared exactly; 0: what it has is exact.
        recall: share of the true ten nearest that it finds.
        queries: that this was measured with.
        median_ms: how long a query takes.
        slow_ms: how long 19 in 20 take at most.
        seconds: that it took to make.
        tried: what else was, in words.
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
    """A collection that is open.

    Args:
        where: its folder or address.
        table: of LanceDB.
        device: where to compute.
        weights: of the separator, where vocals are heard; None: the published ones.

    Raises:
        SingeridError: the table is not a collection's.
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
            weights: of the separator; None: the published ones.

        Raises:
            SingeridError: there is none, it cannot be read, or LanceDB is not installed.
        """
        lancedb = import_lancedb()
        if not is_url(where) and not Path(where).is_dir():  # LanceDB would make it
            raise SingeridError(f"{where}: does not exist; make it: singerid library collect PARQUET {where}")
        table = open_table(lancedb, where)
        if table is None:
            raise SingeridError(
                f"{where}: is no collection; give a folder that singerid library collect made"
            )
        return cls(where, table, device, weights)

    def __len__(self) -> int:
        with lance_errors(self.where):
            return int(self.table.count_rows())

    @property
    def settings(self) -> Settings:
        """What its recordings were heard by."""
        return self.about.settings

    @cached_property
    def hearing(self) -> Hearing:
        """What its recordings were heard by, open.

        Raises:
            SingeridError: encoder or separator cannot be opened, or are not those that made its vectors.
        """
        settings = self.settings
        hearing = Hearing.open(
            settings.encoder, settings.audio, settings.separator or None, self._device, self._weights
        )
        again = "hear its recordings with these, and collect them into another folder"
        if hearing.encoder.identity != settings.identity:
            raise SingeridError(
                f"{self.where}: its vectors are of other weights of {settings.encoder} than those that are "
                f"here; use those, or {again}"
            )
        origin = hearing.separator.origin if hearing.separator else ""
        if origin != settings.origin:
            raise SingeridError(
                f"{self.where}: its vocals were taken out by {settings.origin}, here is {origin}; use that, "
                f"or {again}"
            )
        return hearing

    @property
    def index(self) -> IndexChoice | None:
        """How it is searched; None: nothing was chosen, so every recording is compared."""
        with lance_errors(self.where):
            kept = (self.table.schema.field(VECTOR).metadata or {}).get(_ABOUT)
        try:
            value = json.loads(kept or "null")
            return value and IndexChoice(**{**value, "tried": tuple(value["tried"])})
        except (ValueError, TypeError, KeyError):  # of another version: it is chosen again
            return None

    @index.setter
    def index(self, choice: IndexChoice | None) -> None:
        value = None if choice is None else json.dumps(asdict(choice))
        with lance_errors(self.where):
            self.table.update_field_metadata({"path": VECTOR, "metadata": {_ABOUT.decode(): value}})

    def similar(self, file: Path | str, most: int = 10) -> list[Alike]:
        """The recordings that sound most like a file, best first; without the file itself.

        Raises:
            AudioError: it cannot be read, or nobody is heard to sing in it.
            SingeridError: what hears it is not what heard the collection.
        """
        path = Path(file)
        heard = self.hearing(path, lambda _: None)
        if heard.vectors is None:
            raise AudioError(path, "nobody is heard to sing in it")
        return self.alike(heard.vectors, most, sound_fingerprint(path), str(absolute(path)))

    def alike(
        self, vectors: FloatArray, most: int = 10, fingerprint: str = "", path: str = ""
    ) -> list[Alike]:
        """The recordings that are most like a voice, best first.

        Args:
            vectors: (K, D) of the voice, of unit length.
            most: how many.
            fingerprint: of its sound; a recording of the same is left out.
            path: of its file; likewise.
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
        """Rows that are nearest to a vector (K * D), nearest first.

        Args:
            asked: as the table has them.
            most: how many.
            choice: how to search; None: compare every recording.
            columns: that are wanted; "_distance" is 1 - cosine.
        """
        with lance_errors(self.where):
            query = self.table.search(asked, vector_column_name=VECTOR, query_type="vector")
            query = query.distance_type("cosine").limit(most).select([c for c in columns if c != "_rowid"])
            query = query.with_row_id("_rowid" in columns)
            if choice is None or not choice.kind:
                return query.bypass_vector_index().to_arrow()
            query = query.nprobes(choice.probes)
            if choice.walk:
                query = query.ef(max(choice.walk, most * max(1, choice.refine)))  # fewer are refused
            if choice.refine:
                query = query.refine_factor(choice.refine)
            return query.to_arrow()

    def batches(self, columns: list[str], rows: int = 4096) -> Iterator["pa.RecordBatch"]:
        """All rows, a part at a time; "_rowid" is LanceDB's number of a row."""
        with lance_errors(self.where):
            query = self.table.search().select([name for name in columns if name != "_rowid"])
            yield from query.with_row_id("_rowid" in columns).to_batches(rows)

    def write_again(self, about: About, without: NDArray[np.integer] | None = None) -> None:
        """Write all rows anew, at once or not at all; indexes, and what was chosen, are gone.

        LanceDB's own deletion leaves rows where they are, and is slow to make an index around them.

        Args:
            about: what the table says of itself from then on; something else may be taken off the vectors.
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
    # Read when it is loaded. By default it reads up to 2 GB ahead.
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
    """A folder or an address as LanceDB has it; its tables are always as they are now."""
    return lancedb.connect(where, read_consistency_interval=timedelta(0))


def open_table(lancedb: Any, where: str) -> Any:
    """The table of a folder or an address; None: there is none."""
    with lance_errors(where):
        try:
            return connected(lancedb, where).open_table(TABLE)
        except ValueError as error:
            if "was not found" in str(error):
                return None
            raise


@contextmanager
def lance_errors(where: str) -> Iterator[None]:
    """Turn what LanceDB says into a SingeridError of one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        text = one_line(error)
        if "No space left" in text or "File too large" in text or "Quota" in text:
            remedy = "free some space, then run the same command again: it goes on"
        elif any(word in text.lower() for word in ("denied", "read-only", "forbidden", "unauthorized")):
            remedy = "check that you may read and write it"
        else:
            remedy = "check that it is there and may be read and written; a damaged one is made anew"
        raise SingeridError(f"{where}: LanceDB cannot go on ({text[:300]}); {remedy}") from error


def _read_about(where: str, table: Any) -> About:
    with lance_errors(where):
        schema = table.schema
    no_collection = SingeridError(
        f"{printable(where)}: its table '{TABLE}' is no collection of singerid; choose another folder"
    )
    try:
        value = json.loads(schema.metadata[_ABOUT])
        if int(value["format"]) <= FORMAT:
            return About(Settings(**value["settings"]), np.array(value["shared"], np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise no_collection from error
    raise SingeridError(
        f"{printable(where)}: is of a format that this version of singerid does not know; update singerid"
    )
