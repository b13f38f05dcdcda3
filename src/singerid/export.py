"""Exporting a run as one ONNX file: waveform in, probabilities of all clips out, spectrogram included.

The graph has two parts. The first makes the log-mel spectrogram of the whole waveform, limits its range below
the maximum, and cuts it into clips. The second is the network, which a `Loop` runs clip by clip. So only the
spectrogram grows with the length of the sound, and all shapes inside the loop are fixed.

ONNX operators: https://onnx.ai/onnx/operators/ (STFT needs opset 17).
"""

import io
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from singerid.config import REPORTED_STATE, FilterBankConfig, StateName
from singerid.encoders.trained import OnVectors, encoder_of
from singerid.errors import SingeridError
from singerid.listening.waveform import CutClips, CutWindows, OfWindows, WaveformModel
from singerid.models.spec import InputSpec
from singerid.runs.run import Run
from singerid.sound.features import LogMel
from singerid.sound.filter_bank import FilterBank
from singerid.system.files import atomic_write
from singerid.system.processors import usable_processors
from singerid.text import printable
from singerid.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
_log = logging.getLogger(__name__)
TOLERANCE = 1e-4  # largest allowed difference between probabilities of ONNX Runtime and of torch


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        path: the ONNX file.
        size: its size in bytes.
        difference: largest difference between probabilities of ONNX Runtime and of torch, on noise.
    """

    path: Path
    size: int
    difference: float


def export(run: Path | str, path: Path | str, state: StateName = REPORTED_STATE) -> Exported:
    """Write the network of a run as an ONNX file, and check its results in ONNX Runtime against torch.

    The graph takes `waveform`, (1, samples) float32 at the run's sample rate, at least one clip long, and
    returns `probabilities`, (clips, singers) float32. The file's metadata are "singers" (JSON list),
    "sample_rate", "clip_seconds", "clip_frames", "hop_frames", "features" (JSON), "model", "options" (JSON),
    "audio" and "singerid_version". If the run reads vectors, their encoder is included with its weights.

    Args:
        run: the run's folder.
        path: the file to write, replaced if it exists.
        state: which of the kept states.

    Raises:
        SingeridError: onnx or onnxruntime is not installed, the run cannot be read, its network reads more
            than mel spectrograms or has an operator that ONNX lacks, or the file cannot be written.
    """
    _require_extra()
    path = Path(path)
    if path.is_dir():
        raise SingeridError(f"{path}: is a folder; name a file, for example {path / 'model.onnx'}")
    opened = Run.open(run)
    config = opened.config
    spec = config.spec
    if spec.encoder is None and spec.inputs != ("mel",):
        raise SingeridError(
            f"{run}: {config.model} reads {' and '.join(spec.inputs)}, but the graph can make mel "
            "spectrograms only (it holds no melody tracker); export a run of another model"
        )
    model = opened.network(state=state)
    if spec.encoder is not None:
        model, spec = _behind_encoder(opened, model)
    graph = build_graph(model, spec)
    _describe(
        graph,
        singers=json.dumps(config.singers, ensure_ascii=False),
        sample_rate=str(spec.features.sample_rate),
        clip_seconds=f"{config.training.clip_seconds:g}",
        clip_frames=str(spec.window_frames),
        hop_frames=str(spec.hop),
        features=json.dumps(asdict(spec.features)),
        model=config.model,
        options=json.dumps(dict(config.options)),
        audio=spec.audio,
        singerid_version=__version__,
    )
    content = graph.SerializeToString()
    difference = _difference(content, model, spec)
    if not difference <= TOLERANCE:
        raise SingeridError(
            f"{run}: ONNX Runtime and torch differ by {difference:.1g} on this network; nothing was written, "
            "please report it"
        )
    with atomic_write(path) as file:
        file.write(content)
    if spec.audio == "vocals":
        _log.warning(
            f"{printable(path)}: the network was trained on separated vocals, and the file separates "
            "nothing: give it vocals"
        )
    return Exported(path, len(content), difference)


@torch.no_grad()
def build_graph(model: nn.Module, spec: InputSpec) -> "ModelProto":
    """The ONNX graph from waveform to probabilities.

    Args:
        model: a network that reads log-mel clips or windows of a filter bank, in evaluation mode, on
            the CPU.
        spec: the input that the network needs.

    Raises:
        SingeridError: the network has an operator that ONNX lacks.
    """
    from onnx import TensorProto, checker, compose
    from onnx.helper import make_graph, make_node, make_tensor_value_info

    sound = torch.zeros(1, 2 * (spec.window_frames + 1) * spec.features.hop_length)
    cut: nn.Module
    if isinstance(spec.features, FilterBankConfig):
        cut, model = CutWindows(spec), OfWindows(model, spec, _GraphFilterBank(spec.features))
        clip = torch.zeros(len(cut.within))
    else:
        cut = CutClips(spec, _GraphLogMel(spec.log_mel))
        clip = torch.zeros(spec.columns, spec.window_frames)
    whole = _trace(cut, sound, "waveform", "clips", varying={1: "samples"})
    network = _trace(_NameOne(model), clip, "clip", "row", varying={})
    network = compose.add_prefix(network, "network/")
    (row,) = network.graph.output
    body = make_graph(
        [
            make_node("Gather", ["clips", "number"], ["network/clip"], axis=0),
            *network.graph.node,
            make_node("Identity", ["go_on"], ["goes_on"]),
        ],
        "clip",
        inputs=[
            make_tensor_value_info("number", TensorProto.INT64, []),
            make_tensor_value_info("go_on", TensorProto.BOOL, []),
        ],
        outputs=[make_tensor_value_info("goes_on", TensorProto.BOOL, []), row],
        initializer=network.graph.initializer,
    )
    singers = row.type.tensor_type.shape.dim[0].dim_value
    graph = whole.graph
    graph.name = "singerid"
    graph.node.append(make_node("Shape", ["clips"], ["count"], end=1))
    graph.node.append(make_node("Loop", ["count", ""], ["probabilities"], body=body))
    graph.output[0].CopyFrom(make_tensor_value_info("probabilities", TensorProto.FLOAT, ["clips", singers]))
    checker.check_model(whole, full_check=True)
    return whole


def _behind_encoder(run: Run, head: nn.Module) -> tuple[nn.Module, InputSpec]:
    """A run's encoder followed by its head as one network, and the input that it needs.

    Raises:
        SingeridError: the run reads two sounds, or its encoder is not a torch network on a filter bank.
    """
    if len(run.config.spec.sounds) > 1:
        raise SingeridError(
            f"{run.path}: reads mixture and vocals, but the graph takes one sound; export a run on one only"
        )
    encoder = encoder_of(run)
    spec = replace(encoder.spec, audio=run.config.spec.audio)
    network = encoder.plain() if encoder.plain else encoder.network
    if not isinstance(spec.features, FilterBankConfig) or not isinstance(network, nn.Module):
        raise SingeridError(
            f"{run.path}: the graph can make filter banks only, which {encoder.name} does not read; export a "
            "run on vectors of campplus"
        )
    return OnVectors(replace(encoder, network=network), head).eval(), spec


class _GraphFilterBank(FilterBank):
    """`FilterBank` with operators of ONNX: frames by index, spectra by multiplication with one matrix."""

    parts: Tensor

    def __init__(self, config: FilterBankConfig) -> None:
        super().__init__(config)
        of_unit_frames = self.spectrum(torch.eye(config.frame_length, dtype=self.window.dtype))
        self.register_buffer("parts", torch.cat((of_unit_frames.real, of_unit_frames.imag), dim=1))

    def frames(self, waveform: Tensor) -> Tensor:
        config = self.config
        count = 1 + (waveform.shape[-1] - config.frame_length) // config.hop_length
        starts = config.hop_length * torch.arange(count).unsqueeze(1)
        index = (starts + torch.arange(config.frame_length)).flatten()
        return waveform.index_select(-1, index).reshape(*waveform.shape[:-1], count, config.frame_length)

    def power(self, frames: Tensor) -> Tensor:
        real, imaginary = (frames @ self.parts).chunk(2, dim=-1)
        power: Tensor = real.square() + imaginary.square()
        return power


class _NameOne(nn.Module):
    """A clip (n_mels, W), or the samples of a window (samples,) -> its probabilities (singers,)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, clip: Tensor) -> Tensor:
        logits: Tensor = self.model(clip.unsqueeze(0))
        return logits.flatten().softmax(0)


