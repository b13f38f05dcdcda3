"""Networks that name singers, as encoders: what they make of a window before they name it.

The vector of a window is the last GRU's state (`hsieh-artist20`: the states of all its steps).

Letters in shapes: B windows, D size of a vector.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from singerid.encoders.encoder import Encoder, EncoderEntry
from singerid.encoders.trained import TrainedNetwork, open_trained
from singerid.errors import SingeridError
from singerid.models.pretrained import PRETRAINED, published_weights
from singerid.system.devices import CPU
from singerid.system.provenance import Provenance


def network_encoder(network: TrainedNetwork) -> Encoder:
    """A trained network as an encoder, whose identity is the SHA-256 of its weights' file.

    Raises:
        SingeridError: the network has no method `embed`; when it is used: that gives more than one axis a
            window.
    """
    spec = getattr(network.model, "spec", None)
    model_name = getattr(spec, "name", type(network.model).__name__)
    embed = getattr(network.model, "embed", None)
    if not callable(embed):
        raise SingeridError(
            f"{network.name}: its model {model_name} gives no embeddings; "
            "write a method embed(mel) for it (docs/add_a_model.md)"
        )

    device = next((parameter.device for parameter in network.model.parameters()), CPU)
    vectors = _Embedding(network.model, f"{network.name}: embed of its model {model_name}")
    return Encoder(network.name, network.identity, network.spec, vectors, device, network.at_once)


@dataclass(frozen=True)
class _Embedding:
    """The method `embed` of a model, as a function that another process can be sent.

    Attributes:
        model: has it.
        name: what an error calls it.
    """

    model: nn.Module
    name: str

    def __call__(self, *inputs: Tensor) -> Tensor:
        found: Tensor = self.model.embed(*inputs)  # type: ignore[operator]
        if found.ndim != 2:
            raise SingeridError(f"{self.name} gives {found.ndim - 1} axes a clip; one is wanted: (B, size)")
        return found


def open_network_encoder(name: str, device: torch.device, weights: Path | None) -> Encoder:
    """The network of a run's folder, or the pretrained one of a name, as an encoder."""
    return network_encoder(open_trained(name, device, pretrained_weights=weights))


_HSIEH = "hsieh-artist20"
HSIEH_ARTIST20 = EncoderEntry(
    PRETRAINED[_HSIEH].description,
    open=open_network_encoder,
    size=288,
    provenance=Provenance("artist20: 120 albums by 20 singers", (published_weights(_HSIEH),)),
)
