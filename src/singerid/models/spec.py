"""What a model is, stated once: how to build it again, and its input."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from torch import nn

from singerid.config import MIXTURE, VOCALS, AudioCondition, FeatureConfig, Features, FilterBankConfig
from singerid.errors import SingeridError
from singerid.sound.features import frames_to_seconds, heard_seconds, seconds_to_frames

Input = Literal["mel", "melody", "waveform", "vectors"]


@dataclass(frozen=True)
class InputSpec:
    """The input of a network. It is stated here, and all other code reads it here.

    Attributes:
        window_frames: number of frames that it hears at once: a clip or a window.
        features: how frames are made from sound.
        inputs: what `forward` takes, in order: "mel" (the bands of its features) and "melody" are
            (B, n_mels, frames), "waveform" is (B, hop_length, frames), full scale +-1, its columns being
            the frames. "vectors" is (B, D, 1), which `encoder` makes from the windows described here; for
            "both", the two vectors of a window follow each other.
        audio: the audio condition that it listens to.
        separator: takes the vocals out of the mixture for it; None: none is needed, or it is not known.
        melody: the tracker whose melody it reads; None: it reads no melody.
        encoder: the encoder whose vectors it reads, see `singerid.encoders`; None: it hears the windows.
        smallest_frames: length of the shortest window that it takes.
        hop_frames: frames from the start of a window to that of the next; None: windows do not overlap.
    """

    window_frames: int = 157  # 5 s
    features: Features = field(default_factory=FeatureConfig)
    inputs: tuple[Input, ...] = ("mel",)
    audio: AudioCondition = "mixture"
    separator: str | None = None
    melody: str | None = None
    encoder: str | None = None
    smallest_frames: int = 1
    hop_frames: int | None = None

    @property
    def log_mel(self) -> FeatureConfig:
        """Its features as a log-mel spectrogram, which stores and runs hold.

        Raises:
            ValueError: its features are of another kind.
        """
        if not isinstance(self.features, FeatureConfig):
            raise ValueError(f"a log-mel spectrogram is wanted, not {type(self.features).__name__}")
        return self.features

    @property
    def filter_bank(self) -> FilterBankConfig:
        """Its features as a filter bank.

        Raises:
            ValueError: its features are of another kind.
        """
        if not isinstance(self.features, FilterBankConfig):
            raise ValueError(f"a filter bank is wanted, not {type(self.features).__name__}")
        return self.features

    @property
    def sounds(self) -> tuple[str, ...]:
        """The audio conditions that it hears, one input each: two for "both"."""
        return (MIXTURE, VOCALS) if self.audio == "both" else (self.audio,)

    def hearing(self, audio: AudioCondition, name: str | PurePath) -> "InputSpec":
        """The same input from another audio condition.

        Args:
            audio: what to listen to.
            name: of the network, for the error.

        Raises:
            SingeridError: it would hear one sound instead of two, or two instead of one.
        """
        if (audio == "both") != (self.audio == "both"):
            heard, other = "one sound", "`audio='mixture'` or `audio='vocals'`"
            if self.audio == "both":
                heard, other = "two sounds", "`audio='both'`"
            raise SingeridError(f"{name}: hears {heard} at a time; choose {other}")
        return replace(self, audio=audio)

    @property
    def hop(self) -> int:
        """Frames from one window to the next."""
        return self.window_frames if self.hop_frames is None else self.hop_frames

    @property
    def largest_hop(self) -> int:
        """Largest number of frames from one window to the next that leaves no sound out between them."""
        seconds = heard_seconds(self.window_frames, self.features)
        return math.ceil(round(seconds * self.features.sample_rate) / self.features.hop_length)

    def with_windows(self, seconds: float | None, hop_seconds: float | None) -> "InputSpec":
        """The same input with other windows.

        Args:
            seconds: length of a window; None: as it is.
            hop_seconds: time from the start of a window to the start of the next; None: as it is, or, if
                `seconds` is given and windows overlap, half of `seconds`.

        Raises:
            ValueError: the windows are too short for the network, or so far apart that sound between them
                is left out.
        """
        spec, hop = self, hop_seconds
        if seconds is not None:
            spec = replace(spec, window_frames=seconds_to_frames(seconds, self.features))
            if spec.window_frames < spec.smallest_frames:
                raise ValueError(f"a window must be {spec.smallest_seconds:.2f} s at least, not {seconds:g}")
            if hop is None and self.hop_frames is not None:
                hop = seconds / 2
        if hop is not None:
            spec = replace(spec, hop_frames=round(hop / self.features.frame_seconds))
        if not 0 < spec.hop <= spec.largest_hop:
            longest = frames_to_seconds(spec.largest_hop, spec.features)
            raise ValueError(f"windows must start {longest:g} s apart at most, and more than 0, not {hop:g}")
        return spec

    def seconds_of(self, columns: npt.ArrayLike) -> NDArray[np.float64]:
        """Start times in seconds of columns of its input: of frames, or of windows that have vectors."""
        samples = np.asarray(columns) * (1 if self.encoder is None else self.hop) * self.features.hop_length
        return np.asarray(samples / self.features.sample_rate, np.float64)

    @property
    def clip_columns(self) -> int:
        """Number of columns of a clip."""
        return self.window_frames if self.encoder is None else 1

    @property
    def removes_mean(self) -> bool:
        """Whether the mean of each band over the window is subtracted from its input."""
        return isinstance(self.features, FilterBankConfig) and self.features.remove_mean

    @property
    def reads_waveform(self) -> bool:
        """Whether its first input is the waveform, not a spectrogram."""
        return "waveform" in self.inputs

    @property
    def columns(self) -> int:
        """Number of values in a frame of its first input: mel bands, or samples."""
        return self.features.hop_length if self.reads_waveform else self.features.n_mels

    @property
    def smallest_seconds(self) -> float:
        """Length of the shortest window that it takes, in seconds."""
        return heard_seconds(self.smallest_frames, self.features)


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to build a model again: its name, number of singers and overridden options."""

    name: str
    singers: int
    options: Mapping[str, Any] = field(default_factory=dict)


def model_spec(model: nn.Module) -> ModelSpec:
    """How a model of `build_model` was built; raises TypeError for any other module."""
    spec = getattr(model, "spec", None)
    if not isinstance(spec, ModelSpec):
        raise TypeError(
            f"{type(model).__name__} was not made by build_model; register it (docs/add_a_model.md)"
        )
    return spec
