"""Where nobody sings nobody is named: by a run, with a separator and without, by the command too."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from conftest import SAMPLE_RATE, require_weights
from singerid.config import CorpusConfig
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.studio import render
from singerid.identifier import Identifier
from singerid.sound.files import AudioError


@pytest.fixture(scope="module")
def song():
    return render(draw_corpus(CorpusConfig(singers=1, albums=1, songs=1, seconds=14, seed=5)).songs[0])


@pytest.fixture(scope="module")
def listening(trained):
    require_weights("campplus")
    return Identifier.load(trained.path)


def test_a_band_alone_is_no_voice_and_a_voice_is_named(listening, song):
    band = listening.identify(song.accompaniment)
    assert (band.decision, band.singer, band.singers, band.timeline) == ("no_voice", None, (), ())
    assert (band.confidence, band.vote_share, band.clips, band.voice_seconds) == (0, 0, 0, 0)
    assert band.seconds == pytest.approx(len(song.accompaniment) / SAMPLE_RATE, abs=1e-3)
    assert set(band.to_json()) == {"path", "decision", "voice_seconds", "seconds"}
    voice = listening.identify(song.vocals)
    assert voice.decision == "known"
    assert voice.singer in listening.scorer.singers
    assert 0 < voice.singers[0].seconds <= voice.voice_seconds <= voice.seconds


def test_only_windows_with_a_voice_vote(listening, song):
    samples = np.concatenate([song.vocals[: 9 * SAMPLE_RATE], song.accompaniment[: 9 * SAMPLE_RATE]])
    result, everything = listening.identify(samples), replace(listening, all_clips=True, voices=None)
    assert result.decision == "known"
    assert result.timeline[-1].end_s < 12
    assert result.voice_seconds < 12
    assert everything.identify(samples).timeline[-1].end_s > 17


@pytest.mark.parametrize("kind", ["constant", "click"])
def test_a_constant_or_a_click_names_nobody(listening, kind):
    samples = np.full(6 * SAMPLE_RATE, 0.3, np.float32)
    if kind == "click":
        samples[:] = 0
        samples[50_000] = 1
    try:
        assert listening.identify(samples).decision == "no_voice"
    except AudioError as error:
        assert "is silent" in str(error)  # noqa: PT017


class TrueStems:
    """A separator that knows the stems of one song."""

    name, origin, notice, sample_rate = "true", "true", "", SAMPLE_RATE

    def __init__(self, vocals, accompaniment):
        self.parts = vocals, accompaniment

    def blocks(self, path, mixture, warn):
        yield self.parts


def test_with_a_separator_the_level_of_the_vocals_decides(trained, song, tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, song.mixture, SAMPLE_RATE)
    told = Identifier.load(trained.path, all_clips=True)
    for vocals, decision in ((song.vocals, "known"), (0.01 * song.vocals, "no_voice")):
        separator = TrueStems(vocals, song.mixture - vocals)
        listener = replace(told.listener, separator=separator)
        result = replace(told, listener=listener, all_clips=False).identify(path)
        assert result.decision == decision
        assert result.seconds == pytest.approx(len(song.mixture) / SAMPLE_RATE, abs=1e-3)
        assert replace(told, listener=listener).identify(path).decision == "known"


def test_without_the_weights_all_sound_votes_and_a_warning_says_so(trained, song, tmp_path, singerid):
    soundfile.write(tmp_path / "band.wav", song.accompaniment, SAMPLE_RATE)
    done = singerid(
        *("identify", trained.path, tmp_path / "band.wav", "--json"),
        SINGERID_CACHE=str(tmp_path / "cache"),
        SINGERID_OFFLINE="1",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("it is not checked whether somebody sings") == 1
    assert json.loads(done.stdout)["decision"] == "known"


def test_the_command_says_no_voice(trained, song, tmp_path, singerid):
    require_weights("campplus")
    soundfile.write(tmp_path / "band.wav", song.accompaniment, SAMPLE_RATE)
    done = singerid("identify", trained.path, tmp_path / "band.wav", "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert list(json.loads(line)) == ["path", "decision", "voice_seconds", "seconds"]
    assert json.loads(line)["decision"] == "no_voice"
    assert "(no voice)" in singerid("identify", trained.path, tmp_path / "band.wav").stdout
