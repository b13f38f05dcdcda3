"""The epochs of a run, and its metrics.csv."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from singerid.errors import SingeridError
from singerid.runs.run import Run
from singerid.system.files import atomic_write


@dataclass(frozen=True)
class Epoch:
    """One line of metrics.csv. Validation is at clip level."""

    epoch: int
    loss: float  # mean training loss, with dropout and augmentation
    valid_loss: float
    valid_accuracy: float
    valid_f1: float  # weighted
    seconds: float


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The epoch whose state is reported: best validation F1, the earliest if several are equal.

    >>> best_epoch([Epoch(number, 1, 1, 0, f1, 9) for number, f1 in enumerate((0.5, 0.7, 0.7), 1)]).epoch
    2
    """
    return max(history, key=lambda epoch: (epoch.valid_f1, -epoch.epoch))


def read_history(run: Run) -> list[Epoch]:
    """The finished epochs of a run, from its metrics.csv; raises SingeridError if that is damaged."""
    path = run.path / "metrics.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Epoch(int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SingeridError(f"{path}: cannot be read ({error}); run `singerid train` again") from error


def write_history(run: Run, history: Sequence[Epoch]) -> None:
    """Write the metrics.csv that `read_history` reads."""
    with atomic_write(run.path / "metrics.csv", "w") as file:
        writer = csv.DictWriter(file, [item.name for item in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in history)


def out_of_patience(history: Sequence[Epoch], patience: int | None) -> bool:
    """Whether the last `patience` epochs brought no better validation F1; always false with None.

    >>> history = [Epoch(number, 1, 1, 0, f1, 9) for number, f1 in enumerate((0.5, 0.7, 0.6), 1)]
    >>> out_of_patience(history, 1), out_of_patience(history, 2), out_of_patience(history, None)
    (True, False, False)
    """
    if patience is None or not history:
        return False
    return len(history) - best_epoch(history).epoch >= patience
