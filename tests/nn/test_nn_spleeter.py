"""Spleeter's networks against TensorFlow's operations as loops; the folded form against the plain one."""

import numpy as np
import pytest
import torch

from singerid.nn.spleeter import SpleeterUNet, VocalsMask
from singerid.nn.spleeter_folded import FoldedUNet
from small_spleeter import small_unet


def convolve(x, kernel, bias, stride, dilation=1):
    """tf.nn.conv2d, padding "SAME": maps (C, H, W), kernel (O, C, k, k)."""
    size = kernel.shape[2]
    reach = (size - 1) * dilation + 1
    rows, columns = (-(-length // stride) for length in x.shape[1:])
    missing = ((rows - 1) * stride + reach - x.shape[1], (columns - 1) * stride + reach - x.shape[2])
    before = [max(zeros, 0) // 2 for zeros in missing]
    out = np.zeros((len(kernel), rows, columns))
    for i, j, a, b in np.ndindex(rows, columns, size, size):
        y, z = i * stride + a * dilation - before[0], j * stride + b * dilation - before[1]
        if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
            out[:, i, j] += kernel[:, :, a, b] @ x[:, y, z]
    return out + bias[:, None, None]


def transposed(x, kernel, bias):
    """tf.nn.conv2d_transpose, "SAME", stride 2: the gradient of `convolve`; kernel (C, O, k, k)."""
    size, (_, rows, columns) = kernel.shape[2], x.shape
    before = max((rows - 1) * 2 + size - 2 * rows, 0) // 2
    out = np.zeros((kernel.shape[1], 2 * rows, 2 * columns))
    for i, j, a, b in np.ndindex(rows, columns, size, size):
        y, z = 2 * i + a - before, 2 * j + b - before
        if 0 <= y < 2 * rows and 0 <= z < 2 * columns:
            out[:, y, z] += kernel[:, :, a, b].T @ x[:, i, j]
    return out + bias[:, None, None]


def by_loops(state, x, levels):
    """The U-Net of a state dict, applied to maps (2, H, W)."""

    def normalise(x, name):
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        scaled = (x - mean[:, None, None]) / np.sqrt(variance + 1e-3)[:, None, None]
        return scaled * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    def weights(name):
        return state[f"{name}.weight"], state[f"{name}.bias"]

    maps, skips = x, []
    for level in range(levels):
        skips.append(convolve(maps, *weights(f"down.{level}"), stride=2))
        if level < levels - 1:
            maps = normalise(skips[-1], f"down_norms.{level}")
            maps = np.where(maps > 0, maps, 0.2 * maps)
    maps = skips.pop()
    for level in range(levels):
        maps = normalise(np.maximum(transposed(maps, *weights(f"up.{level}")), 0), f"up_norms.{level}")
        if skips:
            maps = np.concatenate([skips.pop(), maps])
    return x / (1 + np.exp(-convolve(maps, *weights("mask"), stride=1, dilation=2)))


def magnitudes(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize("form", [SpleeterUNet.eval, FoldedUNet])
@pytest.mark.parametrize("shape", [(8, 8), (16, 24)])
def test_it_is_tensorflows_operations_one_after_the_other(form, shape):
    network = small_unet(0, widths=(9, 4, 3))
    x = magnitudes(1, 2, *shape)
    state = {name: value.double().numpy() for name, value in network.state_dict().items()}
    expected = by_loops(state, x[0].double().numpy(), 3)
    found = form(network)(x)[0].numpy()
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 0.1


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_folded_form_gives_the_same(pieces):
    network = small_unet(1, widths=(3, 16, 9))
    x = magnitudes(pieces, 2, 64, 128)
    torch.testing.assert_close(FoldedUNet(network)(x), network(x), rtol=1e-4, atol=1e-5)
    scales = torch.cat([norm.weight for norm in network.up_norms])
    assert {-1, 0, 1} == set(scales.sign().tolist())


def test_the_folded_form_owns_its_weights():
    network = small_unet(2)
    folded, x = FoldedUNet(network), magnitudes(1, 2, 64, 64)
    before = folded(x)
    for value in network.state_dict().values():
        value.fill_(0)
    assert torch.equal(folded(x), before)
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_published_sizes():
    """FACTS: channels; and the numbers that the checkpoint has for one of the two networks."""
    state = SpleeterUNet().state_dict()
    numbers = sum(value.numel() for value in state.values() if value.is_floating_point())
    unused = 4 * 512  # the sixth batch norm on the way down
    global_step = 2  # eight bytes
    assert 2 * (numbers + unused) + global_step == 78_614_080 // 4
    assert state["up.1.weight"].shape == (512, 128, 5, 5)


def test_what_is_sung_is_a_share_of_squares():
    class Times(torch.nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return self.factor * x

    x = magnitudes(1, 2, 4, 4) + 0.1
    x[..., 0] = 0
    share = VocalsMask(Times(0.6), Times(0.3))(x)
    torch.testing.assert_close(share[..., 1:], torch.full((1, 2, 4, 3), 0.8))
    assert (share[..., 0] == 0.5).all()  # silence
    tiny = VocalsMask(Times(0.6), Times(0.3))(torch.full((1, 2, 1, 1), 1e-5))
    torch.testing.assert_close(tiny, torch.full((1, 2, 1, 1), (36e-12 + 50e-12) / (45e-12 + 100e-12)))


@pytest.mark.parametrize("shape", [(1, 2, 60, 64), (1, 2, 64, 100), (1, 1, 64, 64), (2, 64, 64)])
@pytest.mark.parametrize("form", [SpleeterUNet.eval, FoldedUNet])
def test_other_shapes_are_named(form, shape):
    with pytest.raises(ValueError, match=r"magnitudes must be \(B, 2, W, F\), W and F multiples of 64, got"):
        form(small_unet(0))(torch.zeros(shape))
