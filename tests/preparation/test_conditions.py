"""Vocals and melody beside the mixture: what is made, kept and refused, and networks that learn from it."""

import os
import pickle
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from conftest import SAMPLE_RATE, voice
from murderous import Murderous
from singerid.config import FeatureConfig, TrainingConfig
from singerid.data.tracks import scan_tree
from singerid.doctor import check_store
from singerid.errors import SingeridError
from singerid.evaluation.evaluate import evaluate
from singerid.identifier import Identifier
from singerid.identify.scores import hear
from singerid.listening.listener import Stored
from singerid.preparation.prepare import PrepareReport, prepare
from singerid.preparation.worker import Extraction, _Recording
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split, run_differences
from singerid.runs.part import part_of
from singerid.sound import audio
from singerid.sound.audio import load
from singerid.sound.features import LogMel
from singerid.sound.melody.trackers import open_tracker
from singerid.sound.separation import spleeter
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import open_separator
from singerid.store.reader import Store
from singerid.training.loop import train
from small_open_unmix import write_weights
from small_spleeter import write_small_spleeter

CPU = torch.device("cpu")
SINGERS = (("alto", 330.0), ("bass", 110.0))


@pytest.fixture(scope="module")
def stems(tmp_path_factory) -> Path:
    """Two singers x three albums x one song of 1.5 s: the tree in `mixture`, its stems beside it."""
    folder = tmp_path_factory.mktemp("stems")
    for singer, pitch in SINGERS:
        for album in ("1", "2", "3"):
            rng = np.random.default_rng(int(album) * 1000 + int(pitch))
            sung = voice(pitch, 1.5, seed=int(album))
            played = (0.05 * rng.standard_normal(len(sung))).astype(np.float32)
            for part, samples in (("vocals", sung), ("accompaniment", played), ("mixture", sung + played)):
                path = folder / part / singer / album / "song.flac"
                path.parent.mkdir(parents=True)
                soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_24")
    return folder


def made(
    folder: Path, store: Path, separator: bool = True, melody: bool = True, workers: int = 1
) -> PrepareReport:
    """Prepare `folder/mixture` with true stems, and with pYIN and waveforms, or without."""
    tree = folder / "mixture"
    return prepare(
        scan_tree(tree),
        tree,
        store,
        workers=workers,
        min_seconds=0.5,
        separator=open_separator("stems", tree=tree, stems=folder) if separator else None,
        trackers=[open_tracker("pyin")] if melody else [],
        waveform=melody,
    )


