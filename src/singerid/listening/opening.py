"""From what a network must be given to a listener: its separator and its tracker are opened here."""

from collections.abc import Mapping
from pathlib import Path

import torch

from singerid.config import AudioCondition, FeatureConfig
from singerid.errors import SingeridError
from singerid.listening.listener import Listener
from singerid.models.spec import InputSpec
from singerid.sound.melody.trackers import open_tracker
from singerid.sound.separation.separators import Separator, open_separator


def open_listener(
    name: str,
    spec: InputSpec,
    device: torch.device,
    *,
    audio: AudioCondition | None = None,
    separator: str | None = None,
    weights: Path | None = None,
) -> Listener:
    """A listener for a network.

    Args:
        name: of the network, for errors.
        spec: what it must be given.
        device: where windows are made, vocals are taken out and the melody is followed.
        audio: what to listen to; None: to what the network learned on.
        separator: what takes the vocals out; None: what did for the network.
        weights: of the separator, see `open_separator`; None: the published ones.

    Raises:
        SingeridError: it is not known how to take the vocals out, or `separator` or `weights` are given
            for the mixture; it would hear one sound in place of two, or two in place of one; or the
            separator or the tracker cannot be opened.
    """
    spec = spec.hearing(audio or spec.audio, name)
    opened = _separator(name, spec, separator, weights, device)
    tracker = None
    if spec.melody is not None:
        default = FeatureConfig()
        if (spec.features.sample_rate, spec.features.hop_length) != (default.sample_rate, default.hop_length):
            raise SingeridError(
                f"{name}: reads a melody, which is followed at {default.sample_rate} Hz every "
                f"{default.hop_length} samples; its features are made otherwise"
            )
        tracker = open_tracker(spec.melody, device)
    return Listener(spec, device, opened, tracker)


def _separator(
    name: str,
    spec: InputSpec,
    wanted: str | None,
    weights: Path | None,
    device: torch.device,
) -> Separator | None:
    if spec.audio == "mixture":
        if wanted or weights:
            raise SingeridError(f"{name}: hears the mixture; leave out --separator and --weights")
        return None
    wanted = wanted or spec.separator
    if wanted is None:
        raise SingeridError(
            f"{name}: learned on the mixture, and does not say how to take out the vocals for "
            "--audio vocals; choose --separator spleeter, open-unmix or repet, or leave out --audio vocals"
        )
    if wanted == "stems":
        raise SingeridError(
            f"{name}: learned on true stems, which a recording has none of; "
            "choose --separator spleeter, open-unmix or repet"
        )
    rate = spec.features.sample_rate
    return open_separator(wanted, weights=weights, device=device, sample_rate=rate)


def notice_of(
    name: str, spec: InputSpec, listener: Listener, origins: Mapping[str, str], own: str = ""
) -> str:
    """What the user of a network should know, in one line; "" if nothing.

    That is what is said of the network itself, and of vocals that are not made as those that it learned on.

    Args:
        name: of the network.
        spec: what it learned on.
        listener: what it hears by.
        origins: for what made the input that it learned on which version, as far as known.
        own: what is said of the network itself.
    """
    notices = [own] if own else []
    separator = listener.separator
    if separator is None:
        return "; ".join(notices)
    if separator.notice:
        notices.append(separator.notice)
    now, learned = (separator.name, separator.origin), spec.separator or "the mixture"
    # Of a pretrained network the version is not known.
    if now != (learned, origins.get(learned, now[1])):
        on = f"{learned} ({origins[learned]})" if learned in origins else learned
        notices.append(f"{name} learned on {on} and hears vocals by {now[0]} ({now[1]})")
    return "; ".join(notices)
