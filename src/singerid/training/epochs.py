"""The loop over epochs, for one device and for each of several processes."""

import math
import time
from collections.abc import Callable
from pathlib import Path

from singerid.config import TrainingConfig
from singerid.data.clips import Clips
from singerid.errors import SingeridError
from singerid.runs.history import Epoch, out_of_patience
from singerid.training.learner import Learner


def train_epochs(
    learner: Learner,
    history: list[Epoch],
    train: Clips,
    valid: Clips,
    settings: TrainingConfig,
    path: Path,
    on_step: Callable[[], None],
    after: Callable[[Epoch], None],
    agree: Callable[[Epoch], Epoch] = lambda epoch: epoch,
) -> None:
    """Train from where the history ends to the last epoch.

    Args:
        learner: the network.
        history: the epochs that are done; each new one is added.
        train: clips to learn from.
        valid: clips to validate on.
        settings: number of epochs, and patience.
        path: the run's folder, for an error.
        on_step: called after each batch.
        after: called with each new epoch, once it is in the history.
        agree: makes all processes that train together use the same values of a new epoch.

    Raises:
        SingeridError: the loss is no longer finite.
    """
    while len(history) < settings.epochs and not out_of_patience(history, settings.patience):
        epoch = agree(_epoch(learner, len(history) + 1, train, valid, on_step))
        _require_finite(epoch, path)
        history.append(epoch)
        after(epoch)


def _epoch(learner: Learner, number: int, train: Clips, valid: Clips, on_step: Callable[[], None]) -> Epoch:
    began = time.perf_counter()
    total = learner.epoch(train, number, on_step)
    measures = learner.validate(valid)
    return Epoch(number, float(total) / len(train), *measures, seconds=time.perf_counter() - began)


def _require_finite(epoch: Epoch, path: Path) -> None:
    if not (math.isfinite(epoch.loss) and math.isfinite(epoch.valid_loss)):
        before = epoch.epoch - 1
        kept = f"the states up to epoch {before} are kept" if before else "there is no state yet"
        raise SingeridError(
            f"{path}: the loss is not finite in epoch {epoch.epoch}; {kept}: "
            "train again in another folder, with a lower `learning_rate`"
        )
