"""How a collection of a million recordings is made and searched: time, size, memory, and recall.

python benchmarks/perf/collection.py [--count 1000000] [--kinds IvfSq IvfPq ...] [--folder DIR] [--json FILE]

The recordings are made up, by the model of benchmarks/studies/library/simulated.py in 192 dimensions: a
direction of length 1 that all singers share; for each singer a normal deviation of variance 1; for each
album one of .9 of that size; for each recording one of sqrt(1/3 + 20/s) of it, for s seconds of voice,
which are log-normal around 55, from 6 to 300. The variances of the dimensions fall as k**-.8 (--spectrum),
along different axes for singers and for recordings. These values are at the limits of what that model
draws. With them the mean cosine of two recordings of one singer is .47, that of different singers 0 with a
spread of .12, and the equal error rate of pairs is 4.2 %; for real singing it is 4.5 %. A singer has 3 to
30 recordings (log-uniform), five per album. The flatter the spectrum, the harder the search.

The vectors are put into Parquet files as singerid writes them, then through `singerid library collect`. Each
index is made, tuned and measured as `collect` does it: with recordings that are taken out for the
measurement, with their albums. It is then measured again with recordings that the collection never had, by
its singers ("fresh") and by other singers ("strangers"). Recall is relative to comparing all. Each part runs
in a process of its own; the times and memory of queries are those of a process that only asks.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from isa import parse
from timing import in_fresh_process, machine, peak_bytes, write

from singerid.encoders.back_end import unit
from singerid.library import collection_index
from singerid.library.collecting import collect
from singerid.library.collection import Collection, IndexChoice
from singerid.library.collection_index import Exam, Kind, build, exact_nearest, holding_out, tune
from singerid.library.heard_schema import schema
from singerid.library.records import Settings

SIZE = 192
SETTINGS = Settings("campplus", "made up", "mixture")
ALBUM, TRACK = 0.9, 1.0
A_FILE = 10_000
FRESH = 500
STRANGERS = 9_000_000  # number of the first singer who is in no collection

KINDS = {
    "IvfFlat": Kind("IvfFlat", {}, 8192, is_exact=True),
    "IvfSq": Kind("IvfSq", {}, 8192),
    "IvfPq": Kind("IvfPq", {"num_sub_vectors": 48}, 8192),
    "IvfRq": Kind("IvfRq", {}, 8192),
    "HnswSq": Kind("HnswSq", {}, 2**20, is_graph=True),
}


@dataclass(frozen=True)
class Model:
    """The distribution of the voices."""

    spectrum: float
    common: np.ndarray
    singers: np.ndarray  # standard deviation of each dimension
    turn: np.ndarray  # the axes of recordings

    @classmethod
    def draw(cls, spectrum: float) -> "Model":
        rng = np.random.default_rng(0)
        variances = np.arange(1, SIZE + 1.0) ** -spectrum
        common = rng.standard_normal(SIZE) * np.sqrt(variances)
        turn = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0]
        deviations = np.sqrt(variances / variances.sum())
        return cls(spectrum, common / np.linalg.norm(common), deviations, turn)

    def songs(self, count: int, seed: int, which: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
        """(N, D) vectors, (N,) singers and albums, of a thousand singers at a time, `count` or more."""
        made = 0
        while made < count:
            rng = np.random.default_rng((seed, which))
            tracks = np.exp(rng.uniform(np.log(3), np.log(31), 1000)).astype(int)
            singers = np.repeat(np.arange(1000), tracks)
            album_counts = np.maximum(1, np.round(tracks / 5)).astype(int)
            first = np.cumsum(album_counts) - album_counts
            within = np.arange(len(singers)) - np.repeat(np.cumsum(tracks) - tracks, tracks)
            albums = np.repeat(first, tracks) + within % np.repeat(album_counts, tracks)
            # Fresh recordings of another seed are by the same singers, on albums of their own.
            own = np.random.default_rng((1, which)).standard_normal((1000, SIZE)) * self.singers
            vectors = self.common + own[singers]
            vectors += (ALBUM * self._deviations(rng, album_counts.sum()))[albums]
            seconds = np.exp(rng.normal(4, 0.6, len(singers))).clip(6, 300)
            scale = TRACK * np.sqrt(1 / 3 + 20 / seconds)
            vectors += scale[:, None] * self._deviations(rng, len(singers))
            yield unit(vectors), which * 1000 + singers, albums
            made += len(singers)
            which += 1

    def _deviations(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return (self.singers * rng.standard_normal((count, SIZE))) @ self.turn


def write_parquet(folder: Path, model: Model, count: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = schema(SETTINGS.sounds, SIZE, SETTINGS)
    (folder / "mark").mkdir(parents=True)
    at = 0
    for made in model.songs(count, 2):
        vectors, singers, albums = (each[: count - at] for each in made)
        numbers = np.arange(at, at + len(vectors))
        plain = {
            "path": [
                f"/music/singer {who}/album {album}/{number}.mp3"
                for who, album, number in zip(singers, albums, numbers, strict=True)
            ],
            "size": numbers + 3_000_000,
            "changed_ns": numbers,
            "fingerprint": [f"{n:064x}" for n in numbers],
            "scheme": np.ones(len(numbers), np.int32),
            "seconds": np.full(len(numbers), 180.0),
            "voice_seconds": np.full(len(numbers), 55.0),
            "short": np.zeros(len(numbers), bool),
            "singer": [f"singer {who}" for who in singers],
        }
        columns = [
            pa.array(plain[name]) if name in plain else pa.array([""] * len(numbers))
            for name in told.names[:-1]
        ]
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), SIZE))
        pq.write_table(pa.Table.from_arrays(columns, schema=told), folder / f"mark/{at:09}.parquet")
        at += len(vectors)


def alike(model: Model) -> dict[str, float]:
    """The distribution of cosines of centred recordings, and how well they tell two singers apart."""
    vectors, singers, _ = next(model.songs(1, 2))
    own = unit(vectors - vectors.mean(0))
    cosines = own[:6000] @ own[:6000].T
    pairs = np.triu_indices(len(cosines), 1)
    same = singers[pairs[0]] == singers[pairs[1]]
    scores = cosines[pairs]
    wrong = np.sort(scores[~same])
    right = np.sort(scores[same])
    missed = np.arange(len(right)) / len(right)
    taken = 1 - np.searchsorted(wrong, right) / len(wrong)
    at = np.argmin(np.abs(missed - taken))
    return {
        "same": round(float(right.mean()), 3),
        "others": round(float(wrong.mean()), 3),
        "others_spread": round(float(wrong.std()), 3),
        "eer": round(float(missed[at]), 4),
    }


def fresh_exam(collection: Collection, model: Model, first: int) -> Exam:
    """Recordings that the collection does not have, by a thousand singers from `first` on."""
    vectors, *_ = next(model.songs(1, 3, first // 1000))
    which = np.random.default_rng(0).choice(len(vectors), FRESH, replace=False)
    asked = collection.about.comparable(vectors[which, None])
    return Exam(asked, exact_nearest(collection, asked))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def part(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The part that is measured in this process."""
    heard, where = options.folder / "heard", options.folder / "collection"
    model = Model.draw(options.spectrum)
    if name == "collect":
        start = time.perf_counter()
        collect(str(heard), str(where), finish=lambda found: IndexChoice("", len(found)))
        found: dict[str, Any] = {"seconds": round(time.perf_counter() - start, 1)}
        return found | {"parquet_bytes": size_of(heard), "bytes": size_of(where), "peak_bytes": peak_bytes()}
    collection = Collection.open(str(where))
    if name == "exact":
        start = time.perf_counter()
        with holding_out(collection) as exam:
            seconds = round(time.perf_counter() - start, 1)
            choice = exam.first(20).measure(collection, IndexChoice("", len(collection)))
        return {"exam_seconds": seconds, "peak_bytes": peak_bytes()} | asdict(choice)
    kind = replace(KINDS[name], partition=options.partition or KINDS[name].partition)
    with holding_out(collection) as exam:
        seconds = build(collection, kind)
        size, built = size_of(where / "recordings.lance/_indices"), peak_bytes()
        start = time.perf_counter()
        choice = replace(tune(collection, kind, exam), seconds=round(seconds, 1))
        tuned = time.perf_counter() - start
        fresh, strange = (
            fresh_exam(collection, model, first).measure(collection, choice) for first in (0, STRANGERS)
        )
    return asdict(choice) | {
        "bytes": size,
        "build_peak_bytes": built,
        "tune_seconds": round(tuned, 1),
        "fresh_recall": fresh.recall,
        "strange_recall": strange.recall,
    }


