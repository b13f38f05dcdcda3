"""Other people's weights: the golden numbers, and every way a file can be wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch

from singerid.errors import SingeridError
from singerid.models.hsieh import load_hsieh_crnn
from singerid.models.keras import load_keras_weights
from singerid.models.registry import build_model
from singerid.nn import FGNL2d

GOLDEN = Path(__file__).parents[1] / "golden" / "fgnl_keys.npz"  # FGNL's part of a file made in Keras


def close_to_largest(got, expected):
    """Maximum absolute error within 1e-4 of the largest value."""
    assert np.abs(np.asarray(got) - expected).max() <= 1e-4 * np.abs(expected).max()


def channels_first(array):
    return torch.from_numpy(array).permute(0, 3, 1, 2)


@torch.no_grad()
def test_fgnl_equals_the_authors_program_on_the_shipped_golden_file():
    golden = np.load(GOLDEN)
    model = build_model("crnn_fgnl", 20)
    weights = {name: golden[name] for name in golden.files if name.startswith("weight/")}
    # The file holds the FGNL part alone: the error must name just the rest.
    with pytest.raises(SingeridError) as error:
        load_keras_weights(model, weights)
    assert "conv2d" not in str(error.value).replace("depthwise_conv2d", "")
    block = load_golden_block(weights)
    z = block(channels_first(golden["fgnl/x_i"]), channels_first(golden["fgnl/x_j"]))
    close_to_largest(z.permute(0, 2, 3, 1), golden["fgnl/z"])


def load_golden_block(weights):
    """The block filled by hand, as FACTS lists it: a second way, beside load_keras_weights."""
    arrays = {name.split("/", 2)[2].removesuffix(":0"): torch.from_numpy(a) for name, a in weights.items()}
    block = FGNL2d(128, [128])
    targets = [block.theta[0], block.phi[0][0], block.phi[1][0], block.g[0][0], block.g[1][0]]
    targets += [block.excitation.squeeze, block.excitation.expand, block.project]
    for number, layer in enumerate(targets):
        name = f"conv2d_{number}" if number else "conv2d"
        kernel = arrays[f"{name}/kernel"][0, 0].T
        layer.weight.copy_(kernel.reshape(layer.weight.shape))
        layer.bias.copy_(arrays[f"{name}/bias"])
    for gaussian in (block.theta[1], block.phi[0][1], block.g[1][1]):
        expected = arrays["depthwise_conv2d/depthwise_kernel"][:, :, 0, 0]
        torch.testing.assert_close(gaussian.kernel[0, 0], expected, atol=1e-7, rtol=0)
    return block


@pytest.mark.parametrize("softmax", ["keys", "queries"])
@torch.no_grad()
def test_crnn_fgnl_equals_the_authors_program(softmax, test_data):
    path = test_data / "reference" / f"crnn_fgnl_94_softmax_{softmax}.npz"
    reference = np.load(path)
    model = build_model("crnn_fgnl", 20, softmax=softmax).eval()
    load_keras_weights(model, path)
    mel = torch.from_numpy(reference["input/mel"])
    x_i, x_j = model.maps(mel)
    close_to_largest(x_i.permute(0, 2, 3, 1), reference["fgnl/x_i"])
    close_to_largest(x_j.permute(0, 2, 3, 1), reference["fgnl/x_j"])
    z = model.attention(channels_first(reference["fgnl/x_i"]), channels_first(reference["fgnl/x_j"]))
    close_to_largest(z.permute(0, 2, 3, 1), reference["fgnl/z"])
    close_to_largest(model(mel).softmax(-1), reference["output/probabilities"])


def test_the_two_softmax_axes_are_not_the_same_function(test_data):
    path = test_data / "reference" / "crnn_fgnl_94_softmax_keys.npz"
    reference = np.load(path)
    model = build_model("crnn_fgnl", 20, softmax="queries").eval()
    load_keras_weights(model, path)
    with torch.no_grad():
        probabilities = model(torch.from_numpy(reference["input/mel"])).softmax(-1)
    assert np.abs(probabilities.numpy() - reference["output/probabilities"]).max() > 1e-3


def keras_arrays(model):
    """Weights of a model in Keras's layout, written out for the test: random arrays of the right shapes."""
    rng = np.random.default_rng(0)
    branches = ["MelBranch", "MelodyBranch"] if model.melody_branch is not None else ["MelBranch"]
    channels = [1, *(block.conv.out_channels for block in model.mel_branch.blocks)]
    shapes = {}
    for number, branch in enumerate(branches):
        norms = {f"batch_normalization_{number}" if number else "batch_normalization": 128}
        for block in range(1, 5):
            shapes[f"{branch}_Conv_{block}_Conv/kernel"] = (3, 3, channels[block - 1], channels[block])
            shapes[f"{branch}_Conv_{block}_Conv/bias"] = (channels[block],)
            norms[f"{branch}_Conv_{block}_BN"] = channels[block]
        for norm, size in norms.items():
            shapes |= {
                f"{norm}/{part}": (size,) for part in ("gamma", "beta", "moving_mean", "moving_variance")
            }
    last = channels[-1] * len(branches)
    k = model.attention.theta[0].out_channels
    maps = [(last, k)] * 5 + [(1, 16), (16, 1), (k * k, last)]
    for number, (inside, outside) in enumerate(maps):
        name = f"conv2d_{number}" if number else "conv2d"
        shapes[f"{name}/kernel"] = (1, 1, inside, outside)
        shapes[f"{name}/bias"] = (outside,)
    for number in range(5):
        name = f"depthwise_conv2d_{number}" if number else "depthwise_conv2d"
        shapes[f"{name}/depthwise_kernel"] = (5, 5, k, 1)
    for name, inside in (("gru", 16 * last), ("gru_1", 32)):
        shapes[f"{name}/gru_cell/kernel"] = (inside, 96)
        shapes[f"{name}/gru_cell/recurrent_kernel"] = (32, 96)
        shapes[f"{name}/gru_cell/bias"] = (2, 96)
    shapes |= {"dense/kernel": (32, model.output.out_features), "dense/bias": (model.output.out_features,)}
    return {f"{name}:0": rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def test_crnnm_fgnl_takes_every_array_where_it_belongs():
    model = build_model("crnnm_fgnl", 7)
    arrays = keras_arrays(model)
    load_keras_weights(model, arrays)
    state = model.state_dict()
    filled = sum(value.numel() for value in state.values() if value.is_floating_point())
    assert filled == sum(array.size for array in arrays.values())
    melody = model.melody_branch
    np.testing.assert_array_equal(melody.norm.running_var, arrays["batch_normalization_1/moving_variance:0"])
    np.testing.assert_array_equal(
        melody.blocks[2].conv.weight[5, 3].detach(), arrays["MelodyBranch_Conv_3_Conv/kernel:0"][:, :, 3, 5]
    )
    np.testing.assert_array_equal(
        model.mel_branch.blocks[3].norm.weight.detach(), arrays["MelBranch_Conv_4_BN/gamma:0"]
    )
    kernel = arrays["gru_1/gru_cell/kernel:0"]  # Keras: z, r, h; torch: r, z, n
    ours = model.gru.weight_ih_l1.detach()
    np.testing.assert_array_equal(ours[:32], kernel[:, 32:64].T)
    np.testing.assert_array_equal(ours[32:64], kernel[:, :32].T)
    np.testing.assert_array_equal(ours[64:], kernel[:, 64:].T)
    np.testing.assert_array_equal(model.gru.bias_hh_l0.detach()[64:], arrays["gru/gru_cell/bias:0"][1, 64:])


def test_everything_unknown_missing_or_misshapen_is_named_and_nothing_changes():
    model = build_model("crnn_fgnl", 7)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    arrays = keras_arrays(model)
    arrays["conv2d_9/kernel:0"] = arrays.pop("conv2d_3/kernel:0")
    arrays["dense/bias:0"] = np.zeros(8, np.float32)
    del arrays["gru/gru_cell/bias:0"]
    with pytest.raises(SingeridError) as error:
        load_keras_weights(model, arrays)
    message = str(error.value)
    assert "unknown conv2d_9/kernel" in message
    assert "missing conv2d_3/kernel" in message
    assert "missing gru/gru_cell/bias" in message
    assert "dense/bias has shape (8), expected (7)" in message
    assert message.count(";") == 3
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_other_models_and_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="crnn_fgnl and crnnm_fgnl"):
        load_keras_weights(build_model("crnn", 3), {})
    with pytest.raises(ValueError, match="crnn_fgnl and crnnm_fgnl"):
        load_keras_weights(build_model("crnn_fgnl_se", 3), {})
    model = build_model("crnn_fgnl", 3)
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("text.npz", "empty.npz", "array.npy", "missing.npz", "."):
        with pytest.raises(SingeridError, match=r"is no readable \.npz file"):
            load_keras_weights(model, tmp_path / name)


