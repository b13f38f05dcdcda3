"""Run folders: reading them back, and everything that can be wrong with one."""

import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import soundfile
import torch

from singerid import load_model
from singerid.config import FeatureConfig
from singerid.data.tracks import scan_tree
from singerid.errors import SingeridError
from singerid.models.registry import build_model
from singerid.models.spec import InputSpec
from singerid.models.weights import save_model
from singerid.preparation.prepare import prepare
from singerid.runs import run as run_module
from singerid.runs.config import SplitConfig
from singerid.runs.new import make_split, singers_in
from singerid.runs.part import part_of
from singerid.runs.run import Run
from singerid.store.reader import Store


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run that a test may damage."""
    shutil.copytree(trained.path, tmp_path / "run")
    return Run.open(tmp_path / "run")


def test_a_run_says_everything_needed_to_repeat_it(trained):
    opened = Run.open(trained.path)
    assert opened.config == trained.config
    assert opened.split == trained.split
    content = json.loads((trained.path / "config.json").read_text(encoding="utf-8"))
    assert content["format"] == 2
    assert {"singerid", "python", "torch", "numpy", "librosa"} <= content["versions"].keys()
    assert content["spec"]["features"]["pad_mode"] == "reflect"
    assert content["training"]["augment_strengths"]["time_masks"] == 2


def test_load_model_takes_a_run_or_a_file(trained, tmp_path):
    clip = torch.randn(1, 128, 32)
    from_run = load_model(trained.path)
    assert not from_run.training
    save_model(from_run, tmp_path / "model.safetensors")
    assert torch.equal(load_model(tmp_path / "model.safetensors")(clip), from_run(clip))
    assert torch.equal(load_model(trained.state_path("best_f1"))(clip), from_run(clip))


def test_part_of_opens_no_features_and_finds_what_is_missing_or_torn(
    trained, recordings, tmp_path, monkeypatch
):
    shutil.copytree(recordings.store, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    opened = []
    read = Store.read
    monkeypatch.setattr(Store, "read", lambda *args: opened.append(args) or read(*args))
    part = part_of(store, trained.split.test, trained.config)
    assert not opened
    next(part.clips.batches(1, resident=False))
    assert len(opened) == 1
    path = store.path_of(part.tracks[-1], "features/mixture")
    os.truncate(path, path.stat().st_size - 1000)
    with pytest.raises(SingeridError, match=rf"{path.name}: is damaged .*; delete it and run `singerid prep"):
        part_of(store, trained.split.test, trained.config)
    path.unlink()
    with pytest.raises(SingeridError, match=rf"{path.name}: is missing; run `singerid prepare` again"):
        part_of(store, trained.split.test, trained.config)


def test_part_of_reads_the_tracks_clips_with_the_runs_labels(trained, recordings):
    store = Store.open(recordings.store)
    part = part_of(store, trained.split.test, trained.config)
    assert [track.path for track in part.tracks] == sorted(trained.split.test)
    for clip, batch in zip(range(len(part.clips)), part.clips.batches(1), strict=True):
        track = part.tracks[part.clips.track[clip]]
        start = part.clips.start[clip]
        expected = store.features(track)[start : start + 32].T
        assert torch.equal(batch.inputs[0][0], torch.tensor(expected.astype("float32")))
        assert part.singers[int(batch.labels)] == track.singer


def test_split_of_a_file_and_its_classes(recordings, tmp_path):
    store = Store.open(recordings.store)
    by_album, _ = make_split(store, SplitConfig())
    own = {"train": by_album.train, "valid": by_album.valid, "test": by_album.test}
    path = tmp_path / "split.json"
    path.write_text(json.dumps(own))
    split, how = make_split(store, SplitConfig(), path)
    assert split == by_album
    assert how.kind == "file"
    assert singers_in(store, split) == ("alto", "bass", "tenor")
    own["train"] = [path for path in by_album.train if not path.startswith("bass")]
    path.write_text(json.dumps(own))
    with pytest.raises(SingeridError, match="bass has tracks in 'valid' or 'test' and none in 'train'"):
        make_split(store, SplitConfig(), path)


def test_min_albums_and_track_split(recordings):
    store = Store.open(recordings.store)
    with pytest.raises(SingeridError, match="no singer has 4 albums"):
        make_split(store, SplitConfig("album", 0, 4))
    split, how = make_split(store, SplitConfig("track", 3))
    assert (len(split.train), len(split.valid), len(split.test)) == (12, 3, 3)
    assert how == SplitConfig("track", 3)


def test_what_is_no_run_is_named(tmp_path, run):
    with pytest.raises(SingeridError, match=r"is neither a library nor a run .* singerid train"):
        Run.open(tmp_path / "nothing")
    config = run.path / "config.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    for damaged, message in (
        ("{", "is not valid JSON"),
        ("[]", "is not that of a run"),
        (json.dumps(content | {"format": 3}), "is a run of format 3, this singerid reads 2"),
        (json.dumps(content | {"training": {"epoch": 3}}), "is damaged"),
        (json.dumps({"format": 1, "model": "crnn"}), "is damaged"),
        (json.dumps({"format": 2, "model": "crnn"}), "is damaged"),
        (json.dumps(content | {"spec": content["spec"] | {"audio": "band"}}), "is damaged"),
        (json.dumps(content | {"spec": content["spec"] | {"window_frames": "32"}}), "is damaged"),
        (json.dumps(content | {"model": 7}), "is damaged"),
        (json.dumps(content | {"options": None}), "is damaged"),
        (json.dumps(content | {"training": content["training"] | {"clip_seconds": "abc"}}), "is damaged"),
    ):
        config.write_text(damaged, encoding="utf-8")
        with pytest.raises(SingeridError, match=message):
            Run.open(run.path)


def test_a_run_of_format_1_is_read(run):
    """As singerid wrote it before there was an `InputSpec`, with a clip of 1 s of a crnnm's vocals."""
    now = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    del now["spec"], now["origins"], now["training"]["augment_strengths"]
    before = now | {
        "format": 1,
        "model": "crnnm",
        "features": asdict(FeatureConfig()),
        "audio": "vocals",
        "separator": "stems",
        "melody": "pyin",
        "versions": now["versions"] | {"stems": "true stems", "pyin": "librosa 0", "None": ""},
    }
    (run.path / "config.json").write_text(json.dumps(before), encoding="utf-8")
    config = Run.open(run.path).config
    assert config.spec == InputSpec(
        32, inputs=("mel", "melody"), audio="vocals", separator="stems", melody="pyin"
    )
    assert config.origins == {"stems": "true stems", "pyin": "librosa 0"}
    assert config.versions == now["versions"]
    assert config.training == run.config.training
    assert Run.create(run.path, config, run.split)
    assert Run.open(run.path).config == config


