"""What a model is, said once: how to build it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

Input = Literal["mel", "melody", "waveform"]


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
