"""CAM++ as an encoder: a network that has learned to tell 200,000 speakers apart.

Model speech_campplus_sv_zh_en_16k-common_advanced of ModelScope's iic; see `singerid.nn.campplus`.
"""

from functools import partial
from pathlib import Path

import torch

from singerid.config import FilterBankConfig
from singerid.encoders.cells import FrameNetwork
from singerid.encoders.encoder import Encoder, EncoderEntry
from singerid.listening.voice.network import VoiceNetwork
from singerid.models.campplus import WEIGHTS, load_campplus, read_campplus
from singerid.models.spec import InputSpec
from singerid.nn.campplus import VECTOR_SIZE
from singerid.nn.campplus_folded import FoldedCAMPlusPlus
from singerid.system.provenance import Provenance

SPEC = InputSpec(
    window_frames=298,  # 3 s
    features=FilterBankConfig(),
    hop_frames=150,  # 1.5 s
    smallest_frames=48,  # 0.5 s: in less there is hardly a voice to hear
)


def open_campplus(name: str, device: torch.device, weights: Path | None) -> Encoder:
    """CAM++ with its published weights; its vectors are its last output, which `encode` normalises."""
    network = FoldedCAMPlusPlus(load_campplus(weights)).to(device)
    voices = VoiceNetwork(network)
    # Four windows at a time suit a CPU: enough to be worth a call, few enough for its cache.
    return Encoder(
        name,
        WEIGHTS.identity,
        SPEC,
        network,
        device,
        at_once=4,
        plain=partial(load_campplus, weights),
        with_voice=voices.with_vectors,
        parts=FrameNetwork(network.frames, voices.of_pooled, 2 * SPEC.features.frame_seconds),
    )


CAMPPLUS = EncoderEntry(
    "CAM++, a speaker network (Wang et al. 2023)",
    open=open_campplus,
    size=VECTOR_SIZE,
    provenance=Provenance("about 200,000 speakers of Chinese and English", (WEIGHTS,), read_campplus),
)
