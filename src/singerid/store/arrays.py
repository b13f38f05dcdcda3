"""The arrays of a track: their names in a store, their files, and what is read from them.

An array's name is the path of its folder within the store:

    features/<condition>            <id>.npy  (frames, n_mels) float16, dB
    features/<condition>-waveform   <id>.npy  (frames, hop_length) float16, full scale +-1
    f0/<condition>/<tracker>        <id>.npz  f0 (frames,) float32 in Hz, 0 for none; confidence
    vectors/<condition>/<encoder>   <id>.npz  vectors (windows, D) float16, of unit length; starts (windows,)
                                              in seconds and voice_share (windows,), both float32

A new kind of array is one entry of `KINDS`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import SEEK_END
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from singerid.config import MIXTURE, FeatureConfig
from singerid.data.tracks import Track
from singerid.errors import SingeridError

_PART = re.compile(r"[a-z0-9][a-z0-9_-]*")
_WAVEFORM = "-waveform"
_ZIP_END, _ZIP_END_BYTES = b"PK\x05\x06", 22  # the last record of a zip without a comment; NumPy writes none
REMEDY = "run `singerid prepare` again, which makes a new one"

Array = NDArray[Any]


def features_of(condition: str = MIXTURE) -> str:
    """Name of the features of an audio condition, or of its waveform: see `waveform_of`.

    >>> features_of("vocals"), features_of(waveform_of("vocals"))
    ('features/vocals', 'features/vocals-waveform')
    """
    return f"features/{condition}"


def f0_of(condition: str, tracker: str) -> str:
    """Name of the F0 of an audio condition as a tracker found it.

    >>> f0_of("vocals", "pyin")
    'f0/vocals/pyin'
    """
    return f"f0/{condition}/{tracker}"


def vectors_of(condition: str, encoder: str) -> str:
    """Name of the vectors that an encoder made of an audio condition.

    >>> vectors_of("mixture", "campplus")
    'vectors/mixture/campplus'
    """
    return f"vectors/{condition}/{encoder}"


def encoder_part(name: str, identity: str) -> str:
    """The part of an array's name that stands for an encoder: the encoder's name, unless that is a path.

    >>> encoder_part("campplus", "92f2"), encoder_part("onnx:my/net.onnx", "00c3e5")
    ('campplus', 'encoder-00c3e5')
    """
    return name if _PART.fullmatch(name) else f"encoder-{identity[:16]}"


def waveform_of(condition: str) -> str:
    """Name of the condition under which the waveform of an audio condition is stored."""
    return condition + _WAVEFORM


def condition_of(name: str) -> str:
    """The audio condition that an array is made of.

    >>> condition_of("f0/vocals/pyin"), condition_of("features/mixture-waveform")
    ('vocals', 'mixture')
    """
    return name.split("/")[1].removesuffix(_WAVEFORM)


def options_for(name: str) -> str:
    """The options of `singerid prepare` that make an array.

    >>> options_for("f0/vocals/pyin")
    '--vocals ... --melody pyin'
    >>> options_for("vectors/mixture/campplus")
    '--encoder campplus'
    """
    condition = condition_of(name)
    options = ["--vocals ..."] if condition != MIXTURE else []
    options += ["--waveform"] if name == features_of(waveform_of(condition)) else []
    for kind, option in (("f0", "--melody"), ("vectors", "--encoder")):
        options += [f"{option} {name.split('/')[2]}"] if name.startswith(f"{kind}/") else []
    return " ".join(options)


def width_of(name: str, config: FeatureConfig) -> int:
    """Number of columns of features: mel bands, or samples of a frame of a waveform.

    >>> [width_of(name, FeatureConfig()) for name in ("features/mixture", "features/mixture-waveform")]
    [128, 512]
    """
    return config.hop_length if name.endswith(_WAVEFORM) else config.n_mels


class Kind(ABC):
    """What the arrays of one kind have in common.

    Attributes:
        what: what a message calls the arrays.
        plural: whether `what` is a plural.
        parts: number of parts of a name after the kind: a condition, and what made the array from it.
        suffix: suffix of the files.
    """

    what: ClassVar[str]
    plural: ClassVar[bool]
    parts: ClassVar[int] = 2
    suffix: ClassVar[str] = ".npz"

    @abstractmethod
    def read(self, path: Path) -> tuple[Array, ...]:
        """The array, and the arrays that are stored and read with it."""

    @abstractmethod
    def fits(self, arrays: tuple[Array, ...], name: str, frames: int, config: FeatureConfig) -> bool:
        """Whether arrays that were read fit a track of `frames` frames."""

    def may_be_whole(self, path: Path, name: str, frames: int, config: FeatureConfig) -> bool:
        """Whether a file may be complete: all kinds but features are zip files, which end in a directory."""
        with path.open("rb") as file:
            file.seek(-_ZIP_END_BYTES, SEEK_END)
            return file.read(len(_ZIP_END)) == _ZIP_END


class _Features(Kind):
    what, plural, parts, suffix = "features", True, 1, ".npy"

    def read(self, path: Path) -> tuple[Array, ...]:
        return (np.load(path, mmap_mode="r"),)

    def fits(self, arrays: tuple[Array, ...], name: str, frames: int, config: FeatureConfig) -> bool:
        (features,) = arrays
        return features.shape == (frames, width_of(name, config)) and features.dtype == np.float16

    def may_be_whole(self, path: Path, name: str, frames: int, config: FeatureConfig) -> bool:
        size = path.stat().st_size
        content = frames * width_of(name, config) * np.dtype(np.float16).itemsize
        # A .npy header is padded to a multiple of 64 bytes and far shorter than 1024.
        return content < size < content + 1024


class _F0(Kind):
    what, plural = "melody", False

    def read(self, path: Path) -> tuple[Array, ...]:
        with np.load(path) as file:
            return (file["f0"],)

    def fits(self, arrays: tuple[Array, ...], name: str, frames: int, config: FeatureConfig) -> bool:
        (f0,) = arrays
        return f0.shape == (frames,) and f0.dtype == np.float32


class _Vectors(Kind):
    what, plural = "vectors", True

    def read(self, path: Path) -> tuple[Array, ...]:
        with np.load(path) as file:
            return file["vectors"], file["starts"], file["voice_share"]

    def fits(self, arrays: tuple[Array, ...], name: str, frames: int, config: FeatureConfig) -> bool:
        vectors, *others = arrays
        beside = all(other.shape == vectors.shape[:1] and other.dtype == np.float32 for other in others)
        return vectors.ndim == 2 and vectors.dtype == np.float16 and beside


KINDS: Mapping[str, Kind] = {"features": _Features(), "f0": _F0(), "vectors": _Vectors()}


def kind_of(name: str) -> Kind:
    """The kind of an array; raises ValueError if `name` is not the name of an array.

    >>> kind_of("f0/vocals/pyin").what
    'melody'
    """
    kind, *parts = name.split("/")
    if kind not in KINDS or len(parts) != KINDS[kind].parts or not all(map(_PART.fullmatch, parts)):
        raise ValueError(f"not a name of an array: {name!r}")
    return KINDS[kind]


def array_path(store: Path, track: Track, name: str) -> Path:
    """Path of an array of a track in the store: it holds the track's id, never the track's own name."""
    return store / name / f"{track.id}{kind_of(name).suffix}"


def is_there(path: Path, name: str, frames: int, config: FeatureConfig) -> bool:
    """Whether the file of an array exists and may be complete for `frames` frames; it is not read."""
    try:
        return path.is_file() and kind_of(name).may_be_whole(path, name, frames, config)
    except OSError:
        return False


def read_array(path: Path, name: str, frames: int, config: FeatureConfig) -> tuple[Array, ...]:
    """An array, memory-mapped where its kind allows, and the arrays that are stored with it.

    Raises:
        SingeridError: the file is missing, is damaged or does not fit a track of `frames` frames.
    """
    kind = kind_of(name)
    with _reading(path):
        arrays = kind.read(path)
    if not kind.fits(arrays, name, frames, config):
        raise SingeridError(f"{path}: is not what the index says; delete it and {REMEDY}")
    return arrays


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SingeridError(f"{path}: is missing; {REMEDY}") from error
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise SingeridError(f"{path}: is damaged ({error}); delete it and {REMEDY}") from error
