"""One worker or two on a Ray cluster of this machine: how much faster two are, without their start-up.

    python benchmarks/perf/cluster.py [--isa avx2] [--files 240] [--seconds 30] [--json FILE]

Workers of one thread hear files (44.1 kHz stereo MP3) with campplus and keep the results in Parquet: 1, 2, 1,
2 workers in turn. The start of a worker (process, imports, network) is reported apart, because it happens
only once, however many files there are.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isa import parse
from songs import make_songs
from timing import machine, write

from singerid.library.core import settings_of
from singerid.library.heard_rows import HeardFolder, HeardRow
from singerid.library.heard_schema import HeardBy
from singerid.library.hearing import Hearing
from singerid.library.on_ray import Asked, Ears, Listening
from singerid.system.on_ray import each_load, packed
from singerid.system.processes import WorkerDied
from singerid.system.ray_cluster import Spread, cluster


class Timed:
    """Opens ears, and records when each load began and ended; the time before the first load is the start."""

    def __init__(self, ears: Ears) -> None:
        self.ears = ears

    def __call__(self) -> "TimedListening":
        return TimedListening(self.ears())


class TimedListening:
    def __init__(self, listening: Listening) -> None:
        self.listening, self.began = listening, 0.0

    def __call__(self, asked: Asked) -> HeardRow:
        self.began = self.began or time.time()
        return self.listening(asked)

    def end(self, done: Sequence[tuple[Asked, HeardRow | WorkerDied]]) -> tuple[float, float, int]:
        self.listening.end(done)
        began, self.began = self.began, 0.0
        return began, time.time(), len(done)


def heard_by(ray: Any, workers: int, songs: list[Path], seconds: float, folder: Path) -> dict[str, Any]:
    """Hear files once, with this many workers."""
    settings = settings_of(Hearing.open("campplus", "mixture", None))
    kept = HeardFolder(str(folder), HeardBy(settings), 192)
    opening = Timed(Ears(settings, kept, "cpu", None, hears_voices=True))
    loads = packed([Asked(str(song)) for song in songs], [seconds] * len(songs), workers)
    asked = time.time()
    done = list(each_load(ray, opening, loads, Spread(workers=workers)))
    assert sum(count for *_, count in done) == len(songs)
    first, last = min(began for began, *_ in done), max(ended for _, ended, _ in done)
    return {"workers": workers, "start_s": first - asked, "heard_s": last - first}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=240)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parse(parser)
    about = machine(threads=1)
    print(about, flush=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary, cluster("local") as ray:
        folder = Path(temporary)
        songs = make_songs(folder / "songs", options.files, options.seconds)
        for repeat in range(options.repeats):
            for workers in (1, 2):
                into = folder / f"heard {repeat} {workers}"
                rows.append(heard_by(ray, workers, songs, options.seconds, into))
                print(rows[-1], flush=True)
    times = {n: statistics.median(row["heard_s"] for row in rows if row["workers"] == n) for n in (1, 2)}
    rows.append({"efficiency_of_two": round(times[1] / (2 * times[2]), 3)})
    print(rows[-1])
    write(options.json, about, rows)


if __name__ == "__main__":
    main()
