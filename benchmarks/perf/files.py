"""From files to features and names: extraction, `singerid identify` and the start-up, as whole processes.

    python benchmarks/perf/files.py [extraction] [identify] [help] [--songs 12] [--folder-songs 50]
                                    [--seconds 240] [--repeats 3] [--material DIR] [--json FILE]

Extraction is compared with the plain librosa pipeline below, which must not change: one process, one
thread. `identify` and `--help` are timed from outside, as new processes, so that importing counts.
The songs are made first (44.1 kHz stereo MP3, 192 kbit/s); --material keeps them for the next time.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from isa import parse
from timing import in_turn, machine, write

PARTS = ("extraction", "identify", "help")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
CORES = len(os.sched_getaffinity(0))
SINGERID = (sys.executable, "-c", "from singerid.cli import main; main()")
Row = dict[str, Any]


def by_librosa(path: Path) -> Any:
    """The yardstick: a simple program with librosa."""
    import librosa

    waveform, _ = librosa.load(path, sr=16_000, mono=True)
    power = librosa.feature.melspectrogram(y=waveform, sr=16_000, n_fft=2048, hop_length=512, n_mels=128)
    return librosa.power_to_db(power, ref=1.0, top_db=80.0)


def whole(*command: object, **environment: str) -> tuple[float, float, str]:
    """Wall time and processor time (including children) of a process in seconds, and its output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, processor, done.stdout


@dataclass(frozen=True)
class Timed:
    """Does work and returns the processor seconds that it takes; can be sent to other processes."""

    work: Callable[[Any], object]

    def __call__(self, item: Any) -> float:
        start = time.process_time()
        self.work(item)
        return time.process_time() - start


def steady(work: Callable[[Any], object], items: Sequence[Any], processes: int) -> tuple[float, float]:
    """Wall and processor seconds per item, once the libraries are loaded and caches are warm."""
    from singerid.system.processes import each_in_processes

    ready, used = [], []
    for _, taken in each_in_processes(Timed(work), items, processes):
        ready.append(time.perf_counter())
        used.append(taken)
    skipped = 2 * processes
    wall = (ready[-1] - ready[skipped - 1]) / (len(items) - skipped)
    return wall, statistics.median(used[skipped:])


def extraction_jobs(tree: Path, incoming: Path) -> tuple[Any, list[Any]]:
    """What `prepare` hands to its processes: the work, and one job per song."""
    from singerid.config import MIN_SECONDS
    from singerid.data.tracks import scan_tree
    from singerid.preparation.worker import Extraction, Job, Source, content_hash
    from singerid.sound.features import DEFAULT_FEATURES

    incoming.mkdir(parents=True, exist_ok=True)
    jobs = []
    for track in scan_tree(tree):
        source = Source(track, content_hash(tree / track.path), (tree / track.path).stat().st_size, 0)
        jobs.append(Job(source, None, frozenset({"features/mixture"})))
    return Extraction(tree, incoming, DEFAULT_FEATURES, MIN_SECONDS), jobs


def child(kind: str, tree: Path, incoming: Path) -> None:
    """Measure in this process, which runs nothing else; print the seconds per song."""
    if kind == "librosa":
        print(json.dumps(steady(by_librosa, sorted(tree.rglob("*.mp3")), 1)))
    else:
        print(json.dumps(steady(*extraction_jobs(tree, incoming), CORES if kind == "pool" else 1)))


def measure_extraction(material: Path, count: int, seconds: float, repeats: int) -> list[Row]:
    from songs import make_songs

    tree = material / "extraction"
    make_songs(tree, count, seconds)
    found: dict[str, list[tuple[float, float]]] = {}  # of each kind (wall, processor) seconds a song
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=material) as scratch:
            for kind in ("librosa", "one process", "pool"):
                command = sys.executable, __file__, "--child", kind, tree, Path(scratch, "incoming")
                wall, used, printed = whole(*command, **(ONE_THREAD if kind == "librosa" else {}))
                found.setdefault(f"{kind}, warm", []).append(json.loads(printed))
                if kind == "librosa":
                    found.setdefault("librosa, command", []).append((wall / count, used / count))
            wall, used, _ = whole(*SINGERID, "prepare", tree, Path(scratch, "store"))
            found.setdefault("prepare, command", []).append((wall / count, used / count))
    medians = {
        kind: [statistics.median(column) for column in zip(*all, strict=True)] for kind, all in found.items()
    }
    rows = []
    for kind, (wall, used) in medians.items():
        base_wall, base_used = medians["librosa, command" if "command" in kind else "librosa, warm"]
        cores = CORES if kind in ("pool, warm", "prepare, command") else 1
        rows.append(
            {
                "part": "extraction",
                "what": kind,
                "processes": cores,
                "wall_s_a_song": round(wall, 3),
                "cpu_s_a_song": round(used, 3),
                "speed_of_librosa": round(base_wall / wall, 2),
                "speed_of_librosa_a_core": round(base_used / used, 2),
            }
        )
    return rows


def measure_identify(material: Path, count: int, seconds: float, repeats: int) -> list[Row]:
    from songs import make_run, make_songs

    run = make_run(material / "run")
    songs = make_songs(material / "identify", count, seconds)
    rows = []
    for threads in sorted({1, CORES}):  # threads that wait for a busy core cost much more than they save
        for what, paths, times in (("one song", songs[:1], repeats), (f"{count} songs", songs, 1)):
            command = *SINGERID, "identify", run, *paths, "--json", "--threads", threads
            wall, used = (
                statistics.median(column)
                for column in zip(*(whole(*command)[:2] for _ in range(times)), strict=True)
            )
            rows.append(
                {
                    "part": "identify",
                    "what": f"{what} of {seconds:g} s",
                    "threads": threads,
                    "wall_s_a_song": round(wall / len(paths), 2),
                    "cpu_s_a_song": round(used / len(paths), 2),
                }
            )
    return rows


def measure_help(repeats: int) -> list[Row]:
    candidates = {
        "python -c pass": partial(whole, sys.executable, "-c", "pass"),
        "import torch": partial(whole, sys.executable, "-c", "import torch"),
        "import singerid.identifier": partial(whole, sys.executable, "-c", "import singerid.identifier"),
        "singerid --help": partial(whole, *SINGERID, "--help"),
    }
    taken = in_turn(candidates, repeats)
    least = taken["python -c pass"]
    return [
        {"part": "help", "what": what, "wall_s": round(wall, 3), "of_python": round(wall / least, 1)}
        for what, wall in taken.items()
    ]


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; by default all")
    parser.add_argument("--songs", type=int, default=12, help="for extraction")
    parser.add_argument("--folder-songs", type=int, default=50, help="for identify")
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--material", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        material = arguments.material or Path(temporary)
        for part in arguments.parts or PARTS:
            if part == "extraction":
                rows += measure_extraction(material, arguments.songs, arguments.seconds, arguments.repeats)
            elif part == "identify":
                rows += measure_identify(
                    material, arguments.folder_songs, arguments.seconds, arguments.repeats
                )
            else:
                rows += measure_help(arguments.repeats)
            for row in rows:
                if row["part"] == part:
                    print(json.dumps(row), flush=True)
    write(arguments.json, {**machine(), "cores": CORES}, rows)


if __name__ == "__main__":
    main()
