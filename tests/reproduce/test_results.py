"""The results of a finished run, against scikit-learn and `evaluate`."""

import json
import shutil

import pytest
import torch
from sklearn.metrics import f1_score

from singerid.evaluation.evaluate import evaluate
from singerid.evaluation.record import SCORES
from singerid.models.weights import save_model
from singerid.reproduce.results import read_result
from singerid.runs.history import read_history
from singerid.runs.run import Run
from singerid.store.reader import Store

CPU = torch.device("cpu")
STATES = ("best_loss", "best_f1")


@pytest.fixture(scope="module")
def scored(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored") / "run"
    shutil.copytree(trained.path, folder)
    evaluate(Run.open(folder), CPU, STATES)
    return folder


def test_names_give_the_f1_that_evaluate_prints(scored):
    result = read_result(scored, STATES)
    printed = json.loads(json.dumps(evaluate(Run.open(scored), CPU, STATES).to_json()["states"]))
    assert (
        json.loads((scored / SCORES).read_text(encoding="utf-8"))["evaluations"]["mixture"]["scores"][
            "states"
        ]
        == printed
    )
    for state in STATES:
        for level in ("clip", "track"):
            items = result.named(level, state)
            f1 = f1_score(items.truth, items.named, average="weighted", zero_division=0)
            assert f1 == pytest.approx(result.f1[state][level]) == printed[state][level]["f1_weighted"]


def test_items_belong_to_their_albums(scored, trained):
    result = read_result(scored, STATES)
    by_path = {track.path: track for track in Store.open(trained.config.store).tracks}
    assert [track.path for track in result.tracks] == sorted(trained.split.test)
    for track in result.tracks:
        stored = by_path[track.path]
        assert track.album == (stored.singer, stored.album)
        assert trained.config.singers[track.truth] == stored.singer
        assert len(track.clips["best_f1"]) == stored.frames // trained.config.spec.window_frames
    clips = result.named("clip", "best_f1")
    assert len(clips.albums) == len(clips.truth) == sum(len(t.clips["best_f1"]) for t in result.tracks)


def test_epochs_and_time_are_those_of_training(scored):
    result, history = read_result(scored, STATES), read_history(Run.open(scored))
    assert result.epochs == len(history)
    assert result.seconds * len(history) == pytest.approx(sum(epoch.seconds for epoch in history))


def test_no_result_of_other_states_other_weights_or_in_pieces(scored, tmp_path):
    assert read_result(tmp_path, STATES) is None
    assert read_result(scored, (*STATES, "last")) is None
    assert set(read_result(scored, ("best_f1",)).f1) == {"best_f1"}
    run = tmp_path / "run"
    shutil.copytree(scored, run)
    whole = (run / SCORES).read_text(encoding="utf-8")
    for broken in (whole[:100], "[]", "{}", whole.replace('"tracks"', '"names"')):
        (run / SCORES).write_text(broken, encoding="utf-8")
        assert read_result(run, STATES) is None
    (run / SCORES).write_text(whole, encoding="utf-8")
    assert read_result(run, STATES) is not None
    opened = Run.open(run)
    changed = opened.load_network()
    torch.nn.init.zeros_(changed.output.bias)
    save_model(changed, opened.state_path("best_loss"))
    assert read_result(run, STATES) is None  # trained on since
