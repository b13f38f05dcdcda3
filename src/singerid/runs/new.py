"""A new run over a store: its split, its singers and its configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol

from singerid.config import AudioCondition, TrainingConfig
from singerid.data.splits import (
    Split,
    album_split,
    check_split,
    read_split,
    spelled_as,
    track_split,
    with_min_albums,
)
from singerid.data.tracks import singers_of
from singerid.errors import SingeridError
from singerid.models.registry import MODELS
from singerid.models.spec import InputSpec
from singerid.runs.config import RunConfig, SplitConfig, current_versions
from singerid.runs.run import Run, plain
from singerid.sound.features import heard_seconds
from singerid.sound.melody.trackers import TRACKERS
from singerid.store.arrays import encoder_part, f0_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store


class EncoderUsed(Protocol):
    """What a run needs to know about an encoder whose vectors it reads, see `singerid.encoders`."""

    @property
    def name(self) -> str:
        """The name that the user gave."""

    @property
    def address(self) -> str:
        """A name by which it is found from any folder."""

    @property
    def identity(self) -> str:
        """Identifies its weights and how they are used."""

    @property
    def spec(self) -> InputSpec:
        """Its input."""

    @property
    def size(self) -> int:
        """Size of a vector."""


def make_split(store: Store, config: SplitConfig, file: Path | None = None) -> tuple[Split, SplitConfig]:
    """The split that a configuration describes, or the one in a file, and how it was made.

    Raises:
        SingeridError: a singer has too few albums or tracks, or the file does not fit the store.
    """
    if file is not None:
        split = spelled_as(read_split(file), store.tracks)
        check_split(split, store.tracks)
        return split, SplitConfig("file", 0)
    tracks: Sequence[StoredTrack] = store.tracks
    if config.min_albums is not None:
        kept = {track.path for track in with_min_albums(tracks, config.min_albums)}
        tracks = [track for track in tracks if track.path in kept]
    draw = {"album": album_split, "track": track_split}[config.kind]
    return draw(tracks, config.seed), config


def singers_in(store: Store, split: Split) -> tuple[str, ...]:
    """The singers in the train part of a split, sorted: the classes."""
    train = set(split.train)
    return singers_of(track for track in store.tracks if track.path in train)


def configure(
    store: Store,
    split: Split,
    how: SplitConfig,
    model: str,
    training: TrainingConfig,
    *,
    options: Mapping[str, Any] | None = None,
    audio: AudioCondition = "mixture",
    melody: str | None = None,
    encoder: EncoderUsed | None = None,
) -> RunConfig:
    """The configuration of a new run over a store.

    Args:
        store: the store to learn from.
        split: its parts; the singers of `train` are the classes.
        how: how the split was made.
        model: name of a network.
        training: how it is trained.
        options: of the network, as for `build_model`.
        audio: the audio condition that it hears.
        melody: the tracker whose melody it reads, if it reads one; None: the best that the store has.
        encoder: the encoder whose vectors it reads, if it reads vectors.

    Raises:
        SingeridError: the model is unknown, the store lacks what it needs, or there is only one singer.
    """
    singers = singers_in(store, split)
    if len(singers) < 2:
        raise SingeridError(
            f"{store.path}: all recordings to train on are by {', '.join(singers)}; a network "
            "tells singers apart and needs two or more: add recordings by others"
        )
    origins = store.origins
    separator = origins.separator if audio != "mixture" else None
    if audio != "mixture" and separator is None:
        raise SingeridError(
            f"{store.path}: has no vocals; extract them: singerid prepare TREE STORE --vocals ..."
        )
    inputs, tracker = MODELS[model].inputs, None
    if "melody" in inputs:
        tracker = _tracker_of(store, audio, melody)
    elif melody is not None:
        raise SingeridError(f"model {model} reads no melody; leave out `melody` or choose a crnnm model")
    spec = InputSpec(features=store.config, inputs=inputs, audio=audio, separator=separator, melody=tracker)
    options = dict(options or {})
    if "vectors" in inputs:
        spec, training, size = _of_vectors(store, spec, training, model, encoder)
        options["size"] = size
    elif audio == "both":
        raise SingeridError(
            f"model {model} reads one sound at a time; choose `audio='mixture'` or `audio='vocals'`"
        )
    elif encoder is not None:
        raise SingeridError(
            f"model {model} reads no vectors; leave out `encoder`, or choose `model='probe'` or "
            "`model='centroids'`"
        )
    return RunConfig(
        model=model,
        options=options,
        singers=singers,
        spec=spec,
        split=how,
        training=training,
        store=str(store.path.resolve()),
        store_identity=store.identity,
        origins={maker: origins.version_of(maker) or "" for maker in (separator, tracker) if maker}
        | ({encoder.address: encoder.identity} if encoder else {}),
        versions=current_versions(),
    )


def _of_vectors(
    store: Store, spec: InputSpec, training: TrainingConfig, model: str, encoder: EncoderUsed | None
) -> tuple[InputSpec, TrainingConfig, int]:
    """Input, training settings and size of the vectors of a model that reads vectors.

    Args:
        store: holds the vectors.
        spec: states the audio that the vectors are made of.
        training: as the user gave it; in the result the clips are the windows of the encoder.
        model: its name.
        encoder: the encoder whose vectors it reads.
    """
    if encoder is None:
        raise SingeridError(f"model {model} reads vectors; choose an encoder: `encoder='campplus'`")
    part = encoder_part(encoder.address, encoder.identity)
    if store.origins.encoders.get(part) != encoder.identity:
        raise SingeridError(
            f"{store.path}: has no vectors by {encoder.name} with its present weights; "
            f"make them: singerid prepare TREE STORE --encoder {encoder.name}"
        )
    seconds = round(heard_seconds(encoder.spec.window_frames, encoder.spec.features), 2)
    windows = replace(
        encoder.spec,
        inputs=("vectors",),
        audio=spec.audio,
        separator=spec.separator,
        encoder=encoder.address,
    )
    training = replace(training, clip_seconds=seconds, epochs=MODELS[model].settings or training.epochs)
    return windows, training, len(spec.sounds) * encoder.size


def _tracker_of(store: Store, audio: AudioCondition, wanted: str | None) -> str:
    """The tracker whose melody a run reads: the wanted one, else the best that the store has.

    The best is the one with the most tracks; if several have as many, the first in `TRACKERS`.
    """
    choices = [wanted] if wanted else list(TRACKERS)
    counts = {name: sum(f0_of(audio, name) in track.arrays for track in store.tracks) for name in choices}
    best = max(choices, key=lambda name: (counts[name], -choices.index(name)))
    if not counts[best]:
        what = f"{wanted} melody" if wanted else "melody"
        raise SingeridError(
            f"{store.path}: has no {what}{' of the vocals' if audio == 'vocals' else ''}; "
            f"extract it: singerid prepare TREE STORE --melody {wanted or 'crepe'}"
        )
    return best


def require_run_or_nothing(path: Path) -> None:
    """Refuse a folder of other things before anything is written there."""
    if path.is_dir() and not (path / "config.json").exists():
        # Files that are written before the configuration do not count: a killed process may leave them.
        others = {entry.name for entry in path.iterdir()} - {"split.json", ".lock"}
        if any(not name.startswith(".tmp-") for name in others):
            raise SingeridError(f"{path}: is no run and not empty; give a new or empty folder as RUN")


def open_run(path: Path, config: RunConfig, split: Split, store: Store) -> Run:
    """Open the run in a folder, or make a new one there; raises SingeridError if another run is there."""
    for folder in (path, path / "states"):  # left by a writer that was killed
        for leftover in folder.glob(".tmp-*"):
            leftover.unlink(missing_ok=True)
    if not (path / "config.json").exists():
        return Run.create(path, config, split, store)
    run = Run.open(path)
    different = run_differences(run.config, config)
    if run.split != split:
        different.append("the tracks of the split")
    if different:
        raise SingeridError(
            f"{path}: holds a run with other settings: {', '.join(different)}; "
            "give the same settings to go on with it, or another folder"
        )
    epochs = max(config.training.epochs, run.config.training.epochs)
    training = replace(config.training, epochs=epochs)
    continued = replace(
        config,
        versions=run.config.versions,
        origins=run.config.origins,
        training=training,
        devices=max(config.devices, run.config.devices),
    )
    return Run.create(path, continued, split, store)


def run_differences(old: RunConfig, new: RunConfig) -> list[str]:
    """Settings in which two runs differ, as text; more epochs, a moved store, newer versions do not count."""
    different = [
        *_differences(old, new, "model", "options"),
        # The rest of the input follows from the model and from `training.clip_seconds`.
        *_differences(old.spec, new.spec, "features", "audio", "separator", "melody"),
        *_differences(old, new, "split"),
    ]
    learnt = (item.name for item in fields(TrainingConfig) if item.name not in ("epochs", "patience"))
    different += _differences(old.training, new.training, *learnt)
    for maker in old.origins:
        if old.origins[maker] != new.origins.get(maker):
            different.append(f"{maker} {old.origins[maker]} instead of {new.origins.get(maker)}")
    if (old.store_identity, old.singers) != (new.store_identity, new.singers):
        different.append("the store's recordings")
    return different


def _differences(old: Any, new: Any, *names: str) -> list[str]:
    return [
        f"{name} {getattr(old, name)!r} instead of {getattr(new, name)!r}"
        for name in names
        if plain(getattr(old, name)) != plain(getattr(new, name))
    ]
