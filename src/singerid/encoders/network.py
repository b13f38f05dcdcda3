"""Networks that name singers, as encoders: their vectors are the embeddings that their last layer reads.

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
        SingeridError: the network has no method `embed`; or, when it is used, `embed` gives more than one
            axis per window.
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
    """The method `embed` of a model, as a function that can be sent to another process.

    Attributes:
        model: the model that has the method.
        name: its name in errors.
    """

    model: nn.Module
    name: str

    def __call__(self, *inputs: Tensor) -> Tensor:
        found: Tensor = self.model.embed(*inputs)  # type: ignore[operator]
        if found.ndim != 2:
            raise SingeridError(
                f"{self.name} gives {found.ndim - 1} axes per clip; it must give one: (B, size)"
            )
        return found


def open_network_encoder(name: str, device: torch.device, weights: Path | None) -> Encoder:
    """The network of a run's folder, or the pretrained network of this name, as an encoder."""
    return network_encoder(open_trained(name, device, pretrained_weights=weights))


_HSIEH = "hsieh-artist20"
HSIEH_ARTIST20 = EncoderEntry(
    PRETRAINED[_HSIEH].description,
    open=open_network_encoder,
    size=288,
    provenance=Provenance("artist20: 120 albums by 20 singers", (published_weights(_HSIEH),)),
)
