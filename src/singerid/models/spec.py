"""What a model is, said once: how to build it again, and what it must be given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from singerid.config import AudioCondition, FeatureConfig
from singerid.sound.features import frames_to_seconds

Input = Literal["mel", "melody", "waveform"]


@dataclass(frozen=True)
class InputSpec:
    """What a network must be given. It is said here, and everything else reads it here.

    Attributes:
        window_frames: frames of what it hears at once, a clip or a window.
        features: how frames are made from sound.
        inputs: what `forward` takes, in order: "mel" and "melody" are (B, n_mels, frames), "waveform" is
            (B, hop_length, frames), full scale +-1, its columns being the frames.
        audio: what it listens to.
        separator: what takes the vocals out of the mixture for it; None: nothing does, or it is not known.
        melody: whose melody it reads; None: it reads none.
        smallest_frames: the shortest window that it takes.
    """

    window_frames: int = 157  # 5 s
    features: FeatureConfig = field(default_factory=FeatureConfig)
    inputs: tuple[Input, ...] = ("mel",)
    audio: AudioCondition = "mixture"
    separator: str | None = None
    melody: str | None = None
    smallest_frames: int = 1

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
        return frames_to_seconds(self.smallest_frames, self.features)


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
