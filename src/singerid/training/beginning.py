"""What is to be trained: settings that can be, and the network with its first weights."""

import math

import torch
from torch import nn

from singerid.config import TrainingConfig
from singerid.devices import has_tf32
from singerid.errors import SingeridError
from singerid.features import frames_to_seconds
from singerid.models import build_model, model_entry
from singerid.runs import RunConfig


def check_settings(settings: TrainingConfig, device: torch.device) -> None:
    """Raise SingeridError for settings that nothing can be trained with on the device."""
    for name in ("clip_seconds", "learning_rate"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value > 0):
            raise SingeridError(f"--{name.replace('_', '-')} must be a positive number, not {value}")
    if settings.epochs < 1 or settings.batch_size < 1:
        raise SingeridError("--epochs and --batch-size must be at least 1")
    if settings.precision == "tf32" and not has_tf32(device):
        raise SingeridError(
            f"--precision tf32: {device} has no TF32, which NVIDIA GPUs have since Ampere; leave it out"
        )


def fresh_model(config: RunConfig) -> nn.Module:
    """The network with the weights that its seed draws."""
    if ("melody" in model_entry(config.model).inputs) != (config.melody is not None):
        needs = "reads no melody" if config.melody else "needs a melody"
        raise SingeridError(f"model {config.model} {needs}; see --melody, or choose another --model")
    if "mel" not in model_entry(config.model).inputs and config.training.augment != "none":
        raise SingeridError(
            f"--augment changes spectrograms, which {config.model} does not read; leave it out"
        )
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config.model, len(config.singers), **config.options)
    except (TypeError, ValueError) as error:
        raise SingeridError(f"model {config.model}: {error}; mend --width or --option") from error
    smallest, n_mels = getattr(model, "smallest_frames", 1), getattr(model, "n_mels", config.features.n_mels)
    if config.clip_frames < smallest:
        seconds = frames_to_seconds(smallest, config.features)
        raise SingeridError(
            f"model {config.model} takes clips of {seconds:.2f} s at least; raise --clip-seconds"
        )
    if n_mels != config.features.n_mels:
        has = config.features.n_mels
        raise SingeridError(f"model {config.model} reads {n_mels} mel bands, the store has {has}")
    return model
