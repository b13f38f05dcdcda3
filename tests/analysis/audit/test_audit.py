"""The audit finds systems that go by the band and clears those that go by the voice.

The systems are the classical baseline, let to hear only the mel bands of the voices or only those of the
bands, on features made up so that these have nothing in common: the truth is known.
"""

import itertools
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_up import ALBUMS, BAND, FRAMES, SILENT, SINGERS, SONGS, VOICE, made_up_store
from rich.console import Console

from singerid.analysis.audit.audit import audit
from singerid.analysis.audit.conditions import (
    ConditionScores,
    Conflict,
    accompaniment_effect,
    hear_conditions,
)
from singerid.analysis.audit.estimate import Estimate, share, share_difference, sign_flip_p
from singerid.analysis.audit.outcome import Audit
from singerid.analysis.audit.presence import presence, voiced_frames, voiced_share
from singerid.analysis.audit.report import audit_json, audit_tables, draw_audit, summary
from singerid.analysis.audit.splits import baselines, shuffle_albums
from singerid.config import FeatureConfig, TrainingConfig
from singerid.errors import SingeridError
from singerid.evaluation.baseline import Baseline
from singerid.evaluation.card import escape_markdown
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.runs.part import Part, part_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.training.loop import train

CPU = torch.device("cpu")
SECONDS = 1.0  # of a clip: 32 frames, five a song
TRAINING = replace(TrainingConfig(), clip_seconds=SECONDS, epochs=1, batch_size=16)
TINY = {"width": 0.0625, "batch_norm_momentum": 0.1}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return made_up_store(tmp_path_factory.mktemp("made-up") / "store")


def begun(store: Store, path: Path, kind: str = "album", model: str = "crnn", audio: str = "mixture") -> Run:
    """A run that was never trained: the baseline stands in for its network."""
    split, how = make_split(store, SplitConfig(kind))
    config = configure(store, split, how, model, TRAINING, options=TINY, audio=audio)
    return Run.create(path, config, split)


def listener(run: Run, store: Store, bands: slice):
    """The baseline, trained on the run's training part, hearing only some mel bands."""

    def mel(part: Part) -> np.ndarray:
        clips = torch.cat([batch.inputs[0] for batch in part.clips.batches(64)]).numpy()
        heard = np.full_like(clips, -40)
        heard[:, bands] = clips[:, bands]
        return heard

    learned = part_of(store, run.split.train, run.config)
    fitted = Baseline().fit(mel(learned), learned.clips.labels)
    return lambda part: fitted.probabilities(mel(part))


def heard_by(store: Store, run: Run, bands: slice):
    failures = []
    found = hear_conditions(run, listener(run, store, bands), failures.append)
    assert not failures
    return found


def test_who_goes_by_the_voice_is_cleared(store, tmp_path):
    heard = heard_by(store, begun(store, tmp_path / "run"), VOICE)
    scores = {name: each.scores for name, each in heard.items()}
    assert list(scores) == [
        "mixture",
        "vocals",
        "accompaniment",
        "remix_own",
        "remix_same",
        "remix_other",
    ]
    # One clip in five has no voice.
    assert scores["mixture"].clip.value > 0.75
    assert scores["mixture"].chance.p_value < 0.1
    assert scores["mixture"].track.value == 1
    assert scores["accompaniment"].clip.value < 0.3
    assert scores["accompaniment"].change.high < 0
    conflict = scores["remix_other"].conflict
    assert conflict.difference.low > 0
    assert conflict.voice.value > 0.75
    effect = accompaniment_effect(heard)
    assert effect.low <= 0.02
    assert abs(effect.value) < 0.05


def test_who_goes_by_the_band_is_found_on_an_album_split(store, tmp_path):
    scores = {
        name: each.scores for name, each in heard_by(store, begun(store, tmp_path / "run"), BAND).items()
    }
    # It knows nothing of new albums, with or without voices ...
    assert scores["mixture"].chance.p_value > 0.1
    assert scores["accompaniment"].chance.p_value > 0.1
    # ... but follows an album that it knows.
    assert scores["remix_same"].clip.value > 0.9
    conflict = scores["remix_other"].conflict
    assert conflict.accompaniment.value > 0.9
    assert conflict.voice.value < 0.1
    assert conflict.difference.high < 0


def test_who_goes_by_the_band_is_found_on_a_track_split(store, tmp_path):
    heard = heard_by(store, begun(store, tmp_path / "run", "track"), BAND)
    scores = {name: each.scores for name, each in heard.items()}
    assert scores["mixture"].clip.value > 0.9
    assert scores["accompaniment"].clip.value > 0.9
    assert scores["vocals"].clip.value < 0.5
    assert scores["remix_other"].conflict.accompaniment.value > 0.9
    assert accompaniment_effect(heard).low > 0.5


