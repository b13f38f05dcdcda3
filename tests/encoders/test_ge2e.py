"""GE2E as an encoder: librosa's bands, and its equations written out."""

import numpy as np
import pytest
import torch

from conftest import require_weights, voice
from singerid import open_encoder
from singerid.encoders.ge2e import GE2E, SPEC, WEIGHTS, load_ge2e


def by_librosa(samples: np.ndarray) -> np.ndarray:
    import librosa

    return librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=400, hop_length=160, n_mels=40, pad_mode="constant"
    )


@pytest.mark.parametrize("gain", [1.0, 0.01, 8.0])
def test_it_reads_powers_of_librosas_bands_raised_to_minus_30_db(gain):
    samples = gain * voice(150.0, 1.6, 1)
    level = np.sqrt(np.mean(samples**2))
    raised = samples * max(1, 10 ** (-30 / 20) / level)
    expected = by_librosa(raised)[:, :160]
    found = GE2E().powers(torch.from_numpy(samples)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6 * expected.max())


def test_silence_is_silence():
    network = GE2E().eval()
    assert torch.equal(network.powers(torch.zeros(1, 25_600)), torch.zeros(1, 40, 160))
    assert network(torch.zeros(1, 160, 160)).isfinite().all()


def written_out(network: GE2E, bands: np.ndarray) -> np.ndarray:
    """The published equations in NumPy: three LSTMs, a matrix, ReLU, unit length."""
    state = {name: value.double().numpy() for name, value in network.state_dict().items()}

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    steps = list(bands.T.astype(np.float64))
    for layer in range(3):
        hidden = cell = np.zeros(256)
        for number, step in enumerate(steps):
            gates = state[f"lstm.weight_ih_l{layer}"] @ step + state[f"lstm.bias_ih_l{layer}"]
            gates += state[f"lstm.weight_hh_l{layer}"] @ hidden + state[f"lstm.bias_hh_l{layer}"]
            take, keep, new, give = np.split(gates, 4)
            cell = sigmoid(keep) * cell + sigmoid(take) * np.tanh(new)
            hidden = sigmoid(give) * np.tanh(cell)
            steps[number] = hidden
    vector = np.maximum(0, state["linear.weight"] @ steps[-1] + state["linear.bias"])
    return vector / np.linalg.norm(vector)


def test_its_equations():
    torch.manual_seed(0)
    network = GE2E().eval()
    bands = torch.rand(2, 40, 30)
    with torch.no_grad():
        found = network.of_bands(bands).numpy()
    for window, vector in zip(bands, found, strict=True):
        np.testing.assert_allclose(vector, written_out(network, window.numpy()), atol=1e-5)


def test_a_window_of_the_published_network():
    require_weights("ge2e")
    encoder, network = open_encoder("ge2e"), load_ge2e()
    assert encoder.identity == WEIGHTS.files[0].sha256
    samples = 0.05 * voice(150.0, 1.6, 1)
    (found,) = encoder.encode(samples).vectors
    raised = samples * max(1, 10 ** (-30 / 20) / np.sqrt(np.mean(samples**2)))
    np.testing.assert_allclose(found, written_out(network, by_librosa(raised)[:, :160]), atol=1e-4)
    starts = encoder.encode(voice(150.0, 6.0, 1)).starts
    np.testing.assert_allclose(starts, [0, 0.8, 1.6, 2.4, 3.2, 4.0], atol=1e-9)
    assert SPEC.window_frames == 160


def test_it_tells_voices_apart(test_data):
    require_weights("ge2e")
    encoder = open_encoder("ge2e")
    folder = test_data / "voices"
    tracks = [sorted((folder / singer).rglob("*.mp3"))[:2] for singer in ("alys", "yuki")]
    (a, b), (c, d) = ([encoder.encode(track).vectors.mean(0) for track in each] for each in tracks)
    assert min(a @ b, c @ d) > max(a @ c, a @ d, b @ c, b @ d)
