"""How sure it is that somebody sings in a window, and that several do: small heads on what CAM++ hears early.

CAM++ has learned voices apart with music behind them, so what its first block gives tells voice from
instrument as well, real ones too. Each head is a logistic regression on its mean and deviation over time. The
weights are ours; what they learned from is made from numbers (tools/voice).

Letters in shapes: B windows, H bands, W frames, D size of a vector, K numbers that the head reads.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from singerid.config import FilterBankConfig
from singerid.errors import SingeridError
from singerid.models.campplus import load_campplus
from singerid.nn.campplus_folded import FoldedCAMPlusPlus

HEAD = Path(__file__).with_name("voice_head.safetensors")
"""Whether somebody sings: what the numbers have taken off and are divided by, weights (K,), and the bias; the
recipe by which they were made is in the file's metadata."""
SEVERAL = Path(__file__).with_name("several_head.safetensors")
"""Whether several sing at once, where somebody does and nothing else sounds; as `HEAD`."""
BANK = FilterBankConfig()  # what is read
_EVEN = 1e-3  # of logarithms: a mean that was taken off leaves rounding behind
# Log-odds that the head gives where on real music it is as likely a voice as not. It learned from synthetic
# music, beside which all real music resembles voices more; chosen on real songs (docs/results.md).
EVEN = 1.25
LARGEST = 5.0  # deviations: nothing that was never heard counts for more


class VoiceNetwork:
    """Says of windows how sure it is that somebody sings in them, the share that counts as sung.

    Args:
        network: CAM++.
        head: file of the head's weights.
        several: file of the other's.
    """

    def __init__(self, network: FoldedCAMPlusPlus, head: Path = HEAD, several: Path = SEVERAL) -> None:
        self._network = network
        # The first weights of the network say where it is.
        device = next(network.buffers()).device
        self._head, self._several = _Head(head, device), _Head(several, device)

    def share(self, bank: Tensor) -> Tensor:
        """Shares (B,), 0 to 1, of filter banks (B, H, W) as CAM++ reads them."""
        return self._share(self._network.statistics(bank), bank)

    def with_vectors(self, bank: Tensor) -> Tensor:
        """CAM++'s vectors of filter banks (B, H, W), and behind them the shares; (B, D + 1)."""
        vectors, statistics = self._network.with_statistics(bank)
        return torch.cat((vectors, self._share(statistics, bank)[:, None]), dim=1)

    def of_pooled(self, means: Tensor, deviations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors, shares, and log-odds that several sing, of what CAM++'s frames are like around places."""
        vectors, statistics = self._network.pooled(means, deviations)
        return vectors, self._sure(statistics), self._several(statistics)

    def _share(self, statistics: Tensor, bank: Tensor) -> Tensor:
        return self._sure(statistics) * heard(bank)

    def _sure(self, statistics: Tensor) -> Tensor:
        return (self._head(statistics) - EVEN).sigmoid()


class _Head:
    """A logistic regression: statistics (B, K) -> log-odds (B,)."""

    def __init__(self, file: Path, device: torch.device) -> None:
        self._weights = {name: tensor.to(device) for name, tensor in load_file(file).items()}

    def __call__(self, statistics: Tensor) -> Tensor:
        head = self._weights
        usual = ((statistics - head["mean"]) / head["scale"]).clamp(-LARGEST, LARGEST)
        return usual @ head["weight"] + head["bias"]


def heard(bank: Tensor) -> Tensor:
    """Whether anything is heard in filter banks (B, H, W): some cell rises above the others; (B,)."""
    cells = bank.flatten(1)
    return cells.amax(1) - cells.amin(1) > _EVEN


def open_voice_network(device: torch.device) -> VoiceNetwork:
    """The network on a device; CAM++'s weights are fetched on first use.

    Raises:
        SingeridError: they are damaged or cannot be fetched.
    """
    return VoiceNetwork(FoldedCAMPlusPlus(load_campplus()).to(device))


def unchecked(error: SingeridError) -> str:
    """What to say where the network cannot be opened."""
    return f"whether somebody sings is not looked into, all that sounds is taken to be sung ({error})"
