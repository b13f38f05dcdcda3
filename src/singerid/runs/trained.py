"""Trained networks, whoever trained them: those of runs of one's own, and those that others published."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from singerid.config import REPORTED_STATE, StateName
from singerid.errors import SingeridError
from singerid.listening.predict import ask
from singerid.models.pretrained import load_pretrained
from singerid.models.spec import InputSpec
from singerid.runs.run import Run
from singerid.system.devices import CPU


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with trained weights, what it must be given, and what it names.

    Attributes:
        name: what its user calls it: the run's folder, or the pretrained network's name.
        model: the network, in evaluation mode, on its device.
        singers: names of the classes, in their order.
        spec: what it must be given.
        identity: SHA-256 of its weights' file.
        origins: for what made the input that it learned on which version, as far as known.
        notice: what its user should know of it; "" if nothing.
    """

    name: str
    model: nn.Module
    singers: tuple[str, ...]
    spec: InputSpec
    identity: str
    origins: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Probabilities (B, singers), float32, of windows as `spec` says, on the network's device."""
        return ask(self.model, *inputs).float().softmax(-1)


def trained_network(
    run: Run, device: torch.device = CPU, state: StateName = REPORTED_STATE
) -> TrainedNetwork:
    """The network of a run; raises SingeridError as `Run.network`."""
    model, config = run.network(device, state), run.config
    return TrainedNetwork(
        str(run.path), model, config.singers, spec_for(model, config.spec), run.digest(state), config.origins
    )


def open_trained(
    which: Path | str,
    device: torch.device = CPU,
    state: StateName = REPORTED_STATE,
    pretrained_weights: Path | None = None,
) -> TrainedNetwork:
    """The network of a run's folder or, where there is none, the pretrained one of that name.

    Args:
        which: folder or name.
        device: where it is to run.
        state: which of a run's kept states.
        pretrained_weights: of the pretrained network, see `load_pretrained`; None: fetched on first use.

    Raises:
        SingeridError: the run or its state is missing, damaged or of another version, or there is no
            such pretrained network or it cannot be fetched.
    """
    if Path(which).exists():
        if pretrained_weights is not None:
            raise SingeridError(
                f"{which}: is a folder, no pretrained network; leave out --pretrained-weights"
            )
        trained = trained_network(Run.open(which), CPU, state)
    else:
        pretrained = load_pretrained(str(which), pretrained_weights)
        model, entry = pretrained.model, pretrained.entry
        spec = spec_for(model, entry.spec)
        notice = (
            f"{pretrained.name} knows its {len(entry.singers)} singers alone: it names one of them whoever "
            "sings, and strangers as surely as them"
        )
        trained = TrainedNetwork(pretrained.name, model, entry.singers, spec, entry.sha256, notice=notice)
    # Channels last suits convolutions on CPU and GPU alike.
    moved = trained.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return replace(trained, model=moved)


def spec_for(model: nn.Module, spec: InputSpec) -> InputSpec:
    """A spec with what only the built model knows: the shortest window that it takes."""
    return replace(spec, smallest_frames=int(getattr(model, "smallest_frames", 1)))
