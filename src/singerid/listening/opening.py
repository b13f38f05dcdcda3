"""Open the listener that a network needs, with its separator and its melody tracker."""

from collections.abc import Mapping
from pathlib import Path

import torch

from singerid.config import AudioCondition, FeatureConfig
from singerid.errors import SingeridError
from singerid.listening.listener import Listener
from singerid.models.spec import InputSpec
from singerid.sound.melody.trackers import open_tracker
from singerid.sound.separation.separators import Separator, open_separator

_CHOOSE = "choose a `separator` (spleeter, open-unmix or repet)"


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
        name: name of the network, for errors.
        spec: the input that it needs.
        device: where windows are made, vocals are separated and the melody is tracked.
        audio: what to listen to; None: what the network learned on.
        separator: name of the separator; None: the one whose vocals the network learned on.
        weights: weights of the separator, see `open_separator`; None: the published ones.

    Raises:
        SingeridError: vocals are needed but no separator is known; `separator` or `weights` are given, but
            the mixture is heard; `audio` is one sound where the network needs two, or two where it needs one;
            or the separator or the tracker cannot be opened.
    """
    spec = spec.hearing(audio or spec.audio, name)
    opened = _separator(name, spec, separator, weights, device)
    tracker = None
    if spec.melody is not None:
        default = FeatureConfig()
        if (spec.features.sample_rate, spec.features.hop_length) != (default.sample_rate, default.hop_length):
            raise SingeridError(
                f"{name}: reads a melody, which is tracked at {default.sample_rate} Hz every "
                f"{default.hop_length} samples, but its features have another sample rate or hop"
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
            raise SingeridError(f"{name}: hears the mixture; leave out `separator` and `weights`")
        return None
    wanted = wanted or spec.separator
    if wanted is None:
        raise SingeridError(
            f"{name}: learned on the mixture, so it names no separator for `audio='vocals'`; "
            f"{_CHOOSE}, or leave out `audio='vocals'`"
        )
    if wanted == "stems":
        raise SingeridError(f"{name}: learned on true stems, which recordings do not have; {_CHOOSE}")
    rate = spec.features.sample_rate
    return open_separator(wanted, weights=weights, device=device, sample_rate=rate)


def notice_of(
    name: str, spec: InputSpec, listener: Listener, origins: Mapping[str, str], own: str = ""
) -> str:
    """Notice for the user of a network, in one line; "" if there is none.

    It is the network's own notice, that of its separator, and a notice if the vocals are made in another way
    than those that the network learned on.

    Args:
        name: name of the network.
        spec: what it learned on.
        listener: the listener that it uses now.
        origins: versions, as far as known, of the tools that made the input that it learned on, by their
            names.
        own: the network's own notice.
    """
    notices = [own] if own else []
    separator = listener.separator
    if separator is None:
        return "; ".join(notices)
    if separator.notice:
        notices.append(separator.notice)
    now, learned = (separator.name, separator.origin), spec.separator or "the mixture"
    # For a pretrained network the version is not known.
    if now != (learned, origins.get(learned, now[1])):
        on = f"{learned} ({origins[learned]})" if learned in origins else learned
        notices.append(f"{name} learned on {on} but now hears vocals by {now[0]} ({now[1]})")
    return "; ".join(notices)
