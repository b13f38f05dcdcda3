"""A network as a module from waveform to probabilities: it gives the same as `identify`."""

import pytest
import torch

from conftest import voice
from singerid import WaveformModel, build_model
from singerid.listening.listener import Listener
from singerid.models.spec import InputSpec


@pytest.mark.parametrize(("name", "inputs"), [("crnn", ("mel",)), ("wavenet", ("waveform",))])
@pytest.mark.parametrize("seconds", [2.2, 4.096])
def test_it_says_what_a_listener_hears(name, inputs, seconds):
    torch.manual_seed(0)
    network, spec = build_model(name, 3, width=0.25).eval(), InputSpec(33, inputs=inputs)
    samples = voice(150.0, seconds, 1)
    with torch.no_grad():
        found = WaveformModel(network, spec)(torch.from_numpy(samples)[None])
        clips = [windows.inputs[0] for windows in Listener(spec, torch.device("cpu")).batches(samples)]
        torch.testing.assert_close(found, network(torch.cat(clips)).softmax(-1), atol=1e-4, rtol=0)


def test_gradients_reach_the_waveform():
    samples = torch.from_numpy(voice(150.0, 1.2, 1))[None].requires_grad_()
    WaveformModel(build_model("crnn", 3, width=0.25).eval(), InputSpec(33))(samples)[0, 0].backward()
    assert samples.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(16_000,), (2, 16_000), (1, 1, 16_000)])
def test_another_shape_is_named(shape):
    model = WaveformModel(build_model("crnn", 3, width=0.25), InputSpec(33))
    with pytest.raises(ValueError, match=r"waveform must be \(1, samples\), got"):
        model(torch.zeros(shape))


def test_a_melody_cannot_be_made_of_a_waveform():
    with pytest.raises(ValueError, match="mel and melody cannot be made from a waveform alone"):
        WaveformModel(build_model("crnnm", 3, width=0.25), InputSpec(33, inputs=("mel", "melody")))
