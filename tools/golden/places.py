"""The two versions: a worktree of the base with its own environment, and the checkout as it is now."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
EXTRAS = "melody,onnx"  # extras that the steps need
_VERSIONS = (
    "import json; from importlib.metadata import distributions as all\n"
    "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in all()}))"
)


@dataclass(frozen=True)
class Side:
    """One version of singerid, and where its results go.

    Attributes:
        name: its name in messages.
        tree: its checkout.
        python: the Python that runs it.
        folder: folder of its results.
        identity: a text that changes when its code, or a package in its environment, changes.
    """

    name: str
    tree: Path
    python: Path
    folder: Path
    identity: str

    def versions(self) -> dict[str, str]:
        """Packages of its environment."""
        found: dict[str, str] = json.loads(_output(self.python, "-c", _VERSIONS))
        return found


def git(*arguments: object) -> str:
    """Output of a git command in the checkout; ends the program if the command fails."""
    return _output("git", "-C", CHECKOUT, *arguments)


def make_base(work: Path, revision: str) -> Side:
    """A worktree of a commit and its environment, made the first time; its results are kept beside them."""
    commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    home = work / f"base-{commit[:12]}"
    tree, environment, finished = home / "tree", home / "environment", home / "installed"
    if not finished.exists():
        print(f"{home}: making a worktree of {revision} and its environment (minutes)", file=sys.stderr)
        for leftover in (tree, environment):
            shutil.rmtree(leftover, ignore_errors=True)
        git("worktree", "add", "--detach", "--force", tree, commit)
        _install(tree, environment)
        finished.touch()
    if _output("git", "-C", tree, "status", "--porcelain") or commit != _output(
        "git", "-C", tree, "rev-parse", "HEAD"
    ):
        sys.exit(f"{tree}: differs from the commit {revision}; delete {home}")
    return _side(revision, tree, environment / "bin" / "python", home / "results")


def this_checkout(work: Path) -> Side:
    """The checkout, including uncommitted changes, with the Python that runs this program."""
    place = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
    folder = work / f"checkout-{CHECKOUT.name}-{place}"
    return _side("the checkout", CHECKOUT, Path(sys.executable), folder / "results")


def in_words(side: Side) -> str:
    """The commit of a side, and whether it has uncommitted changes."""
    changed = ", with changes" if _output("git", "-C", side.tree, "status", "--porcelain", "src") else ""
    return _output("git", "-C", side.tree, "log", "-1", "--format=%h %s") + changed


@contextmanager
def alone(work: Path) -> Iterator[None]:
    """Keep other calls out of the folder."""
    import fcntl

    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{work}: another call works there; wait for it, or give another --work")
        yield


def _side(name: str, tree: Path, python: Path, folder: Path) -> Side:
    side = Side(name, tree, python, folder, "")
    whole = hashlib.sha256(json.dumps(sorted(side.versions().items())).encode())
    for path in sorted((tree / "src").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            whole.update(f"{path.relative_to(tree)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return Side(name, tree, python, folder, whole.hexdigest())


def _install(tree: Path, environment: Path) -> None:
    """Install as the Makefile does: torch first, at the pinned version."""
    _loudly(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet")
    pinned = ("--constraint", tree / "constraints.txt")
    _loudly(*pip, *pinned, "torch")
    _loudly(*pip, *pinned, "--editable", f"{tree}[{EXTRAS}]")


def _loudly(*command: object) -> None:
    """Run a command with its output on standard error; ends the program if it fails."""
    done = subprocess.run([str(part) for part in command], stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: ended with {done.returncode}")


def _output(*command: object) -> str:
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()
