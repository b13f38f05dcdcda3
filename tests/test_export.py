"""Exported graphs against the torch network and `Identifier`, in ONNX Runtime and onnxruntime-web."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from conftest import SAMPLE_RATE, voice
from programs import MAIN
from singerid.config import FeatureConfig, FilterBankConfig, TrainingConfig
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.identifier import Identifier
from singerid.identify.scores import hear
from singerid.listening.listener import Listener
from singerid.listening.waveform import WaveformModel
from singerid.models.registry import build_model
from singerid.models.spec import InputSpec
from singerid.models.weights import save_model
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.runs.run import Run
from singerid.sound.features import LogMel
from singerid.store.reader import Store
from singerid.training.loop import train

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")

from singerid.export import build_graph, export  # noqa: E402
from test_docs import run_blocks  # noqa: E402


def probabilities(model, waveform):
    """The probabilities that an exported graph, in a file or in memory, gives for a waveform (samples,)."""
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"waveform": waveform[np.newaxis].astype(np.float32)})[0]


def expected(tmp_path, waveform, model, spec):
    """The probabilities that `Identifier` gives for the same sound in a file."""
    path = tmp_path / "sound.wav"
    soundfile.write(path, waveform, SAMPLE_RATE, subtype="FLOAT")
    return hear(Listener(spec, torch.device("cpu")), Scores(model), path).scores


class Scores:
    """A network of three singers."""

    singers = ("a", "b", "c")

    def __init__(self, model):
        self.model = model

    def __call__(self, clips):
        return self.model(clips).softmax(-1)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    return export(trained.path, path)


def test_a_run_gives_what_identify_gives(exported, trained, recordings):
    identifier = Identifier.load(trained.path)
    for track in trained.split.test:
        path = recordings.tree / track
        sound, _ = soundfile.read(path, dtype="float32")
        heard = hear(identifier.listener, identifier.scorer, path).scores
        np.testing.assert_allclose(probabilities(exported.path, sound), heard, atol=1e-4)
        whole = WaveformModel(trained.network(), trained.config.spec)(torch.from_numpy(sound)[None])
        np.testing.assert_allclose(whole.detach(), heard, atol=1e-4)
    assert exported.difference < 1e-4
    assert exported.size == exported.path.stat().st_size


def lively(name, **options):
    """A network with random weights; batch norm has seen such sounds, so that clips get different answers."""
    torch.manual_seed(3)
    model = build_model(name, 3, batch_norm_momentum=1.0, **options)
    sounds = torch.from_numpy(np.stack([changing(1.1, seed) for seed in range(8)]))
    with torch.no_grad():
        model.train()(LogMel()(sounds)[..., :33])
    nn.init.normal_(model.output.weight, std=2.0)
    return model.eval()


def changing(seconds, seed=0):
    """A sound that grows louder and turns from a voice to noise."""
    course = np.linspace(0.01, 2.0, int(seconds * SAMPLE_RATE), dtype=np.float32)
    noise = np.random.default_rng(seed).standard_normal(len(course), dtype=np.float32)
    return course * (voice(120.0 + 40 * seed, seconds, seed) + 0.1 * course * noise)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("crnn_fgnl", {"width": 0.25}),
        ("crnn_fgnl", {"width": 0.25, "softmax": "queries"}),
        ("crnn_nl", {"width": 0.125}),
        ("crnn_scse", {"width": 0.125}),
        ("blstm", {"width": 0.125}),
    ],
)
@pytest.mark.parametrize("seconds", [2.2, 5.0])
def test_networks_of_every_kind_at_any_length(name, options, seconds, tmp_path):
    model, spec = lively(name, **options), InputSpec(33)
    sound = changing(seconds)
    heard = expected(tmp_path, sound, model, spec)
    assert len(heard) == int(1 + seconds * SAMPLE_RATE // 512) // 33
    assert np.ptp(heard, axis=0).max() > 0.01  # the clips do differ
    found = probabilities(build_graph(model, spec), sound)
    np.testing.assert_allclose(found, heard, atol=1e-4)


def test_the_floor_is_that_of_the_whole_waveform(tmp_path):
    model = lively("crnn", width=0.125)
    graph = build_graph(model, InputSpec(33))
    quiet = 0.003 * voice(200.0, 1.1, 1)
    alone = probabilities(graph, quiet)[0]
    before_loud = probabilities(graph, np.concatenate((quiet, voice(150.0, 2.0, 2))))[0]
    assert np.abs(before_loud - alone).max() > 1e-3


@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_edges_are_padded_as_the_features_are(pad_mode):
    model, features = lively("crnn", width=0.125), FeatureConfig(pad_mode=pad_mode)
    sound = voice(200.0, 1.1, 1)
    mel = LogMel(features)(torch.from_numpy(sound))[None, :, :33]
    heard = model(mel).softmax(-1).detach().numpy()
    graph = build_graph(model, InputSpec(33, features))
    np.testing.assert_allclose(probabilities(graph, sound), heard, atol=1e-4)


@pytest.mark.parametrize(("samples", "clips"), [(2, 0), (700, 0), (32 * 512 - 1, 0), (32 * 512, 1)])
def test_a_sound_shorter_than_a_clip_gives_no_row(samples, clips):
    graph = build_graph(lively("crnn", width=0.125), InputSpec(33))
    assert probabilities(graph, voice(200.0, 2.0, 1)[:samples]).shape == (clips, 3)


def test_the_file_says_what_it_needs_and_who_sings(exported, trained):
    session = onnxruntime.InferenceSession(str(exported.path))
    (waveform,), (output,) = session.get_inputs(), session.get_outputs()
    assert (waveform.name, waveform.shape, waveform.type) == ("waveform", [1, "samples"], "tensor(float)")
    assert (output.name, output.shape) == ("probabilities", ["clips", 3])
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["singers"]) == ["alto", "bass", "tenor"]
    assert int(metadata["sample_rate"]) == 16_000
    assert float(metadata["clip_seconds"]) == 1.0
    assert int(metadata["clip_frames"]) == 32
    assert FeatureConfig(**json.loads(metadata["features"])) == trained.config.spec.features
    assert metadata["model"] == "crnn"
    assert json.loads(metadata["options"])["width"] == 0.0625
    assert metadata["audio"] == "mixture"
    assert metadata["singerid_version"]


def test_command_replaces_the_file_and_tells_of_vocals(singerid, trained, tmp_path):
    vocals = replace(trained.config, spec=replace(trained.config.spec, audio="vocals", separator="stems"))
    run = Run.create(tmp_path / "vocals", vocals, trained.split)
    save_model(trained.load_network(), run.state_path())
    path = tmp_path / "new folder" / "model.onnx"
    path.parent.mkdir()
    path.write_text("an old file")
    result = singerid.fresh("export", run.path, path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{path}: ")
    assert result.stderr == (
        f"singerid: warning: {path}: the network was trained on separated vocals, and the file separates "
        "nothing: give it vocals\n"
    )
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    assert probabilities(path, voice(200.0, 2.5, 1)).shape == (2, 3)


def test_what_cannot_be_exported_is_named(trained, tmp_path):
    config = replace(trained.config, model="crnnm", spec=InputSpec(inputs=("mel", "melody")))
    melody = Run.create(tmp_path / "melody", config, trained.split)
    old = tmp_path / "old.onnx"
    old.write_text("an old file")
    with pytest.raises(SingeridError, match=r"crnnm reads mel and melody.*no melody tracker.*another model"):
        export(melody.path, old)
    assert old.read_text() == "an old file"
    with pytest.raises(SingeridError, match=r"is a folder; name a file"):
        export(trained.path, tmp_path)
    with pytest.raises(SingeridError, match=r"cannot be written"):
        export(trained.path, old / "model.onnx")
    with pytest.raises(SingeridError, match=r"is neither a library nor a run"):
        export(tmp_path, old)


class Bessel(nn.Module):
    """A network with an operator that no version of ONNX has."""

    def forward(self, mel):
        return torch.special.bessel_j0(mel.mean(-1))[:, :3]


def test_an_operator_that_onnx_lacks_is_named():
    with pytest.raises(SingeridError, match=r"cannot be exported \(.*bessel_j0.*\); build it from") as caught:
        build_graph(Bessel(), InputSpec(33))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_the_remedy_is_named(package, singerid, trained):
    code = f"import sys; sys.modules[{package!r}] = None; {MAIN}"
    result = singerid("export", trained.path, "never.onnx", code=code)
    assert result.returncode == 2
    assert result.stderr == (f"singerid: export needs the package {package}: pip install 'singerid[onnx]'\n")


NODE = """
const fs = require("fs"), ort = require("onnxruntime-web");
const [model, sound] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
(async () => {
  const session = await ort.InferenceSession.create(fs.readFileSync(model));
  const samples = new Float32Array(new Uint8Array(fs.readFileSync(sound)).buffer);
  const waveform = new ort.Tensor("float32", samples, [1, samples.length]);
  const { probabilities } = await session.run({ waveform });
  console.log(JSON.stringify([probabilities.dims, Array.from(probabilities.data)]));
})();
"""


@pytest.fixture(scope="module")
def node():
    """Node with onnxruntime-web, if both are installed (NODE_PATH names the folder node_modules)."""
    found = shutil.which("node")
    if not found:
        pytest.skip("node is not installed")
    check = subprocess.run([found, "-e", "require.resolve('onnxruntime-web')"], capture_output=True)
    if check.returncode:
        pytest.skip("npm install onnxruntime-web, and name its node_modules in NODE_PATH")
    return found


def test_a_browser_computes_the_same(node, tmp_path):
    import onnx

    model = lively("crnn_fgnl", width=0.25)
    graph = build_graph(model, InputSpec(33))
    onnx.save(graph, tmp_path / "model.onnx")
    sound = voice(200.0, 3.5, 1)
    sound.tofile(tmp_path / "sound.f32")
    (tmp_path / "run.cjs").write_text(NODE)
    arguments = [tmp_path / name for name in ("run.cjs", "model.onnx", "sound.f32")]
    result = subprocess.run([node, *arguments], capture_output=True, text=True, env=os.environ)
    assert result.returncode == 0, result.stderr
    shape, values = json.loads(result.stdout)
    heard = expected(tmp_path, sound, classify=lambda mel: model(mel).softmax(-1), clip_frames=33)
    np.testing.assert_allclose(np.reshape(values, shape), heard, atol=1e-4)


def test_the_documentation_runs(exported, recordings, tmp_path, monkeypatch, capsys):
    shutil.copy(exported.path, tmp_path / "model.onnx")
    shutil.copy(recordings.tree / "bass" / "first" / "0.flac", tmp_path / "song.flac")
    monkeypatch.chdir(tmp_path)
    named = run_blocks("docs/export.md")
    assert named["probabilities"].shape[1] == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(named["probabilities"])
    assert all(line.split()[2] in ("alto", "bass", "tenor") for line in lines)


class OnBands(nn.Module):
    """A network on a filter bank, like speaker networks; the filter bank is exported with it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Conv1d(80, 8, 5)
        self.output = nn.Linear(8, 3)

    def forward(self, bands):
        return self.output(self.hidden(bands).tanh().mean(-1))


