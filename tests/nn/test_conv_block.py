"""The conv block's step on a CPU against PyTorch's layers one after the other."""

import copy

import pytest
import torch
from torch import nn

from singerid.nn import conv_block
from singerid.nn.activation import BLOCK, elu_norm_pool
from singerid.nn.conv_block import ConvBlock

POOLS = [None, (2, 2), (4, 2), (3, 1)]


def block(pool, dtype=torch.float64, seed=0, channels=(3, 8)):
    """A block with weights of both signs, and with statistics other than the initial ones."""
    torch.manual_seed(seed)
    made = ConvBlock(*channels, pool, dropout=0.0, eps=1e-3, momentum=0.1).to(dtype)
    with torch.no_grad():
        for tensor in (made.norm.weight, made.norm.bias, made.norm.running_mean):
            tensor.normal_()
        made.norm.running_var.uniform_(0.5, 2)
    return made


def one_by_one(made):
    """The same layers, all of them PyTorch's own."""
    pool = made.pool if hasattr(made, "pool") else nn.Identity()
    return copy.deepcopy(nn.Sequential(made.conv, made.elu, made.norm, pool))


def gradients(network, x, d_y):
    x = x.clone().requires_grad_()
    y = network(x)
    return [y.detach(), *torch.autograd.grad(y, [x, *network.parameters()], d_y(y))]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("size", [(12, 10), (13, 11), (4, 3)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_training_equals_the_layers_one_by_one(pool, size, layout):
    made = block(pool).to(memory_format=layout)
    layers = one_by_one(made)
    torch.manual_seed(1)
    x = torch.randn(2, 3, *size, dtype=torch.float64).to(memory_format=layout)
    torch.manual_seed(2)
    d_y = torch.randn(2, 8, *size, dtype=torch.float64)

    def part(y):
        return d_y[..., : y.shape[2], : y.shape[3]]

    for found, expected in zip(gradients(made, x, part), gradients(layers, x, part), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    for name, expected in layers[2].state_dict().items():  # running statistics too
        torch.testing.assert_close(made.norm.state_dict()[name], expected)


@pytest.mark.parametrize("pool", POOLS)
def test_evaluation_equals_the_layers_one_by_one(pool):
    made = block(pool).eval()
    layers = one_by_one(made).eval()
    x = torch.randn(2, 3, 13, 11, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(made(x), layers(x))
    torch.testing.assert_close(made(x), layers(x))  # with gradients
    assert made(x).requires_grad


def test_of_equal_values_the_first_gets_the_gradient():
    """Silence gives the same value everywhere: which one is chosen must not depend on the form."""
    made = block((2, 2))
    layers = one_by_one(made)
    x = torch.zeros(2, 3, 12, 10, dtype=torch.float64)
    x[0, 0, 0, 0] = 1
    found, expected = (gradients(network, x, torch.ones_like) for network in (made, layers))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_statistics_of_many_blocks_are_exact():
    """In single precision, on a map of several blocks whose mean is far from zero."""
    torch.manual_seed(0)
    x = (torch.rand(2, 64, 80, 60) + 100).to(memory_format=torch.channels_last)
    assert x.numel() > 4 * BLOCK
    _, statistics = elu_norm_pool(
        x.clone(memory_format=torch.preserve_format), torch.ones(64), torch.zeros(64), 1e-3, None
    )
    exact = x.double()
    torch.testing.assert_close(statistics.mean, exact.mean((0, 2, 3)), rtol=1e-7, atol=0)
    torch.testing.assert_close(statistics.variance, exact.var((0, 2, 3), correction=0), rtol=1e-5, atol=0)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    def call(x, weight, bias):
        own = x.clone(memory_format=torch.channels_last)
        return elu_norm_pool(own, weight, bias, 1e-3, (2, 2))[0]

    assert torch.autograd.gradcheck(call, (x, weight, bias), atol=1e-6)


def test_a_hook_sees_and_changes_what_layers_return():
    made = block((2, 2))
    x = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    seen = []
    handle = made.elu.register_forward_hook(lambda layer, args, output: seen.append(output.clone()))
    made(x)
    torch.testing.assert_close(seen[0], torch.nn.functional.elu(made.conv(x)))
    handle.remove()
    made.conv.register_forward_hook(lambda layer, args, output: output * 0)
    torch.testing.assert_close(made.eval()(x), one_by_one(made).eval()(x))


def test_hooks_of_gradients_and_of_all_modules_see_them_too():
    made = block((2, 2))
    x = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    seen = []
    handle = made.norm.register_full_backward_hook(lambda *_: seen.append("gradient"))
    made(x).sum().backward()
    handle.remove()
    handle = nn.modules.module.register_module_forward_hook(lambda layer, *_: seen.append(type(layer)))
    try:
        made.eval()(x)
    finally:
        handle.remove()
    assert seen == [
        "gradient",
        nn.Conv2d,
        nn.ELU,
        nn.BatchNorm2d,
        nn.MaxPool2d,
        type(made.dropout),
        ConvBlock,
    ]


def test_a_hook_that_comes_before_a_layer_is_called():
    made = block((2, 2)).eval()
    x = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    made.norm.register_forward_pre_hook(lambda layer, args: (args[0] * 0,))
    with torch.no_grad():
        torch.testing.assert_close(made(x), one_by_one(made)(x))


def replaced(name, layer):
    def change(made):
        setattr(made, name, layer.to(torch.float64))

    return change


def without_statistics(made):
    made.norm = nn.BatchNorm2d(8, track_running_stats=False).to(torch.float64)


def cumulative(made):
    made.norm.momentum = None


def other_window(made):
    made.pool.kernel_size = (4, 2)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        replaced("elu", nn.ReLU()),
        replaced("elu", nn.ELU(0.3)),
        replaced("pool", nn.MaxPool2d(3, 1, 1)),
        replaced("pool", nn.MaxPool2d(2, ceil_mode=True)),
        replaced("norm", nn.BatchNorm2d(8, affine=False)),
        replaced("norm", nn.GroupNorm(2, 8)),
        without_statistics,
        cumulative,
        other_window,
    ],
)
def test_a_layer_that_was_replaced_or_set_otherwise_is_used(change, training):
    made = block((2, 2))
    change(made)
    made.train(training)
    layers = one_by_one(made).train(training)
    x = torch.randn(2, 3, 13, 11, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(made(x), layers(x))


def test_a_weight_of_zero_has_the_gradient_of_the_layers():
    made = block((2, 2))
    with torch.no_grad():
        made.norm.weight.zero_()
    x = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    for one, other in zip(
        gradients(made, x, torch.ones_like), gradients(one_by_one(made), x, torch.ones_like), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_half_precision_asked_for_is_given():
    made = block((2, 2), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = made(torch.randn(2, 3, 12, 10))
        expected = one_by_one(made)(torch.randn(2, 3, 12, 10))
    assert found.dtype == expected.dtype


def test_functional_transforms_take_the_layers():
    made = block((2, 2)).eval()
    x = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    with torch.no_grad():
        found = torch.vmap(made)(x.unsqueeze(1)).squeeze(1)
        torch.testing.assert_close(found, made(x))


def test_a_frozen_norm_keeps_its_statistics():
    made = block((2, 2))
    made.norm.eval()
    before = made.norm.running_mean.clone()
    made(torch.randn(2, 3, 12, 10, dtype=torch.float64))
    assert torch.equal(made.norm.running_mean, before)


def test_batch_norm_over_several_gpus_is_asked_itself(monkeypatch):
    """The one step knows only the clips of this process."""
    for name in ("elu_norm_pool", "elu_pool_scale"):
        monkeypatch.setattr(conv_block, name, lambda *_: pytest.fail("not asked"))
    made = nn.SyncBatchNorm.convert_sync_batchnorm(block((2, 2)))
    assert isinstance(made.norm, nn.SyncBatchNorm)
    x = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    torch.testing.assert_close(made(x), one_by_one(block((2, 2)))(x))  # in one process: plain batch norm
    with torch.no_grad():
        made.eval()(x)


def test_a_single_value_per_channel_is_refused_as_by_pytorch():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        block(None)(torch.ones(1, 3, 1, 1, dtype=torch.float64))
