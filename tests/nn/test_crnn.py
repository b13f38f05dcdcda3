"""The CRNN family against its description written out: blocks, order of features, recurrence, weights."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from singerid.models.registry import MODELS, build_model

PLAIN = ["crnn", "crnnm", "crnn_square", "crnnm_square", "crnn_large", "crnnm_large"]
POOLS = {"crnn": [(2, 2), (4, 2), (4, 2), (4, 2)], "square": [None, (2, 2), (2, 2), (2, 2)]}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def randomize(model):
    """Random batch-norm statistics, biases and weights, so that nothing is hidden by ones and zeros."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            values = torch.rand(tensor.shape, generator=generator) * 0.5
            tensor.copy_(values + (0.5 if "running_var" in name or name.endswith("norm.weight") else 0))
    return model.eval()


def branch_by_hand(state, prefix, spectrogram, pools, extra):
    def normalize(x, key, axis):
        shape = [1] * x.ndim
        shape[axis] = -1
        mean, var, weight, bias = (
            state[f"{key}.{part}"].view(shape) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-3) * weight + bias

    def block(x, key, pool):
        x = F.conv2d(x, state[f"{key}.conv.weight"], state[f"{key}.conv.bias"], padding=1)
        x = normalize(torch.where(x > 0, x, torch.exp(x) - 1), f"{key}.norm", axis=1)
        return x if pool is None else F.max_pool2d(x, pool)

    x = normalize(spectrogram, f"{prefix}.norm", axis=1)[:, None]
    for index, pool in enumerate(pools):
        x = block(x, f"{prefix}.blocks.{index}", pool)
        if index == 0:
            for number in range(extra):
                x = block(x, f"{prefix}.extra.{number}", None)
    return x


def keras_gru(state, layer, sequence):
    """One clip (W, features) -> (W, units): the `reset_after` GRU, gate by gate."""
    w_ir, w_iz, w_in = np.split(state[f"gru.weight_ih_l{layer}"].numpy(), 3)
    w_hr, w_hz, w_hn = np.split(state[f"gru.weight_hh_l{layer}"].numpy(), 3)
    b_ir, b_iz, b_in = np.split(state[f"gru.bias_ih_l{layer}"].numpy(), 3)
    b_hr, b_hz, b_hn = np.split(state[f"gru.bias_hh_l{layer}"].numpy(), 3)
    h, states = np.zeros(w_hr.shape[1]), []
    for x in sequence:
        z = sigmoid(w_iz @ x + b_iz + w_hz @ h + b_hz)
        r = sigmoid(w_ir @ x + b_ir + w_hr @ h + b_hr)
        candidate = np.tanh(w_in @ x + b_in + r * (w_hn @ h + b_hn))
        h = z * h + (1 - z) * candidate
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("name", PLAIN)
@torch.no_grad()
def test_plain_networks_equal_their_description(name):
    torch.manual_seed(0)
    model = randomize(build_model(name, 5, width=0.25))
    state = {key: value.double() for key, value in model.state_dict().items()}
    pools = POOLS["square" if "square" in name else "crnn"]
    extra = 5 if "large" in name else 0
    mel = torch.randn(2, 128, 37) * 3
    inputs = [mel]
    maps = branch_by_hand(state, "mel_branch", mel.double(), pools, extra)
    if name.startswith("crnnm"):
        inputs.append((torch.rand(2, 128, 37) > 0.9).float())
        melody = branch_by_hand(state, "melody_branch", inputs[1].double(), pools, extra)
        maps = torch.cat([maps, melody], dim=1)  # mel comes first
    logits, embedding = model(*inputs), model.embed(*inputs)
    for clip in range(2):
        channels, bands, frames = maps[clip].shape
        sequence = np.empty((frames, bands * channels))
        for h in range(bands):
            for c in range(channels):
                sequence[:, h * channels + c] = maps[clip, c, h]  # mel-major
        last = keras_gru(state, 1, keras_gru(state, 0, sequence))[-1]
        np.testing.assert_allclose(embedding[clip], last, atol=1e-5)
        expected = state["output.weight"].numpy() @ last + state["output.bias"].numpy()
        np.testing.assert_allclose(logits[clip], expected, atol=1e-5)


def test_attention_reads_blocks_four_and_three_of_both_branches():
    seen = {}

    def record(module, args):
        seen["maps"] = args

    model = build_model("crnnm_fgnl", 4, width=0.25).eval()
    model.attention.register_forward_pre_hook(record)
    mel, melody = torch.randn(2, 1, 128, 40)
    model(mel, melody)
    block3 = [model.mel_branch(mel, [3])[0], model.melody_branch(melody, [3])[0]]
    block4 = [model.mel_branch(mel, [4])[0], model.melody_branch(melody, [4])[0]]
    for got, parts in zip(seen["maps"], (block4, block3), strict=True):
        torch.testing.assert_close(got, torch.cat(parts, dim=1))
    assert [tuple(m.shape) for m in seen["maps"]] == [(1, 64, 16, 5), (1, 64, 32, 10)]


def test_order_inside_a_block():
    model = build_model("crnn", 4)
    assert [name for name, _ in model.mel_branch.blocks[0].named_children()] == [
        "conv",
        "elu",
        "norm",
        "pool",
        "dropout",
    ]


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("crnn")])
def test_batch_norm_and_dropout_constants(name):
    model = build_model(name, 4, width=0.25)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)]
    assert norms
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    dropouts = sorted({m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)})
    assert dropouts == [0.1, 0.3]
    assert model.dropout.p == 0.3


