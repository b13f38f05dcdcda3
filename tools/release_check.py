"""Build the release, and test the wheel in an empty environment: the demo, and the README's Python.

    make release-check [TAG=v1.2.3]

Run it from the project's folder, in an environment with `build` and `twine`. The archives stay in dist/.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from documents import README_BEGINS, python_blocks

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
LARGEST_WHEEL = 3_000_000  # bytes


def main() -> None:
    """Run all checks; an error ends the program with one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tag", help="tag of the release, such as v1.2.3; by default it is not checked")
    parser.add_argument("--torch-index", help="package index for torch; by default pip's own")
    parser.add_argument(
        "--no-demo", action="store_true", help="leave out the demo, and the Python that reads its results"
    )
    arguments = parser.parse_args()
    version = version_of(arguments.tag)
    wheel = build(version)
    with TemporaryDirectory() as folder:
        programs = install(Path(folder) / "environment", wheel, arguments.torch_index)
        work = Path(folder) / "work"
        work.mkdir()
        said = run(programs / "singerid", "--version", cwd=work, capture_output=True)
        if said.strip() != f"singerid {version}":
            sys.exit(f"singerid --version says {said.strip()!r}")
        if not arguments.no_demo:
            run(programs / "singerid", "demo", cwd=work)
            run_readme(programs / "python", work)
    tell(f"{wheel.name}: passed all checks")


def version_of(tag: str | None) -> str:
    """The version; with a tag, all files that state the version must agree with it."""
    said = (ROOT / "src/singerid/version.py").read_text(encoding="utf-8")
    [version] = re.findall(r'^__version__ = "(.+)"$', said, re.M)
    if tag is not None:
        citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
        changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        if tag != f"v{version}":
            sys.exit(f"the tag is {tag}, src/singerid/version.py says {version}")
        if f"\nversion: {version}\n" not in citation:
            sys.exit(f"CITATION.cff: does not have version {version}")
        if not re.search(rf"^## {re.escape(version)}\b", changes, re.M):
            sys.exit(f"CHANGELOG.md: has no heading ## {version}")
    return str(version)


def build(version: str) -> Path:
    """Build and check wheel and source archive; return the wheel's path."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir()))
    wheel, source = DIST / f"singerid-{version}-py3-none-any.whl", DIST / f"singerid-{version}.tar.gz"
    for path in (wheel, source):
        tell(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
    if wheel.stat().st_size > LARGEST_WHEEL:
        sys.exit(f"{wheel.name}: is larger than {LARGEST_WHEEL / 1e6:g} MB")
    with zipfile.ZipFile(wheel) as archive:
        odd = {name.split("/")[0] for name in archive.namelist()} - {
            "singerid", "beetsplug", f"singerid-{version}.dist-info",
        }  # fmt: skip
    if odd:
        sys.exit(f"{wheel.name}: must not contain {', '.join(sorted(odd))}")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "Makefile",
        "mkdocs.yml",
        "tests/conftest.py",
    ):
        if name not in held:
            sys.exit(f"{source.name}: lacks {name}")
    return wheel


def install(environment: Path, wheel: Path, torch_index: str | None) -> Path:
    """Install only the wheel and its dependencies; return the folder of the environment's programs."""
    venv.create(environment, with_pip=True)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip", "install", "--quiet")
    index = ("--index-url", torch_index) if torch_index else ()
    run(*pip, "--constraint", ROOT / "constraints.txt", *index, "torch")
    run(*pip, wheel)
    return programs


def run_readme(python: Path, work: Path) -> None:
    """Run the README's Python on the results of the demo."""
    demo = work / "demo"
    shutil.copytree(demo / "library", work / "my-singers")
    shutil.copytree(demo / "runs" / "crnn_fgnl", work / "run")
    song = sorted((demo / "corpus" / "mixture").rglob("*.flac"))[0]
    shutil.copy(song, work / "song.mp3")  # the content decides the format, not the name
    shown = "\n".join([README_BEGINS, *python_blocks(ROOT / "README.md")])
    (work / "readme.py").write_text(shown, encoding="utf-8")
    run(python, "readme.py", cwd=work)


def run(*command: str | Path, cwd: Path = ROOT, capture_output: bool = False) -> str:
    """Run a program that cannot import this folder's packages; return its output if that is captured."""
    tell("$ " + " ".join(map(str, command)))
    apart = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    begin = time.monotonic()
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=apart, encoding="utf-8", check=False,
        stdout=subprocess.PIPE if capture_output else None,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{command[0]}: ended with {done.returncode}")
    tell(f"{time.monotonic() - begin:.0f} s")
    return done.stdout or ""


def tell(line: str) -> None:
    """Print a line without buffering."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
