"""The gradient of a convolution's weights as matrix products, compared with PyTorch's own."""

import pytest
import torch
from torch.nn import functional

from singerid.nn import convolution
from singerid.nn.conv_block import ConvBlock
from singerid.nn.convolution import convolve


def maps(shape, outputs, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.randn(outputs, shape[1], 3, 3, generator=generator, dtype=dtype)
    bias = torch.randn(outputs, generator=generator, dtype=dtype)
    return [tensor.requires_grad_() for tensor in (x, weight, bias)]


def gradients(convolved, inputs):
    y = convolved(*inputs)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(9), dtype=y.dtype)
    return [y, *torch.autograd.grad((y * weights).sum(), inputs)]


@pytest.mark.parametrize("block", [1, 500, 2**18])  # a row at a time, some, all
@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (1, 1, 8, 6), (3, 4, 1, 1), (2, 5, 1, 9), (2, 2, 11, 1)])
def test_all_gradients_are_those_of_pytorch(shape, block, monkeypatch):
    monkeypatch.setattr(convolution, "BLOCK", block)
    inputs = maps(shape, 4)
    expected = gradients(lambda x, weight, bias: functional.conv2d(x, weight, bias, padding=1), inputs)
    for one, other in zip(gradients(convolve, inputs), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_what_needs_no_gradient_gets_none():
    x, weight, bias = maps((2, 3, 7, 5), 4)
    convolve(x.detach(), weight, bias.detach()).sum().backward()
    assert x.grad is None
    assert bias.grad is None
    assert weight.grad is not None


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_channels_may_lie_first_or_last(order):
    x, weight, bias = maps((2, 3, 7, 5), 4)
    wanted = gradients(convolve, (x, weight, bias))
    other = x.detach().contiguous(memory_format=order).requires_grad_()
    for one, two in zip(gradients(convolve, (other, weight, bias)), wanted, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_lies_in_memory_as_the_weights_do(order, channels):
    x, weight, bias = maps((2, channels, 7, 5), 4)
    weight = weight.detach().contiguous(memory_format=order).requires_grad_()
    _, _, of_weight, _ = gradients(convolve, (x, weight, bias))
    assert of_weight.stride() == weight.stride()


def test_bits_do_not_depend_on_the_number_of_threads():
    x, *_ = maps((5, 16, 24, 30), 8, dtype=torch.float32)
    d_y = torch.randn(5, 8, 24, 30).to(memory_format=torch.channels_last)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(convolution.weight_gradient(x.detach(), d_y))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found)


def test_a_block_takes_this_way_on_processors_that_need_it(monkeypatch):
    torch.manual_seed(0)
    block = ConvBlock(3, 8, (2, 2), 0.0, 1e-3, 0.1).to(memory_format=torch.channels_last)
    x = torch.randn(4, 3, 12, 10).to(memory_format=torch.channels_last)
    taken = []
    monkeypatch.setattr(
        convolution,
        "weight_gradient",
        lambda *maps, own=convolution.weight_gradient: taken.append(own(*maps)) or taken[-1],
    )
    found = {}
    for slow in (False, True):
        monkeypatch.setattr(convolution, "is_slow", lambda slow=slow: slow)
        found[slow] = torch.autograd.grad(block(x).square().sum(), list(block.parameters()))
        assert len(taken) == slow
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    # Another convolution than that of the paper goes PyTorch's way.
    block.conv.stride = (2, 2)
    block(x).sum().backward()
    assert len(taken) == 1