def test_initialisers_are_keras_defaults():
    torch.manual_seed(0)
    model = build_model("crnn_fgnl", 20)
    for name, parameter in model.named_parameters():
        values = parameter.detach()
        if "bias" in name:
            assert not values.any(), name
        elif "norm.weight" in name:
            assert (values == 1).all(), name
        elif "weight_hh" in name:
            torch.testing.assert_close(values.T @ values, torch.eye(32), atol=1e-5, rtol=0)
        else:  # Glorot uniform: within the limit, and near it where there are many values
            fan_out, fan_in = values.shape[:2]
            receptive = values[0, 0].numel() if values.ndim > 2 else 1
            limit = (6 / ((fan_in + fan_out) * receptive)) ** 0.5
            assert values.abs().max() <= limit, name
            if values.numel() >= 64:
                assert values.abs().max() > 0.9 * limit, name
                assert abs(values.std() / (limit / 3**0.5) - 1) < 0.2, name


@pytest.mark.parametrize("name", ["crnn", "crnn_fgnl", "crnnm_fgnl"])
@torch.no_grad()
def test_a_clip_does_not_depend_on_its_batch(name):
    model = randomize(build_model(name, 6, width=0.25))
    inputs = [torch.randn(4, 128, 50) for _ in MODELS[name].inputs]
    together = model(*inputs)
    alone = torch.cat([model(*(x[i : i + 1] for x in inputs)) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "smallest"), [("crnn", 16), ("crnn_fgnl", 8), ("crnn_large", 16)])
@torch.no_grad()
def test_any_length_the_pools_allow(name, smallest):
    model = build_model(name, 3, width=0.25).eval()
    for frames in (smallest, smallest + 1, 94, 157):
        assert model(torch.randn(2, 128, frames)).shape == (2, 3)
        assert model.embed(torch.randn(2, 128, frames)).shape == (2, 32)
    with pytest.raises(
        ValueError, match=rf"\(B, 128, W\) with at least {smallest} frames, got \(2, 128, {smallest - 1}\)"
    ):
        model(torch.randn(2, 128, smallest - 1))


def test_wrong_inputs_are_named():
    crnn, crnnm = build_model("crnn", 3, width=0.25), build_model("crnnm", 3, width=0.25)
    mel = torch.randn(2, 128, 32)
    with pytest.raises(ValueError, match=r"mel must be \(B, 128, W\) .* got \(2, 64, 32\)"):
        crnn(mel[:, :64])
    with pytest.raises(ValueError, match=r"got \(128, 32\)"):
        crnn(mel[0])
    with pytest.raises(ValueError, match="takes no melody"):
        crnn(mel, mel)
    with pytest.raises(ValueError, match="also takes a melody map"):
        crnnm(mel)
    with pytest.raises(ValueError, match=r"the shape of mel, \(2, 128, 32\), got \(2, 128, 16\)"):
        crnnm(mel, mel[..., :16])


@torch.no_grad()
@pytest.mark.parametrize("name", ["crnn", "crnn_fgnl", "crnn_large"])
def test_sound_later_by_a_stride_is_one_position_later_in_the_map(name):
    model = randomize(build_model(name, 3, width=0.25))
    mel = torch.randn(1, 128, 320, generator=torch.Generator().manual_seed(0))
    for index, (bands, frames) in enumerate(model.strides()):
        before, after = model.maps(mel)[index], model.maps(mel.roll(frames, dims=-1))[index]
        assert before.shape[2:] == (128 // bands, 320 // frames)
        inside = slice(before.shape[3] // 4, -(before.shape[3] // 4))  # away from what rolled over
        torch.testing.assert_close(
            after.roll(-1, dims=-1)[..., inside], before[..., inside], atol=1e-4, rtol=1e-4
        )


def small():
    torch.manual_seed(0)
    return build_model("crnn_fgnl", 5, width=0.0625)


def test_training_normalises_over_all_clips_of_a_batch():
    """Clip by clip, every one would be normalised by itself."""
    model = small()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    mel = torch.randn(3, 128, 64) * torch.tensor([1.0, 5.0, 20.0]).view(3, 1, 1)
    torch.testing.assert_close(model.train().embed(mel), _embedded_at_once(model, mel), rtol=1e-4, atol=1e-5)


def test_norms_that_still_learn_are_given_the_whole_batch():
    model = small().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.train()
    mel = torch.randn(3, 128, 64) * torch.tensor([1.0, 5.0, 20.0]).view(3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(model.embed(mel), _embedded_at_once(model, mel), rtol=1e-4, atol=1e-5)


def _embedded_at_once(model, mel):
    x, *others = model.maps(mel)
    frames = model.attention(x, *others).permute(0, 3, 2, 1).flatten(2)
    return model.gru(frames)[1][-1]


@pytest.mark.filterwarnings("ignore")  # of what a trace fixes
def test_a_traced_network_takes_batches_of_any_size():
    model = small().eval()
    with torch.no_grad():
        traced = torch.jit.trace(model, torch.randn(2, 128, 64), check_trace=False)
        mel = torch.randn(3, 128, 64)
        torch.testing.assert_close(traced(mel), model(mel), rtol=1e-4, atol=1e-5)


def test_a_hook_sees_the_whole_batch_at_once():
    model, seen = small().eval(), []
    model.mel_branch.norm.register_forward_hook(lambda layer, args, output: seen.append(len(output)))
    with torch.no_grad():
        model(torch.randn(3, 128, 64))
    assert seen == [3]
