"""What a new run over a store is: its split, its singers, its configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from singerid.config import AudioCondition, TrackerName, TrainingConfig
from singerid.data.splits import Split, album_split, check_split, read_split, track_split, with_min_albums
from singerid.data.tracks import singers_of
from singerid.errors import SingeridError
from singerid.extract.index import StoredTrack
from singerid.extract.store import Store
from singerid.models import model_entry
from singerid.runs import RunConfig, SplitConfig, current_versions


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
