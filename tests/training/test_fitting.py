import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from singerid.analysis.embedding import embed
from singerid.config import PROBE_STRENGTHS, TrainingConfig
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.evaluation.evaluate import evaluate
from singerid.identifier import Identifier
from singerid.runs.config import SplitConfig
from singerid.runs.history import best_epoch, read_history
from singerid.runs.new import configure, make_split
from singerid.runs.part import voice_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.devices import CPU
from singerid.training.loop import train


def fitted(encoded, path, model="probe", audio="mixture") -> Run:
    store = Store.open(encoded.store)
    split, how = make_split(store, SplitConfig())
    encoder = open_encoder(encoded.encoder)
    config = configure(store, split, how, model, TrainingConfig(), audio=audio, encoder=encoder)
    train(store, path, config, split)
    return Run.open(path)


@pytest.fixture(scope="module")
def runs(encoded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    return {
        (model, audio): fitted(encoded, folder / f"{model}-{audio}", model, audio)
        for model in ("probe", "centroids")
        for audio in ("mixture", "vocals", "both")
    }


def vectors_in(run, name):
    part = run.part(name)
    batches = [batch.inputs[0].flatten(1) for batch in part.clips.batches(64)]
    return torch.cat(batches).numpy(), part.clips.labels, part


def voiced_windows(run, part, labels):
    """Which windows have voice; all windows of a singer if none of them has."""
    voiced = voice_of(run.store, part, run.config) >= 0.5
    for label in range(3):
        if not voiced[labels == label].any():
            voiced |= labels == label
    return voiced


def voiced_in(run, name):
    """Vectors and labels of the windows with voice."""
    vectors, labels, part = vectors_in(run, name)
    voiced = voiced_windows(run, part, labels)
    return vectors[voiced], labels[voiced]


def test_a_probe_is_the_logistic_regression_that_validation_chose(runs):
    """Fitted again by scikit-learn alone: to the training part, then to the validation part as well."""
    run = runs["probe", "mixture"]
    learned, labels = voiced_in(run, "train")
    more, more_labels = voiced_in(run, "valid")
    valid_vectors, valid_labels, _ = vectors_in(run, "valid")
    test_vectors, _, test_part = vectors_in(run, "test")
    scores, found = [], []
    for strength in PROBE_STRENGTHS:
        regression = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000, tol=1e-6))
        regression.fit(learned, labels)
        scores.append(f1_score(valid_labels, regression.predict(valid_vectors), average="weighted"))
        regression.fit(np.concatenate((learned, more)), np.concatenate((labels, more_labels)))
        found.append(regression.predict_proba(test_vectors))
    history = read_history(run)
    assert [epoch.valid_f1 for epoch in history] == pytest.approx(scores)
    best = int(np.argmax(scores))
    assert best_epoch(history).epoch == best + 1
    assert run.predict(test_part) == pytest.approx(found[best], abs=0.02)


