"""Everything needed to repeat a run: its configuration, in memory and as RUN/config.json."""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from typing import Any, TypeVar, get_args

from singerid.config import (
    AudioCondition,
    AugmentConfig,
    FeatureConfig,
    FilterBankConfig,
    SplitKind,
    TrainingConfig,
)
from singerid.models.registry import MODELS
from singerid.models.spec import InputSpec
from singerid.sound.features import seconds_to_frames
from singerid.sound.melody.trackers import TRACKERS
from singerid.sound.separation.separators import SEPARATORS
from singerid.version import __version__

T = TypeVar("T")

FORMAT = 2
# Format 1 had features, audio, separator and melody as fields of their own, in place of `spec`.
READABLE = (1, FORMAT)


@dataclass(frozen=True)
class SplitConfig:
    """How the split was made. `kind` "file" means that the user gave a split file."""

    kind: SplitKind | str = "album"
    seed: int = 0
    min_albums: int | None = None


@dataclass(frozen=True)
class RunConfig:
    """Everything needed to repeat a run.

    Attributes:
        model: name of the model.
        singers: names of the classes, in their order.
        store: the store's folder.
        store_identity: identifies the store's content, see `Store.identity`.
        spec: the input of the network. Its windows are the clips; `training.clip_seconds` sets their length.
        options: the model's overridden options.
        split: how the split was made; the split itself is in split.json.
        training: how it was trained.
        origins: version and weights of what made its input (a separator, a melody tracker, an encoder), by
            name.
        versions: versions of this program, Python and the libraries that computed.
        devices: the largest number of devices that trained it together. Each draws dropout of its own, and
            on a CPU each normalises its part of a batch by itself, so their number changes the weights.
        exported: for a run that `export_hub` wrote, without split and store: SHA-256 of the file of its
            weights; "" for a run that was trained here.
    """

    model: str
    singers: tuple[str, ...]
    store: str
    store_identity: str
    spec: InputSpec = field(default_factory=InputSpec)
    options: Mapping[str, Any] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    origins: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: int = 1
    exported: str = ""

    def __post_init__(self) -> None:
        seconds = self.training.clip_seconds
        if self.spec.encoder is not None:
            return  # its windows are the encoder's
        if (
            isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0
        ):  # else `check_training` refuses it
            frames = seconds_to_frames(seconds, self.spec.features)
            object.__setattr__(self, "spec", replace(self.spec, window_frames=frames))


def current_versions() -> dict[str, str]:
    """Versions of this program, of Python and of the libraries that compute."""
    libraries = ("torch", "numpy", "librosa", "soxr", "lightning-fabric")
    own = {"singerid": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in libraries}


def config_to_json(config: RunConfig) -> dict[str, Any]:
    """The content of RUN/config.json."""
    content = {"format": FORMAT} | asdict(config)
    for name in ("hop_frames", "encoder"):  # only runs on vectors have them
        if content["spec"][name] is None:
            del content["spec"][name]
    if config.devices == 1:
        del content["devices"]
    if not config.exported:
        del content["exported"]
    return content


def config_from_json(content: Mapping[str, Any]) -> RunConfig:
    """The configuration in the content of a RUN/config.json of a format in `READABLE`.

    Raises:
        SingeridError: it is of format 1, and its model is not known.
        KeyError, TypeError, ValueError: a value is missing or of the wrong type.
    """
    if content["format"] == 1:
        content = _from_format_1(content)
    names = {item.name for item in fields(RunConfig)}
    values = {name: value for name, value in content.items() if name in names}
    values["singers"] = tuple(values["singers"])
    for name in ("options", "origins", "versions"):
        if not isinstance(values[name], Mapping):
            raise TypeError(f"{name} {values[name]!r}")
    for name in ("model", "store", "exported"):
        if not isinstance(values.get(name, ""), str):
            raise TypeError(f"{name} {values[name]!r}")
    if not isinstance(values.get("devices", 1), int):
        raise TypeError(f"devices {values['devices']!r}")
    values["spec"] = _spec(values["spec"])
    values["split"] = _checked(SplitConfig(**values["split"]), SplitConfig())
    values["training"] = _training(values["training"])
    return RunConfig(**values)


def _from_format_1(content: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of format 1 in the current format; format 1 had the origins among the versions."""
    made_by = {maker for maker in (content.get("separator"), content.get("melody")) if maker is not None}
    versions = dict(content.get("versions", {}))
    spec = {
        "features": content["features"],
        "inputs": MODELS[content["model"]].inputs,
        **{name: content[name] for name in ("audio", "separator", "melody") if name in content},
    }
    return dict(content) | {
        "spec": spec,
        "options": content.get("options", {}),
        "origins": {maker: versions[maker] for maker in made_by if maker in versions},
        "versions": {name: value for name, value in versions.items() if name not in {*made_by, "None"}},
    }


def _spec(values: Mapping[str, Any]) -> InputSpec:
    kind = FilterBankConfig if "frame_length" in values["features"] else FeatureConfig
    features = _checked(kind(**values["features"]), kind())
    spec = InputSpec(**{**values, "features": features, "inputs": tuple(values["inputs"])})
    choices = {
        "audio": get_args(AudioCondition),
        "separator": (None, *SEPARATORS),
        "melody": (None, *TRACKERS),
    }
    for name, allowed in choices.items():
        if getattr(spec, name) not in allowed:
            raise TypeError(f"{name} {getattr(spec, name)!r}")
    return _checked(spec, InputSpec(features=features))


def _training(values: Mapping[str, Any]) -> TrainingConfig:
    strengths = dict(values.get("augment_strengths", {}))
    if "equalizer_db" in strengths:
        strengths["equalizer_db"] = tuple(strengths["equalizer_db"])
    checked = _checked(AugmentConfig(**strengths), AugmentConfig())
    return _checked(TrainingConfig(**{**values, "augment_strengths": checked}), TrainingConfig())


def _checked(values: T, defaults: T) -> T:
    """The values; raises TypeError if one is not of its default's type. A default of None allows any type."""
    for item in fields(defaults):  # type: ignore[arg-type]
        value, default = getattr(values, item.name), getattr(defaults, item.name)
        kinds = (int, float) if isinstance(default, float) else type(default)
        if default is not None and not isinstance(value, kinds):
            raise TypeError(f"{item.name} {value!r}")
    return values
