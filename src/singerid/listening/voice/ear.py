"""Where somebody sings, found by a network that hears the sound as it is, of any length.

Letters in shapes: B windows, H bands, W frames.
"""

import numpy as np
import torch

from singerid.listening.predict import ask
from singerid.listening.voice.cells import VoiceCells
from singerid.listening.voice.network import BANK, VoiceNetwork, heard
from singerid.sound.decoding.pieces import Samples
from singerid.sound.filter_bank import FilterBank

WINDOW_SECONDS = 3.0
_SAMPLES = round(WINDOW_SECONDS * BANK.sample_rate)
_LEAST = BANK.sample_rate // 2  # samples: in less there is hardly a voice to hear
_AT_ONCE = 4  # windows


class VoiceEar:
    """Hears a sound block by block and finds when somebody sings; memory does not grow with its length.

    Args:
        network: gives the sung share of windows of 3 s.
        sample_rate: of the sound, in Hz.
        device: where the network is.
    """

    def __init__(self, network: VoiceNetwork, sample_rate: int, device: torch.device) -> None:
        self._network = network
        self._bank = FilterBank(BANK).to(device)
        self._resampler = None
        if sample_rate != BANK.sample_rate:
            import soxr

            self._resampler = soxr.ResampleStream(
                sample_rate, BANK.sample_rate, 1, dtype="float32", quality="HQ"
            )
        self._held = np.zeros(0, np.float32)
        self._sung = bytearray()

    def hear(self, block: Samples) -> None:
        """Listen to the next mono samples."""
        self._hold(block if self._resampler is None else self._resampler.resample_chunk(block))

    def end(self) -> VoiceCells:
        """When somebody sings in the whole sound."""
        if self._resampler is not None:
            self._hold(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        whole = len(self._held) // _SAMPLES
        self._ask(self._held[: whole * _SAMPLES].reshape(whole, _SAMPLES))
        rest = self._held[whole * _SAMPLES :]
        if len(rest) >= _LEAST or not self._sung:
            self._ask(np.pad(rest, (0, max(0, _LEAST - len(rest))))[None])
        return VoiceCells(np.frombuffer(self._sung, np.float32), WINDOW_SECONDS)

    def _hold(self, samples: Samples) -> None:
        self._held = np.concatenate((self._held, samples))
        size = _AT_ONCE * _SAMPLES
        while len(self._held) >= size:
            self._ask(self._held[:size].reshape(_AT_ONCE, _SAMPLES))
            self._held = self._held[size:].copy()

    @torch.inference_mode()
    def _ask(self, windows: Samples) -> None:
        """Ask the network about windows (B, samples), unless all are silent."""
        if not len(windows):
            return
        bank = self._bank(torch.from_numpy(windows).to(self._bank.window.device))
        share = bank.new_zeros(len(bank))
        if heard(bank).any():
            share = ask(self._network.share, bank - bank.mean(-1, keepdim=True), at_once=_AT_ONCE)
        self._sung.extend(share.float().cpu().numpy().tobytes())
