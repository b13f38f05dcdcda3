"""Whether somebody sings: in songs whose stems are known, in noises, and however the sound is read."""

import json
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import soundfile
import soxr
import torch
from safetensors import safe_open

from conftest import require_weights, voice
from singerid import open_encoder
from singerid.config import CorpusConfig, DuetConfig
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.duets import draw_duets, render_duet
from singerid.data.synthetic.studio import render
from singerid.listening.voice.ear import VoiceEar
from singerid.listening.voice.network import HEAD, SEVERAL, VoiceNetwork, open_voice_network
from singerid.sound.audio import load
from singerid.system.devices import CPU
from singerid.system.files import file_hash

RATE = 16_000


@pytest.fixture(scope="module")
def network() -> VoiceNetwork:
    require_weights("campplus")
    return open_voice_network(CPU)


@pytest.fixture(scope="module")
def song():
    """A song that the head has not learned from."""
    return render(draw_corpus(CorpusConfig(singers=1, albums=1, songs=1, seconds=12, seed=77)).songs[0])


def shares(network, samples, sizes=(160_000,), rate=RATE):
    """Shares of windows of 3 s, for a sound that is read in blocks of these sizes in turn."""
    ear, first = VoiceEar(network, rate, CPU), 0
    while first < len(samples):
        for size in sizes:
            if len(block := samples[first : first + size]):
                ear.hear(block)
            first += size
    cells = ear.end()
    return cells.share(np.arange(0, len(samples) / rate - 2.99, 3), 3.0)


def test_a_voice_is_told_from_a_band(network, song):
    assert shares(network, song.vocals).mean() > 0.5
    band = shares(network, song.accompaniment)
    assert band.max() < 0.3
    assert shares(network, song.mixture).mean() > band.mean() + 0.15


def test_real_voices_are_voices_and_real_instruments_are_less_so(network, test_data):
    voices = [
        shares(network, load(path)).mean() for path in sorted((test_data / "voices").rglob("*.mp3"))[::28]
    ]
    assert min(voices) > 0.5
    songs = test_data / "songs" / "instrumental"
    if not songs.is_dir():
        pytest.skip("the folder of SINGERID_TEST_DATA has no songs/")
    music = [shares(network, load(path)[: 20 * RATE]).mean() for path in sorted(songs.glob("*.mp3"))[::7]]
    assert max(music) < min(voices)


@pytest.mark.parametrize("kind", ["zeros", "constant", "click", "noise", "hum", "buzz"])
def test_what_is_no_music_is_no_voice(network, kind):
    time = np.arange(6 * RATE)
    samples = {
        "zeros": np.zeros(len(time)),
        "constant": np.full(len(time), 0.3),
        "click": (time == 50_000).astype(float),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(len(time)),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * time / RATE),
        "buzz": voice(150.0, 6.0, 1),
    }[kind].astype(np.float32)
    assert shares(network, samples).max() < 0.3
    if kind in ("zeros", "constant"):
        assert shares(network, samples).max() == 0


def test_it_does_not_matter_how_a_sound_is_cut_and_little_at_which_rate(network, song):
    whole = shares(network, song.mixture)
    np.testing.assert_allclose(shares(network, song.mixture, sizes=(1, 7001, 90_000)), whole, atol=1e-5)
    fast = soxr.resample(song.mixture, RATE, 44_100).astype(np.float32)
    np.testing.assert_allclose(shares(network, fast, rate=44_100)[:4], whole[:4], atol=0.05)


def test_the_end_and_the_shortest_sound_are_heard(network):
    ear = VoiceEar(network, RATE, CPU)
    ear.hear(voice(150.0, 4.0, 1))
    assert len(ear.end().sung) == 2
    for samples in (np.zeros(1, np.float32), voice(150.0, 0.3, 1)):
        ear = VoiceEar(network, RATE, CPU)
        ear.hear(samples)
        assert len(ear.end().sung) == 1


