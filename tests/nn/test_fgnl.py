"""FGNL against Eq. 7-9 written as plain loops, and against their consequences."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from singerid.nn import CBAM, FGNL1d, FGNL2d, FGNL3d, MoSE, Smoothing, SqueezeExcitation
from singerid.nn.operation import affinities, responses

BLOCKS = {1: FGNL1d, 2: FGNL2d, 3: FGNL3d}


def positions_of(x):
    return list(itertools.product(*(range(n) for n in x.shape[1:])))


def embed_by_loops(x, weight, bias, smoothing):
    """1x1 map and Gaussian of one clip's map x (C, *positions), each position by itself -> {position: K}."""
    mapped = {p: weight @ x[(slice(None), *p)] + bias for p in positions_of(x)}
    if smoothing is None:
        return mapped
    radius = smoothing.kernel_size // 2
    time_axis = [0] if x.ndim == 4 else []  # (C, T, H, W): time is not smoothed
    reach = [range(1) if axis in time_axis else range(-radius, radius + 1) for axis in range(x.ndim - 1)]
    offsets = list(itertools.product(*reach))
    gauss = {o: math.exp(-sum(d * d for d in o) / (2 * smoothing.sigma**2)) for o in offsets}
    total = sum(gauss.values())
    smoothed = {}
    for p in mapped:
        value = np.zeros_like(bias)
        for o in offsets:
            neighbour = tuple(a + b for a, b in zip(p, o, strict=True))
            if neighbour in mapped:  # zero padding
                value = value + gauss[o] / total * mapped[neighbour]
        smoothed[p] = value
    return smoothed


def parameters_of(embedding):
    weight, bias = embedding[0].weight, embedding[0].bias
    return weight.detach().double().numpy().reshape(weight.shape[:2]), bias.detach().double().numpy()


def fgnl_by_loops(block, layers, smoothing, softmax, excitation):
    """One clip: layers [X_i, X_j, ...] as (C, *positions) float64 -> Z, and the weights of every response."""
    theta = embed_by_loops(layers[0], *parameters_of(block.theta), smoothing)
    phi, g = {}, {}
    for index, x in enumerate(layers):
        for store, embeddings in ((phi, block.phi), (g, block.g)):
            embedded = embed_by_loops(x, *parameters_of(embeddings[index]), smoothing)
            store.update({(index, *p): value for p, value in embedded.items()})
    queries, keys = list(theta), list(phi)
    channels = len(next(iter(theta.values())))
    r, weights = [], []
    for k in range(channels):
        f = np.array(
            [
                [sum(theta[p][c] * phi[q][(c - k) % channels] for c in range(channels)) for q in keys]
                for p in queries
            ]
        )
        e = np.exp(f - f.max())
        f = e / e.sum(axis=1, keepdims=True) if softmax == "keys" else e / e.sum(axis=0, keepdims=True)
        weights.append(f)
        r.append(np.array([sum(f[a, b] * g[q] for b, q in enumerate(keys)) for a in range(len(queries))]))
    squeezed = np.array([y.mean() for y in r])
    if excitation == "mose":
        w1, b1 = (t.detach().double().numpy().ravel() for t in block.excitation.squeeze.parameters())
        w2, b2 = (t.detach().double().numpy().ravel() for t in block.excitation.expand.parameters())
        raw = np.array([sum(w2 * np.maximum(w1 * s + b1, 0)) + b2[0] for s in squeezed])
        w = np.exp(raw) / np.exp(raw).sum()
    elif excitation == "se":
        w1, b1 = (t.detach().double().numpy() for t in block.excitation.squeeze.parameters())
        w2, b2 = (t.detach().double().numpy() for t in block.excitation.expand.parameters())
        w = 1 / (1 + np.exp(-(w2 @ np.maximum(w1 @ squeezed + b1, 0) + b2)))
    else:
        w = np.ones(channels)
    w_z = block.project.weight.detach().double().numpy()
    w_z = w_z.reshape(w_z.shape[:2])
    b_z = block.project.bias.detach().double().numpy()
    z = np.array(layers[0])
    for a, p in enumerate(queries):
        flat = np.zeros(channels * channels)
        for c in range(channels):
            for k in range(channels):
                flat[c * channels + k] = w[k] * r[k][a][c]
        z[(slice(None), *p)] += w_z @ flat + b_z
    return z, np.array(weights)


