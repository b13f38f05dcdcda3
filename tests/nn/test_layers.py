"""What the blocks share: initial weights, checks, and what counts as a plain tensor."""

import pytest
import torch
from torch import nn

from singerid.nn.layers import (
    check_map,
    embedded_channels,
    flatten_positions,
    initialize_as_keras,
    is_hooked,
    is_plain,
    pointwise,
)


def test_an_lstm_begins_as_in_keras():
    lstm = nn.LSTM(6, 4, bidirectional=True)
    lstm.apply(initialize_as_keras)
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_hh"):
            torch.testing.assert_close(parameter.T @ parameter, torch.eye(4))
        elif name.startswith("bias"):
            forget = torch.full((4,), 1.0 if name.startswith("bias_ih") else 0.0)
            expected = torch.cat((torch.zeros(4), forget, torch.zeros(8)))
            assert torch.equal(parameter, expected)
        else:
            assert parameter.abs().max() <= (6 / (6 + 16)) ** 0.5


@pytest.mark.parametrize("layer", [nn.Linear(8, 4), nn.Conv2d(8, 4, 3), nn.Conv1d(8, 4, 1, bias=False)])
def test_weights_are_glorot_uniform_and_biases_zero(layer):
    initialize_as_keras(layer)
    taps = layer.weight[0, 0].numel()
    limit = (6 / (taps * (8 + 4))) ** 0.5
    assert 0.7 * limit < layer.weight.abs().max() <= limit
    assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_a_pointwise_layer_maps_each_position(dimensions):
    x = torch.randn(2, 6, *(3, 4, 5)[:dimensions])
    layer = pointwise(dimensions, 6, 2)
    flat = flatten_positions(x) @ layer.weight.flatten(1).T + layer.bias
    torch.testing.assert_close(flatten_positions(layer(x)), flat)
    assert not pointwise(dimensions, 6, 2, zero=True)(x).any()


@pytest.mark.parametrize(("channels", "reduction"), [(16, 32), (16, 0), (16, -1), (0, 1)])
def test_a_reduction_leaves_a_channel(channels, reduction):
    with pytest.raises(ValueError, match=f"a reduction of {reduction} leaves none of {channels} channels"):
        embedded_channels(channels, reduction)


def test_a_wrong_shape_is_named():
    check_map(torch.zeros(2, 4, 3, 5), 4, 2, "x")
    for wrong in (torch.zeros(2, 3, 3, 5), torch.zeros(2, 4, 3), torch.zeros(4, 3, 5)):
        with pytest.raises(ValueError, match=r"x must be \(B, 4, H, W\), got \(\d"):
            check_map(wrong, 4, 2, "x")
    with pytest.raises(ValueError, match=r"y must be \(B, 4, T, H, W\)"):
        check_map(torch.zeros(2, 4), 4, 3, "y")


def test_a_hook_on_any_layer_is_found():
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    assert not is_hooked(module)
    for register in (
        module[1][0].register_forward_hook,
        module[0].register_full_backward_hook,
        nn.modules.module.register_module_forward_pre_hook,
    ):
        handle = register(lambda *_: None)
        assert is_hooked(module)
        handle.remove()
        assert not is_hooked(module)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_traced_and_transformed_tensors_are_not_plain():
    seen = []

    def look(x):
        seen.append(is_plain(x))
        return x * 2

    look(torch.ones(2))
    look(nn.Parameter(torch.ones(2)))
    torch.func.vmap(look)(torch.ones(2, 2))
    torch.jit.trace(look, torch.ones(2), check_trace=False)
    assert seen == [True, True, False, False]