def ask(options: argparse.Namespace, choice: dict[str, Any] | None) -> dict[str, Any]:
    """Memory of a process that only asks, and the time of its queries; the first query has to read files."""
    collection = Collection.open(str(options.folder / "collection"))
    vectors, *_ = next(Model.draw(options.spectrum).songs(1, 3))
    queries = collection.about.comparable(vectors[::10, None])
    how = IndexChoice(**choice) if choice else None
    seconds = []
    for query in queries[: 20 if how is None else 500]:
        start = time.perf_counter()
        collection.search(query, 10, how, ["path", "singer", "_distance"])
        seconds.append(1000 * (time.perf_counter() - start))
    middle, slow = np.quantile(seconds[1:], (0.5, 0.95))
    return {
        "first_ms": round(seconds[0], 1),
        "ask_median_ms": round(float(middle), 1),
        "ask_slow_ms": round(float(slow), 1),
        "ask_peak_bytes": peak_bytes(),
    }


def drop(where: Path) -> None:
    """Remove the index, with its files."""
    from singerid.library.collecting import _tidy

    collection = Collection.open(str(where))
    collection_index._drop(collection)
    _tidy(collection)


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| search | made in | on disk | recall@10 | of fresh | of strangers | p50 | p95 | first query "
        "| memory | settings |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['kind'] or 'exact'} | {row['seconds']:.0f} s | {row.get('bytes', 0) / 1e6:,.0f} MB "
        f"| {row['recall']:.3f} | {row.get('fresh_recall', 1):.3f} | {row.get('strange_recall', 1):.3f} "
        f"| {row['ask_median_ms']:.1f} ms "
        f"| {row['ask_slow_ms']:.1f} ms | {row['first_ms']:.0f} ms | {row['ask_peak_bytes'] / 1e9:.2f} GB "
        f"| {row['probes']} of {row['partitions']}, {row['walk']}, {row['refine']} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--spectrum", type=float, default=0.8)
    parser.add_argument(
        "--partition", type=int, default=0, help="recordings in a partition; the default depends on the kind"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["IvfFlat", "IvfSq", "IvfPq", "HnswSq"])
    parser.add_argument("--folder", type=Path, help="where to work; files that exist are used again")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--choice", help=argparse.SUPPRESS)
    options = parse(parser)
    if options.part == "ask":
        print(json.dumps(ask(options, json.loads(options.choice or "null"))))
        return
    if options.part:
        print(json.dumps(part(options.part, options)))
        return
    about = machine()
    work = options.folder or Path(tempfile.mkdtemp())
    try:
        rows = measured(options, work, about)
    finally:
        if options.folder is None:
            shutil.rmtree(work)
    print(table(rows))
    write(options.json, about, rows)


def measured(options: argparse.Namespace, work: Path, about: dict[str, Any]) -> list[dict[str, Any]]:
    model = Model.draw(options.spectrum)
    about |= {"count": options.count, "spectrum": options.spectrum, "model": alike(model)}
    print("the model:", about["model"], flush=True)

    def fresh(name: str, *more: str) -> dict[str, Any]:
        arguments = ["--folder", work, "--spectrum", options.spectrum, "--partition", options.partition]
        out: dict[str, Any] = json.loads(in_fresh_process(sys.argv[0], *arguments, "--part", name, *more))
        return out

    if not (work / "heard").exists():
        write_parquet(work / "heard", model, options.count)
    if not (work / "collection").exists():
        about["collect"] = fresh("collect")
        print("collect:", about["collect"], flush=True)
    exact = fresh("exact") | fresh("ask")
    print("exact:", exact, flush=True)
    rows = [exact]
    for name in options.kinds:
        row = fresh(name)
        fields = {key: row[key] for key in asdict(IndexChoice("", 0)) if key != "tried"}
        row |= fresh("ask", "--choice", json.dumps(fields))
        print(row, flush=True)
        rows.append(row)
        drop(work / "collection")
    return rows


if __name__ == "__main__":
    main()
