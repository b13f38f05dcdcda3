"""GE2E as an encoder: three LSTMs that have learned to tell speakers apart; weaker than CAM++, and smaller.

Wan, Wang, Papir and Moreno, "Generalized End-to-End Loss for Speaker Verification", ICASSP 2018; trained and
published as Resemblyzer. It reads the powers of 40 mel bands, not their logarithms, so a sound's level
matters: fainter sound is raised to -30 dB.

Letters in shapes: B windows, H mel bands, W frames of 10 ms, D size of a vector.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from singerid.config import FeatureConfig
from singerid.encoders.encoder import Encoder, EncoderEntry
from singerid.errors import SingeridError
from singerid.models.spec import InputSpec
from singerid.sound.features import LogMel, pad_edges
from singerid.system.provenance import Provenance
from singerid.system.sources import Addresses, PublishedFile, Wheel
from singerid.system.torch_files import read_state
from singerid.system.weights import Published, load_tensors
from singerid.text import one_line

SIZE = 256  # D
_LEVEL = 10 ** (-30 / 10)  # mean square, full scale 1
_BANDS = FeatureConfig(n_fft=400, hop_length=160, n_mels=40, pad_mode="constant")
SPEC = InputSpec(
    window_frames=160,  # 1.6 s
    features=_BANDS,
    inputs=("waveform",),  # the network needs the level of a window, which its bands do not show
    smallest_frames=50,  # 0.5 s
    hop_frames=80,
)
_FILE = "pretrained.pt"
WEIGHTS = Published(
    "ge2e",
    files=(
        PublishedFile(
            _FILE, "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e", size=17_090_379
        ),
    ),
    sources=(
        Addresses(
            {
                _FILE: "https://raw.githubusercontent.com/resemble-ai/Resemblyzer/master/resemblyzer/pretrained.pt"
            }
        ),
        Wheel("Resemblyzer", "0.1.4", {_FILE: "resemblyzer/pretrained.pt"}, size=15_747_704),
    ),
    licence="Apache-2.0",
    give="hand it over here: singerid encoders --fetch ge2e --weights FILE",
)


class GE2E(nn.Module):
    """Windows of a waveform -> vectors of unit length; layers are named as published."""

    def __init__(self) -> None:
        super().__init__()
        self.bands = LogMel(_BANDS)
        self.lstm = nn.LSTM(_BANDS.n_mels, SIZE, num_layers=3, batch_first=True)
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, frames: Tensor) -> Tensor:
        """Vectors (B, D) of waveforms (B, 160, W), whose columns are frames of 160 samples."""
        return self.of_bands(self.powers(frames.transpose(1, 2).flatten(1)))

    def powers(self, waveform: Tensor) -> Tensor:
        """Powers (B, H, W) of the mel bands of waveforms (B, samples); none is fainter than -30 dB."""
        level = waveform.square().mean(1, keepdim=True)
        raised = waveform * (_LEVEL / level).clamp(min=1).sqrt().nan_to_num(posinf=1)
        padded = pad_edges(raised, _BANDS.n_fft // 2, _BANDS.pad_mode)
        powers = self.bands.filters @ self.bands.power(padded)
        return powers[..., : waveform.shape[1] // _BANDS.hop_length]

    def of_bands(self, powers: Tensor) -> Tensor:
        """Vectors (B, D) of powers (B, H, W)."""
        _, (states, _) = self.lstm(powers.transpose(1, 2))
        return nn.functional.normalize(self.linear(states[-1]).relu())


def load_ge2e(weights: Path | None = None) -> GE2E:
    """The network with its published weights, in evaluation mode on the CPU; raises as `load_tensors`."""
    network = GE2E()
    try:
        network.load_state_dict(load_tensors(WEIGHTS, _read, weights))
    except RuntimeError as error:
        raise SingeridError(f"{WEIGHTS.name}: weights do not fit ({one_line(error)})") from error
    return network.eval().requires_grad_(False)


def _read(files: Mapping[str, Path]) -> Mapping[str, Tensor]:
    state = read_state(files[_FILE], "model_state")
    return {name: tensor for name, tensor in state.items() if not name.startswith("similarity_")}


def open_ge2e(name: str, device: torch.device, weights: Path | None) -> Encoder:
    """GE2E with its published weights."""
    return Encoder(name, WEIGHTS.identity, SPEC, load_ge2e(weights).to(device), device, at_once=8)


GE2E_ENTRY = EncoderEntry(
    "GE2E, an older and smaller speaker network (Wan et al. 2018, Resemblyzer)",
    open=open_ge2e,
    size=SIZE,
    provenance=Provenance("speakers of LibriSpeech, VoxCeleb 1 and 2, mostly English", (WEIGHTS,), _read),
)
