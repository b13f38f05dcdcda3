"""WaveNet against its equations as plain loops; it hears the past only; shapes and errors."""

import numpy as np
import pytest
import torch

from singerid.models.registry import build_model
from singerid.nn.wavenet import GatedResidualUnit, WaveNet


def tiny(**options) -> WaveNet:
    settings = {
        "frame_samples": 16,
        "channels": 3,
        "skip_channels": 4,
        "dilations": (1, 2, 4),
        "downsampling": 2,
        "downsampling_factor": 4,
        "dropout": 0.1,
        "output_dropout": 0.3,
        "eps": 1e-3,
        "momentum": 0.01,
    }
    torch.manual_seed(0)
    return WaveNet(5, **(settings | options)).eval()


def test_a_unit_is_its_equation():
    torch.manual_seed(1)
    unit = GatedResidualUnit(2, 3, dilation=3).double()
    x = torch.randn(1, 2, 10, dtype=torch.float64)
    with torch.no_grad():
        out, skip = unit(x)
    weights = {name: value.detach().numpy() for name, value in unit.named_parameters()}
    kernel, bias = weights["filter_and_gate.weight"], weights["filter_and_gate.bias"]
    for t in range(10):
        past = x[0, :, t - 3].numpy() if t >= 3 else np.zeros(2)
        both = kernel[:, :, 0] @ past + kernel[:, :, 1] @ x[0, :, t].numpy() + bias
        gated = np.tanh(both[:2]) / (1 + np.exp(-both[2:]))
        added = weights["residual.weight"][:, :, 0] @ gated + weights["residual.bias"]
        np.testing.assert_allclose(out[0, :, t], x[0, :, t].numpy() + added, atol=1e-12)
        np.testing.assert_allclose(
            skip[0, :, t], weights["skip.weight"][:, :, 0] @ gated + weights["skip.bias"], atol=1e-12
        )


def test_units_hear_the_past_only_as_far_as_their_dilations_reach():
    model = tiny(dilations=(1, 2, 4, 8))
    x = torch.randn(1, 1, 64, requires_grad=True)
    y = model.input(x)
    total = 0
    for unit in model.units:
        y, skip = unit(y)
        total = total + skip
    total[0, :, 40].sum().backward()
    heard = x.grad[0, 0].nonzero().flatten().tolist()
    assert heard == list(range(40 - (1 + 2 + 4 + 8), 41))


def test_frames_are_joined_in_time():
    """The same samples as frames of 16 or of 32 give the same logits."""
    model, other = tiny(), tiny(frame_samples=32)
    samples = torch.randn(2, 8 * 16)
    frames = samples.unflatten(1, (-1, 16)).transpose(1, 2)
    longer = samples.unflatten(1, (-1, 32)).transpose(1, 2)
    with torch.no_grad():
        assert torch.equal(model(frames), other(longer))
        assert not torch.allclose(model(frames), model(frames.flip(-1)))


def test_shapes_and_errors():
    model = tiny()
    assert model.smallest_frames == 1
    assert model(torch.randn(3, 16, 2)).shape == (3, 5)
    assert model.embed(torch.randn(3, 16, 9)).shape == (3, 4)
    for shape in ((3, 15, 2), (3, 16), (3, 16, 0)):
        with pytest.raises(ValueError, match=r"waveform must be \(B, 16, W\) with W >= 1"):
            model(torch.randn(shape))
    assert tiny(downsampling=3).smallest_frames == 4  # 64 samples of 16


def test_by_name_with_a_width():
    model = build_model("wavenet", 4, width=0.25, dilations=[1, 2])
    assert len(model.units) == 2
    assert model.input.out_channels == 8
    assert model.smallest_frames == 8
    assert model.eval()(torch.zeros(1, 512, 8)).shape == (1, 4)
    with pytest.raises(ValueError, match="whole channels"):
        build_model("wavenet", 4, width=0.3)
