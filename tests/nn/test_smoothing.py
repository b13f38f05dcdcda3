"""The Gaussian filter against SciPy's."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from singerid.nn import GaussianSmoothing, Smoothing


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize(("sigma", "kernel_size"), [(0.707, 5), (1.3, 7), (0.5, 1)])
def test_equals_scipy(dimensions, sigma, kernel_size):
    x = torch.randn(2, 3, *(4, 9, 8)[-dimensions:])
    smoothed = GaussianSmoothing(3, dimensions, Smoothing(sigma, kernel_size))(x)
    expected = x.double().numpy()
    for axis in (-1, -2)[: min(dimensions, 2)]:  # the first of three axes is time, which is not smoothed
        expected = gaussian_filter1d(expected, sigma, axis=axis, mode="constant", radius=kernel_size // 2)
    np.testing.assert_allclose(smoothed, expected, atol=1e-6)


def test_kernel_is_the_papers_up_to_its_sum():
    kernel = GaussianSmoothing(1).kernel[0, 0].double()
    p, q = torch.meshgrid(torch.arange(-2, 3), torch.arange(-2, 3), indexing="ij")
    literal = torch.exp(-(p**2 + q**2) / (2 * 0.707**2)) / (2 * np.pi * 0.707**2)
    torch.testing.assert_close(kernel.sum().item(), 1.0, atol=1e-6, rtol=0)
    assert (kernel - literal).abs().max() / literal.max() < 1e-4


def test_kernel_is_saved_and_not_trained():
    smoothing = GaussianSmoothing(4)
    assert list(smoothing.state_dict()) == ["kernel"]
    assert smoothing.kernel.shape == (4, 1, 5, 5)
    assert list(smoothing.parameters()) == []


def test_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"\(B, 4, H, W\), got \(2, 3, 5, 5\)"):
        GaussianSmoothing(4)(torch.zeros(2, 3, 5, 5))
