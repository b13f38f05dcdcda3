"""Trained networks as identification needs them: of a run of one's own, or one that others trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from singerid.config import AudioCondition, FeatureConfig, SeparatorName, StateName, TrackerName
from singerid.errors import SingeridError
from singerid.models.pretrained import load_pretrained
from singerid.models.registry import model_entry
from singerid.runs.run import Run
from singerid.sound.separation.separators import Separator, open_separator


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with trained weights, and what it must be given.

    Attributes:
        name: what its user calls it: the run's folder, or the pretrained network's name.
        model: the network, in evaluation mode.
        singers: names of the classes.
        clip_frames: frames of a clip.
        features: how clips are made from sound.
        audio: what it learned on.
        separator: what took the vocals out for it.
        melody: what followed the melody for it; None: it reads none.
        waveform: it reads the waveform and no spectrogram.
        versions: of what computed when it was trained, as far as known.
    """

    name: str
    model: nn.Module
    singers: tuple[str, ...]
    clip_frames: int
    features: FeatureConfig
    audio: AudioCondition = "mixture"
    separator: SeparatorName | None = None
    melody: TrackerName | None = None
    waveform: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


def open_trained(run: Path | str, state: StateName, pretrained_weights: Path | None) -> TrainedNetwork:
    """The network of a run's folder or, where there is none, the pretrained one of that name.

    Raises:
        SingeridError: the run or its state is missing, damaged or of another version, or there is no
            such pretrained network or it cannot be fetched.
    """
    if not Path(run).exists():
        pretrained = load_pretrained(str(run), pretrained_weights)
        entry = pretrained.entry
        return TrainedNetwork(
            name=pretrained.name,
            model=pretrained.model,
            singers=entry.singers,
            clip_frames=entry.clip_frames,
            features=entry.features,
            audio=entry.audio,
            separator=entry.separator,
            melody=entry.melody,
            waveform=entry.waveform,
        )
    if pretrained_weights is not None:
        raise SingeridError(f"{run}: is a folder, no pretrained network; leave out --pretrained-weights")
    opened = Run.open(run)
    config = opened.config
    return TrainedNetwork(
        name=str(run),
        model=opened.load_model(state),
        singers=config.singers,
        clip_frames=config.clip_frames,
        features=config.features,
        audio=config.audio,
        separator=config.separator,
        melody=config.melody,
        waveform="waveform" in model_entry(config.model).inputs,
        versions=config.versions,
    )


def separator_for(
    network: TrainedNetwork,
    audio: AudioCondition,
    name: SeparatorName | None,
    weights: Path | None,
    device: torch.device,
) -> Separator | None:
    """What takes the vocals out for a network, or None for the mixture.

    Args:
        network: what will hear them.
        audio: what it shall hear.
        name: what takes them out; None: what the network learned on.
        weights: of the separator, see `open_separator`; None: the published ones.
        device: where to separate.

    Raises:
        SingeridError: it is not known how to take the vocals out, or `name` or `weights` are given for
            the mixture.
    """
    if audio == "mixture":
        if name or weights:
            raise SingeridError(f"{network.name}: hears the mixture; leave out --separator and --weights")
        return None
    name = name or network.separator
    if name is None:
        raise SingeridError(
            f"{network.name}: learned on the mixture, and does not say how to take out the vocals for "
            "--audio vocals; choose --separator open-unmix or repet, or leave out --audio vocals"
        )
    if name == "stems":
        raise SingeridError(
            f"{network.name}: learned on true stems, which a recording has none of; "
            "choose --separator open-unmix or repet"
        )
    return open_separator(name, weights=weights, device=device)


def notice_of(network: TrainedNetwork, separator: Separator | None) -> str:
    """What to say of vocals that are not made as those that the network learned on."""
    if separator is None:
        return ""
    notices = [separator.notice] if separator.notice else []
    now, learned = (separator.name, separator.origin), network.separator or "the mixture"
    # Of a pretrained network the version is not known.
    if now != (learned, network.versions.get(learned, now[1])):
        on = f"{learned} ({network.versions[learned]})" if learned in network.versions else learned
        notices.append(f"{network.name} learned on {on} and hears vocals by {now[0]} ({now[1]})")
    return "; ".join(notices)
