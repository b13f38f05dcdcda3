"""2,000 short files on a cluster of this machine: workers and the head are killed, and nothing is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster_here import EARS
from conftest import SAMPLE_RATE
from folders import files
from made_voices import write_voice
from programs import MAIN
from singerid.library.heard_rows import Heard
from singerid.library.library import Library

FILES = int(os.environ.get("SINGERID_SHORT_FILES", "2000"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for workers in Linux's /proc"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """20 singers; every 200th file is not audio, and nobody sings in every 150th."""
    folder = tmp_path_factory.mktemp("short")
    for number in range(FILES):
        path = folder / f"singer {number % 20:02d}/album/{number:05d}.wav"
        write_voice(path, 150.0 + 23 * (number % 20) + number % 7, 1.1 + number % 10 / 10, number)
        if number % 200 == 199:
            path.write_bytes(b"no sound")
        elif number % 150 == 149:
            rng = np.random.default_rng(number)
            import soundfile

            soundfile.write(path, 0.1 * rng.standard_normal(2 * SAMPLE_RATE), SAMPLE_RATE)
    return folder


def command(library: Path, tree: Path, *more: object) -> list[str]:
    options = ["--plugin", EARS, "enroll", library, tree, "--encoder", "small", *more]
    return [sys.executable, "-c", MAIN, *map(str, options)]


def sums(folder: Path) -> dict[str, object]:
    """Sums over a library that change if a recording is lost or doubled."""
    with Library.open(folder) as library:
        contents = library.core.contents
        own = sorted((one.fingerprint, contents.names[one.singer or 0]) for one in contents.recordings)
        order = np.argsort([one.fingerprint for one in contents.recordings])
        return {
            "recordings": own,
            "seconds": sum(sorted(one.seconds for one in contents.recordings)),
            "vectors": contents.vectors[order].sum(0).tobytes(),
        }


@pytest.fixture(scope="module")
def serial_library(tree, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("serial") / "library"
    done = subprocess.run(command(folder, tree), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    return folder


@pytest.fixture(scope="module")
def serial(serial_library) -> dict[str, object]:
    return sums(serial_library)


def processes(name: bytes, start: int) -> list[int]:
    """The descendants of a process that have this name."""
    commands, parents = {}, {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit():
                pid = int(folder.name)
                parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                commands[pid] = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended

    def is_below(pid: int) -> bool:
        return pid == start or (pid in parents and is_below(parents[pid]))

    return sorted(pid for pid, command in commands.items() if name in command and is_below(pid))


def heard_so_far(folder: Path) -> int:
    return len(list(folder.rglob("*.parquet")))


@pytest.mark.parametrize("which", ["one worker", "half of the workers, twice", "the head"])
def test_after_kills_the_sums_are_those_of_a_serial_run(tree, serial, tmp_path, which):
    library, parquet = tmp_path / "library", tmp_path / "heard"
    far = command(library, tree, "--ray", "local", "--parquet", parquet)
    with subprocess.Popen(far, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _round in range(2 if "twice" in which else 1):
            before = heard_so_far(parquet)
            while heard_so_far(parquet) < before + 3 and process.poll() is None:
                time.sleep(0.02)
            assert process.poll() is None, "it was done before anything could be killed"
            if which == "the head":
                for name in (b"gcs_server", b"raylet/raylet"):
                    for victim in processes(name, process.pid):
                        os.kill(victim, signal.SIGKILL)
                break
            workers = processes(b"ray::MapWorker", process.pid)
            for victim in workers[: 1 if which == "one worker" else (len(workers) + 1) // 2]:
                os.kill(victim, signal.SIGKILL)
        output, errors = process.communicate(timeout=300)
    if which == "the head":
        assert process.returncode == 2, errors
        assert "Traceback" not in errors
        assert errors.splitlines()[-1].endswith("check its head, then run the command again to go on")
        kept = heard_so_far(parquet)
        assert kept >= 3
        again = subprocess.run(far, capture_output=True, text=True)
        assert again.returncode == 3, again.stderr
    else:
        assert process.returncode == 3, errors
        assert output.startswith(str(library))  # Ray prints nothing between the answers
        assert output.count("\n") == 1
    assert sums(library) == serial
    rows = [row.path for row in Heard(str(parquet)).rows()]
    assert len(rows) == len(set(rows)) == FILES
    raw = []
    import pyarrow.parquet as pq

    for file in parquet.rglob("*.parquet"):
        raw += pq.read_table(file, columns=["path"]).column("path").to_pylist()
    assert len(raw) == FILES  # no recording is there twice, also for readers of the raw files


def with_a_killed_worker(words: list[str], so_far: Callable[[], int]) -> tuple[int, str, str]:
    """Run a command, and kill one of its workers as soon as some of the work is done."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while so_far() < 3 and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None, "it was done before anything could be killed"
        os.kill(processes(b"ray::MapWorker", process.pid)[0], signal.SIGKILL)
        output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def test_a_killed_worker_changes_no_answer(tree, serial_library, tmp_path):
    asked = tmp_path / "asked"
    for path in sorted(tree.rglob("*.wav"))[::4]:  # every fourth: a file that is not audio among them
        place = asked / path.relative_to(tree)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes() + b"x")  # other bytes: heard, and not known from the library
    words = [
        sys.executable,
        "-c",
        MAIN,
        "--plugin",
        str(EARS),
        "identify",
        str(serial_library),
        str(asked),
        "--json",
    ]
    here = subprocess.run(words, capture_output=True, text=True)
    parquet = tmp_path / "heard"
    far = [*words, "--ray", "local", "--parquet", str(parquet)]
    code, output, errors = with_a_killed_worker(far, lambda: heard_so_far(parquet))
    assert code == here.returncode, errors
    assert output.splitlines() == here.stdout.splitlines()


def test_a_killed_worker_changes_nothing_in_a_store(tree, tmp_path):
    def words(store: Path, *more: str) -> list[str]:
        options = ["prepare", str(tree), str(store), "--min-seconds", "1", *more]
        return [sys.executable, "-c", MAIN, *options]

    def index(store: Path) -> list[str]:
        path = store / "index.jsonl"
        return sorted(path.read_text("utf-8").splitlines()) if path.exists() else []

    here, there = tmp_path / "here", tmp_path / "there"
    serial = subprocess.run(words(here), capture_output=True, text=True)
    code, _, errors = with_a_killed_worker(words(there, "--ray", "local"), lambda: len(index(there)))
    assert code == serial.returncode == 3, errors
    assert index(there) == index(here)
    arrays = [files(store) for store in (here, there)]
    for found in arrays:
        del found["index.jsonl"]
    assert arrays[0] == arrays[1]