@pytest.mark.parametrize("remove_mean", [True, False])
def test_windows_of_a_filter_bank_overlap_in_the_graph_as_they_do_elsewhere(tmp_path, remove_mean):
    features = FilterBankConfig(remove_mean=remove_mean)
    spec = InputSpec(window_frames=98, hop_frames=50, features=features)
    model = OnBands().eval()
    graph = build_graph(model, spec)
    for samples in (spec.window_frames * 160 + 240, 50_000, 77_777):
        sound = voice(200, samples / SAMPLE_RATE, 1)[:samples]
        sound[20_000:30_000] *= 1e-4
        found = probabilities(graph, sound)
        with torch.inference_mode():
            assert found == pytest.approx(expected(tmp_path, sound, model, spec), abs=1e-4)
        assert len(found) == 1 + (1 + (samples - 400) // 160 - 98) // 50


def test_runs_on_vectors_that_cannot_be_exported_are_named(encoded, tmp_path):
    store = Store.open(encoded.store)
    split, how = make_split(store, SplitConfig())
    encoder = open_encoder(encoded.encoder)
    for audio, reason in (("both", "takes one sound"), ("mixture", "can make filter banks only")):
        config = configure(store, split, how, "centroids", TrainingConfig(), audio=audio, encoder=encoder)
        train(store, tmp_path / audio, config, split)
        with pytest.raises(SingeridError, match=reason):
            export(tmp_path / audio, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
