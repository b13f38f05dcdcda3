"""The parts of a split as a run reads them: tracks of a store, and clips of the run's input."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from singerid.data.clips import Clips
from singerid.data.lazy import LazyArrays
from singerid.data.splits import PARTS, Split, check_split
from singerid.errors import SingeridError
from singerid.runs.config import RunConfig
from singerid.sound.features import seconds_to_frames
from singerid.store.arrays import (
    encoder_part,
    f0_of,
    features_of,
    options_for,
    vectors_of,
    waveform_of,
    width_of,
)
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.text import names_text

PartName = Literal["test", "valid", "train", "all"]


@dataclass(frozen=True)
class Part:
    """The tracks of one part of a split, and their clips.

    Attributes:
        tracks: sorted by path; `clips.track` holds indices into them.
        clips: the input of the network; a track shorter than a clip has none.
        singers: names of the classes.
    """

    tracks: tuple[StoredTrack, ...]
    clips: Clips
    singers: tuple[str, ...]

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class of the singer of each track, (tracks,)."""
        return self.classes_of(track.singer for track in self.tracks)

    def classes_of(self, singers: Iterable[str]) -> NDArray[np.int64]:
        """Class of each of some singers; raises KeyError for a singer whom the network does not know."""
        class_of = {singer: number for number, singer in enumerate(self.singers)}
        return np.array([class_of[singer] for singer in singers], np.int64)


def paths_of(split: Split, name: PartName) -> tuple[str, ...]:
    """Paths of the tracks of a part of a split, or of all three together ("all")."""
    names = PARTS if name == "all" else (name,)
    return tuple(path for part in names for path in getattr(split, part))


