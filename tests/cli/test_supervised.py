"""With --ray a command runs in a child process: its exit code and interruptions are passed on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster_here import EARS
from made_voices import write_singers
from programs import MAIN
from singerid.cli.ray_options import elsewhere_of
from singerid.errors import SingeridError

pytest.importorskip("ray.data", reason="the extra [scale] is not installed")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", MAIN, "--plugin", str(EARS), *map(str, arguments)]


def far_from(folder: Path) -> list[str]:
    """Enrolls two songs each of three singers on a cluster."""
    tree = write_singers(folder / "tree", takes=2)
    where = ("--ray", "--parquet", folder / "heard")
    return command("enroll", folder / "library", tree, "--encoder", "small", *where)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ray": "local"}, "--ray needs a place for its results: --parquet FOLDER"),
        ({"ray": "local", "parquet": "P", "gpus": 1.0, "device": "cpu"}, "choose one"),
        ({"ray": "local", "parquet": "P", "device": "cuda"}, "give the number of GPUs per worker"),
        ({"parquet": "P"}, "--parquet works with --ray only"),
        ({"workers": 2}, "--workers works with --ray only"),
        ({"gpus": 1.0}, "--gpus-per-worker works with --ray only"),
    ],
)
def test_contradicting_options_are_refused(options, message):
    given = dict.fromkeys(("ray", "parquet", "workers", "gpus", "threads", "weights")) | {"device": "auto"}
    with pytest.raises(SingeridError, match=message):
        elsewhere_of(**given | options)


def test_paths_for_workers_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    far = elsewhere_of("local", "heard", None, None, None, "auto", Path("weights"))
    assert (far.parquet, far.weights) == (str(tmp_path / "heard"), tmp_path / "weights")
    assert far.device == "cpu"  # Ray does not hide GPUs from workers that were given none
    assert elsewhere_of("local", "s3://b/heard", None, 1.0, None, "auto", None).device == "auto"


def test_an_error_is_passed_on(tmp_path):
    tree = write_singers(tmp_path / "tree", takes=1)
    where = ("--ray", "127.0.0.1:9", "--parquet", tmp_path / "P")
    done = run("enroll", tmp_path / "library", tree, "--encoder", "small", *where)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no Ray cluster answers there" in done.stderr
    assert done.stderr.count("\n") == 1


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for processes in Linux's /proc"
)


@needs_proc
def test_ctrl_c_is_one_line(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(far_from(tmp_path), text=True, **pipes) as process:
        while not _children(process.pid):
            time.sleep(0.05)
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors == "singerid: interrupted; run the same command again to go on\n"
    assert output == ""


@needs_proc
def test_the_child_process_ends_with_its_parent(tmp_path):
    process = subprocess.Popen(far_from(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (own := _children(process.pid)):
        time.sleep(0.05)
    process.kill()
    process.wait()
    until = time.monotonic() + 60
    while Path(f"/proc/{own[0]}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{own[0]}").exists()


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit():
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                found += [int(folder.name)] if parent == pid else []
        except OSError:
            continue  # it has ended
    return found