def test_remixes_take_the_accompaniment_of_training_albums(store, tmp_path):
    run = begun(store, tmp_path / "run")
    learned = set(run.split.train)
    heard = heard_by(store, run, VOICE)
    part = heard["remix_other"].part
    played = {
        track.path: store.features(track, "accompaniment")[:, BAND].astype(float) for track in store.tracks
    }
    clips = torch.cat([batch.inputs[0] for batch in part.clips.batches(64)]).numpy()
    for index, track in enumerate(part.tracks):
        clip = clips[part.clips.track == index][0]  # nobody sings in it: it holds only the accompaniment
        near = {
            path: np.abs(features[: clip.shape[1]] - clip[BAND].T).mean() for path, features in played.items()
        }
        partner = min(near, key=near.get)
        assert near[partner] < 0.1
        assert partner in learned
        assert partner.split("/")[0] != track.singer


def test_a_run_that_learned_on_vocals_is_compared_with_vocals(store, tmp_path):
    run = begun(store, tmp_path / "run", audio="vocals")
    scores = {name: each.scores for name, each in heard_by(store, run, VOICE).items()}
    assert scores["vocals"].change.value == 0
    assert scores["accompaniment"].change.value == pytest.approx(
        scores["accompaniment"].clip.value - scores["vocals"].clip.value
    )


def test_what_a_store_lacks_is_listed_and_the_rest_is_done(tmp_path):
    store = made_up_store(tmp_path / "store", stems=False)
    run = begun(store, tmp_path / "run")
    failures = []
    heard = hear_conditions(run, listener(run, store, VOICE), failures.append)
    assert list(heard) == ["mixture"]
    assert len(failures) == 5
    for failure in failures:
        assert f"{SINGERS * SONGS} of {SINGERS * SONGS} test tracks" in failure.reason
        assert "singerid prepare TREE STORE --vocals ..." in failure.reason
    with pytest.raises(SingeridError, match="no vocals"):
        hear_conditions(run.hearing("vocals"), lambda part: None, print)


def test_a_network_that_reads_the_melody_hears_that_of_the_vocals(store, tmp_path):
    run = begun(store, tmp_path / "run", model="crnnm")
    seen = {}

    def predict(part: Part) -> np.ndarray:
        melody = torch.cat([batch.inputs[1] for batch in part.clips.batches(64)])
        assert (melody.sum(1) == 1).all()
        seen[len(seen)] = melody
        return np.full((len(part.clips), SINGERS), 1 / SINGERS, np.float32)

    failures = []
    heard = hear_conditions(run, predict, failures.append)
    assert list(heard) == ["mixture", "vocals", "remix_own", "remix_same", "remix_other"]
    assert not failures  # nothing that a store lacks
    assert all(torch.equal(melody, seen[0]) for melody in seen.values())


def test_baselines_show_what_albums_give(store, tmp_path):
    found = {(each.system, each.split): each for each in baselines(begun(store, tmp_path / "run"), print)}
    assert list(found) == [
        ("baseline", "album"),
        ("baseline", "track"),
        ("baseline, albums shuffled", "track"),
    ]
    assert found["baseline", "track"].clip.value > 0.8
    assert found["baseline", "track"].clip.value > found["baseline", "album"].clip.value
    # Singers are assigned at random, yet named far better than by guessing: the bands identify the albums.
    shuffled = found["baseline, albums shuffled", "track"].clip
    assert shuffled.low > 0.5
    assert shuffled.value < found["baseline", "track"].clip.value  # voices do not help now


def test_a_split_with_one_singer_to_learn_from_is_listed(store, tmp_path, monkeypatch):
    """As if the albums of two singers were exchanged; the rest of the audit is done."""

    def shuffled(given, seed):
        one = given.tracks[0].singer
        return replace(given, tracks=tuple(replace(track, singer=one) for track in given.tracks))

    monkeypatch.setattr("singerid.analysis.audit.splits.shuffle_albums", shuffled)
    failures = []
    found = baselines(begun(store, tmp_path / "run"), failures.append)
    assert [(each.system, each.split) for each in found] == [("baseline", "album"), ("baseline", "track")]
    (failure,) = failures
    assert failure.path == "track split"
    assert "at least two singers" in failure.reason


def test_shuffling_gives_whole_albums_to_singers(store):
    shuffled = shuffle_albums(store, 0)
    before = {track.path: track for track in store.tracks}
    singers = {}
    for track in shuffled.tracks:
        old = before[track.path]
        singers.setdefault((old.singer, old.album), set()).add((track.singer, track.album))
    assert all(len(found) == 1 for found in singers.values())
    new = [next(iter(found)) for found in singers.values()]
    assert len(set(new)) == SINGERS * ALBUMS  # no two albums were merged
    names = [singer for singer, _ in new]
    assert all(names.count(singer) == ALBUMS for singer in set(names))
    assert names != [singer for singer, _ in singers]