def test_campplus_says_the_same_while_it_encodes(network, song, tmp_path):
    encoder = open_encoder("campplus")
    voices = encoder.encode(song.mixture, hop_seconds=2.995)
    whole = shares(network, song.mixture)
    count = min(len(voices), len(whole))
    np.testing.assert_allclose(voices.voice_share[:count], whole[:count], atol=0.05)
    plain = torch.cat([encoder(*windows.inputs) for windows in encoder.listener.batches(song.mixture)])
    both = encoder.encode(song.mixture).vectors
    np.testing.assert_allclose(both, torch.nn.functional.normalize(plain), atol=1e-5)
    soundfile.write(tmp_path / "song.wav", song.mixture, RATE, subtype="FLOAT")
    from_file = encoder.encode(tmp_path / "song.wav")
    again = encoder.encode(partial(iter, [song.mixture[:50_000], song.mixture[50_000:]]))
    for other in (from_file, again):
        np.testing.assert_allclose(other.voice_share, encoder.encode(song.mixture).voice_share, atol=1e-4)


def _several(samples):
    """Log-odds that several sing, for each half second (L,)."""
    found = open_encoder("campplus").encode(samples, with_cells=True, allow_silence=True).cells
    return found.several


def _sings(samples):
    """Whether a stem is heard in each half second, (L,)."""
    cells = samples[: len(samples) // 8000 * 8000].reshape(-1, 8000)
    loud = np.sqrt((cells**2).mean(1))
    return loud > 0.2 * loud.max()


def _area(odds, one, other):
    """How often cells of two at once have greater odds than those of one alone."""
    count = min(len(odds), len(one))
    both, single = odds[:count][(one & other)[:count]], odds[:count][(one ^ other)[:count]]
    return (both[:, None] > single).mean()


def test_two_at_once_are_told_from_one(network):
    """In duets of singers that the head has not learned from, in thirds, octaves or unison."""
    corpus = CorpusConfig(singers=6, albums=1, songs=1, seconds=20, seed=78)
    for duet in draw_duets(corpus, DuetConfig(duets=2, overlap=0.4)):
        stems = render_duet(duet)
        assert _area(_several(stems.vocals), *map(_sings, stems.voices)) > 0.85


def test_two_real_voices_at_once_are_told_from_one(network, test_data):
    """Real voices, of which it has learned nothing: in one half of the track a second voice sings, too."""
    files = sorted((test_data / "voices").rglob("*.mp3"))
    singers = {path.relative_to(test_data / "voices").parts[0]: path for path in files}
    one, other = (load(path)[: 20 * RATE] for path in list(singers.values())[:2])
    count = min(len(one), len(other)) // 16_000 * 16_000
    one, other = one[:count], other[:count] * np.std(one) / np.std(other)
    other[: count // 2] = 0
    assert _area(_several(one + other), _sings(one), _sings(other)) > 0.8


@pytest.mark.parametrize(
    ("head", "recipe_name", "digest"),
    [
        (HEAD, "Recipe", "65a9c6a8fbbd41720aef88812dabd88a0acc603d39e62bffce3af1acaff06c5d"),
        (SEVERAL, "SeveralRecipe", "16bd6a6a3b78517201828f6186c6790c62c49bbdd77faf92ed60dddb9c7dbcc8"),
    ],
)
def test_the_heads_are_those_of_the_recipes(head, recipe_name, digest):
    from voice import train

    with safe_open(head, "pt") as file:
        recipe = json.loads(file.metadata()["recipe"])
        assert {name: file.get_slice(name).get_shape() for name in file.keys()} == {  # noqa: SIM118
            "mean": [512],
            "scale": [512],
            "weight": [512],
            "bias": [],
        }
    assert recipe == json.loads(json.dumps(asdict(getattr(train, recipe_name)())))
    assert file_hash(head) == digest
