"""Very many singers: sparse counts, computed in pieces, equal dense counts computed at once."""

import io
import json
import re
import tracemalloc

import numpy as np
import pytest
from rich.console import Console

from singerid.evaluation import confusion as confusion_module
from singerid.evaluation import counts as counts_module
from singerid.evaluation import report as report_module
from singerid.evaluation.confusion import WHOLE_SINGERS, Confusion, drawn_matrix, drawn_names, drawn_singers
from singerid.evaluation.counts import MEASURES, GroupCounts, bootstrap_weights
from singerid.evaluation.outcome import Evaluation, score_answers, score_levels
from singerid.evaluation.report import evaluation_tables
from singerid.evaluation.scores import score
from singerid.evaluation.significance import Named, Paired, average, chance, compare
from singerid.evaluation.voting import answers_of, vote_tracks

MANY = 20_000


def named_items(singers: int, items: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True and named classes, half of them equal."""
    draw = np.random.default_rng(seed)
    truth = np.arange(items) % singers
    return truth, np.where(draw.random(items) < 0.5, truth, draw.integers(0, singers, items))


def dense(truth: np.ndarray, named: np.ndarray, singers: int) -> np.ndarray:
    matrix = np.zeros((singers, singers), int)
    np.add.at(matrix, (truth, named), 1)
    return matrix


def test_scores_of_20000_singers_take_little_memory() -> None:
    truth, named = named_items(MANY, 2 * MANY)
    singers = [f"singer {number}" for number in range(MANY)]
    tracemalloc.start()
    scores = score(truth, named, np.arange(2 * MANY) // 2, singers, resamples=20)
    written = json.dumps(scores.to_json())
    average([Named(truth, named, tuple(range(2 * MANY)))], resamples=20)
    chance(Named(truth, named, tuple(range(2 * MANY))), permutations=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6  # one matrix of bytes would be 400 MB
    assert scores.accuracy == (truth == named).mean()
    value = json.loads(written)
    assert "confusion" not in value
    cells = np.array(value["confusion_cells"])
    assert cells[:, 2].sum() == 2 * MANY
    assert cells[cells[:, 0] == cells[:, 1], 2].sum() == (truth == named).sum()


@pytest.mark.parametrize("singers", [1, 3, 40])
def test_the_sparse_matrix_is_the_dense_one(singers: int) -> None:
    truth, named = named_items(singers, 100)
    confusion, matrix = Confusion.of(truth, named, singers), dense(truth, named, singers)
    assert np.array_equal(np.asarray(confusion), matrix)
    assert confusion.to_json() == {"confusion": matrix.tolist()}
    wrong = matrix - np.diag(np.diag(matrix))
    assert confusion.mistakes().tolist() == (wrong.sum(0) + wrong.sum(1)).tolist()
    assert confusion == Confusion.of(truth[::-1], named[::-1], singers)
    assert confusion != Confusion.of(truth[1:], named[1:], singers)


def test_json_holds_cells_if_there_are_too_many_singers_for_a_matrix() -> None:
    truth, named = named_items(WHOLE_SINGERS, 300)
    assert Confusion.of(truth, named, WHOLE_SINGERS).to_json().keys() == {"confusion"}
    (cells,) = Confusion.of(truth, named, WHOLE_SINGERS + 1).to_json().values()
    matrix = dense(truth, named, WHOLE_SINGERS + 1)
    assert cells == [[*place, matrix[*place]] for place in np.argwhere(matrix).tolist()]


def test_a_picture_shows_those_who_are_mistaken_and_all_others_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confusion_module, "DRAWN_SINGERS", 4)
    monkeypatch.setattr(confusion_module, "MISTAKEN_SINGERS", 2)
    truth, named = np.array([0, 1, 1, 2, 3, 3, 4, 0]), np.array([0, 3, 3, 2, 1, 3, 3, 4])
    few = Confusion.of(truth[:5], named[:5], 4)
    assert drawn_singers([few]) is None
    assert np.array_equal(drawn_matrix(few, None), np.asarray(few))
    confusion = Confusion.of(truth, named, 5)
    chosen = drawn_singers([confusion, confusion])
    assert chosen == [1, 3]
    # Singer 1: two taken for 3. Singer 3: one taken for 1, one right. Singers 0, 2 and 4: one taken for 3.
    assert drawn_matrix(confusion, chosen).tolist() == [[0, 2, 0], [1, 1, 0], [0, 1, 3]]
    assert drawn_names(["Ana", "Bo", "Cy", "Di", "Eva"], chosen) == ["Bo", "Di", "3 others"]


def test_pieces_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, named = named_items(17, 300)
    _, other = named_items(17, 300, seed=1)
    tracks = np.arange(300) // 17
    albums = tuple((tracks // 2).tolist())

    def everything() -> list[object]:
        return [
            score(truth, named, tracks, [str(number) for number in range(17)], resamples=60),
            *(average([Named(truth, named, albums)], measure, 60) for measure in MEASURES),
            *(compare([Paired(truth, named, other, albums)] * 2, measure, 60) for measure in MEASURES),
            chance(Named(truth, named, tuple(range(300))), permutations=60),
        ]

    at_once = everything()
    for numbers in (1, 700, 3000):
        monkeypatch.setattr(counts_module, "PIECE_NUMBERS", numbers)
        assert everything() == at_once


def test_sparse_counts_weigh_groups_as_dense_ones() -> None:
    truth, named = named_items(9, 200)
    groups = np.arange(200) // 7
    shape = int(groups.max()) + 1, 12  # three classes without items
    counts = GroupCounts.of(truth, named, groups, shape)
    table = np.zeros(shape)
    np.add.at(table, (groups, named), 1)
    (weights,) = bootstrap_weights(shape[0], 20, 0, 20)
    assert np.array_equal(counts.named.weighted(weights), weights @ table)
    rows, columns = np.indices(shape)
    assert np.array_equal(counts.named.at(rows, columns), table)


@pytest.mark.parametrize("size", [1, 3, 4, 29, 100])
def test_tracks_vote_over_pieces_as_they_do_at_once(size: int) -> None:
    draw = np.random.default_rng(0)
    tracks = np.sort(draw.choice([0, 2, 3, 7, 8], 30))
    probabilities = draw.dirichlet(np.full(5, 0.3), 30).astype(np.float32)
    labels = tracks % 5
    answers = answers_of(np.split(probabilities, range(size, 30, size)), tracks)
    assert answers.clips.tolist() == probabilities.argmax(1).tolist()
    assert answers.votes == vote_tracks(probabilities, tracks)
    singers = list("abcde")
    at_once = score_levels(probabilities, labels, tracks, singers)
    assert score_answers(answers, labels, tracks, singers) == at_once
    for wrong in (tracks[1:], np.append(tracks, 9)):
        with pytest.raises(ValueError, match="one track per clip"):
            answers_of([probabilities], wrong)


def test_tables_of_very_many_singers_list_the_most_mistaken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confusion_module, "DRAWN_SINGERS", 4)
    monkeypatch.setattr(confusion_module, "MISTAKEN_SINGERS", 2)
    truth, named = np.array([0, 1, 1, 2, 3, 3, 4, 0]), np.array([0, 3, 3, 2, 1, 3, 3, 4])
    levels = score_answers(answers_of([np.eye(5)[named]], np.arange(8)), truth, np.arange(8), list("ABCDE"))
    found = Evaluation("mixture", {"best_f1": levels}, None, tuple("ABCDE"), (), 0)
    for limit, listed in ((5, "ABCDE"), (4, "BD")):
        monkeypatch.setattr(report_module, "WHOLE_SINGERS", limit)
        shown = io.StringIO()
        Console(file=shown, width=200).print(evaluation_tables(found))
        rows = re.findall(r"^\W+([A-E])\W+\d", shown.getvalue(), re.MULTILINE)
        assert "".join(rows) == listed
        assert ("2 of 5 singers" in shown.getvalue()) == (limit < 5)
