"""SE, MoSE, CBAM and scSE against their papers' equations written as loops."""

import numpy as np
import pytest
import torch

from singerid.nn import CBAM, SCSE, MoSE, SqueezeExcitation

SIZES = {1: (7,), 2: (4, 5), 3: (3, 4, 5)}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_of(*tensors):
    return [t.detach().double().numpy() for t in tensors]


def randomize(module):
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.8)
    return module.double()


def channel_weights(module, squeezed):
    """Hu et al. 2018, Eq. 3: sigmoid(W2 relu(W1 z)), unit by unit."""
    w1, b1, w2, b2 = numpy_of(
        module.squeeze.weight, module.squeeze.bias, module.expand.weight, module.expand.bias
    )
    hidden = [
        max(sum(w1[u, c] * squeezed[c] for c in range(len(squeezed))) + b1[u], 0) for u in range(len(b1))
    ]
    return [sigmoid(sum(w2[c, u] * hidden[u] for u in range(len(hidden))) + b2[c]) for c in range(len(b2))]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_squeeze_excitation(dimensions):
    block = randomize(SqueezeExcitation(6, hidden=3))
    x = torch.randn(2, 6, *SIZES[dimensions], dtype=torch.float64)
    out = block(x).detach().numpy()
    for clip, given in zip(out, x.numpy(), strict=True):
        weights = channel_weights(block, [channel.mean() for channel in given])
        for c in range(6):
            np.testing.assert_allclose(clip[c], weights[c] * given[c], rtol=1e-12)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_mose(dimensions):
    block = randomize(MoSE(hidden=4))
    x = torch.randn(2, 6, *SIZES[dimensions], dtype=torch.float64)
    w1, b1, w2, b2 = (a.ravel() for a in numpy_of(*block.squeeze.parameters(), *block.expand.parameters()))
    out = block(x).detach().numpy()
    for clip, given in zip(out, x.numpy(), strict=True):
        raw = []
        for channel in given:
            hidden = [max(w1[u] * channel.mean() + b1[u], 0) for u in range(4)]
            raw.append(sum(w2[u] * hidden[u] for u in range(4)) + b2[0])
        total = sum(np.exp(value) for value in raw)
        for c in range(6):
            np.testing.assert_allclose(clip[c], np.exp(raw[c]) / total * given[c], rtol=1e-12)
    torch.testing.assert_close(block.weights(x).sum(-1), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_cbam(dimensions):
    block = randomize(CBAM(4, hidden=2, kernel_size=3, dimensions=dimensions))
    x = torch.randn(2, 4, *SIZES[dimensions], dtype=torch.float64)
    w1, b1, w2, b2 = numpy_of(*block.perceptron.parameters())
    spatial, bias = numpy_of(*block.spatial.parameters())
    out = block(x).detach().numpy()
    for clip, given in zip(out, x.numpy(), strict=True):

        def perceptron(squeezed):
            return w2 @ np.maximum(w1 @ np.array(squeezed) + b1, 0) + b2

        weights = sigmoid(perceptron([c.mean() for c in given]) + perceptron([c.max() for c in given]))
        refined = np.array([weight * channel for weight, channel in zip(weights, given, strict=True)])
        pooled = np.array([refined.mean(axis=0), refined.max(axis=0)])
        padded = np.pad(pooled, [(0, 0)] + [(1, 1)] * dimensions)
        for position in np.ndindex(*given.shape[1:]):
            window = padded[(slice(None), *(slice(i, i + 3) for i in position))]
            gate = sigmoid((window * spatial[0]).sum() + bias[0])
            np.testing.assert_allclose(
                clip[(slice(None), *position)], gate * refined[(slice(None), *position)]
            )


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_scse(dimensions):
    block = randomize(SCSE(4, hidden=2, dimensions=dimensions))
    x = torch.randn(2, 4, *SIZES[dimensions], dtype=torch.float64)
    spatial, bias = (a.ravel() for a in numpy_of(*block.spatial.parameters()))
    out = block(x).detach().numpy()
    for clip, given in zip(out, x.numpy(), strict=True):
        weights = channel_weights(block.channel, [channel.mean() for channel in given])
        for position in np.ndindex(*given.shape[1:]):
            vector = given[(slice(None), *position)]
            gate = sigmoid(sum(spatial[c] * vector[c] for c in range(4)) + bias[0])
            for c in range(4):
                expected = max(weights[c] * vector[c], gate * vector[c])
                np.testing.assert_allclose(clip[(c, *position)], expected, rtol=1e-12)


@pytest.mark.parametrize("block", [SqueezeExcitation(4, 2), MoSE(3), CBAM(4, 2), SCSE(4, 2)])
def test_gradients_and_independence_of_the_batch(block):
    block = randomize(block)
    x = torch.randn(3, 4, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x,))
    torch.testing.assert_close(block(x), torch.cat([block(clip.unsqueeze(0)) for clip in x]))
