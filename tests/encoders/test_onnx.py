"""Speaker networks in ONNX: their input is described in the file or beside it, or they are refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from conftest import voice
from singerid import open_encoder
from singerid.config import FeatureConfig, FilterBankConfig
from singerid.encoders.campplus import SPEC
from singerid.encoders.encoder import Encoder
from singerid.encoders.onnx import EXAMPLE, METADATA
from singerid.errors import SingeridError
from singerid.sound.filter_bank import FilterBank
from small_speaker import FramesFirst, scattered, write_onnx

pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")
pytest.importorskip("onnx", reason="the extra [onnx] is not installed")

BANK = {"input": "filter_bank"}


@pytest.fixture(scope="module")
def campplus(tmp_path_factory):
    """CAM++ as a graph like the published ones, without a description of its input."""
    path = tmp_path_factory.mktemp("onnx") / "campplus.onnx"
    return write_onnx(FramesFirst(scattered()), torch.zeros(1, 298, 80), path)


@pytest.fixture
def said(campplus, tmp_path):
    """Makes a copy of it with a description of its input."""
    import onnx

    def write(metadata=None, beside=None):
        path = tmp_path / "net.onnx"
        graph = onnx.load(campplus)
        onnx.helper.set_model_props(graph, metadata or {})
        onnx.save(graph, path)
        if beside is not None:
            path.with_suffix(".json").write_text(beside if isinstance(beside, str) else json.dumps(beside))
        return f"onnx:{path}"

    return write


@pytest.mark.parametrize("place", ["beside", "metadata"])
def test_campplus_exported_says_what_campplus_says(said, place):
    name = said(beside=BANK) if place == "beside" else said({METADATA: json.dumps(BANK)})
    encoder = open_encoder(name)
    assert encoder.name == name
    assert encoder.spec == SPEC.__class__(298, SPEC.features, hop_frames=150, smallest_frames=50)
    samples = voice(150.0, 20.0, 1)
    expected = Encoder("plain", "0" * 64, SPEC, scattered()).encode(samples)
    found = encoder.encode(samples)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-4)
    assert np.array_equal(found.starts, expected.starts)


def test_what_is_said_is_what_it_is_given(said):
    text = {
        **BANK,
        "window": "hamming",
        "scale": 32768,
        "remove_mean": False,
        "low_hz": 0.0,
        "window_seconds": 2.0,
        "hop_seconds": 0.5,
    }
    encoder = open_encoder(said(beside=text))
    assert encoder.spec.features == FilterBankConfig(
        window="hamming", scale=32768.0, remove_mean=False, low_hz=0.0
    )
    assert (encoder.spec.window_frames, encoder.spec.hop) == (198, 50)
    samples = voice(150.0, 2.0, 1)
    bank = FilterBank(encoder.spec.features)(torch.from_numpy(samples))
    with torch.inference_mode():
        expected = nn.functional.normalize(scattered()(bank[None]))[0].numpy()
    np.testing.assert_allclose(encoder.encode(samples).vectors[0], expected, atol=1e-4)


def test_the_json_beside_goes_before_the_metadata(said):
    name = said({METADATA: json.dumps({**BANK, "scale": 32768.0})}, beside=BANK)
    assert open_encoder(name).spec.features == FilterBankConfig()


@pytest.mark.parametrize(
    ("metadata", "features"),
    [
        (
            {"framework": "3d-speaker", "normalize_samples": "1", "feature_normalize_type": "global-mean"},
            FilterBankConfig(),
        ),
        (
            {"framework": "wespeaker", "normalize_samples": "0", "sample_rate": "16000"},
            FilterBankConfig(window="hamming", scale=32_768.0),
        ),
        ({"framework": "3d-speaker", "normalize_samples": "1"}, FilterBankConfig(remove_mean=False)),
    ],
)
def test_metadata_in_the_manner_of_sherpa_onnx_are_read(said, metadata, features):
    assert open_encoder(said(metadata)).spec.features == features


def test_another_input_is_another_identity(said):
    first = open_encoder(said(beside=BANK)).identity
    assert open_encoder(said(beside={**BANK, "scale": 1})).identity == first
    assert open_encoder(said(beside={**BANK, "scale": 32768})).identity != first


class Levels(nn.Module):
    """A waveform (B, samples) -> its mean square and its largest number."""

    def forward(self, waveform):
        return torch.stack((waveform.square().mean(1), waveform.amax(1)), dim=1)


def test_a_network_may_read_the_waveform(tmp_path):
    path = tmp_path / "levels.onnx"
    write_onnx(Levels(), torch.zeros(1, 48_000), path, beside={"input": "waveform", "scale": 2.0})
    encoder = open_encoder(f"onnx:{path}")
    assert encoder.spec.features == FeatureConfig(hop_length=160)
    assert (encoder.spec.window_frames, encoder.spec.hop) == (300, 150)
    samples = voice(150.0, 6.5, 1)
    voices = encoder.encode(samples)
    np.testing.assert_allclose(voices.starts, [0, 1.5, 3.0], atol=1e-9)
    for start, vector in zip(voices.starts, voices.vectors, strict=True):
        window = 2 * samples[int(start * 16_000) :][:48_000]
        expected = np.array([np.mean(window**2), window.max()])
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


@pytest.mark.parametrize("bands_first", [False, True])
def test_a_graph_of_one_length_gets_windows_of_that_length(tmp_path, bands_first):
    network = scattered() if bands_first else FramesFirst(scattered())
    example = torch.zeros(1, 80, 198) if bands_first else torch.zeros(1, 198, 80)
    path = write_onnx(network, example, tmp_path / "fixed.onnx", beside=BANK, varying=())
    encoder = open_encoder(f"onnx:{path}")
    spec = encoder.spec
    assert (spec.window_frames, spec.smallest_frames, spec.hop) == (198, 198, 99)
    samples = voice(150.0, 4.0, 1)
    expected = Encoder("plain", "0" * 64, spec, scattered()).encode(samples)
    np.testing.assert_allclose(encoder.encode(samples).vectors, expected.vectors, atol=1e-4)


def test_without_a_word_it_is_refused_with_an_example(said, tmp_path):
    for metadata in (None, {"framework": "nemo", "sample_rate": "16000"}):
        with pytest.raises(SingeridError) as error:
            open_encoder(said(metadata))
        message = str(error.value)
        assert message.endswith(
            f"net.onnx: does not say which input it needs; write {tmp_path}/net.json with {EXAMPLE}"
        )
    example, _, other = EXAMPLE.partition(", or ")
    for text in (example, other):  # the examples work
        (tmp_path / "net.json").write_text(text)
        open_encoder(f"onnx:{tmp_path}/net.onnx")


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ("{", "net.json: is not valid JSON"),
        ([1], "its input must be described by a JSON object"),
        ({}, "input None is neither filter_bank nor waveform"),
        ({"input": "mel"}, "input 'mel' is neither"),
        ({**BANK, "bands": 80}, "unknown: bands"),
        ({"input": "waveform", "n_mels": 80}, "unknown: n_mels"),
        ({**BANK, "n_mels": "80"}, "n_mels '80'"),
        ({**BANK, "n_mels": True}, "n_mels True"),
        ({**BANK, "n_mels": 0}, "numbers must be above zero"),
        ({**BANK, "window": "kaiser"}, "window 'kaiser' is none of povey"),
        ({**BANK, "window_seconds": 0.1}, "a window must be 0.5"),
        ({**BANK, "hop_seconds": 9}, "windows must start 3 s apart at most"),
    ],
)
def test_what_cannot_be_is_named(said, beside, reason):
    with pytest.raises(SingeridError, match=r"onnx:|net\.json") as error:
        open_encoder(said(beside=beside))
    assert reason in str(error.value)
    assert EXAMPLE in str(error.value)


def test_a_network_that_wants_something_else_is_named(said):
    encoder = open_encoder(said(beside={**BANK, "n_mels": 40}))
    with pytest.raises(SingeridError, match=r"does not take the input that is described .*; write") as error:
        encoder.encode(voice(150.0, 4.0, 1))
    assert "\n" not in str(error.value)


def test_no_file_and_another_file_are_one_line(tmp_path):
    (tmp_path / "text.onnx").write_text("no graph")
    for name, message in (
        (f"onnx:{tmp_path}/none.onnx", r"there is no file .*none\.onnx"),
        (f"onnx:{tmp_path}/text.onnx", "is not an ONNX model that runs here"),
        ("onnx", "name the file of the network"),
        ("onnx:", "name the file of the network|unknown encoder"),
    ):
        with pytest.raises(SingeridError, match=message) as error:
            open_encoder(name)
        assert "\n" not in str(error.value)
    with pytest.raises(SingeridError, match="and nothing else"):
        open_encoder("onnx:x.onnx", weights=tmp_path)


def test_without_onnxruntime_one_line_says_how_to_get_it():
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from singerid import open_encoder, SingeridError\n"
        "try: open_encoder('onnx:x.onnx')\n"
        "except SingeridError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "onnx:x.onnx: onnxruntime is not installed; install it: pip install 'singerid[onnx]'\n"
    )
