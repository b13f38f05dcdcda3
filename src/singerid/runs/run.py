"""A run: one network trained on one split, and the folder that holds all of it.

RUN/config.json          everything needed to repeat it
RUN/split.json           paths of the tracks in train, valid and test
RUN/states/*.safetensors best_loss, best_accuracy, best_f1 and last; each is a whole model
RUN/metrics.csv          a line an epoch
RUN/curves.svg           the same, drawn
RUN/evaluation.json      scores of `singerid evaluate`
RUN/README.md            the model card, see `singerid.evaluation.evaluate.card`
RUN/resume.safetensors   where training goes on after an interruption
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from torch import nn

from singerid.config import (
    REPORTED_STATE,
    AudioCondition,
    FeatureConfig,
    SeparatorName,
    SplitKind,
    StateName,
    TrackerName,
    TrainingConfig,
)
from singerid.data.splits import Split, read_split
from singerid.errors import SingeridError
from singerid.models.spec import model_spec
from singerid.models.weights import load_model_file
from singerid.sound.features import seconds_to_frames
from singerid.store.reader import Store
from singerid.system.files import read_json, write_json
from singerid.version import __version__

FORMAT = 1


@dataclass(frozen=True)
class SplitConfig:
    """How the split was made. `kind` "file" means that someone's own split was given."""

    kind: SplitKind | str = "album"
    seed: int = 0
    min_albums: int | None = None