def files(store: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of each file of features and F0."""
    return {
        str(path.relative_to(store)): (path.stat().st_mtime_ns, path.read_bytes())
        for kind in ("features", "f0")
        for path in sorted((store / kind).rglob("*.np?"))
    }


@pytest.fixture(scope="module")
def whole(stems, tmp_path_factory) -> Path:
    """A store with everything."""
    path = tmp_path_factory.mktemp("whole") / "store"
    assert made(stems, path).done == 6
    return path


def test_each_part_has_the_features_and_the_melody_of_its_own_sound(stems, whole):
    store = Store.open(whole)
    assert store.origins.separator == "stems"
    for track in store.tracks:
        parts = ("mixture", "vocals", "accompaniment")
        assert set(track.of_kind("features")) == {*parts, *(f"{part}-waveform" for part in parts)}
        assert track.of_kind("f0") == ["mixture/pyin", "vocals/pyin"]
        for part in parts:
            sound = torch.from_numpy(load(stems / part / track.path, SAMPLE_RATE))
            expected = LogMel()(sound).T.numpy()
            np.testing.assert_allclose(store.features(track, part), expected, atol=0.1)  # half precision
            kept = store.features(track, f"{part}-waveform")
            assert kept.shape == (track.frames, 512)
            np.testing.assert_allclose(kept.ravel()[: len(sound)], sound, atol=5e-4)
            assert not kept.ravel()[len(sound) :].any()
        f0 = store.f0(track, "vocals", "pyin")
        pitch = dict(SINGERS)[track.singer]
        assert f0.shape == (track.frames,)
        assert np.median(f0[f0 > 0]) == pytest.approx(pitch, rel=0.01)
        with np.load(store.path_of(track, "f0/vocals/pyin")) as contour:
            assert contour["confidence"].shape == f0.shape
    assert not check_store(whole).problems
    assert not check_store(whole).leftovers


def test_what_is_there_stays_and_what_is_missing_is_added(stems, whole, tmp_path):
    store = tmp_path / "store"
    made(stems, store, separator=False, melody=False)
    mixture = files(store)
    report = made(stems, store)
    assert (report.done, report.unchanged) == (6, 0)
    after = files(store)
    assert {name: after[name] for name in mixture} == mixture  # not even written again
    contents = {name: content for name, (_, content) in after.items()}
    assert contents == {name: content for name, (_, content) in files(whole).items()}
    assert made(stems, store).unchanged == 6
    assert made(stems, store, separator=False, melody=False).unchanged == 6
    assert files(store) == after


def test_a_missing_file_is_made_again_and_nothing_else(stems, whole, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    before = files(store)
    gone = [name for name in before if "vocals/" in name][:1] + [name for name in before if "f0/" in name][:1]
    for name in gone:
        (store / name).unlink()
    assert len(check_store(store).problems) == 2
    made(stems, store)
    after = files(store)
    assert {name for name in after if after[name][0] != before[name][0]} == set(gone)
    assert {name: content for name, (_, content) in after.items()} == {
        name: content for name, (_, content) in before.items()
    }
    assert not check_store(store).problems


def test_damaged_melody_is_named(whole, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    track = Store.open(store).tracks[0]
    path = Store.open(store).path_of(track, "f0/mixture/pyin")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SingeridError, match=r"is damaged .*delete it and run `singerid prepare` again"):
        Store.open(store).f0(track, "mixture", "pyin")
    assert [problem.path for problem in check_store(store).problems] == [track.path]
    with pytest.raises(SingeridError, match=r"has no crepe melody of the vocals .* --melody crepe"):
        Store.open(store).f0(track, "vocals", "crepe")


def test_a_changed_recording_gets_all_of_it_anew(stems, whole, tmp_path):
    folder, store = tmp_path / "corpus", tmp_path / "store"
    shutil.copytree(stems, folder)
    shutil.copytree(whole, store)
    before = files(store)
    song = folder / "mixture/bass/2/song.flac"
    samples, _ = soundfile.read(song, dtype="float32")
    soundfile.write(song, samples * 0.5, SAMPLE_RATE)
    report = made(folder, store)
    assert (report.done, report.unchanged) == (1, 5)
    changed = {Path(name).stem for name, (when, _) in files(store).items() if when != before[name][0]}
    track = next(track for track in Store.open(store).tracks if track.path == "bass/2/song.flac")
    assert changed == {track.id}
    assert len(track.arrays) == 8


def test_without_its_stem_a_track_keeps_the_mixture_and_is_named(stems, tmp_path):
    folder, store = tmp_path / "corpus", tmp_path / "store"
    shutil.copytree(stems, folder)
    (folder / "vocals/alto/2/song.flac").unlink()
    report = made(folder, store, melody=False)
    assert [failure.path for failure in report.failures] == ["alto/2/song.flac"]
    assert "vocals" in report.failures[0].reason
    opened = Store.open(store)
    assert len(opened.tracks) == 6
    lacking = next(track for track in opened.tracks if track.path == "alto/2/song.flac")
    assert set(lacking.arrays) == {"features/mixture"}
    with pytest.raises(SingeridError, match=r"no vocals features of alto/2/song\.flac, only mixture"):
        opened.features(lacking, "vocals")
    split, how = make_split(opened, SplitConfig())
    config = configure(opened, split, how, "crnn", TrainingConfig(clip_seconds=0.7), audio="vocals")
    with pytest.raises(
        SingeridError, match=r"1 of 6 tracks have no vocals, the first is 'alto/2/song\.flac'"
    ):
        part_of(opened, [track.path for track in opened.tracks], config)
    shutil.copy(stems / "vocals/alto/2/song.flac", folder / "vocals/alto/2/song.flac")
    report = made(folder, store, melody=False)
    assert (report.done, report.failures) == (1, ())


def test_another_makers_vocals_are_refused_before_anything_is_done(stems, whole, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    before = files(store)
    tree = stems / "mixture"
    with pytest.raises(SingeridError, match=r"vocals were made by stems .* not by repet .*another folder"):
        prepare(scan_tree(tree), tree, store, separator=open_separator("repet"))
    newer = replace(open_tracker("pyin"))
    object.__setattr__(newer, "origin", "another version")
    with pytest.raises(SingeridError, match=r"pyin melody was made by .*, not by another version"):
        prepare(scan_tree(tree), tree, store, trackers=[newer])
    assert files(store) == before


def test_a_separator_that_dies_costs_no_mixture(stems, tmp_path):
    folder, store = tmp_path / "alto", tmp_path / "store"
    for part in ("mixture", "vocals", "accompaniment"):
        shutil.copytree(stems / part / "alto" / "1", folder / part / "alto" / "1")
    made(folder, store, separator=False, melody=False)
    before, tree = files(store), folder / "mixture"
    report = prepare(scan_tree(tree), tree, store, min_seconds=0.5, separator=Murderous(), workers=2)
    assert (report.done, report.removed, len(report.failures)) == (0, 0, 1)
    assert "lower `workers`" in report.failures[0].reason
    assert files(store) == before
    # It made nothing, so another separator may.
    assert made(folder, store, melody=False).done == 1


def test_new_labels_hold_also_where_the_vocals_cannot_be_made(stems, tmp_path):
    folder, store = tmp_path / "corpus", tmp_path / "store"
    shutil.copytree(stems, folder)
    made(folder, store, separator=False, melody=False)
    (folder / "vocals/alto/2/song.flac").unlink()
    tree = folder / "mixture"
    renamed = [replace(track, singer=track.singer.upper()) for track in scan_tree(tree)]
    separator = open_separator("stems", tree=tree, stems=folder)
    report = prepare(renamed, tree, store, workers=1, min_seconds=0.5, separator=separator)
    assert len(report.failures) == 1
    assert {track.singer for track in Store.open(store).tracks} == {"ALTO", "BASS"}


def test_vocals_of_another_separator_are_not_what_a_run_learned_on(stems, whole, tmp_path):
    store = Store.open(whole)
    config, split = small(store, "crnnm", "vocals")
    part_of(store, split.test, config)
    other = replace(store, origins=replace(store.origins, separator="repet", separator_version="1"))
    with pytest.raises(SingeridError, match=r"its vocals: made by repet \(1\), but the run learned .*stems"):
        part_of(other, split.test, config)
    newer = replace(store, origins=replace(store.origins, trackers={"pyin": "another"}))
    with pytest.raises(SingeridError, match=r"its melody: made by pyin \(another\), but the run learned"):
        part_of(newer, split.test, config)
    run = train(store, tmp_path / "run", config, split, CPU)
    changed = replace(config, origins={**config.origins, "stems": "others"})
    assert run_differences(changed, config) == ["stems others instead of true stems"]
    assert (
        "learned on stems (true stems) but now hears vocals by repet"
        in Identifier.load(run.path, separator="repet").notice
    )


def test_the_best_melody_is_the_one_that_most_tracks_have(whole):
    store = Store.open(whole)
    part = replace(store.tracks[0], arrays={**store.tracks[0].arrays, "f0/mixture/crepe": "0" * 64})
    origins = replace(store.origins, trackers={**store.origins.trackers, "crepe": "1"})
    begun = replace(store, tracks=(part, *store.tracks[1:]), origins=origins)
    assert small(begun, "crnnm", "mixture")[0].spec.melody == "pyin"


def small(store: Store, model: str, audio: str):
    split, how = make_split(store, SplitConfig())
    training = TrainingConfig(clip_seconds=0.7, epochs=2, batch_size=4, learning_rate=5e-3)
    options = {"width": 0.125, "batch_norm_momentum": 0.1}
    return configure(store, split, how, model, training, options=options, audio=audio), split


@pytest.mark.parametrize(
    ("model", "audio"),
    [
        ("crnn", "vocals"),
        ("crnnm", "mixture"),
        ("crnnm", "vocals"),
        ("blstm", "vocals"),
        ("wavenet", "mixture"),
        ("wavenet", "vocals"),
    ],
)
def test_training_evaluation_and_identification_hear_the_same(model, audio, stems, whole, tmp_path):
    """A song that is identified as a file has the same probabilities as its stored clips."""
    store = Store.open(whole)
    config, split = small(store, model, audio)
    assert config.spec.separator == ("stems" if audio == "vocals" else None)
    assert config.spec.melody == ("pyin" if model == "crnnm" else None)
    run = train(store, tmp_path / "run", config, split, CPU)
    part = part_of(store, split.test, run.config)
    assert evaluate(run, CPU).states["best_f1"].clip.count == len(part.clips) == 4
    stored = run.predict(part)
    if audio == "vocals":
        with pytest.raises(SingeridError, match=r"learned on true stems.*choose a `separator`"):
            Identifier.load(run.path)
        identifier = Identifier.load(run.path, separator="repet")
        tree = stems / "mixture"
        stem = open_separator("stems", tree=tree, stems=stems)
        identifier = replace(identifier, listener=replace(identifier.listener, separator=stem))
    else:
        identifier = Identifier.load(run.path)
    for index, track in enumerate(part.tracks):
        heard = hear(identifier.listener, Rounding(identifier.scorer), stems / "mixture" / track.path)
        np.testing.assert_allclose(heard.scores, stored[part.clips.track == index], atol=1e-5)
        found = hear(identifier.listener, identifier.scorer, Stored(store, track))
        np.testing.assert_allclose(found.scores, stored[part.clips.track == index], atol=1e-6)
    # The melody matters: with another one the network says something else.
    if model == "crnnm":
        song = load(stems / "mixture/alto/1/song.flac", SAMPLE_RATE)
        other = replace(identifier.listener, tracker=_Constant())
        heard = [hear(each, identifier.scorer, song).scores for each in (identifier.listener, other)]
        assert not np.allclose(*heard, atol=1e-4)


class Rounding:
    """The scores of inputs that are rounded as the store rounds them."""

    def __init__(self, scores):
        self.scores, self.singers = scores, scores.singers

    def __call__(self, first, *rest):
        return self.scores(first.half().float(), *rest)


class _Constant:
    """A tracker that always finds 1000 Hz."""

    def contour(self, blocks):
        from singerid.sound.melody.contour import Contour

        frames = 1 + sum(map(len, blocks)) // FeatureConfig.hop_length
        return Contour(np.full(frames, 1000.0, np.float32), np.ones(frames, np.float32))


@pytest.mark.parametrize(("name", "most"), [("repet", 1), ("stems", 1), ("open-unmix", 2), ("spleeter", 2)])
def test_with_all_options_a_recording_is_decoded_once_and_once_more_for_another_rate(
    name, most, stems, tmp_path, monkeypatch
):
    folder, tree = stems, stems / "mixture"
    options = {
        "repet": {},
        "stems": {"tree": tree, "stems": folder},
        "open-unmix": {"weights": tmp_path / "weights"},
        "spleeter": {"weights": tmp_path / "weights"},
    }
    if name == "spleeter":
        published = write_small_spleeter(tmp_path / "weights")
        monkeypatch.setattr(spleeter, "SPLEETER_2STEMS", published)
    if name == "open-unmix":
        if find_spec("openunmix") is None:
            pytest.skip("openunmix is not installed")
        write_weights(tmp_path / "weights")
    decoded = audio.decoded
    store = tmp_path / "store"
    read: list[Path] = []
    kept: list[int] = []  # scratch files there are

    def counted(path, warn):
        read.append(path)
        kept.append(len(list(store.glob(".incoming/*/*-decoded"))))
        return decoded(path, warn)

    monkeypatch.setattr(audio, "decoded", counted)
    tracks = scan_tree(tree)[:2]
    report = prepare(
        tracks,
        tree,
        store,
        workers=1,
        min_seconds=0.5,
        separator=open_separator(name, **options[name]),
        trackers=[open_tracker("pyin")],
        waveform=True,
    )
    assert (report.done, report.failures) == (2, ())
    assert all(len(track.arrays) == 8 for track in Store.open(store).tracks)
    assert [read.count(tree / track.path) for track in tracks] == [most, most]
    assert max(kept) == 1
    assert not (store / ".incoming").exists()


def test_what_is_wrong_with_a_recording_is_told_once_whatever_is_made_of_it(stems, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(stems / "mixture", tree)
    song = tree / "alto/1/song.flac"
    song.write_bytes(song.read_bytes()[:-20_000])
    options = {"min_seconds": 0.3, "separator": open_separator("repet"), "trackers": [open_tracker("pyin")]}
    report = prepare(scan_tree(tree), tree, tmp_path / "store", workers=1, waveform=True, **options)
    assert [warning.path for warning in report.warnings] == ["alto/1/song.flac"]
    assert report.warnings[0].reason.count("damaged or cut short") == 1
    recording = _Recording(song, SAMPLE_RATE)
    once, twice = (np.concatenate(list(recording())) for _ in range(2))
    assert recording.samples == len(once) == len(twice)
    assert recording.warning == report.warnings[0].reason


def test_only_what_is_kept_is_flushed_to_the_disk(stems, tmp_path, monkeypatch):
    """Temporary sound is not flushed, because flushing takes longer than writing."""
    flushed: list[str] = []

    def fsync(file):
        path = Path(f"/proc/self/fd/{file}").readlink()
        if not path.is_dir():
            flushed.append(path.name)

    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are asked of /proc")
    monkeypatch.setattr(os, "fsync", fsync)
    tree = stems / "mixture"
    song = scan_tree(tree)[:1]
    options = {"min_seconds": 0.5, "separator": open_separator("repet"), "waveform": True}
    prepare(song, tree, tmp_path / "s", workers=1, **options)
    named = [name for name in flushed if name.startswith(".tmp-")]
    assert len(named) == 6 + 2  # arrays; config.json and origins.json
    assert set(flushed) - set(named) == {"index.jsonl"}


def test_a_separator_of_another_rate_is_refused(stems, tmp_path):
    tree = stems / "mixture"
    separator = open_separator("repet", sample_rate=8000)
    with pytest.raises(ValueError, match="a separator at 8000 Hz for features at 16000 Hz"):
        prepare(scan_tree(tree), tree, tmp_path / "store", separator=separator)


def test_what_a_worker_loaded_does_not_travel_to_another(tmp_path):
    work = Extraction(Path(), tmp_path, FeatureConfig(), 1.0)
    assert work.log_mel is work.log_mel
    sent = pickle.loads(pickle.dumps(work))
    assert sent == work
    assert "log_mel" not in vars(sent)


def test_two_workers_give_the_same_bytes_as_one(stems, whole, tmp_path):
    made(stems, tmp_path / "store", melody=False, workers=2)
    once = files(whole)
    apart = files(tmp_path / "store")
    assert len(apart) == 3 * 6
    assert all(content == once[name][1] for name, (_, content) in apart.items())


def test_a_run_on_the_mixture_is_evaluated_on_the_vocals(whole, tmp_path):
    store = Store.open(whole)
    config, split = small(store, "crnn", "mixture")
    run = train(store, tmp_path / "run", config, split, CPU)
    heard = {audio: evaluate(run, CPU, audio=audio).states["best_f1"].clip for audio in (None, "vocals")}
    part = run.hearing("vocals").part()
    named = run.predict(part).argmax(1)
    assert heard["vocals"].accuracy == pytest.approx((named == part.clips.labels).mean())
    assert heard[None].count == heard["vocals"].count


def test_parts_are_as_long_as_the_mixture_and_may_be_read_twice(stems):
    tree = stems / "mixture"
    song = tree / "alto/1/song.flac"
    with separated(open_separator("stems", tree=tree, stems=stems), song) as parts:
        for part in ("vocals", "accompaniment"):
            once, twice = (np.concatenate(list(parts[part]())) for _ in range(2))
            assert np.array_equal(once, twice)
            np.testing.assert_allclose(once, load(stems / part / "alto/1/song.flac", SAMPLE_RATE), atol=1e-6)


def test_only_the_parts_that_are_wanted_are_kept(stems, tmp_path):
    tree = stems / "mixture"
    song = tree / "alto/1/song.flac"
    mixture = load(song)
    separator = open_separator("repet")
    with (
        separated(separator, song, tmp_path) as both,
        separated(separator, song, tmp_path / "other", mixture=lambda: [mixture], parts=["vocals"]) as one,
    ):
        assert list(one) == ["vocals"]
        assert len(list((tmp_path / "other").rglob("*"))) == 2  # a folder and the vocals in it
        assert np.array_equal(*(np.concatenate(list(parts["vocals"]())) for parts in (both, one)))
    assert list(tmp_path.rglob("*")) == [tmp_path / "other"]