def test_frames_have_voice_within_20_db_of_the_loudest():
    vocals = np.full((6, 4), -40.0)
    vocals[1, 2] = 40.0
    vocals[2, 0] = 40.0 - 2 * 19.9
    vocals[3, 0] = 40.0 - 2 * 20.1
    vocals[4] = 40.0 - 2 * 25.0  # four cells together are 6 dB louder: 19 below
    expected = []
    for frame in vocals:
        power = sum(10 ** (cell / 20) for cell in frame if cell > -39)
        expected.append(power > 10**2 / 10**2)
    assert expected == [False, True, True, False, True, False]
    np.testing.assert_array_equal(voiced_frames(vocals, FeatureConfig()), expected)


def test_nobody_sings_in_silence():
    config = FeatureConfig()
    silence = np.full((6, 4), 20 * np.log10(config.amin))
    assert not voiced_frames(silence, config).any()
    assert not voiced_frames(silence.astype(np.float16), config).any()
    silence[2] = 0.0
    assert voiced_frames(silence, config).tolist() == [False, False, True, False, False, False]


def test_clips_with_voice_and_without_are_told_apart(store, tmp_path):
    run = begun(store, tmp_path / "run")
    heard = heard_by(store, run, VOICE)
    part = heard["mixture"].part
    voiced = voiced_share(store, part, run.config.spec)
    np.testing.assert_array_equal(voiced, part.clips.start >= SILENT)
    found = presence(run, heard)
    tracks = SINGERS * SONGS
    assert (found.with_voice.clips, found.without_voice.clips, found.between) == (4 * tracks, tracks, 0)
    assert found.with_voice.f1.value > 0.95
    assert found.without_voice.f1.value < 0.5
    confidence = heard["mixture"].probabilities.max(1)
    assert found.with_voice.confidence == pytest.approx(confidence[voiced == 1].mean())
    assert found.with_voice.confident.value == pytest.approx((confidence[voiced == 1] > 0.5).mean())
    vocals = heard["vocals"].probabilities.max(1)
    expected = (confidence > 0.5).mean() - (vocals > 0.5).mean()
    assert found.mixture_less_vocals.value == pytest.approx(expected)


@pytest.fixture(scope="module")
def audited(store, tmp_path_factory) -> tuple[Run, Audit]:
    """A tiny network, audited and trained again on the other split."""
    split, how = make_split(store, SplitConfig())
    config = configure(store, split, how, "crnn", TRAINING, options=TINY)
    run = train(store, tmp_path_factory.mktemp("audited") / "run", config, split, CPU)
    return run, audit(run, CPU, retrain=True)


