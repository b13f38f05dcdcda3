"""Running cells: train, score, keep the result. A cell that fails is listed, and the other cells go on."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from singerid.analysis.audit.audit import audit
from singerid.analysis.audit.report import audit_json
from singerid.config import ReproduceConfig
from singerid.errors import Failure, SingeridError
from singerid.evaluation.card import write_card
from singerid.evaluation.evaluate import evaluate
from singerid.evaluation.record import record_audit, record_evaluation
from singerid.reproduce.plan import OnDemand, run_folder
from singerid.reproduce.protocols import run_config, states_of
from singerid.reproduce.tables import Cell, audited
from singerid.runs.history import Epoch
from singerid.store.reader import Store
from singerid.system.devices import choose_device, use_threads
from singerid.text import one_line
from singerid.training.loop import train

CellOutcome = tuple[Cell, Failure | None]


@dataclass(frozen=True)
class CellJob:
    """A cell and all that a process needs to run it; it can be sent to another process.

    Attributes:
        cell: what to run.
        config: the settings that all cells share.
        store: the store's folder, absolute.
        out: the folder of all runs and of the report, absolute.
        device: name of the device.
        threads: CPU threads; None: torch's default.
    """

    cell: Cell
    config: ReproduceConfig
    store: Path
    out: Path
    device: str
    threads: int | None


def run_job(job: CellJob, on_epoch: Callable[[Epoch], None] = lambda _: None) -> None:
    """Train the network of a cell, going on where an earlier call stopped, score it and keep the result.

    The network is also audited if its table asks for that.

    Raises:
        SingeridError: as `train` and `record_evaluation`.
    """
    use_threads(job.threads)
    device, store = choose_device(job.device), Store.open(job.store)
    encoder = OnDemand(job.config.encoder).of(job.cell)
    config, split = run_config(store, job.cell, job.config, encoder)
    run = train(store, run_folder(job.out, job.cell), config, split, device, on_epoch=on_epoch)
    # A result that cannot be kept is a failure here: tables are made from kept results.
    record_evaluation(run, evaluate(run, device, states_of(job.cell.protocol), keep=False))
    if audited(job.cell, job.config):
        record_audit(run, audit_json(audit(run, device, keep=False)))
    write_card(run)


def attempt(job: CellJob, on_epoch: Callable[[Epoch], None] = lambda _: None) -> Failure | None:
    """Run a job; the failure if anything went wrong, else None.

    Every error counts as a failure, for example out of memory: one run must not stop hours of other runs.
    With SINGERID_DEBUG set, the error is raised.
    """
    try:
        run_job(job, on_epoch)
    except SingeridError as error:
        return Failure(job.cell.name, str(error))
    except Exception as error:
        if os.environ.get("SINGERID_DEBUG"):
            raise
        text = one_line(error)
        return Failure(
            job.cell.name, f"{type(error).__name__}: {text}; run the same command again to retry it"
        )
    return None


def run_here(jobs: Sequence[CellJob], on_epoch: Callable[[Cell, Epoch], None]) -> Iterator[CellOutcome]:
    """Run jobs one after the other in this process."""
    for job in jobs:
        yield job.cell, attempt(job, partial(on_epoch, job.cell))
