"""Identification: the same clips as in training, votes and timelines, files of every kind, bad ones too."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr
import torch

from conftest import SAMPLE_RATE, voice
from singerid.data.tracks import scan_tree
from singerid.errors import Failure, SingeridError
from singerid.identifier import Identifier, identify_files
from singerid.identify.report import timeline_bar
from singerid.identify.scores import hear
from singerid.listening import ahead
from singerid.models.weights import save_model
from singerid.preparation.prepare import prepare
from singerid.runs.part import part_of
from singerid.runs.run import Run
from singerid.sound.audio import load, read_blocks
from singerid.sound.files import AudioError
from singerid.sound.listing import find_files
from singerid.store.reader import Store

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def identifier(trained):
    """An identifier in which all clips vote, because the buzzes of these recordings are not voices."""
    return Identifier.load(trained.path, all_clips=True)


class Rounding:
    """A scorer whose input is rounded as in the store."""

    def __init__(self, scores):
        self.scores, self.singers = scores, scores.singers

    def __call__(self, first, *rest):
        return self.scores(first.half().float(), *rest)


def test_a_file_gives_the_probabilities_of_its_stored_clips(identifier, trained, recordings):
    part = part_of(Store.open(recordings.store), trained.split.test, trained.config)
    stored = trained.predict(part)
    # The store rounds features to half precision.
    rounding = Rounding(identifier.scorer)
    for index, track in enumerate(part.tracks):
        path = recordings.tree / track.path
        heard = hear(identifier.listener, rounding, path)
        np.testing.assert_allclose(heard.scores, stored[part.clips.track == index], atol=1e-5)
        starts = part.clips.start[part.clips.track == index]
        np.testing.assert_allclose(heard.starts_s, starts * 512 / SAMPLE_RATE)


STATUS = Path("/proc/self/status")
MEMORY = f"""
import numpy as np, torch
from singerid.identifier import Identifier
from singerid.listening.listener import Listener
from singerid.models.spec import InputSpec
torch.set_num_threads(1)
def identify(minutes):
    read = lambda: (block for _ in range(6 * minutes))  # of 10 s
    result = identifier.identify(read)
    peak = next(line for line in open({str(STATUS)!r}) if line.startswith("VmHWM"))
    return result.clips, int(peak.split()[1]) / 1024
block = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
class Even:
    singers = tuple("abcdefghijklmnopqrst")
    def __call__(self, clips):
        return torch.full((len(clips), 20), 0.05)
