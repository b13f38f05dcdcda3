"""Models by name: parameter counts, options, training one step, saving and loading."""

import csv
import functools
import inspect
from pathlib import Path

import pytest
import torch

from singerid.config import ModelConfig
from singerid.errors import SingeridError
from singerid.models.registry import (
    MODELS,
    ModelEntry,
    build_model,
    count_parameters,
    describe_models,
    register_model,
)
from singerid.models.spec import model_spec
from singerid.models.weights import load_model_file, save_model
from singerid.nn import FGNL2d, NonLocal2d, Smoothing, SqueezeExcitation

# Table 1 of the paper and Table 6 of the authors' repository; the last is FACTS by arithmetic: FGNL's
# pools widen the GRU's input from 128 to 2048 features, 3 * 32 * 1920 parameters more.
PUBLISHED = {
    "crnn": 394_516,
    "crnn_fgnl": 584_141,
    "crnnm": 778_772,
    "crnnm_fgnl": 1_175_381,
    "crnn_large": 580_436,
    "crnnm_large": 1_150_612,
    "crnn_square": 394_516 + 184_320,
}


@pytest.fixture(scope="module")
def rows():
    return {row["name"]: row for row in describe_models()}


def test_parameter_counts_equal_the_published(rows):
    assert {name: rows[name]["parameters"] for name in PUBLISHED} == PUBLISHED


def test_parameter_counts_equal_the_published_file(rows, test_data):
    with (test_data / "paper" / "published_parameters.csv").open() as file:
        published = {line["model"]: int(line["parameters"]) for line in csv.DictReader(file)}
    assert {name: rows[name]["parameters"] for name in published} == published


def test_tables_equal_the_published_values(test_data):
    tables: dict[str, set[int]] = {}
    with (test_data / "paper" / "published_f1.csv").open() as file:
        for line in csv.DictReader(file):
            tables.setdefault(line["model"], set()).add(int(line["table"]))
    ours = {name: {table for table in entry.tables if table < 7} for name, entry in MODELS.items()}
    assert {name: tables.get(name, set()) for name in ours} == ours
    assert tables.keys() <= ours.keys()


def test_fixed_kernels_and_statistics_count_but_are_not_trainable(rows):
    fgnl = rows["crnn_fgnl"]
    statistics = 2 * (128 + 64 + 3 * 128)
    assert fgnl["parameters"] - fgnl["trainable_parameters"] == 500 + statistics
    # Without smoothing exactly the 5 * 4 fixed 5 x 5 kernels are gone.
    assert fgnl["parameters"] - rows["crnn_fgnl_no_smoothing"]["parameters"] == 500
    assert fgnl["parameters"] - rows["crnn_fgnl_no_mose"]["parameters"] == 16 + 16 + 16 + 1


def test_every_network_of_the_issue_is_there():
    suffixes = [
        "",
        "_large",
        "_square",
        "_nl",
        "_fgnl_light",
        "_fgnl",
        "_fgnl_no_smoothing",
        "_fgnl_no_mose",
        "_fgnl_se",
    ]
    names = {base + suffix for base in ("crnn", "crnnm") for suffix in suffixes}
    assert names | {"crnn_se", "crnn_cbam", "crnn_scse", "blstm"} <= set(MODELS)


