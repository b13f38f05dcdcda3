"""The Triton kernels of the FGNL operation against the loop, on a GPU or in Triton's interpreter."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from singerid.nn import operation
from singerid.nn.operation import SOFTMAX_AXES, loop

NEEDS_TRITON = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed: pip install triton"
)
INTERPRETED = not torch.cuda.is_available()

# Small tiles cut these sizes as whole tiles cut large ones: whole, with a rest, and smaller than one.
SCRIPT = """
import sys, torch
from singerid.nn.operation import kernel
kernel.OWN, kernel.OTHER = 8, 4
results = {}
for name, (softmax, tensors, d_y) in torch.load(sys.argv[1]).items():
    runs = []
    for _ in range(2 if "two channels / float32" in name or sys.argv[3] == "cuda" else 1):
        leaves = [x.to(sys.argv[3]).requires_grad_() for x in tensors]
        y = kernel.responses(*leaves, softmax)
        gradients = torch.autograd.grad(y, leaves, d_y.to(y))
        runs.append([x.detach().cpu() for x in (y, *gradients)])
    results[name] = runs
torch.save(results, sys.argv[2])
"""
SHAPES = {  # B, P, Q, K
    "several tiles": (2, 9, 5, 4),
    "two channels": (1, 9, 5, 2),  # and several tiles
    "less than a tile": (1, 2, 3, 4),
    "K that is no power of two": (1, 3, 5, 3),
    "one of everything": (1, 1, 1, 1),
    "eight channels": (1, 2, 5, 8),
}
KINDS = {  # dtype, size of the numbers, and the tolerances that follow from them
    "float32": (torch.float32, 1.0, {"rtol": 1e-4, "atol": 1e-4}),
    "bfloat16": (torch.bfloat16, 1.0, {"rtol": 2**-7, "atol": 2**-7}),
    "logits of hundreds": (torch.float32, 12.0, {"rtol": 1e-3, "atol": 1e-2}),
}
CASES = [
    (shape, kind, softmax)
    for shape in SHAPES
    for kind in KINDS
    for softmax in SOFTMAX_AXES
    if kind == "float32" or shape == "two channels"
]


def inputs(shape, kind):
    batch, queries, keys, channels = SHAPES[shape]
    dtype, scale, _ = KINDS[kind]
    generator = torch.Generator().manual_seed(5)
    sizes = [(batch, n, channels) for n in (queries, keys, keys)]
    tensors = [scale * torch.randn(size, generator=generator) for size in sizes]
    d_y = torch.randn(batch, channels, queries, channels, generator=generator)
    return [x.to(dtype) for x in tensors], d_y.to(dtype)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of the kernels, in a separate process: Triton decides on import whether to interpret them."""
    folder = tmp_path_factory.mktemp("kernel")
    cases = {(shape, kind, softmax): (softmax, *inputs(shape, kind)) for shape, kind, softmax in CASES}
    torch.save({" / ".join(case): given for case, given in cases.items()}, folder / "in.pt")
    command = [sys.executable, "-c", SCRIPT, folder / "in.pt", folder / "out.pt"]
    environment = {**os.environ, "TRITON_INTERPRET": "1"} if INTERPRETED else dict(os.environ)
    done = subprocess.run(
        [*command, "cpu" if INTERPRETED else "cuda"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "out.pt")


@NEEDS_TRITON
@pytest.mark.parametrize(("shape", "kind", "softmax"), CASES)
def test_kernels_equal_the_loop_in_value_and_gradient(shape, kind, softmax, results):
    tensors, d_y = inputs(shape, kind)
    exact = [x.double().requires_grad_() for x in tensors]
    y = loop.responses(*exact, softmax)
    expected = [y.detach(), *torch.autograd.grad(y, exact, d_y.double())]
    found, *again = results[" / ".join((shape, kind, softmax))]
    assert {x.dtype for x in found} == {KINDS[kind][0]}
    torch.testing.assert_close([x.double() for x in found], expected, **KINDS[kind][2])
    for other in again:
        assert all(torch.equal(one, two) for one, two in zip(found, other, strict=True)), "not the same bits"


@pytest.mark.parametrize("softmax", SOFTMAX_AXES)
def test_a_gpu_uses_them_only_when_told_to(softmax, monkeypatch):
    taken = []

    def form(name):
        return lambda *_: taken.append(name)

    monkeypatch.setattr(operation, "_triton", form("kernel"))
    monkeypatch.setattr(operation.sdpa, "responses", form("sdpa"))
    monkeypatch.setattr(operation, "_stream", form("streaming"))
    with FakeTensorMode():  # as if tensors were on a GPU, without one
        sizes = {
            "paper": (4, 400, 4, torch.bfloat16),
            "wide": (4, 400, 16, None),
            "double": (4, 400, 4, torch.double),
        }
        for told in (False, True):
            monkeypatch.setattr(operation, "_TRITON", told)
            for batch, positions, channels, dtype in sizes.values():
                x = torch.empty(batch, positions, channels, device="cuda", dtype=dtype)
                operation.responses(x, x, x, softmax)
    default = "sdpa" if softmax == "keys" else "streaming"
    assert taken == [default] * 3 + ["kernel", default, default]


def test_the_environment_says_so():
    script = "from singerid.nn import operation; print(operation._TRITON)"
    environment = {**os.environ, "SINGERID_FGNL": "triton"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "True"
