"""The non-local block against Eq. 1-6 and Wang et al. 2018 written as loops."""

import numpy as np
import pytest
import torch

from singerid.nn import NonLocal1d, NonLocal2d, NonLocal3d

BLOCKS = {1: NonLocal1d, 2: NonLocal2d, 3: NonLocal3d}
SIZES = {1: (6,), 2: (3, 4), 3: (2, 3, 2)}
PAIRWISE = ["embedded_gaussian", "gaussian", "dot_product", "concatenation"]


def matrix(layer):
    weight = layer.weight.detach().numpy()
    return weight.reshape(weight.shape[:2]), layer.bias.detach().numpy()


def non_local_by_loops(block, x, pairwise, normalize):
    """One clip: x (C, N) float64 -> z (C, N)."""
    positions = range(x.shape[1])

    def mapped(layer):
        weight, bias = matrix(layer)
        return [weight @ x[:, i] + bias for i in positions]

    theta, phi = (mapped(block.theta), mapped(block.phi)) if pairwise != "gaussian" else (x.T, x.T)
    g = mapped(block.g)
    w_z, b_z = matrix(block.project)
    z = np.empty_like(x)
    for i in positions:
        if pairwise in ("embedded_gaussian", "gaussian"):
            f = [np.exp(theta[i] @ phi[j]) for j in positions]
            normaliser = sum(f)
        elif pairwise == "dot_product":
            f = [theta[i] @ phi[j] for j in positions]
            normaliser = len(f) if normalize else 1
        else:
            w = block.concatenation.weight.detach().numpy()[0]
            f = [max(w @ np.concatenate([theta[i], phi[j]]), 0) for j in positions]
            normaliser = len(f) if normalize else 1
        y = sum(f[j] * g[j] for j in positions) / normaliser
        z[:, i] = w_z @ y + b_z + x[:, i]
    return z


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pairwise", PAIRWISE)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_equals_the_equations_written_as_loops(dimensions, pairwise, normalize):
    torch.manual_seed(2)
    block = BLOCKS[dimensions](6, reduction=2, pairwise=pairwise, normalize=normalize).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 6, *SIZES[dimensions], dtype=torch.float64)
    z = block(x).detach().flatten(2).numpy()
    for clip in range(2):
        expected = non_local_by_loops(block, x[clip].flatten(1).numpy(), pairwise, normalize)
        np.testing.assert_allclose(z[clip], expected, rtol=1e-10)


def test_dot_product_without_bias_is_equation_6():
    """Y = (X W_theta W_phi^T X^T) X W_g, positions in rows; Eq. 6 as printed leaves out g's own X (Eq. 4)."""
    block = NonLocal1d(4, pairwise="dot_product", normalize=False).double()
    x = torch.randn(1, 4, 7, dtype=torch.float64)
    w_theta, w_phi, w_g = (layer.weight[:, :, 0].T for layer in (block.theta, block.phi, block.g))
    rows = x[0].T
    y = rows @ w_theta @ w_phi.T @ rows.T @ rows @ w_g
    torch.testing.assert_close(block(x)[0].T, y @ block.project.weight[:, :, 0].T + rows)


@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_gradients_identity_and_batch(pairwise):
    block = NonLocal2d(4, pairwise=pairwise).double()
    x = torch.randn(2, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x,))
    torch.testing.assert_close(block(x), torch.cat([block(clip.unsqueeze(0)) for clip in x]))
    identity = NonLocal2d(4, pairwise=pairwise, zero_init=True).double()
    assert torch.equal(identity(x), x)


def test_wrong_options_are_named():
    with pytest.raises(ValueError, match="embedded_gaussian, gaussian"):
        NonLocal2d(4, pairwise="cosine")
    with pytest.raises(ValueError, match="reduction of 8"):
        NonLocal2d(4, reduction=8)
    with pytest.raises(ValueError, match=r"\(B, 4, H, W\), got \(1, 4, 3\)"):
        NonLocal2d(4)(torch.zeros(1, 4, 3))
