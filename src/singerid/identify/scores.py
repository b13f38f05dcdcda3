"""What is said of the windows of a sound before anything is decided: a number for each singer.

Letters in shapes: B windows at a time, N windows of a sound, S singers.
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
    """Says of windows how much each singer is heard: a network, or an encoder with a library of voices."""

    @property
    def singers(self) -> tuple[str, ...]:
        """Names, in the order of the numbers."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """(B, S) of windows as the listener makes them."""


@dataclass(frozen=True, eq=False)
class Heard:
    """What was said of one sound.

    Attributes:
        singers: names, in the order of the scores.
        scores: (N, S) float32.
        starts_s: (N,) where each window starts, in seconds.
        voice_share: (N,) float32, which share of a window is sung, see `VoiceCells`.
        window_s: length of a window in seconds.
        seconds: length of the sound.
        short: the sound is shorter than a window of the network, so less was heard than it learned on.
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
        """(N,) whether somebody sings in a window: another has no say."""
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
    """Listen to a sound from its start to its end.

    Args:
        listener: cuts it into windows.
        scorer: says of each who is heard.
        sound: a file, samples, how to read them, or a track of a store.
        warn: is called with what is wrong with a file, though it can be used.
        watch: finds out when somebody sings; None: all that sounds is taken to be sung.

    Raises:
        AudioError: as `Listener.batches`; or nothing is heard in any window.
    """
    spec = listener.spec
    # In one piece: kept one by one among the large pieces that come and go, results would keep the
    # gaps between them from being used again, 0.3 MB a batch.
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
