"""Any speaker network in an ONNX file, as an encoder: `onnx:FILE`.

A graph does not say which input it needs. This is described in a JSON file of the same name beside it (FILE
with the suffix .json), or else in the model's metadata: under `singerid_input`, or in the way of sherpa-onnx.

Letters in shapes: B windows, H bands, W frames, D size of a vector.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from singerid.config import FeatureConfig, FilterBankConfig, FilterBankWindow
from singerid.encoders.encoder import Encoder, EncoderEntry
from singerid.errors import SingeridError
from singerid.models.spec import InputSpec
from singerid.system.devices import CPU
from singerid.system.files import file_hash, read_json
from singerid.text import one_line

METADATA = "singerid_input"
EXAMPLE = (
    '{"input": "filter_bank", "sample_rate": 16000, "n_mels": 80, "window": "povey", "scale": 1.0, '
    '"remove_mean": true}, or {"input": "waveform", "sample_rate": 16000, "scale": 1.0}'
)
_SECONDS, _HOP_SECONDS, _SMALLEST_SECONDS = 3.0, 1.5, 0.5
_WAVEFORM_FRAME = 0.01  # seconds


def open_onnx(name: str, device: torch.device, weights: Path | None) -> Encoder:
    """The network of a file; it computes on the CPU.

    Args:
        name: "onnx:FILE".
        device: ignored.
        weights: must be None, because the name gives the file.

    Raises:
        SingeridError: onnxruntime is not installed, the file is not an ONNX model, or the input that it needs
            is not described.
    """
    path = Path(name.partition(":")[2])
    if weights is not None or path == Path():
        raise SingeridError(f"{name}: name the file of the network, and nothing else: onnx:FILE")
    session = _open_session(name, path)
    said = _said(name, path, session.get_modelmeta().custom_metadata_map)
    given = session.get_inputs()[0]
    try:
        spec, scale = _spec(said)
        spec = _of_fixed_length(spec, given.shape)
    except (TypeError, ValueError) as error:
        raise SingeridError(f"{name}: its input is described wrongly ({error}); write {EXAMPLE}") from error
    identity = hashlib.sha256(f"{file_hash(path)} {spec} {scale}".encode()).hexdigest()
    # Windows are shared out among threads, each of which runs the graph by itself.
    return Encoder(name, identity, spec, _Graph(name, path, spec, scale), CPU)


@dataclass(frozen=True)
class _Graph:
    """The graph of a file as a function from windows to vectors, which can be sent to another process.

    Attributes:
        name: its name in errors.
        path: the file.
        spec: the input that it needs.
        scale: factor by which a waveform is multiplied.
    """

    name: str
    path: Path
    spec: InputSpec
    scale: float

    @cached_property
    def _session(self) -> Any:
        return _open_session(self.name, self.path)

    @cached_property
    def _wanted(self) -> str:
        outputs: list[str] = [output.name for output in self._session.get_outputs()]
        return next((output for output in outputs if "emb" in output.lower()), outputs[0])

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: another process opens the file itself."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __call__(self, windows: Tensor) -> Tensor:
        given, spec = self._session.get_inputs()[0], self.spec
        if spec.reads_waveform:
            windows = windows.transpose(1, 2).flatten(1) * self.scale
        elif given.shape[1:2] != [spec.columns]:
            windows = windows.transpose(1, 2)
        try:
            (found,) = self._session.run([self._wanted], {given.name: windows.contiguous().numpy()})
        except Exception as error:  # onnxruntime has its own exception for each kind of failure
            raise SingeridError(
                f"{self.name}: does not take the input that is described ({one_line(error)}); write {EXAMPLE}"
            ) from error
        return torch.from_numpy(found).reshape(len(windows), -1)


def _open_session(name: str, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise SingeridError(
            f"{name}: onnxruntime is not installed; install it: pip install 'singerid[onnx]'"
        ) from error
    if not path.is_file():
        raise SingeridError(f"{name}: there is no file {path}; check the name")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise SingeridError(f"{name}: is not an ONNX model that runs here ({one_line(error)})") from error


def _said(name: str, path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The description of the input, from the JSON file beside the model, or else from its metadata."""
    beside = path.with_suffix(".json")
    if beside.is_file():  # written by a person, so it comes before the metadata
        said = read_json(beside, f"write {EXAMPLE}")
    elif METADATA in metadata:
        try:
            said = json.loads(metadata[METADATA])
        except ValueError as error:
            raise SingeridError(f"{name}: its metadata {METADATA} is not JSON; write {EXAMPLE}") from error
    else:
        said = _from_sherpa(metadata)
    if said is None:
        raise SingeridError(f"{name}: does not say which input it needs; write {beside} with {EXAMPLE}")
    if not isinstance(said, dict):
        raise SingeridError(f"{name}: its input must be described by a JSON object; write {EXAMPLE}")
    return said


