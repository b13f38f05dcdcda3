"""Running steps: several at a time, each after the steps it depends on; finished steps are not repeated."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from golden.places import Side
from golden.reading import Done
from golden.steps import Step

INTERRUPTED = 130
QUIET = {  # one thread and no GPU, so that sums have one order; and output that does not depend on a terminal
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
    "CUDA_VISIBLE_DEVICES": "",
    "SINGERID_OFFLINE": "1",
    "COLUMNS": "200",
    "NO_COLOR": "1",
    "PYTHONUTF8": "1",
}


@dataclass
class _Running:
    """A step whose process is running."""

    step: Step
    key: str
    process: subprocess.Popen[bytes]
    outputs: tuple[IO[bytes], IO[bytes]]
    began: float = field(default_factory=time.monotonic)


def run_steps(side: Side, steps: Sequence[Step], jobs: int, must_end_well: bool = False) -> None:
    """Run the steps that are not done yet.

    Args:
        side: the version that runs.
        steps: the steps, including all that they depend on.
        jobs: processes at a time.
        must_end_well: whether to stop the program if a step does not end with its expected exit code.
    """
    keys = _keys(side, steps)
    waiting = [step for step in steps if not _is_done(side, step, keys[step.name])]
    undone = {step.name for step in waiting}
    total = len(waiting)
    running: list[_Running] = []
    try:
        while waiting or running:
            ready = [step for step in waiting if not undone & set(step.after)]
            for step in ready[: jobs - len(running)]:
                waiting.remove(step)
                running.append(_start(side, step, keys[step.name]))
            time.sleep(0.05)
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                undone.remove(each.step.name)
                _finish(side, each, f"{total - len(undone)}/{total}", must_end_well)
    finally:
        for each in running:
            each.process.terminate()
            each.process.wait()


def done(
    side: Side, step: Step, names: Mapping[str, str] | None = None, places: Mapping[str, str] | None = None
) -> Done:
    """A finished step, to read its results from."""
    record, out, err = _records(side, step)
    code = json.loads(record.read_text(encoding="utf-8"))["exit code"]
    said, messages = (path.read_text(encoding="utf-8", errors="surrogateescape") for path in (out, err))
    return Done(side.folder, code, said, messages, names or {}, places or {})


def identity(side: Side, steps: Sequence[Step]) -> str:
    """A text that changes when the results of the steps may change."""
    return _digest(_keys(side, steps))


def _keys(side: Side, steps: Sequence[Step]) -> dict[str, str]:
    """For each step, a digest of everything that its results depend on."""
    by_name = {step.name: step for step in steps}
    keys: dict[str, str] = {}

    def key(name: str) -> str:
        if name not in keys:
            step = by_name[name]
            before = [key(other) for other in step.after]
            keys[name] = _digest([side.identity, step.program, step.arguments, step.given, before])
        return keys[name]

    return {step.name: key(step.name) for step in steps}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _records(side: Side, step: Step) -> tuple[Path, Path, Path]:
    """The files with a step's exit code, its output, and its messages."""
    base = side.folder.parent / "records" / step.name
    return (
        base.with_name(base.name + ".json"),
        base.with_name(base.name + ".out"),
        base.with_name(base.name + ".err"),
    )


def _is_done(side: Side, step: Step, key: str) -> bool:
    with suppress(OSError, ValueError, KeyError):
        return bool(json.loads(_records(side, step)[0].read_text(encoding="utf-8"))["key"] == key)
    return False


def _start(side: Side, step: Step, key: str) -> _Running:
    record, out, err = _records(side, step)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    side.folder.mkdir(parents=True, exist_ok=True)
    for name in step.makes:
        _remove(side.folder / name)
    for source, copy in step.copies:
        shutil.copytree(side.folder / source, side.folder / copy)  # an absolute source replaces the folder
    outputs = (out.open("wb"), err.open("wb"))
    process = subprocess.Popen(
        [side.python, "-c", step.program, *step.arguments],
        cwd=side.folder,
        env=_environment(side),
        stdin=subprocess.DEVNULL,
        stdout=outputs[0],
        stderr=outputs[1],
    )
    return _Running(step, key, process, outputs)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _environment(side: Side) -> dict[str, str]:
    """The user's environment, without the variables that would change a result."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SINGERID_", "PYTHON"))}
    own = {"PYTHONPATH": str(side.tree / "src"), "SINGERID_CACHE": str(side.folder / "cache")}
    return kept | QUIET | own


def _finish(side: Side, ended: _Running, count: str, must_end_well: bool) -> None:
    for file in ended.outputs:
        file.close()
    step, code = ended.step, ended.process.returncode
    if code < 0 or code == INTERRUPTED:
        sys.exit(f"{side.name}, {step.name}: was stopped ({code}); run the same command again to go on")
    seconds = time.monotonic() - ended.began
    print(f"{side.name} {count}: {step.name}, {seconds:.0f} s", file=sys.stderr, flush=True)
    record, _, err = _records(side, step)
    if must_end_well and code != step.ends_with:
        said = err.read_text(encoding="utf-8", errors="replace")
        sys.exit(f"{side.name}, {step.name}: ended with {code} instead of {step.ends_with}\n{said}")
    record.write_text(json.dumps({"key": ended.key, "exit code": code, "seconds": seconds}), encoding="utf-8")
