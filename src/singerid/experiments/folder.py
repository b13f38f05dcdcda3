"""OUT, the folder of runs and report: what may be in it, and that one call at a time works there."""

from contextlib import AbstractContextManager
from pathlib import Path

from singerid.errors import SingeridError, printable
from singerid.experiments.rendering import REPORT, has_report
from singerid.files import locked

CORPUS, STORE = "corpus", "store"  # of `--smoke`


def require_out(out: Path) -> None:
    """Refuse a folder in which something else could be overwritten.

    Raises:
        SingeridError: `out` is a file, a store or a run; or it is not empty and holds neither runs nor a
            report, or files of the report's names that are no report.
    """
    if not out.exists():
        return
    try:
        names = {entry.name for entry in out.iterdir() if not entry.name.startswith(".")}
    except OSError as error:
        raise SingeridError(
            f"{printable(out)}: cannot be read ({error.strerror}); give a new or empty folder as OUT"
        ) from error
    if "config.json" in names:
        raise SingeridError(f"{printable(out)}: is a store or a run; give a new or empty folder as OUT")
    if has_report(out):
        return
    foreign = names & set(REPORT) if "runs" in names else names - {CORPUS, STORE}
    if foreign:
        raise SingeridError(
            f"{printable(out)}: holds {printable(min(foreign))}, which `singerid reproduce` did not write; "
            "give a new or empty folder as OUT"
        )


def locked_out(out: Path) -> AbstractContextManager[None]:
    """Keep other calls out of OUT; raises SingeridError where one works there."""
    return locked(out, "another `singerid reproduce` works there; wait for it, or choose another OUT")