@dataclass(frozen=True)
class RunConfig:
    """Everything needed to repeat a run.

    Attributes:
        model: name of the model.
        options: its overridden options.
        singers: names of the classes, in their order.
        features: how the store's features were made.
        audio: what was heard, "mixture" or "vocals".
        separator: what took the vocals out of the mixture; None for the mixture.
        melody: what followed the melody; None for a network that reads none.
        split: how the split was made; the split itself is in split.json.
        training: how it was trained.
        store: the store's folder.
        store_identity: what was in it, see `Store.identity`.
        versions: of what computed.
    """

    model: str
    singers: tuple[str, ...]
    store: str
    store_identity: str
    options: Mapping[str, Any] = field(default_factory=dict)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    audio: AudioCondition = "mixture"
    separator: SeparatorName | None = None
    melody: TrackerName | None = None
    split: SplitConfig = field(default_factory=SplitConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def clip_frames(self) -> int:
        """Frames of a clip."""
        return seconds_to_frames(self.training.clip_seconds, self.features)


def current_versions() -> dict[str, str]:
    """Versions of this program, of Python and of the libraries that compute."""
    libraries = ("torch", "numpy", "librosa", "soxr", "lightning-fabric")
    own = {"singerid": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in libraries}


@dataclass(frozen=True)
class Run:
    """A run folder that was begun, opened for reading."""

    path: Path
    config: RunConfig

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open a run.

        Raises:
            SingeridError: it is no run, or one of another version.
        """
        path = Path(path)
        remedy = "train one: singerid train STORE RUN"
        if not (path / "config.json").is_file():
            raise SingeridError(f"{path}: is no run (it has no config.json); {remedy}")
        content = read_json(path / "config.json", remedy)
        if not isinstance(content, dict) or "model" not in content:
            raise SingeridError(f"{path}: its config.json is not that of a run; {remedy}")
        if content.get("format") != FORMAT:
            raise SingeridError(
                f"{path}: is a run of format {content.get('format')}, this singerid reads {FORMAT}; "
                "use the version of singerid that made it, or train again"
            )
        try:
            return cls(path, _config_from_json(content))
        except (KeyError, TypeError, ValueError) as error:
            raise SingeridError(f"{path}: its config.json is damaged ({error}); {remedy}") from error

    @classmethod
    def create(cls, path: Path, config: RunConfig, split: Split) -> "Run":
        """Begin a run: write its split and configuration; raises SingeridError if that fails."""
        write_json(path / "split.json", split.to_json())
        write_json(path / "config.json", {"format": FORMAT} | asdict(config))
        return cls(path, config)

    def split(self) -> Split:
        """The split of the run."""
        return read_split(self.path / "split.json")

    def over(self, store: Path | None) -> "Run":
        """The run with its store in another folder; None: where it was at its training.

        Raises:
            SingeridError: there is no such folder.
        """
        if store is None:
            return self
        if not store.is_dir():
            raise SingeridError(f"{store}: no such folder; --store takes the folder of a store")
        return replace(self, config=replace(self.config, store=str(store.resolve())))

    def hearing(self, audio: AudioCondition | None) -> "Run":
        """The run listening to another audio condition; None: to what it learned on."""
        return self if audio is None else replace(self, config=replace(self.config, audio=audio))

    def state_path(self, state: StateName = REPORTED_STATE) -> Path:
        """Where a state of the network is kept."""
        return self.path / "states" / f"{state}.safetensors"

    def load_model(self, state: StateName = REPORTED_STATE) -> nn.Module:
        """The network in one of its kept states, in evaluation mode on the CPU.

        Raises:
            SingeridError: the state is missing, damaged or does not fit.
        """
        if not self.state_path(state).exists():
            raise SingeridError(
                f"{self.state_path(state)}: is missing; run the same `singerid train` command again, "
                "which goes on where it stopped"
            )
        model = load_model_file(self.state_path(state))
        spec, config = model_spec(model), self.config
        said = {"model": config.model, "singers": len(config.singers), "options": _plain(config.options)}
        built = {"model": spec.name, "singers": spec.singers, "options": _plain(spec.options)}
        for what, value in said.items():
            if built[what] != value:
                raise SingeridError(
                    f"{self.state_path(state)}: has {what} {built[what]}, its run's config.json {value}; "
                    "one of them is of another run"
                )
        return model

    def store(self) -> Store:
        """The store the run was trained on, wherever it is now (see `over`).

        Raises:
            SingeridError: it is not there any more, or its features were made in another way.
        """
        if not Path(self.config.store).exists():
            raise SingeridError(
                f"{self.path}: its store {self.config.store} is not there any more; say where it is now with "
                "--store, or make it again: singerid prepare TREE STORE"
            )
        return Store.open(self.config.store, self.config.features)


def load_model(path: Path | str, state: StateName = REPORTED_STATE) -> nn.Module:
    """The network of a run folder, or of a file written by `save_model`; evaluation mode, on the CPU.

    Raises:
        SingeridError: there is none, or it is damaged.
    """
    return Run.open(path).load_model(state) if Path(path).is_dir() else load_model_file(path)


def _plain(options: Mapping[str, Any]) -> Any:
    """Options as they are once written and read again: tuples are lists."""
    return json.loads(json.dumps(dict(options)))


def _config_from_json(content: Mapping[str, Any]) -> RunConfig:
    names = {item.name for item in fields(RunConfig)}
    values = {name: value for name, value in content.items() if name in names}
    values["singers"] = tuple(values["singers"])
    if not isinstance(values.get("options", {}), Mapping):
        raise TypeError(f"options {values['options']!r}")
    for name, kind in (("features", FeatureConfig), ("split", SplitConfig), ("training", TrainingConfig)):
        values[name] = kind(**values[name])
        _check_types(values[name], kind())
    for name in ("model", "store"):
        if not isinstance(values[name], str):
            raise TypeError(f"{name} {values[name]!r}")
    choices = {"audio": AudioCondition, "separator": SeparatorName, "melody": TrackerName}
    for name, choice in choices.items():
        allowed = get_args(choice) if name == "audio" else (None, *get_args(choice))
        if values.get(name, getattr(RunConfig, name)) not in allowed:
            raise TypeError(f"{name} {values[name]!r}")
    return RunConfig(**values)


def _check_types(values: Any, defaults: Any) -> None:
    """Raise TypeError where a field is of another type than its default; None stands for any."""
    for item in fields(defaults):
        value, default = getattr(values, item.name), getattr(defaults, item.name)
        kinds = (int, float) if isinstance(default, float) else type(default)
        if default is not None and not isinstance(value, kinds):
            raise TypeError(f"{item.name} {value!r}")
