"""Runs on a Ray cluster of this machine: all done, also when a worker is killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from programs import MAIN
from singerid.config import ReproduceConfig, TrainingConfig
from singerid.reproduce.cell import CellJob
from singerid.reproduce.results import read_result
from singerid.reproduce.run import reproduce
from singerid.reproduce.tables import Cell

EPOCHS = 12
CONFIG = ReproduceConfig(
    tables=(2,),
    audio=("mixture",),
    clip_seconds=(1.0,),
    seeds=(0,),
    width=0.0625,
    training=TrainingConfig(epochs=EPOCHS, learning_rate=5e-3),
)
ARGUMENTS = f"--table 2 --audio mixture --clip-seconds 1 --seeds 0 --epochs {EPOCHS} --width 0.0625".split()


def test_without_ray_it_is_one_line(singerid, recordings, tmp_path):
    """Python is made to find no module of that name."""
    code = f"import sys; sys.modules['ray'] = None; {MAIN}"
    result = singerid("reproduce", recordings.store, tmp_path / "out", *ARGUMENTS, "--ray", code=code)
    assert result.returncode == 2
    assert result.stderr == (
        "singerid: --ray needs Ray, which is not installed: pip install 'singerid[scale]'\n"
    )


@pytest.mark.parametrize(
    ("resources", "device", "threads", "needs", "slots"),
    [
        ({"CPU": 8.0}, "auto", None, {"num_cpus": 1}, 8),
        ({"CPU": 8.0}, "auto", 3, {"num_cpus": 3}, 2),
        ({"CPU": 2.0}, "cpu", 16, {"num_cpus": 2}, 1),
        ({"CPU": 64.0, "GPU": 4.0}, "auto", 8, {"num_cpus": 8, "num_gpus": 1}, 4),
        ({"CPU": 16.0, "GPU": 4.0}, "auto", 8, {"num_cpus": 8, "num_gpus": 1}, 2),
        ({"CPU": 64.0, "GPU": 4.0}, "cpu", 8, {"num_cpus": 8}, 8),
    ],
)
def test_a_run_asks_for_a_gpu_where_there_are_some(resources, device, threads, needs, slots):
    from singerid.reproduce.on_ray import needs_of, slots_of

    job = CellJob(Cell("crnn", "mixture", 1.0, 0), CONFIG, Path("store"), Path("out"), device, threads)
    assert needs_of(resources, job) == needs
    assert slots_of(resources, needs) == slots


def ancestors(pid: int) -> list[int]:
    found = [pid]
    while found[-1] > 1:
        # The second field, in brackets, may hold anything.
        found.append(int(Path(f"/proc/{found[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
    return found


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Ray's processes below `process` that are working on a task."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            if command.startswith(b"ray::_work") and process.pid in ancestors(int(folder.name)):
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the workers in Linux's /proc")
def test_a_killed_worker_is_replaced_and_its_run_goes_on(recordings, tmp_path):
    pytest.importorskip("ray", reason="the extra [scale] is not installed")
    out = tmp_path / "out"
    command = [sys.executable, "-c", MAIN, "reproduce", recordings.store, out, *ARGUMENTS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_DISABLE_IMPORT_WARNING": "1"}
    learning = ["--learning-rate", "5e-3", "--device", "cpu", "--ray", "local"]
    with subprocess.Popen(
        [*command, *learning], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        while not list(out.rglob("metrics.csv")) and process.poll() is None:
            time.sleep(0.01)
        (victim, *_) = workers_of(process)
        os.kill(victim, signal.SIGKILL)
        stdout, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "4 of 4 runs done" in errors
    assert "Table 2" in stdout
    here = reproduce(recordings.store, tmp_path / "here", CONFIG, device="cpu", threads=1)
    for cell, result in here.results.items():
        found = read_result(out / "runs" / cell.name, ("best_f1",))
        assert (found.epochs, found.f1, found.tracks) == (EPOCHS, result.f1, result.tracks)
