"""Networks from options: the options of each kind of network are checked and scaled by the width."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args

from torch import nn

from singerid.config import (
    AttentionKind,
    BLSTMConfig,
    ExcitationKind,
    FeatureConfig,
    HeadConfig,
    ModelConfig,
    WaveNetConfig,
)
from singerid.nn.crnn import CRNN, Branch
from singerid.nn.excitation import CBAM, SCSE, MoSE, SqueezeExcitation
from singerid.nn.fgnl import FGNL2d
from singerid.nn.heads import Centroids, Probe
from singerid.nn.non_local import NonLocal2d
from singerid.nn.operation import SOFTMAX_AXES
from singerid.nn.recurrent import BLSTM
from singerid.nn.smoothing import Smoothing
from singerid.nn.wavenet import WaveNet
from singerid.text import near_names

# Options that only some kinds of attention have; the others refuse them.
_OPTIONS_OF_KIND: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "nl": frozenset({"nl_reduction"}),
    "fgnl": frozenset(
        {"layers", "reduction", "smoothing", "sigma", "kernel_size", "excitation", "softmax", "hidden"}
    ),
    "se": frozenset({"hidden"}),
    "cbam": frozenset({"hidden"}),
    "scse": frozenset({"hidden"}),
}
_ATTENTION_OPTIONS = frozenset[str]().union(*_OPTIONS_OF_KIND.values())


Config = TypeVar("Config", ModelConfig, BLSTMConfig, WaveNetConfig, HeadConfig)

_CHOICES = {
    "attention": get_args(AttentionKind),
    "excitation": get_args(ExcitationKind),
    "softmax": SOFTMAX_AXES,
}


def _overridden(config: Config, overrides: Mapping[str, Any]) -> Config:
    """The config with some options replaced; ValueError for unknown ones and values of the wrong kind."""
    known = [option.name for option in fields(config)]
    for option, value in overrides.items():
        if option not in known:
            raise ValueError(f"unknown option {option!r}; {near_names(option, known, 'options')}")
        _check_option(option, getattr(type(config)(), option), value)
    return replace(config, **overrides)


def _check_option(name: str, default: Any, value: Any) -> None:
    """Raise ValueError unless the value is of the kind that the option takes."""
    if name in _CHOICES:
        fits, wanted = value in _CHOICES[name], " or ".join(_CHOICES[name])
    elif isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        least = 0 if name == "extra_blocks" else 1
        fits, wanted = type(value) is int and value >= least, f"a whole number from {least}"
    elif isinstance(default, float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits, wanted = number and math.isfinite(value) and value >= 0, "a number from 0"
    elif name == "pools":
        fits = isinstance(value, list | tuple) and all(pool is None or _whole(pool, 2) for pool in value)
        wanted = "a list of [bands, frames] or null"
    else:
        fits, wanted = _whole(value), "a list of whole numbers"
    if not fits:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _whole(values: Any, length: int | None = None) -> bool:
    """Whether this is a list of positive whole numbers, of this length if one is given."""
    if not isinstance(values, list | tuple) or length not in (None, len(values)):
        return False
    return all(type(value) is int and value > 0 for value in values)


def _scaled(numbers: Iterable[int], width: float, what: str) -> tuple[int, ...]:
    scaled = tuple(number * width for number in numbers)
    if any(value < 1 or value != int(value) for value in scaled):
        raise ValueError(f"width {width} does not leave whole {what}: {', '.join(f'{v:g}' for v in scaled)}")
    return tuple(int(value) for value in scaled)


def _attention(config: ModelConfig, channels: tuple[int, ...]) -> nn.Module | None:
    """The block behind the last conv block; with melody the maps of both branches are concatenated."""
    branches = 2 if config.melody else 1
    last = channels[-1] * branches
    if config.attention == "none":
        return None
    if config.attention == "nl":
        return NonLocal2d(last, reduction=config.nl_reduction)
    if config.attention == "se":
        return SqueezeExcitation(last, config.hidden)
    if config.attention == "cbam":
        return CBAM(last, config.hidden)
    if config.attention == "scse":
        return SCSE(last, config.hidden)
    (reduction,) = _scaled([config.reduction], config.width, "reduction")
    return FGNL2d(
        last,
        [channels[number - 1] * branches for number in config.layers],
        reduction=reduction,
        smoothing=Smoothing(config.sigma, config.kernel_size) if config.smoothing else None,
        excitation=_excitation(config, responses=last // reduction),
        softmax=config.softmax,
    )


def _excitation(config: ModelConfig, responses: int) -> nn.Module | None:
    if config.excitation == "mose":
        return MoSE(config.hidden)
    if config.excitation == "se":
        return SqueezeExcitation(responses, config.hidden)
    return None


def build_crnn(config: ModelConfig, singers: int, **overrides: Any) -> nn.Module:
    """A network of the CRNN family; raises ValueError for options it does not have or that do not fit."""
    base, config = config, _overridden(config, overrides)
    for option in overrides.keys() & (_ATTENTION_OPTIONS - _OPTIONS_OF_KIND[config.attention]):
        if getattr(config, option) != getattr(base, option):
            raise ValueError(f"option {option!r} has no effect with attention {config.attention!r}")
    if config.melody != base.melody:
        raise ValueError("melody is no option: choose a crnn or a crnnm model")
    blocks = len(config.channels)
    if blocks != len(config.pools) or any(number >= blocks for number in config.layers):
        raise ValueError(
            "there must be as many pools as channels, and layers must name blocks before the last: "
            f"{blocks} channels, {len(config.pools)} pools, layers {tuple(config.layers)}"
        )
    channels = _scaled(config.channels, config.width, "channels")
    attention = _attention(config, channels)  # first: a seed's initial weights depend on the order
    mel_branch = _branch(config, channels)
    return CRNN(
        singers,
        mel_branch,
        _branch(config, channels) if config.melody else None,
        attention=attention,
        layers=config.layers,
        gru_units=config.gru_units,
        output_dropout=config.output_dropout,
    )


def _branch(config: ModelConfig, channels: tuple[int, ...]) -> Branch:
    return Branch(
        config.n_mels,
        channels,
        config.pools,
        config.extra_blocks,
        config.dropout,
        config.batch_norm_eps,
        config.batch_norm_momentum,
    )


def build_blstm(singers: int, **overrides: Any) -> nn.Module:
    """`singerid.nn.recurrent.BLSTM` by the options of `BLSTMConfig`; raises ValueError as `build_crnn`."""
    config = _overridden(BLSTMConfig(), overrides)
    (units,) = _scaled([config.units], config.width, "units")
    return BLSTM(
        singers,
        n_mels=config.n_mels,
        n_mfcc=config.n_mfcc,
        units=units,
        layers=config.layers,
        dropout=config.dropout,
        output_dropout=config.output_dropout,
        eps=config.batch_norm_eps,
        momentum=config.batch_norm_momentum,
    )


def build_wavenet(singers: int, **overrides: Any) -> nn.Module:
    """`singerid.nn.wavenet.WaveNet` by the options of `WaveNetConfig`; raises ValueError as `build_crnn`."""
    config = _overridden(WaveNetConfig(), overrides)
    channels, skip_channels = _scaled([config.channels, config.skip_channels], config.width, "channels")
    return WaveNet(
        singers,
        frame_samples=FeatureConfig.hop_length,
        channels=channels,
        skip_channels=skip_channels,
        dilations=config.dilations,
        downsampling=config.downsampling,
        downsampling_factor=config.downsampling_factor,
        dropout=config.dropout,
        output_dropout=config.output_dropout,
        eps=config.batch_norm_eps,
        momentum=config.batch_norm_momentum,
    )


def build_head(kind: type[Probe] | type[Centroids], singers: int, **overrides: Any) -> nn.Module:
    """A head of `singerid.nn.heads` by the options of `HeadConfig`; raises ValueError as `build_crnn`."""
    return kind(singers, _overridden(HeadConfig(), overrides).size)