def their_file(path, singers=3, seed=0):
    """A file of Hsieh et al.'s program: its layers by name, random weights; and what it was filled with."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"Bn0": (128,), "linear1.weight": (singers, 288), "linear1.bias": (singers,)}
    inside = 1
    for block, outside in enumerate((64, 128, 128, 128), start=1):
        for layer, channels in ((f"Conv{block}", inside), (f"Conv{block}_1", outside)):
            shapes |= {f"{layer}.weight": (outside, channels, 3, 3), f"{layer}.bias": (outside,)}
        shapes |= {f"Bn{block}": (outside,), f"Bn{block}_1": (outside,)}
        inside = outside
    for gru, features in (("gru1", 128), ("gru2", 32)):
        shapes |= {f"{gru}.weight_ih_l0": (96, features), f"{gru}.weight_hh_l0": (96, 32)}
        shapes |= {f"{gru}.bias_ih_l0": (96,), f"{gru}.bias_hh_l0": (96,)}
    tensors = {}
    for name, shape in shapes.items():
        parts = ("weight", "bias", "running_mean", "running_var") if name.startswith("Bn") else ("",)
        for part in parts:
            tensors[f"{name}.{part}".rstrip(".")] = torch.rand(shape, generator=generator) * 0.1 + 0.05
        if name.startswith("Bn"):
            tensors[f"{name}.num_batches_tracked"] = torch.tensor(1)
    torch.save({"Classifier_state_dict": tensors}, path)
    return tensors


@torch.no_grad()
def test_hsieh_crnn_equals_its_makers_program(test_data):
    model = load_hsieh_crnn(test_data / "weights" / "hsieh_artist20_crnn.pth")
    reference = np.load(test_data / "reference" / "hsieh_artist20_crnn.npz")
    mel = torch.from_numpy(reference["input/mel_db"])
    np.testing.assert_allclose(model(mel).softmax(-1), reference["output/probabilities"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.embed(mel), reference["output/embedding"], rtol=0, atol=1e-5)


def test_hsieh_weights_go_where_they_belong(tmp_path):
    theirs = their_file(tmp_path / "theirs")
    model = load_hsieh_crnn(tmp_path / "theirs")
    assert not model.training
    used = {
        name: value
        for name, value in theirs.items()
        if not name.startswith(tuple(f"Bn{n}_1" for n in range(5)))
    }
    assert sum(v.numel() for v in model.state_dict().values()) == sum(v.numel() for v in used.values())
    for got, name in (
        (model.norm.running_mean, "Bn0.running_mean"),
        (model.blocks[0].first.weight, "Conv1.weight"),
        (model.blocks[2].second.bias, "Conv3_1.bias"),
        (model.blocks[3].norm.running_var, "Bn4.running_var"),
        (model.gru_first.weight_ih_l0, "gru1.weight_ih_l0"),
        (model.gru_second.bias_hh_l0, "gru2.bias_hh_l0"),
        (model.output.weight, "linear1.weight"),
    ):
        torch.testing.assert_close(got.detach(), theirs[name], rtol=0, atol=0)


class Harmful:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_the_code_of_a_file_is_never_run(tmp_path):
    torch.save({"Classifier_state_dict": Harmful(tmp_path / "harmed")}, tmp_path / "weights")
    with pytest.raises(SingeridError, match="weights: is not a complete PyTorch file of weights only"):
        load_hsieh_crnn(tmp_path / "weights")
    assert not (tmp_path / "harmed").exists()
    torch.load(tmp_path / "weights", weights_only=False)
    assert (tmp_path / "harmed").exists()  # so it would have


def test_files_that_are_not_hsiehs_are_one_line(tmp_path):
    tensors = their_file(tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "truncated").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("these are no weights")
    torch.save(torch.zeros(3), tmp_path / "tensor")
    torch.save({"Classifier_state_dict": {"linear1.bias": "twenty"}}, tmp_path / "other")
    del tensors["gru2.bias_hh_l0"]
    torch.save({"Classifier_state_dict": tensors | {"extra.weight": torch.zeros(1)}}, tmp_path / "partial")
    for name, reason in {
        "truncated": "is not a complete PyTorch file",
        "empty": "is not a complete PyTorch file",
        "text": "is not a complete PyTorch file",
        "missing": "cannot be read",
        ".": "cannot be read",
        "tensor": "holds no network of Hsieh et al.",
        "other": "holds no network of Hsieh et al.",
        "partial": r"weights do not fit .*gru_second\.bias_hh_l0.*extra\.weight",
    }.items():
        with pytest.raises(SingeridError, match=reason) as error:
            load_hsieh_crnn(tmp_path / name)
        assert "\n" not in str(error.value)
        assert "give" in str(error.value)