def test_an_audit_is_complete_and_json(audited):
    run, found = audited
    assert not found.missing
    assert (found.clips, found.albums, found.singers) == (SINGERS * SONGS * FRAMES // 32, SINGERS, SINGERS)
    assert found.remix_error_db < 0.02
    assert [(each.system, each.split) for each in found.splits][:2] == [
        ("network", "album"),
        ("network", "track"),
    ]
    other = Run.open(run.path / "track-split")
    assert other.config.split == SplitConfig("track", 0)
    assert replace(other.config, split=run.config.split) == run.config
    content = json.loads(json.dumps(audit_json(found)))
    assert content["conditions"]["mixture"]["clip"]["value"] == found.condition("mixture").clip.value
    assert content["summary"] == list(summary(found))


def test_a_report_says_what_was_found(audited):
    _, found = audited
    text = " ".join(summary(found))
    # With four albums, any result may be chance.
    assert "is not settled (4 test albums, too few to tell: it needs 6)" in text
    assert "Too few clips to compare its confidence" in text
    assert "too few albums to tell whether that is more than chance" in text
    assert "guessing: 25\u00a0% each" in text
    assert "The network itself, trained on each" in text
    assert audit_tables(found).renderables
    labels = [label.get_text() for axes in draw_audit(found).axes for label in axes.get_yticklabels()]
    assert "vocals over another singer's album" in labels
    assert len(labels) == 6 + 2 + 5 + 4


def test_the_command_does_what_the_store_allows(trained, singerid, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained.path, run)
    done = singerid.fresh("audit", run, "--threads", 1)
    assert done.returncode == 3, done.stderr
    assert "prepare TREE STORE --vocals" in done.stderr
    assert "Traceback" not in done.stderr
    assert "baseline, albums shuffled" in done.stdout
    content = json.loads((run / "scores.json").read_text())["audit"]
    assert content["verdict"] is None
    assert len(content["missing"]) == 1
    assert done.stderr.count("prepare TREE STORE --vocals") == 1
    what = content["missing"][0]["path"].split("; ")
    assert what[:2] == ["vocals alone", "accompaniment alone"]
    assert what[-1] == "clips with voice and without"
    assert len(what) == 6
    assert escape_markdown(content["summary"][0]) in (run / "README.md").read_text()
    assert (run / "audit.svg").read_text().startswith("<?xml")


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_sign_flips_are_counted_exactly(items):
    albums, first, second = (np.array(each) for each in zip(*items, strict=True))
    differences = [
        sum(int(f) - int(s) for album, f, s in items if album == wanted) for wanted in set(albums.tolist())
    ]
    flipped = [
        abs(sum(sign * each for sign, each in zip(signs, differences, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(differences))
    ]
    expected = sum(each >= abs(sum(differences)) for each in flipped) / len(flipped)
    assert sign_flip_p(first, second, albums.tolist()) == pytest.approx(expected)


def in_conflict(found: Audit, albums: int) -> Audit:
    """The audit of a network that names the singer in every clip of this many albums."""
    of_clips = tuple(range(albums)) * 3
    right, wrong = np.ones(3 * albums, bool), np.zeros(3 * albums, bool)
    conflict = Conflict(
        share(right, of_clips),
        share(wrong, of_clips),
        share_difference(right, wrong, of_clips),
        sign_flip_p(right, wrong, of_clips),
    )
    conditions = tuple(
        replace(each, conflict=conflict) if each.name == "remix_other" else each for each in found.conditions
    )
    return replace(found, albums=albums, conditions=conditions)


@pytest.mark.parametrize("albums", range(1, 9))
def test_few_albums_settle_nothing(audited, albums):
    found = in_conflict(audited[1], albums)
    assert found.verdict == ("voice" if albums >= 6 else "open")
    assert ("too few to tell" in summary(found)[0]) == (albums < 6)


def test_of_one_album_there_are_no_intervals(store, audited, tmp_path):
    run = begun(store, tmp_path / "begun")
    split = run.split
    album = [path for path in split.test if path.startswith("singer-0/")]
    run = Run.create(tmp_path / "run", run.config, replace(split, test=tuple(album)))
    heard = heard_by(store, run, VOICE)
    scores: tuple[ConditionScores, ...] = tuple(each.scores for each in heard.values())
    effect = accompaniment_effect(heard)
    conflict = heard["remix_other"].scores.conflict
    estimates = [effect, conflict.voice, conflict.accompaniment, conflict.difference]
    estimates += [each for of in scores for each in (of.clip, of.track, of.change, of.confident)]
    assert all((each.low, each.high) == (None, None) for each in estimates)
    found = replace(
        audited[1],
        albums=1,
        conditions=scores,
        accompaniment_effect=effect,
        splits=(),
        presence=presence(run, heard),
    )
    text = printed(found, 200)
    assert "1 test album;" in text
    assert "1 test albums" not in text
    assert not re.search(r"\(\S*\d-\S*\d\)| to [-+]", text), text
    draw_audit(replace(found, splits=audited[1].splits))
    assert json.loads(json.dumps(audit_json(found)))["accompaniment_effect"]["low"] is None


def printed(found: Audit, width: int) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(audit_tables(found))
    return capture.get()


@pytest.mark.parametrize("width", [60, 73, 80, 91])
def test_no_line_ends_between_a_number_and_its_unit(audited, width):
    found = replace(audited[1], singers=8)
    assert "guessing: 12.5\u00a0% each" in summary(found)[0]
    lines = printed(found, width).splitlines()
    assert not [line for line in lines if line.lstrip().startswith("%")]


@pytest.mark.parametrize(("clips", "albums", "enough"), [(20, 6, True), (19, 6, False), (20, 5, False)])
def test_confidence_is_compared_where_there_are_clips_enough(audited, clips, albums, enough):
    _, found = audited
    group = replace(found.presence.with_voice, clips=20, albums=6)
    without = replace(group, clips=clips, albums=albums, confident=Estimate(0.25, 0.125, 0.5))
    text = " ".join(
        summary(replace(found, presence=replace(found.presence, with_voice=group, without_voice=without)))
    )
    assert ("of the 20 without." in text) == enough
    assert (
        f"Too few clips to compare its confidence with voice and without: 20 with voice and {clips}" in text
    ) != enough
    nobody = " ".join(summary(replace(found, presence=replace(found.presence, without_voice=None))))
    assert "and 0 without" in nobody


def test_the_accompaniment_that_a_melody_network_cannot_hear_is_no_failure(store, tmp_path):
    split, how = make_split(store, SplitConfig())
    config = configure(store, split, how, "crnnm", TRAINING, options=TINY)
    found = audit(train(store, tmp_path / "run", config, split, CPU), CPU)
    assert not found.missing
    assert found.condition("accompaniment") is None
    assert summary(found)[-1].startswith("It was not tested on the accompaniment alone: crnnm reads a melody")
