"""The fast forms of the FGNL operation against the loop over rolls (which test_fgnl.py tests)."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from singerid.nn import operation
from singerid.nn.operation import SOFTMAX_AXES, loop, sdpa, streaming


def draw(batch, queries, keys, channels, dtype=torch.float64, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch, queries, channels), (batch, keys, channels), (batch, keys, channels))
    return [scale * torch.randn(shape, dtype=dtype, generator=generator) for shape in shapes]


def rolled(theta):
    return torch.stack([theta.roll(-k, dims=-1) for k in range(theta.shape[-1])], dim=1)


def stream(softmax):
    return lambda theta, phi, g: streaming.responses(rolled(theta), phi, g, softmax)


def fused(theta, phi, g):
    return sdpa.responses(rolled(theta), phi, g)


def value_and_gradients(function, tensors, *arguments):
    """The responses, and the gradients of a sum that weighs every one of them differently."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    y = function(*leaves, *arguments)
    weights = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view(y.shape)
    return y.detach(), torch.autograd.grad((weights * y).sum(), leaves)


@pytest.fixture
def block(monkeypatch):
    """Sets the size of the blocks, so that small tensors are cut as large ones are."""

    def set_block(affinities, least_rows=1):
        monkeypatch.setattr(streaming, "CPU_BLOCK", affinities)
        monkeypatch.setattr(streaming, "LEAST_ROWS", least_rows)

    return set_block


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 4),
    queries=st.integers(1, 13),
    keys=st.integers(1, 17),
    channels=st.integers(1, 5),
    affinities=st.sampled_from([1, 7, 40, 150, 10_000]),
    least_rows=st.integers(1, 4),
    softmax=st.sampled_from(SOFTMAX_AXES),
    seed=st.integers(0, 1000),
)
def test_streaming_equals_the_loop(batch, queries, keys, channels, affinities, least_rows, softmax, seed):
    tensors = draw(batch, queries, keys, channels, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "CPU_BLOCK", affinities)
        patch.setattr(streaming, "LEAST_ROWS", least_rows)
        found = value_and_gradients(stream(softmax), tensors)
    torch.testing.assert_close(found, value_and_gradients(loop.responses, tensors, softmax))


@settings(max_examples=30, deadline=None)
@given(
    batch=st.integers(1, 3),
    queries=st.integers(1, 40),
    keys=st.integers(1, 40),
    channels=st.integers(1, 9),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_fused_attention_equals_the_loop(batch, queries, keys, channels, dtype):
    tensors = draw(batch, queries, keys, channels, dtype)
    found = value_and_gradients(fused, tensors)
    torch.testing.assert_close(found, value_and_gradients(loop.responses, tensors), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("softmax", SOFTMAX_AXES)
def test_gradients_of_streaming_are_those_of_its_values(softmax, block):
    block(affinities=30)
    tensors = [tensor.requires_grad_() for tensor in draw(2, 5, 7, 3)]
    assert torch.autograd.gradcheck(stream(softmax), tensors)


@pytest.mark.parametrize("softmax", SOFTMAX_AXES)
def test_logits_of_hundreds_overflow_nowhere(softmax, block):
    block(affinities=500)
    tensors = draw(2, 30, 40, 4, torch.float32, scale=20.0)
    y, gradients = value_and_gradients(stream(softmax), tensors)
    expected = value_and_gradients(loop.responses, [tensor.double() for tensor in tensors], softmax)
    torch.testing.assert_close(y.double(), expected[0], rtol=1e-3, atol=1e-2)
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("softmax", SOFTMAX_AXES)
def test_large_work_is_streamed_and_small_work_is_not(softmax, monkeypatch):
    def forbidden(*_):
        raise AssertionError("taken")

    small, large = draw(2, 10, 20, 4, torch.float32), draw(2, 300, 600, 4, torch.float32)
    expected = loop.responses(*large, softmax)
    monkeypatch.setattr(loop, "responses", forbidden)
    torch.testing.assert_close(operation.responses(*large, softmax), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(AssertionError, match="taken"):
        operation.responses(*small, softmax)


@pytest.mark.parametrize("softmax", SOFTMAX_AXES)
def test_half_precision_is_summed_in_single(softmax):
    tensors = [tensor.bfloat16() for tensor in draw(2, 300, 600, 4)]
    exact = loop.responses(*(tensor.double() for tensor in tensors), softmax)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # what training in bf16-mixed does
        y, gradients = value_and_gradients(operation.responses, tensors, softmax)
    assert {y.dtype, *(gradient.dtype for gradient in gradients)} == {torch.bfloat16}
    torch.testing.assert_close(y.double(), exact, rtol=2**-8, atol=1e-5)  # the rounding of y alone


STATUS = Path("/proc/self/status")
MEMORY = f"""
import sys, torch
from singerid.nn.operation import responses
torch.set_num_threads(1)
def peak():  # resource's ru_maxrss will not do: it starts from that of the parent process
    return 1024 * int(next(line for line in open({str(STATUS)!r}) if line.startswith("VmHWM")).split()[1])
theta, phi, g = (torch.randn(1, n, 4, requires_grad=True) for n in (2_000, 8_000, 8_000))
responses(*(x[:, :700] for x in (theta, phi, g)), softmax=sys.argv[1]).sum().backward()
before = peak()
responses(theta, phi, g, softmax=sys.argv[1]).sum().backward()
print(peak() - before)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the peak of a process")
@pytest.mark.parametrize("softmax", SOFTMAX_AXES)
def test_memory_is_far_below_that_of_the_affinities(softmax):
    result = subprocess.run([sys.executable, "-c", MEMORY, softmax], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    affinities = 4 * 2_000 * 8_000 * 4  # bytes: 256 MB
    assert int(result.stdout) < affinities / 10


def test_a_compiler_leaves_the_streaming_form_out(monkeypatch):
    """Its unrolled blocks would take minutes to compile."""
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    monkeypatch.setattr(operation, "LOOP_AFFINITIES", 0)
    monkeypatch.setattr(streaming, "CPU_BLOCK", 1)
    tensors = draw(1, 5, 7, 3)
    compiled = torch.compile(lambda *given: operation.responses(*given) + 1, backend=backend)
    torch.testing.assert_close(compiled(*tensors), loop.responses(*tensors) + 1)
    called = [node for graph in graphs for node in graph.graph.nodes if node.op.startswith("call")]
    assert [node.target.__name__ for node in called] == ["add"]
