"""The numbers of a table, against NumPy, scikit-learn and the comparison of `metrics`."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from singerid.config import ReproduceConfig
from singerid.data.datasets.artist20 import ARTISTS
from singerid.evaluation.significance import Paired, compare
from singerid.models.registry import build_model, count_parameters
from singerid.reproduce.results import CellResult, NamedTrack
from singerid.reproduce.summary import summarise
from singerid.reproduce.tables import Cell, Column, Subject

SINGERS = 4
DATA = Subject("some data", tuple("abcd"), False)
CONFIG = ReproduceConfig(tables=(7,), audio=("mixture",), clip_seconds=(3.0,))
CLIP, TRACK = Column("mixture", "clip", 3.0), Column("mixture", "track", 3.0)


def result(seed, right, states=("best_f1",)):
    """Test albums of four singers, three tracks of five clips each; `right`: how often clips are right."""
    rng = np.random.default_rng(seed)
    tracks = []
    for singer in range(SINGERS):
        album = (str(singer), str(rng.integers(3)))
        for number in range(3):

            def named(size, singer=singer):
                wrong = rng.integers(0, SINGERS, size)
                return tuple(np.where(rng.random(size) < right, singer, wrong).tolist())

            clips = {state: named(5) for state in states}
            votes = {state: named(1)[0] for state in states}
            tracks.append(NamedTrack(f"{singer}/{number}", album, singer, clips, votes))
    f1 = {
        state: {
            "clip": weighted([(t.truth, n) for t in tracks for n in t.clips[state]]),
            "track": weighted([(t.truth, t.named[state]) for t in tracks]),
        }
        for state in states
    }
    return CellResult(10, 1.0, f1, tuple(tracks))


def weighted(pairs):
    truth, named = zip(*pairs, strict=True)
    return float(f1_score(truth, named, average="weighted", zero_division=0))


def cell(model, seed, **changes):
    return replace(Cell(model, "mixture", 3.0, seed), **changes)


def entry(results, model, column, config=CONFIG, data=DATA):
    (summary,) = summarise(results, config, data)
    (row,) = (row for row in summary.rows if row.model == model)
    return row.entries[column]


def test_average_sample_deviation_and_best_over_seeds():
    results = {cell("crnn_nl", seed): result(seed, 0.6) for seed in (0, 21, 42)}
    for column in (CLIP, TRACK):
        values = [found.f1["best_f1"][column.level] for found in results.values()]
        ours = entry(results, "crnn_nl", column).ours
        assert ours.average == pytest.approx(np.mean(values))
        assert ours.std == pytest.approx(np.std(values, ddof=1))
        assert ours.best == max(values)
        assert ours.interval.low < ours.average < ours.interval.high


def test_what_was_not_run_is_nothing():
    results = {cell("crnn_nl", 21): result(1, 0.6), cell("crnn_nl", 0, audio="vocals"): result(2, 0.6)}
    ours = entry(results, "crnn_nl", CLIP).ours
    assert len(ours.values) == 1
    assert ours.std is None
    assert entry(results, "crnn_se", CLIP).ours is None
    assert entry(results, "crnn_nl", replace(CLIP, clip_seconds=5.0)).ours is None
    other_protocol = replace(CONFIG, protocol="authors")
    assert entry(results, "crnn_nl", CLIP, other_protocol).ours is None


def test_networks_are_compared_with_the_control_on_the_seeds_that_both_have():
    networks = {cell("crnn_se", seed): result(seed, 0.9) for seed in (0, 21)}
    controls = {cell("crnn_square", seed): result(seed, 0.3) for seed in (21, 42, 0)}
    results = networks | controls
    for column in (CLIP, TRACK):
        pairs = []
        for seed in (0, 21):
            first, second = results[cell("crnn_se", seed)], results[cell("crnn_square", seed)]
            rows = [
                (one.truth, a, b, one.album)
                for one, other in zip(first.tracks, second.tracks, strict=True)
                for a, b in (
                    zip(one.clips["best_f1"], other.clips["best_f1"], strict=True)
                    if column.level == "clip"
                    else [(one.named["best_f1"], other.named["best_f1"])]
                )
            ]
            truth, a, b, albums = zip(*rows, strict=True)
            pairs.append(Paired(np.array(truth), np.array(a), np.array(b), albums))
        assert entry(results, "crnn_se", column).against == compare(pairs)
        assert entry(results, "crnn_se", column).against.value > 0.2
    assert entry(results, "crnn_square", CLIP).against is None
    assert entry(networks, "crnn_se", CLIP).against is None


def test_the_authors_protocol_takes_the_best_state_of_each_number():
    states = ("best_loss", "best_accuracy", "best_f1", "last")
    config = replace(CONFIG, protocol="authors")
    results = {cell("crnn_nl", seed, protocol="authors"): result(seed, 0.5, states) for seed in (0, 21)}
    for column in (CLIP, TRACK):
        best = [max(f1[column.level] for f1 in found.f1.values()) for found in results.values()]
        assert len({max(f1, key=lambda s: f1[s]["clip"]) for f1 in (r.f1 for r in results.values())}) >= 1
        assert entry(results, "crnn_nl", column, config).ours.values == tuple(best)


def test_differences_only_where_the_singers_are_those_of_the_published_values():
    results = {cell("crnn_fgnl", 0): result(0, 0.9)}
    config = replace(CONFIG, tables=(1,))
    other = entry(results, "crnn_fgnl", CLIP, config)
    assert other.published.average == 0.52
    assert other.difference("average") is None
    same = entry(results, "crnn_fgnl", CLIP, config, Subject("artist20", ARTISTS, True))
    assert same.difference("average") == pytest.approx(same.ours.average - 0.52)
    assert same.difference("best") == pytest.approx(same.ours.best - 0.54)
    assert entry(results, "crnn", CLIP, config, Subject("artist20", ARTISTS, True)).difference("best") is None


def test_parameters_are_counted_as_the_paper_counts_and_as_run():
    (summary,) = summarise({}, replace(CONFIG, tables=(1,), width=0.25), DATA)
    row = summary.rows[1]
    assert (row.model, row.parameters, row.parameters_published) == ("crnn_fgnl", 584_141, 584_141)
    assert row.parameters_run == count_parameters(build_model("crnn_fgnl", SINGERS, width=0.25))[0]
