"""`singerid reproduce`: plan, run what is waiting in the folder OUT, and keep the report up to date."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from singerid.config import ReproduceConfig
from singerid.errors import Failure, SingeridError
from singerid.reproduce.cell import CellJob, run_here
from singerid.reproduce.on_ray import run_on_cluster
from singerid.reproduce.plan import Plan, make_plan, require_usable, run_folder
from singerid.reproduce.progress import ReproduceDisplay
from singerid.reproduce.protocols import states_of
from singerid.reproduce.rendering import REPORT, has_report, write_report
from singerid.reproduce.report import Report
from singerid.reproduce.results import CellResult, read_result
from singerid.reproduce.summary import summarise
from singerid.reproduce.tables import Cell, Subject, audited, cells, subject_of
from singerid.runs.config import current_versions
from singerid.store.reader import Store
from singerid.system.devices import choose_device
from singerid.system.files import locked

CORPUS, STORE = "corpus", "store"  # of `--smoke`


def require_out(out: Path) -> None:
    """Refuse a folder in which something else could be overwritten.

    Raises:
        SingeridError: `out` is a file, a store or a run; or it is not empty and holds neither runs nor a
            report; or it holds files with the report's names that are not a report.
    """
    if not out.exists():
        return
    try:
        names = {entry.name for entry in out.iterdir() if not entry.name.startswith(".")}
    except OSError as error:
        raise SingeridError(
            f"{out}: cannot be read ({error.strerror}); give a new or empty folder as OUT"
        ) from error
    if "config.json" in names:
        raise SingeridError(f"{out}: is a store or a run; give a new or empty folder as OUT")
    if has_report(out):
        return
    foreign = names & set(REPORT) if "runs" in names else names - {CORPUS, STORE}
    if foreign:
        raise SingeridError(
            f"{out}: holds {min(foreign)}, which `singerid reproduce` did not write; "
            "give a new or empty folder as OUT"
        )


def locked_out(out: Path) -> AbstractContextManager[None]:
    """Keep other calls out of OUT; raises SingeridError if another call works there."""
    return locked(out, "another `singerid reproduce` works there; wait for it, or choose another OUT")


REFRESH_SECONDS = 60.0  # when a run is done and the report is older than this, it is written again


@dataclass(frozen=True)
class Reproduction:
    """The result of `reproduce`.

    Attributes:
        report: the tables, and what was skipped or failed.
        results: the results of all finished cells.
        page: path of the report's HTML page.
    """

    report: Report
    results: Mapping[Cell, CellResult]
    page: Path


def reproduce(
    store_path: Path,
    out: Path,
    config: ReproduceConfig,
    *,
    device: str = "auto",
    threads: int | None = None,
    ray: str | None = None,
    plumbing: bool = False,
    show_progress: bool = False,
) -> Reproduction:
    """Run the cells of some tables that are not done yet, and write the tables.

    It can be interrupted at any point; the next call goes on where it stopped.

    Args:
        store_path: features of the recordings.
        out: folder of the runs and of the report.
        config: which tables, and how.
        device: where networks run: "auto", "cpu", "cuda" or "cuda:N".
        threads: CPU threads of a run; None: torch's default, on a cluster one.
        ray: address of a Ray cluster that runs the cells, see `on_ray.run_on_cluster`; None: this process.
        plumbing: say in the titles that the numbers mean nothing.
        show_progress: show on standard error how far it is.

    Raises:
        SingeridError: nothing can be run or kept, see `plan.make_plan` and `require_out`, or
            another call works in `out`.
    """
    require_usable(config)
    if ray is None:
        choose_device(device)  # a wrong device fails now, and not in each run
    store = Store.open(store_path)
    require_out(out)
    plan = make_plan(store, out, config)
    data = subject_of(store, "the synthetic corpus" if plumbing else None)
    pages = _Pages(out, config, data, plan, plumbing)
    if ray is not None:
        threads = threads or 1
    jobs = [
        CellJob(cell, config, store_path.resolve(), out.resolve(), device, threads) for cell in plan.waiting
    ]
    with locked_out(out):
        try:
            _run(jobs, plan, pages, out, config, ray, show_progress)
        except KeyboardInterrupt:
            pages.write()  # with the runs done before
            raise
        return pages.write()


def _run(
    jobs: Sequence[CellJob],
    plan: Plan,
    pages: "_Pages",
    out: Path,
    config: ReproduceConfig,
    ray: str | None,
    show_progress: bool,
) -> None:
    with ReproduceDisplay(plan.done, plan.waiting, show_progress) as shown:
        outcomes = (
            run_here(jobs, shown.epoch) if ray is None else run_on_cluster(jobs, ray, shown.side_by_side)
        )
        for cell, failure in outcomes:
            result = None
            if failure is None:
                states = states_of(cell.protocol)
                result = read_result(run_folder(out, cell), states, audited(cell, config))
            pages.add(cell, result, failure)
            shown.finish(cell, result)
            if pages.seconds_old > REFRESH_SECONDS:
                pages.write()


class _Pages:
    """The report, updated while results come in."""

    def __init__(self, out: Path, config: ReproduceConfig, data: Subject, plan: Plan, plumbing: bool) -> None:
        self._out, self._config, self._data, self._plumbing = out, config, data, plumbing
        self._runs = len(cells(config))
        self._results = dict(plan.done)
        self._failures = list(plan.skipped)
        self._written = float("-inf")

    @property
    def seconds_old(self) -> float:
        """Seconds since the report was written."""
        return time.monotonic() - self._written

    def add(self, cell: Cell, result: CellResult | None, failure: Failure | None) -> None:
        """Add a run that has ended, with a result or a failure."""
        if result is not None:
            self._results[cell] = result
        if failure is not None:
            self._failures.append(failure)

    def write(self) -> Reproduction:
        """Write the report of the results so far."""
        report = Report(
            summarise(self._results, self._config, self._data),
            self._data,
            self._config,
            tuple(self._failures),
            len(self._results),
            self._runs,
            self._plumbing,
            current_versions(),
        )
        page = write_report(report, self._out)
        self._written = time.monotonic()
        return Reproduction(report, dict(self._results), page)
