"""The store: features of many tracks on disk. This file reads it.

    STORE/config.json                             feature settings and the format's version
    STORE/index.jsonl                             one line a track, appended; the last of a track holds
    STORE/origins.json                            what made the vocals and the F0
    STORE/features/<condition>/<id>.npy           (frames, n_mels) float16, dB
    STORE/features/<condition>-waveform/<id>.npy  (frames, hop_length) float16, full scale +-1
    STORE/f0/<condition>/<tracker>/<id>.npz       f0 (frames,) float32 in Hz, 0 for none; confidence

A file that no line tells of is not believed. `extract/writer.py` says why a line can be.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from singerid.config import MIXTURE, VOCALS, FeatureConfig, SeparatorName
from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.store.index import StoredTrack, read_index
from singerid.system.files import read_json
from singerid.text import printable

FORMAT = 1
_WAVEFORM = "-waveform"


@dataclass(frozen=True)
class Origins:
    """What made the features and F0 of a store that are not simply those of the recordings.

    Attributes:
        separator: name of what took the vocals out of the mixtures; None while there are none.
        separator_version: which version of it, with which weights.
        trackers: name of each F0 tracker and its version.
    """

    separator: SeparatorName | None = None
    separator_version: str = ""
    trackers: Mapping[str, str] = field(hash=False, default_factory=dict)

    def version_of(self, maker: str) -> str | None:
        """Version of the separator or tracker of that name; None: nothing here was made by it."""
        return self.separator_version if maker == self.separator else self.trackers.get(maker)

    def of(self, tracks: Collection[StoredTrack]) -> "Origins":
        """Those of which the tracks have something: a failed or interrupted call may have made nothing."""
        separated = any(VOCALS in track.conditions for track in tracks)
        followed = {contour.split("/")[1] for track in tracks for contour in track.f0}
        return Origins(
            self.separator if separated else None,
            self.separator_version if separated else "",
            {name: version for name, version in self.trackers.items() if name in followed},
        )


@dataclass(frozen=True)
class Store:
    """A store as it was when it was opened.

    Attributes:
        path: the store's folder.
        config: how the features were made.
        origins: what made its vocals and F0.
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
            SingeridError: it is no store, of a newer version or other settings, or damaged.
        """
        path = Path(path)
        config = read_config(path)
        if features is not None:
            require_equal(path, config, features)
        tracks = [track for track in read_index(path / "index.jsonl").values() if MIXTURE in track.conditions]
        return cls(
            path, config, read_origins(path).of(tracks), tuple(sorted(tracks, key=lambda track: track.path))
        )

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the settings and of every track's path, labels and recording.

        Two stores of one identity were made of the same recordings in the same way.
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
            f"{len(self.tracks):,} tracks of {len(singers):,} singers on {len(albums):,} albums, "
            f"{minutes // 60} h {minutes % 60} min"
        )

    def features_path(self, track: Track, condition: str = MIXTURE) -> Path:
        """Where the features of a track are, or would be."""
        return features_path(self.path, track, condition)

    def features(self, track: StoredTrack, condition: str = MIXTURE) -> NDArray[np.float16]:
        """Features of a track in dB, memory-mapped, shape (frames, n_mels), or the frames of its waveform.

        Raises:
            SingeridError: the store does not have the condition, or the file is missing or damaged.
        """
        path = self.features_path(track, condition)
        if condition not in track.conditions:
            raise SingeridError(
                f"{printable(self.path)}: has no {condition} features of {printable(track.path)}, "
                f"only {', '.join(sorted(track.conditions))}; extract them "
                f"(singerid prepare TREE STORE {options_for(condition)}) or choose --audio {MIXTURE}"
            )
        with _reading(path):
            features: NDArray[np.float16] = np.load(path, mmap_mode="r")
        if features.shape != (track.frames, width_of(condition, self.config)) or features.dtype != np.float16:
            raise SingeridError(f"{printable(path)}: is not what the index says; delete it and {_REMEDY}")
        return features

    def f0_path(self, track: Track, condition: str, tracker: str) -> Path:
        """Where an F0 contour of a track is, or would be."""
        return f0_path(self.path, track, f"{condition}/{tracker}")

    def f0(self, track: StoredTrack, condition: str, tracker: str) -> NDArray[np.float32]:
        """F0 of a track in Hz at the centres of its frames, shape (frames,); 0 where there is none.

        Raises:
            SingeridError: the store does not have the contour, or the file is missing or damaged.
        """
        path, wanted = self.f0_path(track, condition, tracker), f"{condition}/{tracker}"
        if wanted not in track.f0:
            have = ", ".join(sorted(track.f0)) or "none at all"
            raise SingeridError(
                f"{printable(self.path)}: has no {tracker} melody of the {condition} of "
                f"{printable(track.path)} (it has {have}); "
                f"extract it: singerid prepare TREE STORE {options_for(wanted)}"
            )
        with _reading(path), np.load(path) as file:
            f0: NDArray[np.float32] = file["f0"]
        if f0.shape != (track.frames,) or f0.dtype != np.float32:
            raise SingeridError(f"{printable(path)}: is not what the index says; delete it and {_REMEDY}")
        return f0


_REMEDY = "run `singerid prepare` again, which makes it anew"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SingeridError(f"{printable(path)}: is missing; {_REMEDY}") from error
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise SingeridError(f"{printable(path)}: is damaged ({error}); delete it and {_REMEDY}") from error


def waveform_of(condition: str) -> str:
    """Under which name the waveform of an audio condition is stored beside its features."""
    return condition + _WAVEFORM


def width_of(condition: str, config: FeatureConfig) -> int:
    """Columns of a feature file: mel bands, or samples of a frame of a waveform."""
    return config.hop_length if condition.endswith(_WAVEFORM) else config.n_mels


def options_for(wanted: str) -> str:
    """The options of `singerid prepare` that make a condition, or a contour "<condition>/<tracker>"."""
    condition, _, tracker = wanted.partition("/")
    part = condition.removesuffix(_WAVEFORM)
    options = ["--vocals ..."] if part != MIXTURE else []
    options += ["--waveform"] if part != condition else []
    options += [f"--melody {tracker}"] if tracker else []
    return " ".join(options)


def features_path(store: Path, track: Track, condition: str = MIXTURE) -> Path:
    """Where the features of a track are in the store: the name holds its id, never its own name."""
    return store / "features" / condition / f"{track.id}.npy"


def f0_path(store: Path, track: Track, contour: str) -> Path:
    """Where an F0 contour "<condition>/<tracker>" of a track is in the store."""
    return store / "f0" / contour / f"{track.id}.npz"


def read_config(path: Path) -> FeatureConfig:
    """Feature settings of the store in the folder `path`; SingeridError where it is none."""
    file = path / "config.json"
    if not file.exists():
        raise SingeridError(
            f"{printable(path)}: is no store (it has no config.json); make one: singerid prepare TREE STORE"
        )
    remedy = "make the store again: singerid prepare TREE NEW_STORE"
    content = read_json(file, remedy)
    try:
        version, features = content["format"], content["features"]
        if type(version) is not int:
            raise TypeError("the format is no number")
        if version > FORMAT:
            raise SingeridError(
                f"{printable(path)}: was written by a newer singerid (store format {version}, "
                f"this one reads {FORMAT}); update singerid"
            )
        if content.keys() != {"format", "features"}:  # a run's config.json has these two and more
            raise TypeError("fields of other names")
        return FeatureConfig(**features)
    except (KeyError, TypeError, AttributeError) as error:
        raise SingeridError(f"{printable(file)}: is not the configuration of a store; {remedy}") from error


def read_origins(path: Path) -> Origins:
    """What made the vocals and F0 of the store in the folder `path`."""
    file = path / "origins.json"
    if not file.exists():
        return Origins()
    remedy = "make the store again: singerid prepare TREE NEW_STORE"
    try:
        origins = Origins(**read_json(file, remedy))
        if origins.separator not in (None, *get_args(SeparatorName)) or not isinstance(
            origins.trackers, dict
        ):
            raise TypeError("not what they are")
        return origins
    except TypeError as error:
        raise SingeridError(f"{printable(file)}: is not what `prepare` wrote; {remedy}") from error


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
            f"{printable(path)}: was made with other settings ({', '.join(differences)}); "
            "use these or another store"
        )