class _GraphLogMel(LogMel):
    """`LogMel` with ONNX's operator STFT: ONNX lacks complex numbers, and torch's exporter lacks STFT."""

    def power(self, padded: Tensor) -> Tensor:
        parts: Tensor = _STFT.apply(padded, self.window, self.config.hop_length)  # type: ignore[no-untyped-call]
        return parts.square().sum(-1).transpose(-1, -2)


class _STFT(torch.autograd.Function):
    """(1, samples) -> real and imaginary parts (1, W, 1 + n_fft // 2, 2), in ONNX's layout."""

    @staticmethod
    def forward(_: Any, padded: Tensor, window: Tensor, hop_length: int) -> Tensor:
        n_fft = window.numel()
        spectrum = torch.stft(padded, n_fft, hop_length, window=window, center=False, return_complex=True)
        return torch.view_as_real(spectrum.mT.contiguous())

    @staticmethod
    def symbolic(graph: Any, padded: Any, window: Any, hop_length: int) -> Any:
        def constant(value: int | Sequence[int]) -> Any:
            return graph.op("Constant", value_t=torch.tensor(value))

        return graph.op("STFT", graph.op("Unsqueeze", padded, constant([-1])), constant(hop_length), window)


def _trace(
    module: nn.Module, example: Tensor, takes: str, gives: str, varying: dict[int, str]
) -> "ModelProto":
    """The graph of a module; `varying` names the axes of the input that may have any length."""
    import onnx

    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Two kinds of warnings do not matter here: those about shape checks, and the one that this is
            # torch's older exporter. We want that one: it exports a recurrent layer as a single operator,
            # and it needs no other package.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                (example,),
                buffer,  # type: ignore[arg-type]  # the older exporter writes to a buffer
                dynamo=False,
                opset_version=OPSET,
                input_names=[takes],
                output_names=[gives],
                dynamic_axes={takes: varying},
            )
    except RuntimeError as error:
        raise SingeridError(
            f"this network cannot be exported ({str(error).splitlines()[0]}); "
            "build it from operators that ONNX has, or export a run of another model"
        ) from error
    return onnx.load_from_string(buffer.getvalue())


def _describe(graph: "ModelProto", **metadata: str) -> None:
    from onnx import helper

    graph.producer_name, graph.producer_version = "singerid", __version__
    helper.set_model_props(graph, metadata)


def _difference(content: bytes, model: nn.Module, spec: InputSpec) -> float:
    """Largest difference between probabilities of ONNX Runtime and of torch, on 2.5 clips of noise."""
    import onnxruntime

    samples = 5 * spec.window_frames * spec.features.hop_length // 2
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, samples), dtype=np.float32)
    options = onnxruntime.SessionOptions()
    # By default it binds a thread to every processor and prints errors for those this process may not use.
    options.intra_op_num_threads = usable_processors()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"waveform": noise})
    with torch.inference_mode():
        expected = WaveformModel(model, spec)(torch.from_numpy(noise)).numpy()
    return float(np.abs(found - expected).max())


def _require_extra() -> None:
    for package in ("onnx", "onnxruntime"):
        try:
            import_module(package)
        except ImportError as error:
            raise SingeridError(
                f"export needs the package {package}: pip install 'singerid[onnx]'"
            ) from error
