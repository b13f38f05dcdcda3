"""The BLSTM against its description: MFCCs as librosa and SciPy make them, LSTMs gate by gate."""

import librosa
import numpy as np
import pytest
import scipy.fft
import torch

from singerid.models.registry import build_model
from singerid.nn.recurrent import MFCC


@pytest.mark.parametrize(("n_mels", "n_mfcc"), [(128, 20), (128, 128), (40, 13), (1, 1)])
def test_mfccs_are_those_of_scipy_and_librosa(n_mels, n_mfcc):
    mel = np.random.default_rng(0).normal(-40, 20, (2, n_mels, 9)).astype(np.float32)
    got = MFCC(n_mels, n_mfcc)(torch.from_numpy(mel)).numpy()
    np.testing.assert_allclose(got, scipy.fft.dct(mel, axis=1, norm="ortho")[:, :n_mfcc], atol=1e-3)
    np.testing.assert_allclose(got[0], librosa.feature.mfcc(S=mel[0], n_mfcc=n_mfcc), atol=1e-3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(state, suffix, frames):
    """One clip (W, features) -> the states after each frame (W, units)."""
    weights = (state[f"lstm.{part}_{suffix}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    w_x, w_h, b_x, b_h = (weight.double().numpy() for weight in weights)
    units = w_h.shape[1]
    h, c, states = np.zeros(units), np.zeros(units), []
    for x in frames:
        i, f, g, o = np.split(w_x @ x + b_x + w_h @ h + b_h, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


@torch.no_grad()
def test_the_network_equals_its_description():
    torch.manual_seed(0)
    model = build_model("blstm", 4, units=6, n_mfcc=7).eval()
    model.norm.running_mean.uniform_(-50, 50)
    model.norm.running_var.uniform_(50, 200)
    model.norm.weight.uniform_(0.5, 1.5)
    state = model.state_dict()
    mel = torch.randn(2, 128, 11) * 10 - 40
    logits, embedding = model(mel), model.embed(mel)
    for clip in range(2):
        mfcc = scipy.fft.dct(mel[clip].double().numpy(), axis=0, norm="ortho")[:7].T
        mean, var, weight, bias = (
            state[f"norm.{part}"].double().numpy()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        frames = (mfcc - mean) / np.sqrt(var + 1e-3) * weight + bias
        for layer in range(2):
            forward = lstm_by_hand(state, f"l{layer}", frames)
            backward = lstm_by_hand(state, f"l{layer}_reverse", frames[::-1])[::-1]
            frames = np.concatenate([forward, backward], axis=1)
        expected = np.concatenate([forward[-1], backward[0]])  # each after the whole clip
        np.testing.assert_allclose(embedding[clip], expected, atol=1e-5)
        expected = state["output.weight"].numpy() @ expected + state["output.bias"].numpy()
        np.testing.assert_allclose(logits[clip], expected, atol=1e-5)


def test_forget_gates_start_open_and_all_other_biases_at_zero():
    lstm = build_model("blstm", 4, units=5).lstm
    biases = {name: value for name, value in lstm.named_parameters() if "bias" in name}
    assert len(biases) == 8
    for name, bias in biases.items():
        ones = [0, 1, 0, 0] if "bias_ih" in name else [0, 0, 0, 0]
        np.testing.assert_array_equal(bias.detach(), np.repeat(ones, 5), err_msg=name)


def test_any_length_and_wrong_shapes():
    model = build_model("blstm", 4).eval()
    assert model(torch.randn(1, 128, model.smallest_frames)).shape == (1, 4)
    assert model.embed(torch.randn(3, 128, 50)).shape == (3, 256)
    with pytest.raises(ValueError, match=r"mel must be \(B, 128, W\), got \(2, 64, 32\)"):
        model(torch.randn(2, 64, 32))
    with pytest.raises(ValueError, match=r"got \(2, 128, 0\)"):
        model(torch.randn(2, 128, 0))