identifier = Identifier(Listener(InputSpec(157), torch.device("cpu")), Even())
(few, before), (many, after) = identify(6), identify(66)
assert (few, many) == (71, 788), (few, many)
assert after - before < 20, (before, after)  # MB; the sound itself is 230, its spectrogram 60
"""


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the peak of a process")
def test_an_hour_takes_no_more_memory_than_minutes():
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_names_the_singers_and_counts_the_votes(identifier, trained, recordings):
    right = 0
    for path in trained.split.test:
        result = identifier.identify(recordings.tree / path)
        right += result.singer == path.split("/")[0]
        assert 0 < result.vote_share <= 1
        assert 1 / 3 < result.confidence <= 1
        assert 1 <= result.clips <= 6
        assert not result.short
        assert not result.warning
    assert right == 6


class Scripted:
    """A scorer that returns given scores, clip by clip, so that the vote and the timeline are known."""

    singers = ("alto", "bass", "tenor")

    def __init__(self, answers):
        self.answers = torch.tensor(answers)
        self.seen = []

    def __call__(self, mel):
        start = sum(len(clips) for clips in self.seen)
        self.seen.append(mel.clone())
        return self.answers[start : start + len(mel)]


def scripted(identifier, answers, **spec):
    scores, listener = Scripted(answers), identifier.listener
    listener = replace(listener, spec=replace(listener.spec, **spec))
    return replace(identifier, scorer=scores, listener=listener), scores


def write(path, seconds, rate=SAMPLE_RATE):
    samples = voice(200.0, seconds, 1)
    soundfile.write(path, samples if rate == SAMPLE_RATE else np.repeat(samples, rate // SAMPLE_RATE), rate)
    return path


def test_vote_and_timeline_of_known_answers(identifier, tmp_path):
    answers = [
        [0.9, 0.1, 0.0],
        [0.7, 0.2, 0.1],
        [0.1, 0.8, 0.1],
        [0.4, 0.35, 0.25],  # unsure: it does not vote, and it is in the timeline
        [0.8, 0.1, 0.1],
    ]
    told, scores = scripted(identifier, answers)
    result = told.identify(write(tmp_path / "song.wav", 5.2))
    assert (result.singer, result.clips) == ("alto", 4)
    assert result.vote_share == pytest.approx(3 / 4)
    assert result.confidence == pytest.approx((0.9 + 0.7 + 0.1 + 0.8) / 4)
    clip = 32 * 512 / SAMPLE_RATE
    spans = [(s.start_s, s.end_s, *s.singers, round(s.probability, 3)) for s in result.timeline]
    assert spans == [
        (0.0, round(2 * clip, 3), "alto", 0.8),
        (round(2 * clip, 3), round(3 * clip, 3), "bass", 0.8),
        (round(3 * clip, 3), round(5 * clip, 3), "alto", 0.6),
    ]
    assert torch.cat(scores.seen).shape == (5, 128, 32)
    (named,) = result.singers
    assert named.seconds == pytest.approx(4 * clip, abs=2e-3)
    assert result.voice_seconds == pytest.approx(5 * clip, abs=2e-3)
    assert result.seconds == pytest.approx(5.2)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("level", [0.0, 2e-6])
def test_silence_is_refused_as_prepare_refuses_it(identifier, tmp_path, subtype, level):
    path = tmp_path / "silence.wav"
    samples = level * np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE)
    soundfile.write(path, samples, SAMPLE_RATE, subtype=subtype)
    (outcome,) = identify_files(identifier, [path])
    assert outcome == Failure(str(path), "is silent; remove it or record it again")
    with pytest.raises(AudioError, match="is silent"):
        identifier.identify(samples.astype(np.float32))
    tree = tmp_path / "tree/singer/album"
    tree.mkdir(parents=True)
    path.rename(tree / "silence.wav")
    report = prepare(scan_tree(tmp_path / "tree"), tmp_path / "tree", tmp_path / "store")
    assert [failure.reason for failure in report.failures] == [outcome.reason]


def test_silence_within_a_song_votes_for_nobody(identifier, tmp_path):
    clip = 32 * 512
    loud, quiet = voice(200.0, 2.2 * clip / SAMPLE_RATE, 1), np.zeros(5 * clip, np.float32)
    samples = np.concatenate([loud, quiet, loud])
    soundfile.write(tmp_path / "song.wav", samples, SAMPLE_RATE)
    # The windows of silence would win by far: 3 and 4 and 5 hold nothing at all.
    answers = [[0.9, 0.1, 0.0]] * 3 + [[0.0, 1.0, 0.0]] * 4 + [[0.9, 0.1, 0.0]] * 2
    told, _ = scripted(identifier, answers)
    result = told.identify(tmp_path / "song.wav")
    assert (result.singer, result.vote_share, result.clips) == ("alto", 1.0, 5)
    assert [span.singers for span in result.timeline] == [("alto",), ("alto",)]
    first, second = result.timeline
    assert first.end_s == pytest.approx(3 * clip / SAMPLE_RATE, abs=1e-3)
    assert second.start_s == pytest.approx(7 * clip / SAMPLE_RATE, abs=1e-3)
    bar = timeline_bar(result)
    assert bar.strip("█ ") == ""
    assert " " in bar.strip()
    assert len(bar.rstrip()) == 29  # of 30 cells: 9 clips are heard of 9.4


def test_samples_at_the_scale_of_integers_give_a_warning(identifier):
    samples = voice(330.0, 5.0, 3)
    expected = identifier.identify(samples)
    result = identifier.identify(samples * np.float32(32_768))
    assert result.warning
    assert "16-bit" in result.warning
    assert replace(result, warning="") == expected


def test_clips_of_a_long_file_are_those_of_its_features(identifier, tmp_path):
    """Batches and chunks do not end where clips end: nothing may be lost, doubled or shifted."""
    import librosa

    path = write(tmp_path / "long.flac", 80.0)
    told, scores = scripted(identifier, [[1.0, 0.0, 0.0]] * 100)
    result = told.identify(path)
    samples = soundfile.read(path, dtype="float32")[0]
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=2048, hop_length=512, pad_mode="reflect"
    )
    decibels = librosa.amplitude_to_db(power, ref=1.0, top_db=80.0)
    clips = decibels.shape[1] // 32
    seen = torch.cat(scores.seen)
    assert result.clips == len(seen) == clips
    expected = np.stack([decibels[:, 32 * i : 32 * i + 32] for i in range(clips)])
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_shorter_than_a_clip_is_marked_and_far_too_short_is_refused(identifier, tmp_path):
    result = identifier.identify(write(tmp_path / "short.wav", 0.7))
    assert result.short
    assert result.clips == 1
    assert result.to_json()["short"] is True
    assert result.timeline[0].end_s == pytest.approx(0.7, abs=0.04)
    assert "short" not in identifier.identify(write(tmp_path / "whole.wav", 1.1)).to_json()
    with pytest.raises(AudioError, match=r"tiny\.wav: is shorter than 0\.51 s, the least the network takes"):
        identifier.identify(write(tmp_path / "tiny.wav", 0.2))


def encode(path, codec, samples):
    """48 kHz stereo in any container that FFmpeg writes."""
    loud = soxr.resample(samples, SAMPLE_RATE, 48000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000)
        frame = av.AudioFrame.from_ndarray(np.stack([loud, loud]), format="fltp", layout="stereo")
        frame.rate = 48000
        resampler = av.AudioResampler(format=stream.format, layout="stereo", rate=48000)
        for part in [*resampler.resample(frame), None]:
            for packet in stream.encode(part):
                container.mux(packet)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.opus", "libopus")]
)
def test_any_format_is_heard_alike(identifier, tmp_path, name, codec):
    samples = voice(95.0, 5.0, 3)
    soundfile.write(tmp_path / "plain.wav", samples, SAMPLE_RATE)
    encode(tmp_path / name, codec, samples)
    heard = []
    for file in ("plain.wav", name):
        told, scores = scripted(identifier, [[1.0, 0.0, 0.0]] * 9)
        assert told.identify(tmp_path / file).singer == "alto"
        heard.append(torch.cat(scores.seen))
    voiced = heard[0] > -20  # the harmonics, well above the noise that codecs change
    assert voiced.float().mean() > 0.05
    assert (heard[0] - heard[1])[voiced].abs().median() < 1.0


def test_folders_are_searched_and_bad_files_stop_nothing(identifier, recordings, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "empty").mkdir()
    write(tmp_path / "b" / "fine.wav", 2)
    (tmp_path / "b" / "text.mp3").write_text("this is no sound")
    (tmp_path / "b" / "notes.txt").write_text("not even asked")
    failures = []
    files, _ = find_files([tmp_path / "b", tmp_path / "gone.wav", tmp_path / "empty"], failures.append)
    assert [path.name for path in files] == ["fine.wav", "text.mp3", "gone.wav"]
    assert [failure.path for failure in failures] == [str(tmp_path / "empty")]
    outcomes = list(identify_files(identifier, files))
    assert not isinstance(outcomes[0], Failure)
    assert "is no sound file" in outcomes[1].reason
    assert "does not exist" in outcomes[2].reason


def test_decoding_ahead_changes_no_answer_and_goes_one_file_ahead(identifier, recordings, monkeypatch):
    files = sorted(recordings.tree.rglob("*.flac"))[:5]
    alone = [identifier.identify(path) for path in files]
    asked = []

    def ask():
        for path in files:
            asked.append(path)
            yield path

    for count, outcome in enumerate(identify_files(identifier, ask()), start=1):
        assert outcome == alone[count - 1]
        assert asked == files[: count + 1]
    # Read again, and beyond what is decoded ahead.
    monkeypatch.setattr(ahead, "AHEAD_BLOCKS", 1)
    for block_seconds in (10.0, 1.0):
        monkeypatch.setattr(ahead, "read_blocks", partial(read_blocks, block_seconds=block_seconds))
        for file in ahead.decoded_ahead(files[:2], SAMPLE_RATE):
            for _ in range(3):
                np.testing.assert_array_equal(np.concatenate(list(file.read())), load(file.path))


def test_timelines_are_left_out_where_nobody_wants_them(identifier, recordings):
    files = sorted(recordings.tree.rglob("*.flac"))[:2]
    with_them = list(identify_files(identifier, files))
    assert all(result.timeline for result in with_them)
    without = list(identify_files(identifier, files, timeline=False))
    assert without == [replace(result, timeline=()) for result in with_them]
    (failed,) = identify_files(identifier, [recordings.tree / "missing.wav"], timeline=False)
    assert isinstance(failed, Failure)


def test_a_damaged_file_is_warned_of_once_however_it_is_read(identifier, recordings, tmp_path):
    whole = (recordings.tree / "alto" / "first" / "0.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    alone = identifier.identify(tmp_path / "cut.flac")
    assert "is damaged or cut short" in alone.warning
    assert list(identify_files(identifier, [tmp_path / "cut.flac"] * 2)) == [alone] * 2


def test_command_json_csv_and_table(singerid, trained, recordings, tmp_path):
    good = recordings.tree / "tenor" / "second" / "1.flac"
    bad = tmp_path / "bad.mp3"
    bad.write_text("no sound")
    result = singerid("identify", trained.path, good, bad, "--all-clips", "--json")
    assert result.returncode == 3
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert list(first) == [
        *("path", "decision", "singers", "voice_seconds", "seconds", "timeline", "vote_share", "clips")
    ]
    assert list(first["timeline"][0]) == ["start_s", "end_s", "singers", "probability"]
    (named,) = first["singers"]
    assert list(named) == ["singer", "probability", "seconds"]
    assert (first["decision"], named["singer"]) == ("known", "tenor")
    assert list(second) == ["path", "error"]
    assert result.stderr.startswith(f"singerid: {bad}: is no sound file")
    table = singerid("identify", trained.path, good, "--all-clips")
    assert table.returncode == 0
    assert "tenor" in table.stdout
    assert "0:0" in table.stdout  # the timeline
    rows = list(
        csv.DictReader(
            io.StringIO(singerid("identify", trained.path, good, bad, "--all-clips", "--csv").stdout)
        )
    )
    assert [row["singer"] for row in rows] == ["tenor", ""]
    assert rows[1]["error"]
    assert float(rows[0]["vote_share"]) <= 1
    assert singerid("identify", trained.path, bad).returncode == 2


def test_what_cannot_identify_is_named(trained, tmp_path):
    with pytest.raises(SingeridError, match="is neither a library nor a run"):
        Identifier.load(tmp_path)
    with pytest.raises(SingeridError, match=r"learned on the mixture.*`separator`"):
        Identifier.load(trained.path, audio="vocals")
    with pytest.raises(SingeridError, match=r"hears the mixture; leave out `separator`"):
        Identifier.load(trained.path, separator="repet")
    fewer = Run.create(tmp_path / "fewer", replace(trained.config, singers=("alto",)), trained.split)
    save_model(trained.load_network(), fewer.state_path())
    with pytest.raises(SingeridError, match=r"has singers 3, its run's config\.json 1"):
        Identifier.load(fewer.path)


def test_the_command_loads_nothing_that_it_does_not_need(trained, recordings):
    song = str(recordings.tree / "alto/first/0.flac")
    slow = "librosa scipy sklearn matplotlib lightning_fabric singerid.training sympy torch._dynamo"
    script = (
        "import sys\n"
        "from singerid.cli import main\n"
        f"sys.argv = ['singerid', 'identify', {str(trained.path)!r}, {song!r}, '--json', '--all-clips']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"loaded = set({slow!r}.split()) & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["singers"][0]["singer"] == "alto"