def inputs_of(name, clips=2, frames=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if MODELS[name].inputs == ("waveform",):
        return [torch.randn(clips, 512, frames, generator=generator) * 0.1]
    return [torch.randn(clips, 128, frames, generator=generator) * 10 - 40 for _ in MODELS[name].inputs]


@pytest.mark.parametrize("name", ["probe", "centroids"])
def test_a_head_on_vectors_survives_saving_bit_for_bit(name, tmp_path):
    model = build_model(name, 5, size=7).eval()
    for tensor in model.state_dict().values():
        tensor.normal_()
    vectors = torch.randn(3, 7, 1)
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model_file(tmp_path / "model.safetensors")
    with torch.no_grad():
        assert torch.equal(loaded(vectors), model(vectors))
        assert loaded(vectors).shape == (3, 5)
    assert torch.equal(loaded.embed(vectors), vectors[..., 0])
    with pytest.raises(ValueError, match="unknown option 'width'"):
        build_model(name, 5, width=0.25)


@pytest.mark.parametrize("name", [name for name in MODELS if not MODELS[name].settings])
def test_trains_one_step_and_survives_saving_bit_for_bit(name, tmp_path):
    torch.manual_seed(1)
    model = build_model(name, 5, width=0.125)
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = torch.nn.functional.cross_entropy(model(*inputs_of(name, 4)), torch.tensor([0, 1, 2, 3]))
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    still = {key for key, value in model.named_parameters() if torch.equal(value, before[key])}
    # Softmax over keys and over responses ignores what is added to all of them alike.
    assert all("phi" in key or "excitation" in key or "theta" in key for key in still), still
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model_file(tmp_path / "model.safetensors")
    assert model_spec(loaded) == model_spec(model)
    state = loaded.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    with torch.no_grad():
        assert torch.equal(loaded(*inputs_of(name)), model.eval()(*inputs_of(name)))


@pytest.mark.parametrize("width", [1 / 32, 0.25, 0.5, 2.0])
@pytest.mark.parametrize(("name", "responses"), [("crnn_fgnl", 4), ("crnnm_fgnl", 8)])
def test_width_keeps_the_number_of_responses(name, responses, width):
    model = build_model(name, 3, width=width)
    assert model.attention.theta[0].out_channels == responses
    assert model.mel_branch.blocks[0].conv.out_channels == 64 * width
    assert model.gru.hidden_size == 32


def test_options_reach_the_block():
    options = {
        "softmax": "queries",
        "sigma": 1.5,
        "kernel_size": 3,
        "reduction": 16,
        "layers": (3, 2),
        "hidden": 5,
    }
    block = build_model("crnn_fgnl", 3, **options).attention
    assert isinstance(block, FGNL2d)
    assert block.softmax == "queries"
    assert block.theta[0].out_channels == 8
    assert block.theta[1].kernel.shape == (8, 1, 3, 3)
    assert block.layer_channels == (128, 128, 128)
    assert block.excitation.squeeze.out_channels == 5
    kernel = block.theta[1].kernel[0, 0]
    assert kernel[1, 0] / kernel[1, 1] == pytest.approx(2.718281828 ** (-1 / (2 * 1.5**2)), rel=1e-5)
    assert isinstance(build_model("crnn_nl", 3).attention, NonLocal2d)
    assert isinstance(build_model("crnn_fgnl_se", 3).attention.excitation, SqueezeExcitation)
    assert build_model("crnn_fgnl_no_mose", 3).attention.excitation is None
    assert len(build_model("crnn_fgnl_light", 3).attention.phi) == 1


def test_defaults_of_the_blocks_are_those_of_the_config():
    fgnl = inspect.signature(FGNL2d).parameters
    config = ModelConfig()
    assert fgnl["reduction"].default == config.reduction
    assert fgnl["softmax"].default == config.softmax
    assert fgnl["excitation"].default == config.excitation
    assert fgnl["smoothing"].default == Smoothing(config.sigma, config.kernel_size)
    assert inspect.signature(NonLocal2d).parameters["reduction"].default == config.nl_reduction
    assert inspect.signature(SqueezeExcitation).parameters["hidden"].default == config.hidden


def plain(singers, width=4, *, depth=1):
    return torch.nn.Linear(width, singers)


@functools.wraps(plain)
def wrapper(singers, *, dropout=0.1, **options):
    return plain(singers, **options)


class Unsaying:
    """A callable that does not say what it takes."""

    __signature__ = "none"

    def __call__(self, singers, **options):
        return torch.nn.Linear(options.get("width", 4), singers)


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (plain, {"width": 2, "depth": 3}),
        (wrapper, {"dropout": 0.2, "width": 2}),
        (functools.partial(plain, width=2), {"depth": 3}),
        (functools.lru_cache(plain), {"width": 2}),
        (Unsaying(), {}),
        (Unsaying(), {"width": 2}),
        (lambda *sizes: torch.nn.Linear(4, sizes[0]), {}),
    ],
)
def test_options_of_any_build_function_are_taken(build, options):
    with MODELS.restored():
        register_model("mine", ModelEntry(build, "mine"))
        assert build_model("mine", 3, **options).out_features == 3


def test_wrong_options_of_a_build_function_are_named():
    with MODELS.restored():
        register_model("mine", ModelEntry(functools.partial(plain, width=2), "mine"))
        with pytest.raises(ValueError, match="unknown option 'zzz'; known options: depth, width"):
            build_model("mine", 3, zzz=1)
    with MODELS.restored():
        register_model("bare", ModelEntry(lambda singers: torch.nn.Identity(), "bare"))
        with pytest.raises(ValueError, match="unknown option 'zzz'; the model has no options"):
            build_model("bare", 3, zzz=1)


