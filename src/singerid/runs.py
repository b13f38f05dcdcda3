"""A run: one network trained on one split, and the folder that holds all of it.

RUN/config.json          everything needed to repeat it
RUN/split.json           paths of the tracks in train, valid and test
RUN/states/*.safetensors best_loss, best_accuracy, best_f1 and last; each is a whole model
RUN/metrics.csv          a line an epoch
RUN/curves.svg           the same, drawn
RUN/evaluation.json      scores of `singerid evaluate`
RUN/README.md            the model card, see `singerid.card`
RUN/resume.safetensors   where training goes on after an interruption
"""

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from numpy.typing import NDArray
from torch import nn

import singerid
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
from singerid.data.clips import Clips
from singerid.data.splits import Split, album_split, check_split, read_split, track_split, with_min_albums
from singerid.data.tracks import singers_of
from singerid.errors import SingeridError
from singerid.extract.index import StoredTrack
from singerid.extract.store import Store, options_for, waveform_of
from singerid.features import seconds_to_frames
from singerid.files import read_json, write_json
from singerid.models import load_model_file, model_entry, model_spec

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
    own = {"singerid": singerid.__version__, "python": platform.python_version()}
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
        """The store the run was trained on.

        Raises:
            SingeridError: it is not there any more, or its features were made in another way.
        """
        return Store.open(self.config.store, self.config.features)


def load_model(path: Path | str, state: StateName = REPORTED_STATE) -> nn.Module:
    """The network of a run folder, or of a file written by `save_model`; evaluation mode, on the CPU.

    Raises:
        SingeridError: there is none, or it is damaged.
    """
    return Run.open(path).load_model(state) if Path(path).is_dir() else load_model_file(path)


class _Stored(Sequence[Any]):
    """What a store has of some tracks, each read when it is asked for, and closed again after.

    Args:
        tracks: in order.
        read: reads what is wanted of a track.
    """

    def __init__(self, tracks: Sequence[StoredTrack], read: Callable[[StoredTrack], NDArray[Any]]) -> None:
        self._tracks = tracks
        self._read = read

    def __len__(self) -> int:
        return len(self._tracks)

    def __getitem__(self, index: Any) -> Any:
        return self._read(self._tracks[index])


@dataclass(frozen=True)
class Part:
    """The tracks of one part of a split, and their clips.

    Attributes:
        tracks: sorted by path; `clips.track` counts them.
        clips: what the network reads; a track shorter than a clip has none.
        singers: names of the classes.
    """

    tracks: tuple[StoredTrack, ...]
    clips: Clips
    singers: tuple[str, ...]


def part_of(store: Store, paths: Sequence[str], config: RunConfig, condition: str | None = None) -> Part:
    """Tracks and clips of some paths of a store, as a run reads them.

    Args:
        store: what has the tracks.
        paths: of the tracks.
        config: of the run.
        condition: what the clips are cut from; None: the spectrogram, or waveform, that the run's
            network reads.

    Raises:
        SingeridError: the store lacks a track or the audio condition, or no track is as long as a clip.
    """
    by_path = {track.path: track for track in store.tracks}
    missing = [path for path in paths if path not in by_path]
    if missing:
        raise SingeridError(
            f"{store.path}: lacks {len(missing)} of the run's tracks, the first is {missing[0]!r}; "
            "prepare them again"
        )
    tracks = tuple(by_path[path] for path in sorted(paths))
    label_of = {singer: label for label, singer in enumerate(config.singers)}
    for track in tracks:
        if track.singer not in label_of:
            raise SingeridError(
                f"{store.path}: {track.path!r} is by {track.singer!r} now, whom the run does not know; "
                "train again"
            )
    labels = [label_of[track.singer] for track in tracks]
    _require_same_makers(store, config)
    f0 = None
    if config.melody is not None:
        _require_all(store, tracks, f"{config.audio}/{config.melody}", [t.f0 for t in tracks])
        f0 = _Stored(tracks, partial(store.f0, condition=config.audio, tracker=config.melody))
    if condition is None:
        reads_waveform = "waveform" in model_entry(config.model).inputs
        condition = waveform_of(config.audio) if reads_waveform else config.audio
    _require_all(store, tracks, condition, [track.conditions for track in tracks])
    clips = Clips(
        _Stored(tracks, partial(store.features, condition=condition)),
        labels,
        config.clip_frames,
        config.training.drop_last_clip,
        f0,
    )
    if not len(clips):
        raise SingeridError(
            f"{store.path}: none of {len(tracks)} tracks is as long as a clip of "
            f"{config.training.clip_seconds:g} s; choose a shorter --clip-seconds"
        )
    return Part(tracks, clips, config.singers)


def _require_all(
    store: Store, tracks: Sequence[StoredTrack], wanted: str, have: Sequence[Mapping[str, str]]
) -> None:
    lacking = [track.path for track, made in zip(tracks, have, strict=True) if wanted not in made]
    if lacking:
        raise SingeridError(
            f"{store.path}: {len(lacking)} of {len(tracks)} tracks have no {wanted}, the first is "
            f"{lacking[0]!r}; extract it (singerid prepare TREE STORE {options_for(wanted)}), or leave "
            "them out with --split-file"
        )


