"""The epochs of a run: written, read, compared."""

from types import SimpleNamespace

import pytest

from singerid.errors import SingeridError
from singerid.runs.history import Epoch, best_epoch, out_of_patience, read_history, write_history


def history(*f1):
    return [Epoch(number, 0.1 * number, 1 / 3, 0.5, each, 2.25) for number, each in enumerate(f1, 1)]


def test_what_is_written_is_read(tmp_path):
    run = SimpleNamespace(path=tmp_path)
    for epochs in ([], history(0.1, 0.7, 1 / 7)):
        write_history(run, epochs)
        assert read_history(run) == epochs


@pytest.mark.parametrize(
    "content",
    ["epoch,loss\n1,2\n", "epoch\nx\n", "a,b\n1,2\n", "epoch,loss,more\n1,2,3\n", "epoch,loss\n1\n"],
)
def test_a_damaged_file_is_one_line_with_the_remedy(content, tmp_path):
    (tmp_path / "metrics.csv").write_text(content)
    with pytest.raises(SingeridError, match=r"metrics\.csv: cannot be read .*; run `singerid train` again"):
        read_history(SimpleNamespace(path=tmp_path))


def test_the_earliest_of_the_best_is_the_best():
    assert best_epoch(history(0.5, 0.7, 0.7, 0.2)).epoch == 2


@pytest.mark.parametrize(
    ("f1", "patience", "is_out"),
    [
        ((), 1, False),
        ((0.5,), 1, False),
        ((0.5, 0.5), 1, True),
        ((0.5, 0.6), 1, False),
        ((0.6, 0.5, 0.4), 3, False),
        ((0.6, 0.5, 0.4, 0.6), 3, True),
        ((0.6, 0.5, 0.4, 0.6), None, False),
    ],
)
def test_patience_ends_with_that_many_epochs_without_a_better_one(f1, patience, is_out):
    assert out_of_patience(history(*f1), patience) == is_out