def test_a_run_remembers_what_was_opened(run, monkeypatch):
    opened = []
    for name in ("read_split", "load_model_file", "file_hash"):
        real = getattr(run_module, name)
        monkeypatch.setattr(run_module, name, lambda path, real=real: opened.append(path) or real(path))
    real_open = Store.open
    monkeypatch.setattr(Store, "open", lambda *given: opened.append(given[0]) or real_open(*given))
    run = Run.open(run.path)
    for form in (run, run.hearing("vocals"), run):
        assert form.split.test
        assert form.store.tracks
        assert form.digest()
        assert form.network() is run.network()
    assert len(opened) == 4
    assert run.load_network() is not run.network()  # one of one's own, to change
    run.network().train()
    assert not run.network().training
    assert run.hearing("vocals").as_learned().config == run.config


def test_missing_truncated_and_foreign_states_are_named(run):
    path = run.state_path()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SingeridError, match=r"best_f1\.safetensors: is not a complete safetensors file"):
        run.network()
    path.write_bytes(b"")
    with pytest.raises(SingeridError, match=r"best_f1\.safetensors: is not a complete safetensors file"):
        run.network()
    path.unlink()
    with pytest.raises(
        SingeridError, match=r"best_f1\.safetensors: is missing; run the same `singerid train`"
    ):
        run.network()


