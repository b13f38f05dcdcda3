"""Run notebooks, each in a new kernel and an empty folder, as a user who opens them would.

python tools/run_notebooks.py NOTEBOOK_OR_FOLDER... [--limit SECONDS]
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError


def main() -> int:
    """Run all notebooks; return 1 if one of them failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=300, help="seconds for a cell")
    arguments = parser.parse_args()
    failed = 0
    for place in arguments.places:
        for path in sorted(place.glob("*.ipynb")) if place.is_dir() else [place]:
            failed += not run(path, arguments.limit)
    return int(failed > 0)


def run(path: Path, limit: int) -> bool:
    """Run a notebook in an empty folder; return False, with the reason on standard error, if it failed."""
    notebook = nbformat.read(path, as_version=4)
    begin = time.monotonic()
    with TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=limit,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR"],
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return False
    print(f"{path}: {time.monotonic() - begin:.0f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
