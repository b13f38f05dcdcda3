"""The store: features of many tracks on disk. This file reads it.

    STORE/config.json                 feature settings and the format's version
    STORE/index.jsonl                 one line per track, appended; a track's last line is valid
    STORE/origins.json                what made the vocals, the F0 and the vectors
    STORE/<name of an array>/<id>...  the arrays of a track: see `singerid.store.arrays`

A file that is not in the index is ignored. `singerid.store.writer` says why the index can be relied on.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from singerid.config import MIXTURE, VOCALS, FeatureConfig
from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.sound.separation.separators import SEPARATORS
from singerid.store.arrays import (
    Array,
    array_path,
    f0_of,
    features_of,
    is_there,
    options_for,
    read_array,
    vectors_of,
)
from singerid.store.index import StoredTrack, read_index
from singerid.system.files import read_json
from singerid.text import counted

FORMAT = 2
_ANEW = "make a new one: singerid prepare TREE NEW_STORE"


@dataclass(frozen=True)
class Origins:
    """What made the arrays of a store other than the features of the recordings.

    Attributes:
        separator: name of the separator that took the vocals out of the mixtures; None: there are no vocals.
        separator_version: its version and weights.
        trackers: name of each F0 tracker and its version.
        encoders: what stands for each encoder in the names of arrays (`encoder_part`), with its identity.
    """

    separator: str | None = None
    separator_version: str = ""
    trackers: Mapping[str, str] = field(hash=False, default_factory=dict)
    encoders: Mapping[str, str] = field(hash=False, default_factory=dict)

    def version_of(self, maker: str) -> str | None:
        """Version of the separator, tracker or encoder of that name; None if it made nothing in the store."""
        made = {**self.trackers, **self.encoders}
        return self.separator_version if maker == self.separator else made.get(maker)

    def of(self, tracks: Collection[StoredTrack]) -> "Origins":
        """The origins of arrays that these tracks have: a call that failed may have made no arrays."""
        made = {name for track in tracks for name in track.arrays}
        separated = features_of(VOCALS) in made
        followed, encoded = (
            {name.split("/")[2] for name in made if name.startswith(f"{kind}/")} for kind in ("f0", "vectors")
        )
        return Origins(
            self.separator if separated else None,
            self.separator_version if separated else "",
            {name: version for name, version in self.trackers.items() if name in followed},
            {name: identity for name, identity in self.encoders.items() if name in encoded},
        )


@dataclass(frozen=True)
class Store:
    """A store as it was when it was opened.

    Attributes:
        path: the store's folder.
        config: how the features were made.
        origins: what made its vocals, F0 and vectors.
        tracks: those that have features of the mixture, sorted by path.
    """

    path: Path
    config: FeatureConfig
    origins: Origins
    tracks: tuple[StoredTrack, ...]

    @classmethod
    def open(cls, path: Path | str, features: FeatureConfig | None = None) -> "Store":
        """Open a store for reading.

        Args:
            path: the store's folder.
            features: the settings that the reader needs; None: whatever the store has.

        Raises:
            SingeridError: the folder is no store, or the store is of a newer version, has other settings
                or is damaged.
        """
        path = Path(path)
        config = read_config(path)
        if features is not None:
            require_equal(path, config, features)
        mixture = features_of(MIXTURE)
        tracks = [track for track in read_index(path / "index.jsonl").values() if mixture in track.arrays]
        return cls(
            path, config, read_origins(path).of(tracks), tuple(sorted(tracks, key=lambda track: track.path))
        )

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the settings and of every track's path, labels and recording.

        Two stores with the same identity were made from the same recordings in the same way.
        """
        content = [
            asdict(self.config),
            *((t.path, t.singer, t.album, t.source_hash) for t in self.tracks),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def summary(self) -> str:
        """The store's size in words."""
        singers = {track.singer for track in self.tracks}
        albums = {(track.singer, track.album) for track in self.tracks}
        minutes = round(sum(track.duration_s for track in self.tracks) / 60)
        return (
            f"{counted(len(self.tracks), 'track')} of {counted(len(singers), 'singer')} on "
            f"{counted(len(albums), 'album')}, "
            f"{minutes // 60} h {minutes % 60} min"
        )

    def path_of(self, track: Track, name: str) -> Path:
        """Path of an array of a track, whether or not it exists."""
        return array_path(self.path, track, name)

    def has(self, track: StoredTrack, name: str) -> bool:
        """Whether an array of a track is in the index, and its file exists with the expected length."""
        return name in track.arrays and is_there(self.path_of(track, name), name, track.frames, self.config)

    def read(self, track: StoredTrack, name: str) -> tuple[Array, ...]:
        """An array of a track, and the arrays stored with it: see `singerid.store.arrays`.

        Raises:
            SingeridError: the file is missing or damaged.
        """
        return read_array(self.path_of(track, name), name, track.frames, self.config)

    def features(self, track: StoredTrack, condition: str = MIXTURE) -> NDArray[np.float16]:
        """Features of a track in dB, memory-mapped, shape (frames, n_mels), or the frames of its waveform.

        Raises:
            SingeridError: the store does not have the condition, or the file is missing or damaged.
        """
        name = features_of(condition)
        if name not in track.arrays:
            raise SingeridError(
                f"{self.path}: has no {condition} features of {track.path}, "
                f"only {', '.join(track.of_kind('features'))}; extract them "
                f"(singerid prepare TREE STORE {options_for(name)}) or choose `audio={MIXTURE!r}`"
            )
        return self.read(track, name)[0]

    def f0(self, track: StoredTrack, condition: str, tracker: str) -> NDArray[np.float32]:
        """F0 of a track in Hz at the centres of its frames, shape (frames,); 0 where there is none.

        Raises:
            SingeridError: the store does not have the F0, or the file is missing or damaged.
        """
        name = f0_of(condition, tracker)
        if name not in track.arrays:
            have = ", ".join(track.of_kind("f0")) or "none at all"
            raise SingeridError(
                f"{self.path}: has no {tracker} melody of the {condition} of "
                f"{track.path} (it has {have}); "
                f"extract it: singerid prepare TREE STORE {options_for(name)}"
            )
        return self.read(track, name)[0]

    def vectors(self, track: StoredTrack, condition: str, encoder: str) -> tuple[Array, Array, Array]:
        """Vectors of a track's windows (N, D), their starts (N,) in seconds and voice share (N,).

        Raises:
            SingeridError: the store does not have them, or the file is missing or damaged.
        """
        name = vectors_of(condition, encoder)
        if name not in track.arrays:
            have = ", ".join(track.of_kind("vectors")) or "none at all"
            raise SingeridError(
                f"{self.path}: has no vectors by {encoder} of the {condition} of "
                f"{track.path} (it has {have}); "
                f"make them: singerid prepare TREE STORE {options_for(name)}"
            )
        vectors, starts, voice_share = self.read(track, name)
        return vectors, starts, voice_share


def read_config(path: Path) -> FeatureConfig:
    """Feature settings of the store in the folder `path`; raises SingeridError if it is no store."""
    file = path / "config.json"
    if not file.exists():
        raise SingeridError(
            f"{path}: is no store (it has no config.json); make one: singerid prepare TREE STORE"
        )
    remedy = "make the store again: singerid prepare TREE NEW_STORE"
    content = read_json(file, remedy)
    try:
        version, features = content["format"], content["features"]
        if type(version) is not int:
            raise TypeError("the format is no number")
        if version > FORMAT:
            raise SingeridError(
                f"{path}: was written by a newer singerid (store format {version}, "
                f"this one reads {FORMAT}); update singerid"
            )
        if content.keys() != {"format", "features"}:  # a run's config.json has these two and more
            raise TypeError("fields of other names")
        if version < FORMAT:
            raise SingeridError(
                f"{path}: was written by an older singerid (store format {version}, "
                f"this one reads {FORMAT}); {_ANEW}"
            )
        return FeatureConfig(**features)
    except (KeyError, TypeError, AttributeError) as error:
        raise SingeridError(f"{file}: is not the configuration of a store; {remedy}") from error


def read_origins(path: Path) -> Origins:
    """What made the vocals, F0 and vectors of the store in the folder `path`."""
    file = path / "origins.json"
    if not file.exists():
        return Origins()
    remedy = "make the store again: singerid prepare TREE NEW_STORE"
    try:
        origins = Origins(**read_json(file, remedy))
        known = origins.separator is None or origins.separator in SEPARATORS
        if not (known and isinstance(origins.trackers, dict) and isinstance(origins.encoders, dict)):
            raise TypeError("not what they are")
        return origins
    except TypeError as error:
        raise SingeridError(f"{file}: was not written by `singerid prepare`; {remedy}") from error


def require_equal(path: Path, has: FeatureConfig, needed: FeatureConfig) -> None:
    """Raise a SingeridError that names the settings in which the store at `path` differs."""
    names = [item.name for item in fields(FeatureConfig)]
    differences = [
        f"{name}={getattr(has, name)!r} instead of {getattr(needed, name)!r}"
        for name in names
        if getattr(has, name) != getattr(needed, name)
    ]
    if differences:
        raise SingeridError(
            f"{path}: was made with other settings ({', '.join(differences)}); use these or another store"
        )
