"""How sure it is that somebody sings in a window, and that several do: small heads on CAM++'s first block.

CAM++ has learned to tell voices apart even with music behind them. So the output of its first block also
tells voices from instruments, real ones too. Each head is a logistic regression on the mean and standard
deviation of that output over time. The weights are our own; they were learned from synthetic sound
(tools/voice).

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
"""Whether somebody sings: mean and scale of the statistics, weights (K,) and bias. The file's metadata hold
the recipe by which they were made."""
SEVERAL = Path(__file__).with_name("several_head.safetensors")
"""Whether several sing at once, if somebody sings and nothing else sounds; contents as in `HEAD`."""
BANK = FilterBankConfig()  # what the network reads
_EVEN = 1e-3  # of logarithms: subtracting a mean leaves rounding errors of less than this
# Log-odds of the head at which real music is as likely a voice as not. The head learned from synthetic music,
# and all real music resembles voices more than that does. Chosen on real songs (docs/results.md).
EVEN = 1.25
LARGEST = 5.0  # standard deviations: values outside the training data are limited to this


class VoiceNetwork:
    """Gives the sung share of windows: how sure it is that somebody sings in them.

    Args:
        network: CAM++.
        head: file of weights of the head for "somebody sings".
        several: file of weights of the head for "several sing".
    """

    def __init__(self, network: FoldedCAMPlusPlus, head: Path = HEAD, several: Path = SEVERAL) -> None:
        self._network = network
        # The network is where its first weights are.
        device = next(network.buffers()).device
        self._head, self._several = _Head(head, device), _Head(several, device)

    def share(self, bank: Tensor) -> Tensor:
        """Shares (B,), 0 to 1, of filter banks (B, H, W) as CAM++ reads them."""
        return self._share(self._network.statistics(bank), bank)

    def with_vectors(self, bank: Tensor) -> Tensor:
        """CAM++'s vectors of filter banks (B, H, W), each followed by its sung share; (B, D + 1)."""
        vectors, statistics = self._network.with_statistics(bank)
        return torch.cat((vectors, self._share(statistics, bank)[:, None]), dim=1)

    def of_pooled(self, means: Tensor, deviations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors, sung shares, and log-odds that several sing, from pooled statistics of CAM++'s frames."""
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
    """Whether filter banks (B, H, W) are not silent: their cells are not all equal; (B,)."""
    cells = bank.flatten(1)
    return cells.amax(1) - cells.amin(1) > _EVEN


def open_voice_network(device: torch.device) -> VoiceNetwork:
    """The network on a device; CAM++'s weights are fetched on first use.

    Raises:
        SingeridError: the weights are damaged or cannot be fetched.
    """
    return VoiceNetwork(FoldedCAMPlusPlus(load_campplus()).to(device))


def unchecked(error: SingeridError) -> str:
    """Warning that the network cannot be opened."""
    return f"it is not checked whether somebody sings: all sound counts as sung ({error})"