def random_case(seed, dimensions, others, softmax, excitation, smoothed):
    generator = torch.Generator().manual_seed(seed)

    def draw(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    reduction = draw(1, 3)
    channels = reduction * draw(2, 4) + draw(0, reduction - 1)
    largest = {1: 9, 2: 4, 3: 3}[dimensions]
    sizes = [[draw(1, largest) for _ in range(dimensions)] for _ in range(1 + others)]
    all_channels = [channels] + [draw(1, 5) for _ in range(others)]
    smoothing = (
        Smoothing(sigma=0.3 + draw(0, 20) / 10, kernel_size=[1, 3, 5][draw(0, 2)]) if smoothed else None
    )
    torch.manual_seed(seed)
    block = BLOCKS[dimensions](
        channels,
        all_channels[1:],
        reduction=reduction,
        smoothing=smoothing,
        excitation=excitation,
        softmax=softmax,
    ).double()
    for parameter in block.parameters():  # biases too: zero ones would hide a forgotten bias
        torch.nn.init.normal_(parameter, std=0.7)
    layers = [
        torch.randn(2, c, *size, generator=generator, dtype=torch.float64)
        for c, size in zip(all_channels, sizes, strict=True)
    ]
    return block, layers, smoothing


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dimensions=st.sampled_from([1, 2, 3]),
    others=st.integers(0, 2),
    softmax=st.sampled_from(["keys", "queries"]),
    excitation=st.sampled_from(["mose", "se", None]),
    smoothed=st.booleans(),
)
def test_equals_the_equations_written_as_loops(seed, dimensions, others, softmax, excitation, smoothed):
    block, layers, smoothing = random_case(seed, dimensions, others, softmax, excitation, smoothed)
    z = block(*layers).detach().numpy()
    for clip in range(2):
        expected, _ = fgnl_by_loops(block, [x[clip].numpy() for x in layers], smoothing, softmax, excitation)
        # The kernel is a buffer made in float32: that bounds the agreement.
        np.testing.assert_allclose(z[clip], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("softmax", ["keys", "queries"])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_attention_of_chosen_queries_equals_the_loops(dimensions, softmax):
    block, layers, smoothing = random_case(5, dimensions, 1, softmax, "mose", True)
    first = (0,) * dimensions
    last = tuple(n - 1 for n in layers[0].shape[2:])
    output, attention = block(*layers, return_attention=True, queries=[last, first])
    assert torch.equal(output, block(*layers))
    _, weights = fgnl_by_loops(block, [x[1].numpy() for x in layers], smoothing, softmax, "mose")
    assert [a.shape[3:] for a in attention] == [x.shape[2:] for x in layers]
    rows = torch.cat([a[1].flatten(2) for a in attention], dim=-1)  # (M, S, Q)
    np.testing.assert_allclose(rows[:, 0].detach(), weights[:, -1], atol=1e-6)
    np.testing.assert_allclose(rows[:, 1].detach(), weights[:, 0], atol=1e-6)


def test_query_normaliser_is_gathered_over_several_chunks(monkeypatch):
    theta, phi = torch.randn(1, 10, 3).double(), torch.randn(1, 6, 3).double()
    monkeypatch.setattr("singerid.nn.operation.loop._QUERY_CHUNK", 4)
    rows = affinities(theta, phi, torch.arange(10), "queries")
    torch.testing.assert_close(rows.sum(dim=2), torch.ones(1, 3, 6, dtype=torch.float64))


@pytest.mark.parametrize("queries", [None, [(0, 4)], [(-1, 0)], [(0,)]])
def test_queries_outside_the_map_are_named(queries):
    block = FGNL2d(4, reduction=2)
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        block(torch.randn(1, 4, 3, 4), return_attention=True, queries=queries)


def test_keys_weights_sum_to_one_over_all_layers():
    block = FGNL2d(8, [4], reduction=2)
    _, attention = block(
        torch.randn(2, 8, 3, 5), torch.randn(2, 4, 6, 10), return_attention=True, queries=[(1, 2)]
    )
    total = sum(a.flatten(3).sum(-1) for a in attention)
    torch.testing.assert_close(total, torch.ones(2, 4, 1))


def test_equals_scaled_dot_product_attention_with_rolls_as_heads():
    theta, phi, g = (torch.randn(3, n, 4) for n in (20, 50, 50))
    heads = torch.stack([theta.roll(-k, dims=-1) for k in range(4)], dim=1)
    expected = torch.nn.functional.scaled_dot_product_attention(
        heads, phi.unsqueeze(1).expand(-1, 4, -1, -1), g.unsqueeze(1).expand(-1, 4, -1, -1), scale=1.0
    )
    torch.testing.assert_close(responses(theta, phi, g), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_is_the_identity_at_zero_initialisation(dimensions):
    size = (6, 5, 4)[:dimensions]
    block = BLOCKS[dimensions](8, [6], reduction=4, zero_init=True)
    x = torch.randn(2, 8, *size)
    assert torch.equal(block(x, torch.randn(2, 6, *(2 * n for n in size))), x)
    assert not torch.equal(BLOCKS[dimensions](8, [6], reduction=4)(x, torch.randn(2, 6, *size)), x)


@pytest.mark.parametrize("softmax", ["keys", "queries"])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_gradients(dimensions, softmax):
    block, layers, _ = random_case(11, dimensions, 1, softmax, "mose", True)
    names, parameters = zip(*block.named_parameters(), strict=True)
    layers = [x.requires_grad_() for x in layers]

    def run(*tensors):
        values = dict(zip(names, tensors[len(layers) :], strict=True))
        return torch.func.functional_call(block, values, tensors[: len(layers)])

    leaves = tuple(p.detach().clone().requires_grad_() for p in parameters)
    assert torch.autograd.gradcheck(run, (*layers, *leaves), fast_mode=False)


def test_a_clip_does_not_depend_on_its_batch():
    block = FGNL2d(32, [16], reduction=8)
    x, other = torch.randn(5, 32, 4, 7), torch.randn(5, 16, 8, 15)
    alone = torch.cat([block(x[i : i + 1], other[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(block(x, other), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "excitation", [MoSE(hidden=3), SqueezeExcitation(4, hidden=2), CBAM(4, dimensions=2)]
)
def test_any_module_can_be_the_excitation(excitation):
    block = FGNL2d(8, reduction=2, excitation=excitation)
    z = block(torch.randn(2, 8, 3, 5))
    z.square().sum().backward()
    assert all(p.grad is not None for p in block.excitation.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"softmax": "rows"}, "keys, queries"),
        ({"excitation": "mosse"}, "'mose', 'se', None"),
        ({"reduction": 9}, "reduction of 9"),
        ({"smoothing": Smoothing(sigma=0)}, "sigma"),
        ({"smoothing": Smoothing(kernel_size=4)}, "odd"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        FGNL2d(8, **{"reduction": 2, **options})


def test_wrong_inputs_are_named():
    block = FGNL2d(8, [4], reduction=2)
    x, other = torch.randn(2, 8, 3, 5), torch.randn(2, 4, 6, 10)
    with pytest.raises(ValueError, match="takes 2 layers, got 1"):
        block(x)
    with pytest.raises(ValueError, match=r"layer 1 .* must be \(B, 4, H, W\), got \(2, 8, 3, 5\)"):
        block(x, x)
    with pytest.raises(ValueError, match=r"layer 0 .* must be \(B, 8, H, W\), got \(2, 8, 3\)"):
        block(x[..., 0], other)
    with pytest.raises(ValueError, match="batch size 1"):
        block(x, other[:1])
