"""Trained networks: those of a user's own runs, and those that others published.

A run on vectors is only a head. To hear sound, it is put after the encoder whose vectors it learned on.

Letters in shapes: B windows, D size of a vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from singerid.config import REPORTED_STATE, StateName
from singerid.encoders.encoder import Encoder
from singerid.encoders.registry import ENCODERS, open_encoder
from singerid.errors import SingeridError
from singerid.listening.predict import ask
from singerid.models.pretrained import load_pretrained
from singerid.models.spec import InputSpec
from singerid.runs.run import Run
from singerid.system.devices import CPU
from singerid.system.hub import is_hub

UNKNOWN_ELSEWHERE = (
    "reads vectors of an encoder that singerid has no name for, so other people cannot get it; export a run "
    "on vectors of an encoder that `singerid encoders` lists"
)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with trained weights, the input that it needs, and the singers that it names.

    Attributes:
        name: the run's folder or address on a hub, or the pretrained network's name.
        model: the network, in evaluation mode, on its device.
        singers: names of the classes, in order.
        spec: the input that it needs.
        identity: SHA-256 of its weights' file.
        origins: versions, as far as known, of the tools that made the input that it learned on, by their
            names.
        notice: notice for its user; "" if there is none.
        at_once: best number of windows for a CPU to compute at a time.
    """

    name: str
    model: nn.Module
    singers: tuple[str, ...]
    spec: InputSpec
    identity: str
    origins: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    at_once: int = 1

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Probabilities (B, singers), float32, of windows as `spec` says, on the network's device."""
        return ask(self.model, *inputs, at_once=self.at_once).float().softmax(-1)


def trained_network(
    run: Run, device: torch.device = CPU, state: StateName = REPORTED_STATE
) -> TrainedNetwork:
    """The network of a run as it reads the run's store; raises SingeridError as `Run.network`."""
    model, config = run.network(device, state), run.config
    return TrainedNetwork(
        run.name, model, config.singers, spec_for(model, config.spec), run.digest(state), config.origins
    )


def open_trained(
    which: Path | str,
    device: torch.device = CPU,
    state: StateName = REPORTED_STATE,
    pretrained_weights: Path | None = None,
) -> TrainedNetwork:
    """Open a network that hears sound: that of a run or, if there is no such folder, a pretrained one.

    Args:
        which: folder, address on a model hub (see `Run.open`), or name.
        device: where it runs.
        state: which of a run's kept states.
        pretrained_weights: of the pretrained network, see `load_pretrained`; None: fetched on first use.

    Raises:
        SingeridError: the run or its state is missing, damaged or of another version; there is no such
            pretrained network, or it cannot be fetched; or the encoder whose vectors the run reads cannot be
            opened, or has other weights now.
    """
    if is_hub(which) or Path(which).exists():
        if pretrained_weights is not None:
            kind = "is on a hub" if is_hub(which) else "is a folder"
            raise SingeridError(f"{which}: {kind}, not a pretrained network; leave out `pretrained_weights`")
        run = Run.open(which)
        trained = trained_network(run, CPU, state)
        if run.config.spec.encoder is not None:
            return _behind_encoder(run, trained, device)
    else:
        pretrained = load_pretrained(str(which), pretrained_weights)
        model, entry = pretrained.model, pretrained.entry
        spec = spec_for(model, entry.spec)
        notice = (
            f"{pretrained.name} knows only its {len(entry.singers)} singers: it names one of them whoever "
            "sings, and is just as sure of strangers"
        )
        trained = TrainedNetwork(pretrained.name, model, entry.singers, spec, entry.sha256, notice=notice)
    # Channels last suits convolutions on CPU and GPU alike.
    moved = trained.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return replace(trained, model=moved)


class OnVectors(nn.Module):
    """An encoder followed by a head: windows in, logits out.

    Args:
        encoder: makes the vectors; its network stays as it is.
        head: names singers from the vectors.
    """

    def __init__(self, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.network = encoder.network
        self.head = head
        self._inputs = len(encoder.spec.inputs)

    def embed(self, *windows: Tensor) -> Tensor:
        """Unit vectors (B, D) of windows; the vectors of two sounds are joined, (B, 2 D)."""
        sounds = (windows[first : first + self._inputs] for first in range(0, len(windows), self._inputs))
        return torch.cat([nn.functional.normalize(self.network(*sound).float()) for sound in sounds], dim=1)

    def forward(self, *windows: Tensor) -> Tensor:
        """Logits (B, singers) of windows as the encoder hears them, of one sound or of two."""
        logits: Tensor = self.head(self.embed(*windows))
        return logits


def _behind_encoder(run: Run, trained: TrainedNetwork, device: torch.device) -> TrainedNetwork:
    spec, encoder = run.config.spec, encoder_of(run, device)
    heard = replace(encoder.spec, audio=spec.audio, separator=spec.separator)
    model = OnVectors(encoder, trained.model.to(device)).eval()
    return replace(trained, model=model, spec=heard, at_once=encoder.at_once)


def encoder_of(run: Run, device: torch.device = CPU) -> Encoder:
    """The encoder whose vectors a run reads.

    Raises:
        SingeridError: it cannot be opened, or has other weights now.
    """
    spec = run.config.spec
    assert spec.encoder is not None  # else the run reads no vectors
    if (
        run.config.exported and spec.encoder not in ENCODERS
    ):  # anyone may have made it, so it may open no file here
        raise SingeridError(f"{run.name}: {UNKNOWN_ELSEWHERE} ({spec.encoder})")
    encoder = open_encoder(spec.encoder, device)
    if encoder.identity != run.config.origins[spec.encoder]:
        raise SingeridError(
            f"{run.name}: learned on vectors of {spec.encoder} with other weights than those installed now; "
            "use the earlier weights, or prepare and train again"
        )
    return encoder


def spec_for(model: nn.Module, spec: InputSpec) -> InputSpec:
    """A spec with the shortest window that the built model takes."""
    return replace(spec, smallest_frames=int(getattr(model, "smallest_frames", 1)))
