"""Steps of training: no waiting for a GPU within an epoch, compiled networks, Adam on a GPU."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from singerid.config import TrainingConfig
from singerid.data.clips import Clips
from singerid.models.registry import build_model
from singerid.training.learner import COMPILED_STEPS, Learner, adam, compiling_pays

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
SETTINGS = replace(TrainingConfig(), batch_size=4, augment="all", learning_rate=1e-3)


def made_up_clips(melody=False, clips=10, frames=32):
    rng = np.random.default_rng(0)
    features = [rng.uniform(-80, 0, (2 * frames, 128)).astype(np.float16) for _ in range(clips // 2)]
    f0 = [rng.uniform(0, 900, 2 * frames).astype(np.float32) for _ in features] if melody else None
    return Clips(features, np.arange(len(features)) % 3, frames, f0=f0)


def learner_of(name, settings=SETTINGS, device=CPU, fused=None, **options):
    torch.manual_seed(1)
    model = build_model(name, 3, width=0.0625, **options).to(device)
    optimizer = adam(model, settings, device)
    if fused:
        optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    return Learner(model, optimizer, settings, device), model


def weights_after(learner, model, clips, epochs=2):
    for number in range(1, epochs + 1):
        learner.epoch(clips, number)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


class NeverWaits(TorchDispatchMode):
    """Fails where the host of a GPU would wait: for a value, for a size, or to send its own data."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal")

    def __init__(self):
        super().__init__()
        self.made_by_host = {}  # kept alive, so that no other tensor gets the same id

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.overloadpacket.__name__
        tensors = [x for x in tree_leaves((arguments, keywords)) if isinstance(x, torch.Tensor)]
        if name == "lift_fresh":
            made = function(*arguments)
            self.made_by_host[id(made)] = made
            return made
        sized_by_value = name.startswith("index") and any(x.dtype == torch.bool for x in tensors[1:])
        if (
            sized_by_value
            or name.startswith(self.WAITING)
            or any(id(x) in self.made_by_host for x in tensors)
        ):
            raise AssertionError(f"{function} within an epoch")
        return function(*arguments, **(keywords or {}))


@pytest.fixture
def never_waits(monkeypatch):
    """The mode, which allows only sending without waiting; layers behave as on a GPU."""

    def sent(tensor, device):
        with _disable_current_modes():
            return tensor.to(device).clone()

    for module in ("data.clips", "data.augment"):
        monkeypatch.setattr(f"singerid.{module}.to_device", sent)
    monkeypatch.setattr("singerid.nn.dropout.LEAST_ELEMENTS", np.inf)
    monkeypatch.setattr("singerid.nn.conv_block.ConvBlock.goes_together", lambda *_: False)
    return NeverWaits()


@pytest.mark.parametrize(
    ("model", "options", "precision"),
    [
        ("crnn_fgnl", {}, "32-true"),
        ("crnn_fgnl", {"softmax": "queries"}, "bf16-mixed"),
        ("crnnm_fgnl", {}, "bf16-mixed"),
    ],
)
def test_nothing_within_an_epoch_waits_for_a_value(model, options, precision, never_waits):
    clips = made_up_clips(melody=model == "crnnm_fgnl")
    settings = replace(SETTINGS, precision=precision, output_l1=0.01, output_l2=0.01)
    learner, _ = learner_of(model, settings, fused=True, **options)
    first = float(learner.epoch(clips, 1))  # the clips are now where the network is
    with never_waits:
        total = learner.epoch(clips, 1)
    assert 0 < float(total) < first, "and it learned"


@pytest.mark.parametrize(
    "waiting",
    [
        lambda x: float(x.sum()),
        lambda x: bool(x.any()),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x * torch.tensor([2.0]),
        lambda x: x + torch.from_numpy(np.ones(2, np.float32)),
    ],
)
def test_what_would_wait_is_seen(waiting, never_waits):
    x = torch.ones(2)
    with never_waits, pytest.raises(AssertionError, match="within an epoch"):
        waiting(x)


