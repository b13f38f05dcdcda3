"""Networks that name singers, as encoders: what they make of a window before they name it.

The vector of a window is the last GRU's state (`hsieh-artist20`: the states of all its steps).

Letters in shapes: B windows, D size of a vector.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from singerid.errors import SingeridError
from singerid.listening.predict import ask
from singerid.models.spec import InputSpec
from singerid.runs.trained import TrainedNetwork, open_trained


@dataclass(frozen=True, eq=False)
class NetworkEncoder:
    """A trained network as an encoder; see `Encoder`.

    Raises:
        SingeridError: the network has no method `embed`.
    """

    network: TrainedNetwork

    def __post_init__(self) -> None:
        if not callable(getattr(self.network.model, "embed", None)):
            raise SingeridError(
                f"{self.name}: its model {self._model_name} gives no embeddings; "
                "write a method embed(mel) for it (docs/add_a_model.md)"
            )

    @property
    def name(self) -> str:
        """What its user calls it: the run's folder, or the pretrained network's name."""
        return self.network.name

    @property
    def identity(self) -> str:
        """SHA-256 of its weights' file."""
        return self.network.identity

    @property
    def spec(self) -> InputSpec:
        """What it must be given."""
        return self.network.spec

    @cached_property
    def size(self) -> int:
        """D."""
        spec, device = self.spec, next(self.network.model.parameters()).device
        silence = (torch.zeros(1, spec.columns, spec.window_frames, device=device) for _ in spec.inputs)
        return self(*silence).shape[1]

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Vectors (B, D), float32.

        Raises:
            SingeridError: the network gives more than one axis a window.
        """
        vectors = ask(self.network.model.embed, *inputs).float()  # type: ignore[arg-type]
        if vectors.ndim != 2:
            raise SingeridError(
                f"{self.name}: embed of its model {self._model_name} gives {vectors.ndim - 1} axes a clip; "
                "one is wanted: (B, size)"
            )
        return vectors

    @property
    def _model_name(self) -> str:
        spec = getattr(self.network.model, "spec", None)
        return getattr(spec, "name", type(self.network.model).__name__)


def open_network_encoder(name: str, device: torch.device, weights: Path | None) -> NetworkEncoder:
    """The network of a run's folder, or the pretrained one of a name, as an encoder."""
    return NetworkEncoder(open_trained(name, device, pretrained_weights=weights))
