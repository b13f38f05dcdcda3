"""What a model is, said once: how to build it again, and what it must be given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from singerid.config import AudioCondition, FeatureConfig, Features, FilterBankConfig
from singerid.sound.features import heard_seconds

Input = Literal["mel", "melody", "waveform"]


@dataclass(frozen=True)
class InputSpec:
    """What a network must be given. It is said here, and everything else reads it here.

    Attributes:
        window_frames: frames of what it hears at once, a clip or a window.
        features: how frames are made from sound.
        inputs: what `forward` takes, in order: "mel" (the bands of its features) and "melody" are
            (B, n_mels, frames), "waveform" is (B, hop_length, frames), full scale +-1, its columns being
            the frames.
        audio: what it listens to.
        separator: what takes the vocals out of the mixture for it; None: nothing does, or it is not known.
        melody: whose melody it reads; None: it reads none.
        smallest_frames: the shortest window that it takes.
        hop_frames: frames from one window to the next; None: as many as it hears, they do not overlap.
    """

    window_frames: int = 157  # 5 s
    features: Features = field(default_factory=FeatureConfig)
    inputs: tuple[Input, ...] = ("mel",)
    audio: AudioCondition = "mixture"
    separator: str | None = None
    melody: str | None = None
    smallest_frames: int = 1
    hop_frames: int | None = None

    @property
    def log_mel(self) -> FeatureConfig:
        """Its features, where they are the log-mel spectrogram that stores and runs hold.

        Raises:
            ValueError: they are made otherwise.
        """
        if not isinstance(self.features, FeatureConfig):
            raise ValueError(f"a log-mel spectrogram is wanted, not {type(self.features).__name__}")
        return self.features

    @property
    def hop(self) -> int:
        """Frames from one window to the next."""
        return self.window_frames if self.hop_frames is None else self.hop_frames

    @property
    def removes_mean(self) -> bool:
        """What it hears has the mean of each band over the window taken off."""
        return isinstance(self.features, FilterBankConfig) and self.features.remove_mean

    @property
    def reads_waveform(self) -> bool:
        """Its first input is the waveform, not a spectrogram."""
        return "waveform" in self.inputs

    @property
    def columns(self) -> int:
        """Numbers in a frame of its first input: mel bands, or samples."""
        return self.features.hop_length if self.reads_waveform else self.features.n_mels

    @property
    def smallest_seconds(self) -> float:
        """Length of the shortest window that it takes, in seconds."""
        return heard_seconds(self.smallest_frames, self.features)


@dataclass(frozen=True)
class ModelSpec:
    """All it takes to build a model again: its name, number of singers and overridden options."""

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
