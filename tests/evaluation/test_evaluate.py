"""Evaluation: probabilities, votes and scores against plain code on the same clips."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from singerid.analysis.audit.audit import audit
from singerid.analysis.embedding import embed
from singerid.evaluation import evaluate as ev
from singerid.evaluation.baseline import Baseline
from singerid.evaluation.comparison import compare_runs
from singerid.identifier import Identifier
from singerid.listening import predict
from singerid.listening.predict import predict_clips
from singerid.runs.part import part_of
from singerid.runs.run import Run
from singerid.store.reader import Store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def part(trained, recordings):
    return part_of(Store.open(recordings.store), trained.split.test, trained.config)


@pytest.fixture(scope="module")
def result(trained):
    return ev.evaluate(trained, CPU, ("best_f1", "last"), baseline=True, keep=False)


@torch.no_grad()
def test_probabilities_do_not_depend_on_the_batch(trained, part):
    model = trained.network()
    one = predict_clips(model, part.clips, CPU, batch_size=1)
    many = predict_clips(model, part.clips, CPU, batch_size=7)
    np.testing.assert_allclose(one, many, atol=1e-6)
    np.testing.assert_allclose(one.sum(1), 1, atol=1e-5)
    clip = torch.tensor(trained.store.features(part.tracks[0])[:32].T.astype(np.float32))
    np.testing.assert_allclose(one[0], model(clip[None])[0].softmax(0), atol=1e-6)


@pytest.mark.parametrize(
    "ask",
    [
        lambda run, song: ev.evaluate(run, CPU),
        lambda run, song: compare_runs(run, replace(run, path=run.path.parent / "other"), CPU),
        lambda run, song: embed(run, CPU),
        lambda run, song: audit(run, CPU),
        lambda run, song: Identifier.load(run.path).identify(song),
        lambda run, song: run.predict(run.part()),
    ],
)
def test_whoever_asks_a_gpu_would_compute_in_exact_float32(ask, trained, recordings, tmp_path, monkeypatch):
    shutil.copytree(trained.path, tmp_path / "run")
    shutil.copytree(trained.path, tmp_path / "other")
    seen, real = set(), predict.run_clips

    def watching(*arguments, **options):
        cudnn = torch.backends.cudnn
        places = torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn
        seen.add(tuple(place.fp32_precision for place in places))
        return real(*arguments, **options)

    monkeypatch.setattr(predict, "run_clips", watching)
    ask(Run.open(tmp_path / "run"), recordings.tree / "alto" / "first" / "0.flac")
    assert seen == {("ieee", "ieee", "ieee")}


def test_scores_equal_votes_counted_by_hand(trained, part, result):
    probabilities = trained.predict(part)
    named, truth = [], []
    for index, track in enumerate(part.tracks):
        own = probabilities[part.clips.track == index]
        sure = own[own.max(1) > 0.5]
        votes = (sure if len(sure) else own).argmax(1).tolist()
        named.append(min(range(3), key=lambda singer: (-votes.count(singer), singer)))
        truth.append(["alto", "bass", "tenor"].index(track.singer))
    scores = result.states["best_f1"]
    assert scores.track.f1_weighted == pytest.approx(f1_score(truth, named, average="weighted"))
    clip_f1 = f1_score(part.clips.labels, probabilities.argmax(1), average="weighted")
    assert scores.clip.f1_weighted == pytest.approx(clip_f1)
    assert scores.clip.count == len(part.clips)
    assert scores.track.count == len(part.tracks) == 6


def test_the_baseline_is_fitted_to_training_clips_alone(trained, recordings, part, result):
    train = part_of(Store.open(recordings.store), trained.split.train, trained.config)
    batches = [next(iter(p.clips.batches(1000))).inputs[0].numpy() for p in (train, part)]
    fitted = Baseline().fit(batches[0], train.clips.labels)
    named = fitted.probabilities(batches[1]).argmax(1)
    expected = f1_score(part.clips.labels, named, average="weighted")
    assert result.baseline.clip.f1_weighted == pytest.approx(expected)


def test_the_baseline_of_a_run_cannot_name_a_singer_without_training_tracks(trained, tmp_path):
    """If it were fitted to anything but the training part of the split, it would name the tenor."""
    shutil.copytree(trained.path, tmp_path / "run")
    split = trained.split.to_json()
    split["train"] = [path for path in split["train"] if not path.startswith("tenor")]
    (tmp_path / "run" / "split.json").write_text(json.dumps(split))
    result = ev.evaluate(Run.open(tmp_path / "run"), CPU, baseline=True)
    assert [row.recall > 0 for row in result.baseline.clip.singers] == [True, True, False]


def test_json_has_the_form_of_the_contract(result):
    value = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert set(value["states"]) == {"best_f1", "last"}
    for levels in (*value["states"].values(), value["baseline"]):
        for level in ("clip", "track"):
            assert {"f1_weighted", "f1_macro", "accuracy", "intervals", "confusion"} <= levels[level].keys()
    assert value["singers"] == ["alto", "bass", "tenor"]
    assert value["short_tracks"] == 0


def test_command_prints_tables_and_draws_the_matrices(own_run, result, tmp_path, singerid):
    output = singerid.fresh(
        "evaluate", own_run, "--baseline", "--figure", tmp_path / "matrix.svg", COLUMNS="200"
    )
    assert output.returncode == 0, output.stderr
    for text in ("best_f1: clips", "baseline: tracks", "weighted F1", "tenor", "95 % intervals"):
        assert text in output.stdout
    assert "tenor" in (tmp_path / "matrix.svg").read_text(encoding="utf-8")
    printed = singerid("evaluate", own_run, "--all-states", "--json", "--figure", tmp_path / "matrix.png")
    value = json.loads(printed.stdout)
    assert set(value["states"]) == {"best_loss", "best_accuracy", "best_f1", "last"}
    mine = value["states"]["best_f1"]["clip"]["f1_weighted"]
    assert mine == pytest.approx(result.states["best_f1"].clip.f1_weighted)
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_loads_nothing_that_it_does_not_need(singerid, own_run, tmp_path):
    """Without a baseline: SciPy and scikit-learn take as long as torch."""
    code = (
        "import sys; from singerid.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print(*{'scipy', 'sklearn', 'librosa', 'torch._dynamo'} & set(sys.modules))"
    )
    done = singerid.fresh("evaluate", own_run, "--json", "--figure", tmp_path / "a.png", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("}\n\n")


def test_command_on_something_else_is_one_line(tmp_path, singerid):
    output = singerid("evaluate", tmp_path)
    assert output.returncode == 2
    assert re.fullmatch(r"singerid: .*: is neither a library nor a run .*\n", output.stderr)
