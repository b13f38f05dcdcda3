"""The network of Hsieh et al. against its description; tests/models/test_keras.py has its makers' numbers."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from singerid.nn.hsieh import HsiehCRNN


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_by_hand(state, name, frames, h):
    """One clip (T, features), from state h -> the states after each step (T, 32)."""
    weights = (state[f"{name}.{part}_l0"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    w_x, w_h, b_x, b_h = (weight.numpy() for weight in weights)
    states = []
    for x in frames:
        x_r, x_z, x_n = np.split(w_x @ x + b_x, 3)
        h_r, h_z, h_n = np.split(w_h @ h + b_h, 3)
        z = sigmoid(x_z + h_z)
        h = (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h
        states.append(h)
    return np.array(states)


@torch.no_grad()
def test_the_network_equals_its_description():
    torch.manual_seed(0)
    model = HsiehCRNN(5, clip_frames=48).eval()
    for norm in (module for module in model.modules() if hasattr(module, "running_var")):
        for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            values.uniform_(0.5, 1.5)
    state = {name: value.double() for name, value in model.state_dict().items()}

    def normalize(x, name):
        shape = (1, -1) + (1,) * (x.ndim - 2)
        mean, var, weight, bias = (
            state[f"{name}.{part}"].view(shape) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias

    mel = torch.randn(2, 128, 50) * 10
    x = normalize(mel.double(), "norm")[:, None]
    for block, pool in enumerate([(2, 2), (4, 2), (4, 2), (4, 2)]):
        for layer in ("first", "second"):
            key = f"blocks.{block}.{layer}"
            x = F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], padding=1)
        x = F.max_pool2d(normalize(torch.where(x > 0, x, torch.exp(x) - 1), f"blocks.{block}.norm"), pool)
    assert x.shape == (2, 128, 1, 3)
    for clip in range(2):
        first = gru_by_hand(state, "gru_first", x[clip, :, 0].T.numpy(), np.zeros(32))
        second = gru_by_hand(state, "gru_second", first, first[-1])
        expected = second.reshape(-1)  # of all steps, one after the other
        np.testing.assert_allclose(model.embed(mel)[clip], expected, atol=1e-5)
        expected = state["output.weight"].numpy() @ expected + state["output.bias"].numpy()
        np.testing.assert_allclose(model(mel)[clip], expected, atol=1e-5)


@torch.no_grad()
def test_lengths_with_as_many_steps_will_do_and_others_are_named():
    model = HsiehCRNN(2).eval()
    assert (model.smallest_frames, model.largest_frames) == (144, 159)
    for frames in (144, 157, 159):
        assert model.embed(torch.zeros(1, 128, frames)).shape == (1, 9 * 32)
    for shape in ((1, 128, 143), (1, 128, 160), (1, 64, 157), (128, 157)):
        with pytest.raises(ValueError, match=r"mel must be \(B, 128, W\) with 144 to 159 frames, got "):
            model(torch.zeros(shape))
