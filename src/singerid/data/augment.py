"""Random equaliser and masking of training clips, on their device, a whole batch at once.

A network may learn the album (its equaliser, loudness, instruments) instead of the singer. Giving every
clip another equaliser at every epoch takes that shortcut away; masking makes the
network use all of a clip.

Letters in shapes: B batch, H mel bands, W frames, N masks.
"""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from singerid.config import AugmentConfig, AugmentMode
from singerid.system.devices import to_device
from singerid.text import near_names

AUGMENT_MODES: tuple[AugmentMode, ...] = get_args(AugmentMode)

_DEFAULT = AugmentConfig()


def augment_strengths(options: Mapping[str, Any]) -> AugmentConfig:
    """The default strengths with some replaced.

    Raises:
        ValueError: a name is not that of a strength, or its value is not allowed.
    """
    known = [item.name for item in fields(AugmentConfig)]
    for name in options:
        if name not in known:
            raise ValueError(f"unknown strength {name!r}; {near_names(name, known, 'strengths')}")
    changed = dict(options)
    if isinstance(changed.get("equalizer_db"), list):
        changed["equalizer_db"] = tuple(changed["equalizer_db"])
    config = replace(_DEFAULT, **changed)
    check_strengths(config)
    return config


def check_strengths(config: AugmentConfig) -> None:
    """Raise ValueError if a strength has a value that cannot be used."""
    deviations = config.equalizer_db
    if not (isinstance(deviations, tuple) and deviations and all(map(_is_strength, deviations))):
        raise ValueError(f"equalizer_db must be a list of numbers from 0, not {deviations!r}")
    for name in ("time_masks", "mel_masks"):
        count = getattr(config, name)
        if type(count) is not int or count < 0:
            raise ValueError(f"{name} must be a whole number from 0, not {count!r}")
    for name in ("time_share", "mel_share"):
        share = getattr(config, name)
        if not (_is_strength(share) and share <= 1):
            raise ValueError(f"{name} must be a number from 0 to 1, not {share!r}")


def _is_strength(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def augment(
    mel: Tensor,
    mode: AugmentMode,
    generator: torch.Generator,
    config: AugmentConfig = _DEFAULT,
    part: tuple[int, int] | None = None,
) -> Tensor:
    """Change every clip of a batch at random; with "none" return the very same tensor.

    Args:
        mel: (B, H, W) log-mel in dB.
        mode: "equalizer", "masking", "all" (both, in this order) or "none".
        generator: the only source of randomness; on the device of `mel`.
        config: strengths.
        part: given if several processes share the batch (`Batch.part`): the clips are then changed as they
            would be in the whole batch.

    Returns:
        (B, H, W) on the same device; `mel` itself is not changed.
    """
    first, clips = part or (0, mel.shape[0])
    own = slice(first, first + mel.shape[0])
    if mode in ("equalizer", "all"):
        mel = equalize(mel, equalizer_curves(clips, mel.shape[1], generator, config)[own])
    if mode in ("masking", "all"):
        mel = mask(mel, generator, config, part)
    return mel


def equalizer_curves(batch: int, n_mels: int, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    """(B, H) random smooth curves in dB: normal amplitudes times cos(pi k (h + 1/2) / H), k = 0, 1, ..."""
    deviations = to_device(
        torch.from_numpy(np.array(config.equalizer_db, dtype=np.float32)), generator.device
    )
    amplitudes = deviations * torch.randn(
        batch, len(deviations), generator=generator, device=generator.device
    )
    order = torch.arange(len(deviations), device=generator.device)
    centre = torch.arange(n_mels, device=generator.device) + 0.5
    return amplitudes @ torch.cos(math.pi / n_mels * order[:, None] * centre)


def equalize(mel: Tensor, curves: Tensor) -> Tensor:
    """Play (B, H, W) clips through equalisers of (B, H) dB.

    A real equaliser acts before the feature floor (`top_db` below the track's loudest cell) is applied.
    So it leaves the cells at the floor silent: they move with the floor, which moves with the loudest
    cell. Other cells that fall below the floor are raised to it. Adding the curve everywhere would
    print it on silence, which no real recording shows. The clip's smallest and largest cells are used
    in place of the track's; a clip without any contrast (silence) stays as it is.
    """
    floor = mel.amin((1, 2), keepdim=True)
    peak = mel.amax((1, 2), keepdim=True)
    sounding = mel > floor
    shaped = mel + curves.unsqueeze(2)
    new_peak = shaped.masked_fill(~sounding, -math.inf).amax((1, 2), keepdim=True)
    new_floor = floor + new_peak - peak
    equalized = torch.where(sounding, shaped.maximum(new_floor), new_floor)
    return torch.where(peak > floor, equalized, mel)


def mask(
    mel: Tensor, generator: torch.Generator, config: AugmentConfig, part: tuple[int, int] | None = None
) -> Tensor:
    """Blank out random bands of frames and of mel bands (SpecAugment without time warping).

    Blanked cells get the clip's mean, so that the input statistics of batch norm, which evaluation
    uses, do not change. (Park et al. blank with the mean too; blanking with the floor would lower
    every mel band's mean by several dB, in training only.)
    """
    batch, n_mels, frames = mel.shape
    first, clips = part or (0, batch)
    own = slice(first, first + batch)
    mel_masks = _random_bands(clips, config.mel_masks, n_mels, config.mel_share, generator)[own]
    time_masks = _random_bands(clips, config.time_masks, frames, config.time_share, generator)[own]
    blank = mel_masks.unsqueeze(2) | time_masks.unsqueeze(1)
    return torch.where(blank, mel.mean((1, 2), keepdim=True), mel)


def _random_bands(batch: int, count: int, size: int, share: float, generator: torch.Generator) -> Tensor:
    """(B, size) true inside any of `count` bands of 0 to `share * size` cells, width and place uniform."""
    widest = int(share * size)
    draws = torch.rand(2, batch, count, 1, generator=generator, device=generator.device)
    width = (draws[0] * (widest + 1)).floor()  # (B, N, 1)
    start = (draws[1] * (size - width + 1)).floor()
    cell = torch.arange(size, device=generator.device)
    return ((cell >= start) & (cell < start + width)).any(dim=1)
