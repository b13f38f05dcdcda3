"""Which epochs a run keeps."""

from singerid.runs.history import Epoch
from singerid.training.states import chosen


def epochs(*measures):
    """Epochs with (validation loss, accuracy, F1)."""
    return [Epoch(number, 1.0, *each, seconds=1.0) for number, each in enumerate(measures, 1)]


def test_each_state_is_of_the_best_epoch_by_its_measure():
    found = chosen(epochs((0.9, 0.5, 0.4), (0.5, 0.6, 0.7), (0.7, 0.8, 0.6), (0.8, 0.1, 0.1)))
    assert {state: epoch.epoch for state, epoch in found.items()} == {
        "best_loss": 2,
        "best_f1": 2,
        "best_accuracy": 3,
        "last": 4,
    }


def test_of_equal_epochs_the_earliest_is_kept():
    found = chosen(epochs((0.9, 0.5, 0.5), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    assert [found[state].epoch for state in ("best_loss", "best_accuracy", "best_f1", "last")] == [2, 1, 1, 3]
