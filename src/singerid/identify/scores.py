"""The scores of the windows of a sound, one for each singer, before anything is decided.

Letters in shapes: B windows of a batch, N windows of a sound, S singers.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.listening.listener import Listener, Sound, name_of
from singerid.listening.voice.cells import sung
from singerid.listening.voice.watch import VoiceWatch
from singerid.sound.decoding.pieces import Warn
from singerid.sound.features import frames_to_seconds
from singerid.sound.files import AudioError
from singerid.sound.levels import SILENT


class Scorer(Protocol):
    """Gives each window a score for each singer: a network, or an encoder with a library of voices."""

    @property
    def singers(self) -> tuple[str, ...]:
        """Names, in the order of the scores."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Scores (B, S) of windows as the listener makes them."""


@dataclass(frozen=True, eq=False)
class Heard:
    """The scores of one sound.

    Attributes:
        singers: names, in the order of the scores.
        scores: (N, S) float32.
        starts_s: (N,) where each window starts, in seconds.
        voice_share: (N,) float32, the share of each window in which somebody sings, see `VoiceCells`.
        window_s: length of a window in seconds.
        seconds: length of the sound.
        short: the sound is shorter than one window of the network, which thus hears less than in training.
    """

    singers: tuple[str, ...]
    scores: NDArray[np.float32]
    starts_s: NDArray[np.float64]
    voice_share: NDArray[np.float32]
    window_s: float
    seconds: float
    short: bool

    @property
    def sung(self) -> NDArray[np.bool_]:
        """(N,) whether somebody sings in each window; only these windows count."""
        return sung(self.voice_share)


@torch.inference_mode()
def hear(
    listener: Listener,
    scorer: Scorer,
    sound: Sound,
    warn: Warn = lambda _: None,
    *,
    watch: VoiceWatch | None = None,
) -> Heard:
    """The scores of a sound from its start to its end.

    Args:
        listener: cuts the sound into windows.
        scorer: scores each window.
        sound: a file, samples, a function that reads them, or a track of a store.
        warn: called with what is wrong with a file that can still be used.
        watch: finds out when somebody sings; None: all sound counts as singing.

    Raises:
        AudioError: as `Listener.batches` raises it, or if all windows are silent.
    """
    spec = listener.spec
    # The results are kept in one block each. Many small arrays between large ones that are freed again
    # would fragment the memory, by 0.3 MB a batch.
    found, starts, silent = bytearray(), bytearray(), bytearray()
    length = spec.window_frames
    watch = watch or VoiceWatch(None, by_level=False)
    for windows in listener.batches(sound, warn=warn, watch=watch):
        found.extend(scorer(*windows.inputs).float().cpu().numpy().tobytes())
        starts.extend(windows.starts.tobytes())
        silent.extend(windows.silent.tobytes())
        length = windows.inputs[0].shape[-1]
    if all(silent):
        raise AudioError(name_of(sound), SILENT)
    starts_s = (np.frombuffer(starts, np.int64) * spec.features.frame_seconds).astype(np.float64)
    window_s = frames_to_seconds(length, spec.features)
    share = watch.share(starts_s, window_s)
    if share is None:
        share = np.ones(len(starts_s), np.float32)
    return Heard(
        scorer.singers,
        np.frombuffer(found, np.float32).reshape(-1, len(scorer.singers)),
        starts_s,
        np.where(np.frombuffer(silent, np.bool_), np.float32(0), share),
        window_s,
        watch.seconds or float(starts_s[-1]) + window_s,
        length < spec.window_frames,
    )
