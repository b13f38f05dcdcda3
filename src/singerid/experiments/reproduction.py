"""`singerid reproduce`: plan, run what is waiting, and keep the report up to date as results come in."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from singerid.config import ReproduceConfig
from singerid.devices import choose_device
from singerid.errors import Failure
from singerid.experiments.checks import check_settings
from singerid.experiments.cluster import run_on_cluster
from singerid.experiments.dataset import DataSet, data_set
from singerid.experiments.folder import locked_out, require_out
from singerid.experiments.planning import Plan, make_plan, run_folder
from singerid.experiments.progress import ReproduceDisplay
from singerid.experiments.protocols import states_of
from singerid.experiments.rendering import write_report
from singerid.experiments.reporting import Report
from singerid.experiments.results import CellResult, read_result
from singerid.experiments.running import Job, run_here
from singerid.experiments.summary import summarise
from singerid.experiments.tables import Cell, cells
from singerid.extract.store import Store
from singerid.runs import current_versions

REFRESH_SECONDS = 60.0  # when a run is done and the report is older than this, it is written anew


@dataclass(frozen=True)
class Reproduction:
    """What `reproduce` did.

    Attributes:
        report: the tables, and what was skipped or failed.
        results: of all finished cells.
        page: where the report is, as HTML.
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

    Interrupted at any point and called again it goes on where it stopped.

    Args:
        store_path: features of the recordings.
        out: folder of the runs and of the report.
        config: which tables, and how.
        device: where networks run: "auto", "cpu", "cuda" or "cuda:N".
        threads: CPU threads of a run; None: as many as torch likes, on a cluster one.
        ray: address of a Ray cluster that runs the cells, see `cluster.run_on_cluster`; None: this process.
        plumbing: say in the titles that the numbers mean nothing.
        show_progress: show on standard error how far it is.

    Raises:
        SingeridError: nothing can be run or kept, see `planning.make_plan` and `folder.require_out`, or
            another call works in `out`.
    """
    check_settings(config)
    if ray is None:
        choose_device(device)  # now, and not once a run
    store = Store.open(store_path)
    require_out(out)
    plan = make_plan(store, out, config)
    data = data_set(store, "the synthetic corpus" if plumbing else None)
    pages = _Pages(out, config, data, plan, plumbing)
    if ray is not None:
        threads = threads or 1
    jobs = [Job(cell, config, store_path.resolve(), out.resolve(), device, threads) for cell in plan.waiting]
    with locked_out(out):
        try:
            _run(jobs, plan, pages, out, ray, show_progress)
        except KeyboardInterrupt:
            pages.write()  # of what was done before
            raise
        return pages.write()


def _run(
    jobs: Sequence[Job], plan: Plan, pages: "_Pages", out: Path, ray: str | None, show_progress: bool
) -> None:
    with ReproduceDisplay(plan.done, plan.waiting, show_progress) as shown:
        outcomes = (
            run_here(jobs, shown.epoch) if ray is None else run_on_cluster(jobs, ray, shown.side_by_side)
        )
        for cell, failure in outcomes:
            result = None
            if failure is None:
                result = read_result(run_folder(out, cell), states_of(cell.protocol))
            pages.add(cell, result, failure)
            shown.finish(cell, result)
            if pages.seconds_old > REFRESH_SECONDS:
                pages.write()


class _Pages:
    """The report while results come in."""

    def __init__(self, out: Path, config: ReproduceConfig, data: DataSet, plan: Plan, plumbing: bool) -> None:
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
        """A run has ended, well or not."""
        if result is not None:
            self._results[cell] = result
        if failure is not None:
            self._failures.append(failure)

    def write(self) -> Reproduction:
        """Write the report of what there is now."""
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