@pytest.mark.gpu
@NEEDS_GPU
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("model", ["crnn_fgnl", "crnnm_fgnl"])
def test_a_gpu_is_never_waited_for_within_an_epoch(model, precision):
    clips = made_up_clips(melody=model == "crnnm_fgnl")
    learner, _ = learner_of(model, replace(SETTINGS, precision=precision), GPU)
    learner.epoch(clips, 1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        total = learner.epoch(clips, 2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bool(total.isfinite())


def test_adam_in_one_kernel_is_adam():
    """The GPU's kernel, in its CPU form, against the textbook's update in double precision."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(50, generator=generator)
    gradients = [torch.randn(50, generator=generator) for _ in range(20)]
    layer = torch.nn.Linear(50, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weights)
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3, eps=SETTINGS.adam_epsilon, fused=True)
    expected, mean, square = weights.double(), torch.zeros(50).double(), torch.zeros(50).double()
    for step, gradient in enumerate(gradients, 1):
        layer.weight.grad = gradient[None].clone()
        optimizer.step()
        mean = 0.9 * mean + 0.1 * gradient.double()
        square = 0.999 * square + 0.001 * gradient.double() ** 2
        denominator = (square / (1 - 0.999**step)).sqrt() + SETTINGS.adam_epsilon
        expected = expected - 1e-3 * (mean / (1 - 0.9**step)) / denominator
    torch.testing.assert_close(layer.weight[0].detach().double(), expected, rtol=0, atol=1e-6)


@pytest.mark.gpu
@NEEDS_GPU
def test_on_a_gpu_adam_is_one_kernel_and_learns_what_a_cpu_learns():
    settings = replace(SETTINGS, augment="none")
    options = {"dropout": 0.0, "output_dropout": 0.0}
    clips = made_up_clips()
    learner, model = learner_of("crnn_fgnl", settings, GPU, **options)
    assert adam(model, settings, GPU).defaults["fused"]
    there = weights_after(learner, model, clips, epochs=1)
    here = weights_after(*learner_of("crnn_fgnl", settings, **options), clips, epochs=1)
    for name, tensor in here.items():
        torch.testing.assert_close(there[name].cpu(), tensor, rtol=1e-3, atol=1e-3, msg=name)


def test_a_compiled_network_learns_the_same(monkeypatch):
    """Traced by dynamo and run without further compiling: the trial step changes nothing."""
    compiled = []

    def backend(graph, _):
        compiled.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    clips, certain = made_up_clips(), {"dropout": 0.0, "output_dropout": 0.0}  # a CPU draws otherwise eagerly
    expected = weights_after(*learner_of("crnn", **certain), clips)
    learner, model = learner_of("crnn", **certain)
    first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    learner.compile(clips)
    assert all(torch.equal(tensor, first[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    graphs = len(compiled)
    assert graphs > 0
    found = weights_after(learner, model, clips)
    assert len(compiled) == graphs, "a smaller last batch is not compiled for"
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def test_a_network_that_cannot_be_compiled_learns_as_it_is(monkeypatch):
    def broken(graph, _):
        raise RuntimeError("no compiler on this machine")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    clips = made_up_clips()
    expected = weights_after(*learner_of("crnn"), clips)
    learner, model = learner_of("crnn")
    with pytest.raises(Exception, match="no compiler on this machine"):
        learner.compile(clips)
    found = weights_after(learner, model, clips)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_compiling_is_chosen_by_the_size_of_the_work():
    assert compiling_pays("auto", GPU, COMPILED_STEPS)
    assert not compiling_pays("auto", GPU, COMPILED_STEPS - 1)
    assert not compiling_pays("auto", CPU, 10**9)
    assert compiling_pays("yes", CPU, 1)
    assert not compiling_pays("no", GPU, 10**9)