def _from_sherpa(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """The input that metadata in the way of sherpa-onnx describe; None if they describe no known kind.

    WeSpeaker's networks learned with Hamming windows and with the mean removed; their metadata do not say so.
    """
    framework = metadata.get("framework")
    if framework not in ("wespeaker", "3d-speaker") or "normalize_samples" not in metadata:
        return None
    wespeaker = framework == "wespeaker"
    return {
        "input": "filter_bank",
        "sample_rate": int(metadata.get("sample_rate", 16_000)),
        "window": "hamming" if wespeaker else "povey",
        "scale": 1.0 if metadata["normalize_samples"] == "1" else 32_768.0,
        "remove_mean": wespeaker or metadata.get("feature_normalize_type") == "global-mean",
    }


def _spec(said: Mapping[str, Any]) -> tuple[InputSpec, float]:
    """The input that a network needs, and the factor by which its waveform is multiplied.

    Raises:
        TypeError, ValueError: the description is missing or impossible.
    """
    values = dict(said)
    kind = values.pop("input", None)
    seconds, hop_seconds = values.pop("window_seconds", _SECONDS), values.pop("hop_seconds", None)
    if kind == "filter_bank":
        features: FeatureConfig | FilterBankConfig = FilterBankConfig(**_checked(values))
        scale = 1.0
    elif kind == "waveform":
        scale, rate = float(values.pop("scale", 1.0)), int(values.pop("sample_rate", 16_000))
        if values:
            raise ValueError(f"unknown: {', '.join(values)}")
        features = FeatureConfig(sample_rate=rate, hop_length=round(_WAVEFORM_FRAME * rate))
    else:
        raise ValueError(f"input {kind!r} is neither filter_bank nor waveform")
    frames = round(_SMALLEST_SECONDS / features.frame_seconds)
    spec = InputSpec(
        features=features,
        inputs=("waveform",) if kind == "waveform" else ("mel",),
        smallest_frames=frames,
        hop_frames=frames,
    )
    return spec.with_windows(seconds, hop_seconds), scale


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Values for `FilterBankConfig`; raises TypeError or ValueError if one is unknown or impossible."""
    defaults = FilterBankConfig()
    unknown = sorted(values.keys() - {item.name for item in fields(defaults)})
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    checked = {}
    for name, value in values.items():
        kind = type(getattr(defaults, name))
        taken = (int, float) if kind is float else kind
        if not isinstance(value, taken) or isinstance(value, bool) != (kind is bool):
            raise TypeError(f"{name} {value!r}")
        checked[name] = kind(value)
    positive = ("sample_rate", "frame_length", "hop_length", "n_mels", "scale")
    if any(checked.get(name, 1) <= 0 for name in positive):
        raise ValueError("numbers must be above zero")
    if checked.get("window", defaults.window) not in get_args(FilterBankWindow):
        raise ValueError(f"window {checked['window']!r} is none of {', '.join(get_args(FilterBankWindow))}")
    return checked


def _of_fixed_length(spec: InputSpec, shape: list[Any]) -> InputSpec:
    """The spec with the window length that the graph takes, if it takes only one."""
    if spec.reads_waveform:
        samples = shape[1] if len(shape) > 1 and isinstance(shape[1], int) else None
        frames = samples and samples // spec.features.hop_length
    else:
        lengths = [size for size in shape[1:] if isinstance(size, int) and size != spec.columns]
        frames = lengths[0] if lengths else None
    if not frames:
        return spec
    return replace(spec, window_frames=frames, smallest_frames=frames, hop_frames=max(1, frames // 2))


ONNX = EncoderEntry(
    "onnx:FILE: any speaker network in ONNX, from WeSpeaker, 3D-Speaker or sherpa-onnx",
    open=open_onnx,
    size=None,
    provenance=None,
)