def test_a_state_of_another_network_than_the_configurations_is_named(run):
    own = load_model(run.path).spec
    for other, what in (("crnn_square", "model"), (own.name, "options")):
        options = {**own.options, "batch_norm_momentum": 0.25}
        save_model(build_model(other, own.singers, **options), run.state_path())
        with pytest.raises(SingeridError, match=rf"has {what} .*, its run's config\.json .*another run"):
            Run.open(run.path).network()
    save_model(build_model(own.name, own.singers, **own.options), run.state_path())
    Run.open(run.path).network()


@pytest.mark.parametrize("command", ["evaluate", "embed", "audit"])
def test_a_run_whose_store_has_moved_is_told_where_it_is(command, run, recordings, singerid, tmp_path):
    before = singerid(command, run.path, "--json").stdout
    moved = tmp_path / "moved"
    shutil.copytree(recordings.store, moved)
    Run.create(run.path, replace(run.config, store=str(tmp_path / "gone")), run.split)
    lost = singerid(command, run.path)
    assert lost.returncode == 2
    assert "gone is not there any more; say where it is now with --store" in lost.stderr
    assert lost.stderr.count("\n") == 1
    found = singerid(command, run.path, "--store", moved, "--json").stdout
    assert found == before.replace(str(recordings.store), str(moved))
    assert Run.open(run.path).config.store == str(tmp_path / "gone")  # asked, not changed
    wrong = singerid(command, run.path, "--store", tmp_path / "wrong")
    assert wrong.returncode == 2
    assert "wrong: no such folder; --store takes the folder of a store" in wrong.stderr


def test_a_relative_store_is_kept_whole(run, recordings, monkeypatch):
    """A network that `audit --retrain` trains on it must find it from any folder."""
    monkeypatch.chdir(recordings.store.parent)
    assert run.over(Path(recordings.store.name)).config.store == str(recordings.store.resolve())


@pytest.mark.parametrize("command", ["evaluate", "audit"])
def test_scores_of_other_recordings_stay_off_the_card(command, run, recordings, singerid, tmp_path):
    singerid(command, run.path)
    written = [run.path / "scores.json", run.path / "README.md"]
    before = {path: path.read_bytes() for path in written if path.exists()}
    assert len(before) == 2
    tree = tmp_path / "tree"
    shutil.copytree(recordings.tree, tree)
    track = tree / run.split.test[0]
    sound, rate = soundfile.read(track)
    soundfile.write(track, sound / 2, rate)
    other = tmp_path / "other"
    prepare(scan_tree(tree), tree, other)
    told = singerid(command, run.path, "--store", other)
    assert "other are not those that it learned on; its model card is left as it is" in told.stderr
    assert {path: path.read_bytes() for path in before} == before
    if command == "audit":
        refused = singerid("audit", run.path, "--store", other, "--retrain")
        assert refused.returncode == 2
        assert "leave out --retrain, or train again" in refused.stderr
        assert not (run.path / "track-split").exists()


def test_a_store_without_the_runs_tracks_is_named(trained, recordings):
    store = Store.open(recordings.store)
    renamed = replace(trained.config, singers=("alto", "bass", "somebody"))
    with pytest.raises(SingeridError, match="by 'tenor' now, whom the run does not know"):
        part_of(store, trained.split.train, renamed)
    fewer = replace(store, tracks=store.tracks[:3])
    with pytest.raises(SingeridError, match=r"lacks \d+ of the run's tracks, the first is '.*'; prepare"):
        part_of(fewer, trained.split.train, trained.config)