def test_centroids_are_means_of_singers_and_their_cosines(runs):
    """With three singers nothing is whitened: there are only centring, means and cosines."""
    run = runs["centroids", "mixture"]
    held = []
    for place, name in enumerate(("train", "valid")):
        found, singers, part = vectors_in(run, name)
        voiced = voiced_windows(run, part, singers)
        held.append((found[voiced], singers[voiced], part.clips.track[voiced] + 100 * place))
    vectors, labels, track = map(np.concatenate, zip(*held, strict=True))
    recordings = {number: vectors[track == number].mean(0) for number in np.unique(track)}
    singer = {number: labels[track == number][0] for number in recordings}
    own = [[recordings[n] for n in recordings if singer[n] == label] for label in range(3)]
    mean = np.mean([np.mean(each, axis=0) for each in own], axis=0)

    def seen(raw):
        return (raw - mean) / np.linalg.norm(raw - mean, axis=1, keepdims=True)

    means = np.stack([seen(vectors[labels == label]).mean(0) for label in range(3)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    asked, _, test_part = vectors_in(run, "test")
    cosines = seen(asked) @ means.T
    scale = float(run.network().scale)
    expected = torch.from_numpy(scale * cosines).softmax(-1).numpy()
    assert run.predict(test_part) == pytest.approx(expected, abs=1e-4)


def test_both_puts_the_two_vectors_of_a_window_side_by_side(runs):
    both, _, _ = vectors_in(runs["probe", "both"], "test")
    mixture, _, _ = vectors_in(runs["probe", "mixture"], "test")
    vocals, _, _ = vectors_in(runs["probe", "vocals"], "test")
    assert np.array_equal(both, np.concatenate((mixture, vocals), axis=1))
    assert runs["probe", "both"].config.options == {"size": both.shape[1]}


@pytest.mark.parametrize("model", ["probe", "centroids"])
def test_a_file_gives_the_probabilities_of_its_stored_vectors(runs, encoded, model):
    run = runs[model, "mixture"]
    part = run.part()
    probabilities = run.predict(part)
    identifier = Identifier.load(run.path)
    for number, track in enumerate(part.tracks):
        own = probabilities[part.clips.track == number]
        windows = identifier.listener.batches(encoded.tree / track.path)
        heard = torch.cat([identifier.scorer(*each.inputs) for each in windows]).numpy()
        assert heard == pytest.approx(own, abs=0.03)  # the store's vectors are of half precision


def test_two_sounds_of_a_file_are_heard_side_by_side(runs, encoded):
    run = runs["probe", "both"]
    song = encoded.tree / run.part().tracks[0].path
    identifier = Identifier.load(run.path, separator="repet")
    alone = {
        audio: Identifier.load(runs["probe", audio].path, separator=separator)
        for audio, separator in (("mixture", None), ("vocals", "repet"))
    }
    found = [each.inputs for each in identifier.listener.batches(song)]
    for position, audio in enumerate(("mixture", "vocals")):
        expected = [each.inputs[0] for each in alone[audio].listener.batches(song)]
        assert torch.equal(torch.cat([inputs[position] for inputs in found]), torch.cat(expected))
    with pytest.raises(SingeridError, match="hears two sounds at a time; choose `audio='both'`"):
        Identifier.load(run.path, audio="mixture")
    with pytest.raises(SingeridError, match="hears one sound at a time; choose `audio='mixture'` or"):
        Identifier.load(runs["probe", "mixture"].path, audio="both")
    with pytest.raises(SingeridError, match="give a file"):
        next(identifier.listener.batches(np.zeros(64_000, np.float32)))


def test_every_command_takes_it(runs, singerid, tmp_path):
    run = runs["probe", "both"]
    output = singerid("evaluate", run.path, "--baseline", "--json")
    assert output.returncode == 0, output.stderr
    scores = json.loads(output.stdout)
    assert scores["baseline"]["track"]["count"] == 3
    made = embed(run, CPU)
    assert made.clips.shape == (len(run.part().clips), 64)
    # Windows of 1 s, of 31 frames of 32 ms: the second starts where the first ends.
    assert [row["start_s"] for row in made.clip_rows[:2]] == [0, pytest.approx(31 * 0.032, abs=0.033)]
    card = (run.path / "README.md").read_text(encoding="utf-8")
    assert "to the recording as it is and to the vocals alone" in card
    assert "settings tried: 11" in card
    assert "- encoder: " in card


def test_the_command_fits_one_in_seconds_and_refuses_options_without_effect(encoded, singerid, tmp_path):
    arguments = ("train", encoded.store, tmp_path / "run", "--model", "probe", "--encoder", encoded.encoder)
    output = singerid(*arguments)
    assert output.returncode == 0, output.stderr
    assert "in setting" in output.stdout
    curves = (tmp_path / "run" / "curves.svg").read_text(encoding="utf-8")
    assert ">setting<" in curves
    assert ">epoch<" not in curves
    again = singerid(*arguments)
    assert again.returncode == 0
    assert again.stdout == output.stdout
    odd = {
        (
            "--epochs",
            "5",
            "--augment",
            "all",
        ): "model probe is fitted, not trained: --epochs, --augment have",
        ("--width", "0.5"): "--width has no effect",
        ("--audio", "both", "--model", "crnn"): "model crnn reads one sound at a time",
        ("--model", "crnn"): "model crnn reads no vectors; leave out --encoder",
        ("--encoder", "campplus"): "has no vectors by campplus",
    }
    for options, reason in odd.items():
        output = singerid(*arguments[:2], tmp_path / "other", *arguments[3:], *options)
        assert (output.returncode, output.stdout) == (2, "")
        assert reason in output.stderr
        assert len(output.stderr.splitlines()) == 1
        assert not (tmp_path / "other").exists()
    output = singerid("train", encoded.store, tmp_path / "other", "--model", "probe")
    assert "model probe reads vectors; choose an encoder: --encoder campplus" in output.stderr


def test_a_run_and_its_encoder_must_still_fit(runs, encoded, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(runs["probe", "mixture"].path, path)
    content = json.loads((path / "config.json").read_text())
    (name,) = content["origins"]
    content["origins"] = {name: "0" * 64}
    (path / "config.json").write_text(json.dumps(content))
    with pytest.raises(SingeridError, match=r"learned on vectors of .* with other weights"):
        Identifier.load(path)
    with pytest.raises(SingeridError, match="no vectors of the mixture by"):
        evaluate(Run.open(path))


def test_a_store_without_vectors_says_how_they_are_made(recordings, encoded):
    store = Store.open(recordings.store)
    split, how = make_split(store, SplitConfig())
    with pytest.raises(SingeridError, match="singerid prepare TREE STORE --encoder"):
        configure(store, split, how, "probe", TrainingConfig(), encoder=open_encoder(encoded.encoder))


def test_windows_without_voice_teach_nothing(encoded, runs, tmp_path):
    """All windows of one song are said to be without voice: they do not count, unless there are no others."""
    folder = tmp_path / "store"
    shutil.copytree(encoded.store, folder)
    store = Store.open(folder)
    split, _ = make_split(store, SplitConfig())
    first = next(track for track in store.tracks if track.path == split.train[0])
    (name,) = (name for name in first.arrays if name.startswith("vectors/mixture/"))
    path = store.path_of(first, name)
    with np.load(path) as file:
        held = dict(file)
    np.savez(path, **{**held, "voice_share": np.zeros_like(held["voice_share"])})
    other = fitted(replace(encoded, store=folder), tmp_path / "run")
    assert voice_of(store, other.part("train"), other.config).min() == 0
    assert len(read_history(other)) == len(PROBE_STRENGTHS)