def part_of(store: Store, paths: Sequence[str], config: RunConfig, condition: str | None = None) -> Part:
    """Tracks of a store by their paths, and their clips, as a run reads them.

    Args:
        store: holds the tracks.
        paths: of the tracks.
        config: of the run.
        condition: what the clips are cut from; None: the spectrogram, waveform or vectors that the run's
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
    require_same_makers(store, config)
    spec, f0 = config.spec, None
    if condition is None and spec.encoder is not None:
        return vectors_part(store, tracks, labels, config)
    if spec.melody is not None:
        _require_all(store, tracks, f0_of(spec.audio, spec.melody))
        require_files(store, tracks, f0_of(spec.audio, spec.melody))
        f0 = LazyArrays(tracks, partial(store.f0, condition=spec.audio, tracker=spec.melody))
    if condition is None:
        condition = waveform_of(spec.audio) if spec.reads_waveform else spec.audio
    _require_all(store, tracks, features_of(condition))
    require_files(store, tracks, features_of(condition))
    clips = Clips(
        LazyArrays(tracks, partial(store.features, condition=condition)),
        labels,
        # The frames of a spectrogram differ from those that an encoder hears.
        spec.window_frames
        if spec.encoder is None
        else seconds_to_frames(config.training.clip_seconds, store.config),
        config.training.drop_last_clip,
        f0,
        shapes_of(store, tracks, condition),
    )
    if not len(clips):
        raise SingeridError(
            f"{store.path}: none of {len(tracks)} tracks is as long as a clip of "
            f"{config.training.clip_seconds:g} s; choose a shorter `clip_seconds`"
        )
    return Part(tracks, clips, config.singers)


def vectors_part(
    store: Store, tracks: tuple[StoredTrack, ...], labels: Sequence[int], config: RunConfig
) -> Part:
    """Tracks and the vectors of their windows, each a clip of one column; raises SingeridError as `part_of`.

    For "both", the vector of a window's mixture is followed by that of its vocals.
    """
    spec = config.spec
    encoder = _stored_by(config)
    for sound in spec.sounds:
        _require_all(store, tracks, vectors_of(sound, encoder))
    read = partial(_vectors, store, encoder=encoder, sounds=spec.sounds)
    return Part(tracks, Clips(LazyArrays(tracks, read), labels, spec.clip_columns), config.singers)


def _stored_by(config: RunConfig) -> str:
    """The part of the names of arrays that stands for the encoder of a run."""
    encoder = config.spec.encoder
    assert encoder is not None  # else it reads no vectors
    return encoder_part(encoder, config.origins[encoder])


def _vectors(store: Store, track: StoredTrack, encoder: str, sounds: Sequence[str]) -> NDArray[np.float16]:
    """Vectors of a track, (N, D), or (N, 2 D) for two sounds."""
    made = [store.vectors(track, sound, encoder)[0] for sound in sounds]
    count = min(map(len, made))  # vocals may be a few samples shorter than their mixture
    return np.concatenate([vectors[:count] for vectors in made], axis=1)


def voice_of(store: Store, part: Part, config: RunConfig) -> NDArray[np.float32]:
    """Voice share (clips,) of the windows whose vectors are the clips of a part.

    For "both", it is the voice share stored with the vocals.
    """
    sound, encoder = config.spec.sounds[-1], _stored_by(config)
    shares = [store.vectors(track, sound, encoder)[2] for track in part.tracks]
    return np.array(
        [shares[track][start] for track, start in zip(part.clips.track, part.clips.start, strict=True)],
        np.float32,
    )


def _require_all(store: Store, tracks: Sequence[StoredTrack], name: str) -> None:
    lacking = [track.path for track in tracks if name not in track.arrays]
    if lacking:
        raise SingeridError(
            f"{store.path}: {len(lacking)} of {len(tracks)} tracks have no {_words(name)}, "
            f"the first is {lacking[0]!r}; extract it (singerid prepare TREE STORE {options_for(name)}), "
            "or leave them out with `split_file`"
        )


def require_files(store: Store, tracks: Sequence[StoredTrack], name: str) -> None:
    """Check, before any track is read, that the files of an array exist and have the expected length.

    Only a file that fails is opened, so that the error says what is wrong with it: opening the files of
    100,000 tracks takes eight times as long as asking for their lengths.

    Raises:
        SingeridError: a file is missing or damaged.
    """
    for track in tracks:
        if not store.has(track, name):
            store.read(track, name)


def shapes_of(store: Store, tracks: Sequence[StoredTrack], condition: str) -> list[tuple[int, int]]:
    """(frames, H) of the features, or waveform, of each track in an audio condition; taken from the index."""
    columns = width_of(features_of(condition), store.config)
    return [(track.frames, columns) for track in tracks]


def _words(name: str) -> str:
    kind, _, rest = name.partition("/")
    condition, _, maker = rest.partition("/")
    return f"vectors of the {condition} by {maker}" if kind == "vectors" else rest


def parts_of(store: Store, split: Split, config: RunConfig) -> Iterator[Part]:
    """Train, valid and test of a split, in this order; raises SingeridError as `part_of`."""
    check_split(split, store.tracks)
    for paths in (split.train, split.valid, split.test):
        yield part_of(store, paths, config)


def require_clips_of_everyone(part: Part, config: RunConfig, store: Store) -> None:
    """Raise SingeridError if a singer has no clip to train on: the network could never name that singer."""
    lacking = _without_clips(part)
    if lacking:
        longest = max(track.duration_s for track in part.tracks if track.singer in lacking)
        raise SingeridError(
            f"{store.path}: no recording to train on of {names_text(lacking)} is as long as a clip of "
            f"{config.training.clip_seconds:g} s (the longest has {longest:.1f} s); choose a shorter "
            "`clip_seconds`, or leave them out with `split_file`"
        )


def clips_notice(part: Part, name: str) -> str:
    """A notice about singers without a clip in a part to validate or test on; "" if all have clips."""
    lacking = _without_clips(part)
    if not lacking:
        return ""
    return (
        f"{names_text(lacking)}: no recording in the {name} part is as long as a clip, so none counts there"
    )


def _without_clips(part: Part) -> list[str]:
    heard = {part.singers[label] for label in part.clips.labels}
    return sorted({track.singer for track in part.tracks} - heard)


def require_same_makers(store: Store, config: RunConfig) -> None:
    """Raise SingeridError if vocals, melody or vectors were not made as those that the run learned on."""
    spec, origins = config.spec, store.origins
    if spec.encoder is not None:
        learned, now = config.origins[spec.encoder], origins.encoders.get(_stored_by(config))
        if now not in (None, learned):
            raise SingeridError(
                f"{store.path}: its vectors by {spec.encoder} were made with other weights than those that "
                "the run learned on; prepare another store, or train again"
            )
    made: list[tuple[str, str, str | None]] = []
    if spec.audio != "mixture" and spec.separator is not None:
        made.append(("vocals", spec.separator, origins.separator))
    if spec.melody is not None and spec.melody in origins.trackers:
        made.append(("melody", spec.melody, spec.melody))
    for what, learned, has in made:
        if has is None:
            continue
        before, now = config.origins.get(learned), origins.version_of(has)
        if learned != has or (before is not None and before != now):
            raise SingeridError(
                f"{store.path}: its {what}: made by {has} ({now}), but the run learned on the {what} "
                f"by {learned} ({before}); prepare a store with {learned}, or train again"
            )