def test_wrong_names_and_options_are_named():
    with pytest.raises(SingeridError, match=r"unknown model 'crnn_fgln'; near names: crnn_fgnl"):
        build_model("crnn_fgln", 3)
    with pytest.raises(ValueError, match="unknown option 'sofmax'; near options: softmax"):
        build_model("crnn_fgnl", 3, sofmax="keys")
    with pytest.raises(ValueError, match="unknown option 'zzz'; known options: attention, "):
        build_model("crnn_fgnl", 3, zzz=1)
    with pytest.raises(ValueError, match="'softmax' has no effect"):
        build_model("crnn", 3, softmax="queries")
    with pytest.raises(ValueError, match=r"width 0\.1 does not leave whole channels"):
        build_model("crnn", 3, width=0.1)
    with pytest.raises(ValueError, match="excitation must be mose or se or none, not 'mosse'"):
        build_model("crnn_fgnl", 3, excitation="mosse")
    with pytest.raises(ValueError, match="at least 1"):
        build_model("crnn", 0)
    with pytest.raises(ValueError, match="layers must name blocks before the last"):
        build_model("crnn_fgnl", 3, layers=(4,))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("smoothing", "False"),
        ("attention", "foo"),
        ("extra_blocks", -1),
        ("extra_blocks", 1.5),
        ("width", True),
        ("width", float("nan")),
        ("width", "0.5"),
        ("channels", 3),
        ("channels", [64, 0, 1, 1]),
        ("pools", [[2], None, None, None]),
        ("kernel_size", True),
        ("dropout", None),
    ],
)
def test_options_of_the_wrong_kind_are_named(option, value):
    with pytest.raises(ValueError, match=f"{option} must be .*, not "):
        build_model("crnn_fgnl", 3, **{option: value})


def test_options_of_blstm_are_its_own():
    model = build_model("blstm", 3, width=0.5, layers=3, n_mfcc=13)
    assert (model.lstm.hidden_size, model.lstm.num_layers, model.lstm.input_size) == (64, 3, 13)
    with pytest.raises(ValueError, match="unknown option 'pools'"):
        build_model("blstm", 3, pools=[[2, 2]])
    with pytest.raises(ValueError, match="layers must be a whole number from 1, not \\(3,\\)"):
        build_model("blstm", 3, layers=(3,))
    with pytest.raises(ValueError, match=r"does not leave whole units: 0\.5"):
        build_model("blstm", 3, width=1 / 256)
    with pytest.raises(ValueError, match="n_mfcc must be 1 to 128"):
        build_model("blstm", 3, n_mfcc=129)


def test_options_that_do_not_go_together_are_named():
    with pytest.raises(ValueError, match="choose a crnn or a crnnm model"):
        build_model("crnn_fgnl", 3, melody=True)
    with pytest.raises(ValueError, match="as many pools as channels"):
        build_model("crnn", 3, channels=[64, 128])
    # The attention that is asked for decides which options there are, not the one that was there.
    assert build_model("crnn", 3, attention="fgnl", softmax="queries").attention.softmax == "queries"


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="'crnn' exists"):
        register_model("crnn", ModelEntry(lambda singers: torch.nn.Identity(), "mine"))


def test_counts_include_floating_buffers_only():
    norm = torch.nn.BatchNorm1d(3)  # weight, bias, mean, variance; the batch counter is no parameter
    assert count_parameters(norm) == (12, 6)


def damaged(path: Path, how: str) -> Path:
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "text":
        path.write_text("these are no weights")
    elif how == "folder":
        path.unlink()
        path.mkdir()
    return path


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "text", "folder"])
def test_a_damaged_file_is_named(how, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(build_model("crnn", 2, width=1 / 32), path)
    with pytest.raises(
        SingeridError, match=r"model\.safetensors: .*; give a complete file that singerid wrote"
    ):
        load_model_file(damaged(path, how))


def test_foreign_weights_version_and_shapes_are_named(tmp_path):
    import json

    import safetensors.torch

    path = tmp_path / "model.safetensors"
    model = build_model("crnn", 2, width=1 / 32)
    tensors = model.state_dict()
    safetensors.torch.save_file(tensors, path)
    with pytest.raises(SingeridError, match="holds no singerid model"):
        load_model_file(path)
    header = {"format": 99, "name": "crnn", "singers": 2, "options": {"width": 1 / 32}}
    safetensors.torch.save_file(tensors, path, metadata={"singerid": json.dumps(header)})
    with pytest.raises(SingeridError, match="has format 99, this singerid reads 1"):
        load_model_file(path)
    for broken in (
        "x",
        "[]",
        "{}",
        json.dumps({"format": 1}),
        json.dumps(header | {"format": 1, "options": 3}),
    ):
        safetensors.torch.save_file(tensors, path, metadata={"singerid": broken})
        with pytest.raises(SingeridError, match=r"model\.safetensors: "):
            load_model_file(path)
    header |= {"format": 1, "singers": 3}
    safetensors.torch.save_file(tensors, path, metadata={"singerid": json.dumps(header)})
    with pytest.raises(SingeridError, match=r"do not fit crnn: .*output\.weight"):
        load_model_file(path)


def test_a_module_of_ones_own_cannot_be_saved_unregistered(tmp_path):
    with pytest.raises(TypeError, match="register it"):
        save_model(torch.nn.Linear(2, 2), tmp_path / "model.safetensors")
