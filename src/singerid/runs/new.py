"""What a new run over a store is: its split, its singers, its configuration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args

from singerid.config import AudioCondition, TrackerName, TrainingConfig
from singerid.data.splits import Split, album_split, check_split, read_split, track_split, with_min_albums
from singerid.data.tracks import singers_of
from singerid.errors import SingeridError
from singerid.models.registry import model_entry
from singerid.runs.run import Run, RunConfig, SplitConfig, current_versions
from singerid.store.index import StoredTrack
from singerid.store.reader import Store


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


def require_run_or_nothing(path: Path) -> None:
    """Refuse a folder of other things before anything is written there."""
    if path.is_dir() and not (path / "config.json").exists():
        # What a kill leaves behind that came before the configuration does not count.
        others = {entry.name for entry in path.iterdir()} - {"split.json", ".lock"}
        if any(not name.startswith(".tmp-") for name in others):
            raise SingeridError(f"{path}: is no run and not empty; give a new or empty folder as RUN")


def open_run(path: Path, config: RunConfig, split: Split) -> Run:
    """Open the run in a folder, or make a new one there; another run is refused."""
    for folder in (path, path / "states"):  # of a writer that was killed
        for leftover in folder.glob(".tmp-*"):
            leftover.unlink(missing_ok=True)
    if not (path / "config.json").exists():
        return Run.create(path, config, split)
    run = Run.open(path)
    different = run_differences(run.config, config)
    if run.split() != split:
        different.append("the tracks of the split")
    if different:
        raise SingeridError(
            f"{path}: holds a run with other settings: {', '.join(different)}; "
            "give the same settings to go on with it, or another folder"
        )
    epochs = max(config.training.epochs, run.config.training.epochs)
    training = replace(config.training, epochs=epochs)
    return Run.create(path, replace(config, versions=run.config.versions, training=training), split)


def run_differences(old: RunConfig, new: RunConfig) -> list[str]:
    """What makes two runs two, as text; a run may be prolonged, moved, and continued by a newer singerid."""
    different = [
        f"{item.name} {getattr(old, item.name)!r} instead of {getattr(new, item.name)!r}"
        for item in fields(RunConfig)
        if item.name not in ("training", "versions", "store", "singers", "store_identity")
        and _plain(getattr(old, item.name)) != _plain(getattr(new, item.name))
    ]
    different += [
        f"{item.name} {getattr(old.training, item.name)!r} instead of {getattr(new.training, item.name)!r}"
        for item in fields(TrainingConfig)
        if item.name not in ("epochs", "patience")
        and getattr(old.training, item.name) != getattr(new.training, item.name)
    ]
    for maker in filter(None, (old.separator, old.melody)):
        if old.versions.get(maker) != new.versions.get(maker):
            different.append(f"{maker} {old.versions.get(maker)} instead of {new.versions.get(maker)}")
    if (old.store_identity, old.singers) != (new.store_identity, new.singers):
        different.append("the store's recordings")
    return different


def _plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples are lists there."""
    return json.loads(json.dumps(value, default=asdict))