def parts_of(store: Store, split: Split, config: RunConfig) -> Iterator[Part]:
    """Train, valid and test of a split, in this order; raises SingeridError as `part_of`."""
    check_split(split, store.tracks)
    for paths in (split.train, split.valid, split.test):
        yield part_of(store, paths, config)


def configure(
    store: Store,
    split: Split,
    how: SplitConfig,
    model: str,
    training: TrainingConfig,
    *,
    options: Mapping[str, Any] | None = None,
    audio: AudioCondition = "mixture",
    melody: TrackerName | None = None,
) -> RunConfig:
    """The configuration of a new run over a store.

    Args:
        store: what to learn from.
        split: its parts; the singers of `train` are the classes.
        how: how the split was made.
        model: name of a network.
        training: how it is trained.
        options: of the network, as for `build_model`.
        audio: what it hears.
        melody: whose melody it reads, for a network that reads one; None: the best that the store has.

    Raises:
        SingeridError: the model is unknown, or the store lacks what it needs.
    """
    origins = store.origins
    versions = current_versions()
    if audio == "vocals":
        if origins.separator is None:
            raise SingeridError(
                f"{store.path}: has no vocals; extract them: singerid prepare TREE STORE --vocals ..."
            )
        versions[origins.separator] = origins.separator_version
    tracker = None
    if "melody" in model_entry(model).inputs:
        tracker = _tracker_of(store, audio, melody)
        versions[tracker] = origins.trackers[tracker]
    elif melody is not None:
        raise SingeridError(f"model {model} reads no melody; leave out --melody or choose a crnnm model")
    return RunConfig(
        model=model,
        options=options or {},
        singers=singers_in(store, split),
        features=store.config,
        audio=audio,
        separator=origins.separator if audio == "vocals" else None,
        melody=tracker,
        split=how,
        training=training,
        store=str(store.path.resolve()),
        store_identity=store.identity,
        versions=versions,
    )


def _tracker_of(store: Store, audio: AudioCondition, wanted: TrackerName | None) -> TrackerName:
    """The tracker whose melody a run over the store reads: that asked for, else the best there is.

    The best is the one that followed most tracks, and of those the first in the order of the paper's.
    """
    choices: Sequence[TrackerName] = [wanted] if wanted else get_args(TrackerName)
    counts = {name: sum(f"{audio}/{name}" in track.f0 for track in store.tracks) for name in choices}
    best = max(choices, key=lambda name: (counts[name], -choices.index(name)))
    if not counts[best]:
        what = f"{wanted} melody" if wanted else "melody"
        raise SingeridError(
            f"{store.path}: has no {what}{' of the vocals' if audio == 'vocals' else ''}; "
            f"extract it: singerid prepare TREE STORE --melody {wanted or 'crepe'}"
        )
    return best


def _require_same_makers(store: Store, config: RunConfig) -> None:
    """Refuse vocals and melody made by something else than those that the run learned on."""
    origins = store.origins
    made: list[tuple[str, str | None, str | None]] = []
    if config.audio == "vocals" and config.separator is not None:
        made.append(("vocals", config.separator, origins.separator))
    if config.melody is not None and config.melody in origins.trackers:
        made.append(("melody", config.melody, config.melody))
    versions = {**origins.trackers, str(origins.separator): origins.separator_version}
    for what, learned, has in made:
        before, now = config.versions.get(str(learned)), versions.get(str(has))
        if has is not None and (learned != has or (before is not None and before != now)):
            raise SingeridError(
                f"{store.path}: its {what}: made by {has} ({now}), the run learned on that of "
                f"{learned} ({before}); prepare a store with the latter, or train again"
            )


def make_split(store: Store, config: SplitConfig, file: Path | None = None) -> tuple[Split, SplitConfig]:
    """The split that a configuration asks for, or that of a file, and how it was made.

    Raises:
        SingeridError: a singer has too few albums or tracks, or the file does not suit the store.
    """
    if file is not None:
        split = read_split(file)
        check_split(split, store.tracks)
        return split, SplitConfig("file", 0)
    tracks: Sequence[StoredTrack] = store.tracks
    if config.min_albums is not None:
        kept = {track.path for track in with_min_albums(tracks, config.min_albums)}
        tracks = [track for track in tracks if track.path in kept]
    draw = {"album": album_split, "track": track_split}[config.kind]
    return draw(tracks, config.seed), config


def singers_in(store: Store, split: Split) -> tuple[str, ...]:
    """The singers that a split trains, sorted: the classes."""
    train = set(split.train)
    return singers_of(track for track in store.tracks if track.path in train)


def _plain(options: Mapping[str, Any]) -> Any:
    """Options as they are once written and read again: tuples are lists."""
    return json.loads(json.dumps(dict(options)))


def _config_from_json(content: Mapping[str, Any]) -> RunConfig:
    names = {item.name for item in fields(RunConfig)}
    values = {name: value for name, value in content.items() if name in names}
    values["singers"] = tuple(values["singers"])
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
