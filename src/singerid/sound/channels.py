"""Mix the channels of a file down to one channel, or to two.

The mean of two channels cancels sound that has opposite phase in them, for example after a cable fault or a
wrong export. In a recording that is otherwise mono it cancels everything. So the mean is watched.

Letters in shapes: T samples, C channels.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from singerid.sound.decoding.pieces import Samples

# Channels are inverted if that gives the mean at least `_TURN` times the energy. For two equally loud
# channels this means a correlation below -.78. The inversion ends when the factor falls below `_TURN_BACK`.
# Intended wide stereo nearly always has a correlation above -.6.
_TURN, _TURN_BACK = 8.0, 4.0
_PIECES = 4  # judged together: about 3 s
_EVERY = 4  # only every fourth sample is judged: the result is the same, at almost no cost
_NOTHING = 1e-12  # energy per sample that rounding leaves when an offset is removed
_FADE = 1024  # samples of the fade from one set of signs to the next
_TOLD_SHARE = 0.1  # share of the sound: if less is inverted, no notice is given

NOTICE = (
    "its channels have opposite phase and would cancel each other out; one of them is inverted before they "
    "are mixed: export it again with the phase of one channel inverted"
)


class Channels:
    """Mixes the channels of one sound, piece by piece, without cancelling them.

    Channels are inverted (multiplied by -1) while the plain mean loses nearly all of the sound: while the
    mean of the channels, inverted so that they agree, has at least eight times the energy of the plain mean.
    """

    def __init__(self) -> None:
        self._products: deque[NDArray[np.float64]] = deque(maxlen=_PIECES)
        self._signs: NDArray[np.float32] | None = None
        self._turned = self._frames = 0

    def mono(self, samples: Samples) -> Samples:
        """(T, C) -> (T,), the mean."""
        samples = self._agreeing(samples)
        channels = samples.shape[1]
        mixed = samples[:, 0].copy()
        for channel in range(1, channels):  # `mean` over so short an axis takes three times as long
            mixed += samples[:, channel]
        mixed /= channels
        return mixed

    def stereo(self, samples: Samples) -> Samples:
        """(T, C) -> (T, 2). Two channels stay as they are; of any other number the mean is given twice."""
        if samples.shape[1] == 2:
            return self._agreeing(samples)
        return np.repeat(self.mono(samples)[:, None], 2, axis=1)

    @property
    def notice(self) -> str:
        """Notice for the user once the whole sound was mixed; "" if there is none."""
        return NOTICE if self._turned > _TOLD_SHARE * self._frames else ""

    def _agreeing(self, samples: Samples) -> Samples:
        """The samples, with channels inverted where needed."""
        channels = samples.shape[1]
        if channels == 1:
            return samples
        before = self._signs
        if before is not None and len(before) != channels:
            before = self._signs = None
            self._products.clear()
        some = samples[::_EVERY]
        some = some - some.mean(0)  # a constant offset is not sound
        products = (some.T @ some).astype(np.float64)  # (C, C)
        if products.trace() > _NOTHING * len(some):
            self._products.append(products)
            self._signs = self._judged(before)
            self._frames += len(samples)
            self._turned += 0 if self._signs is None else len(samples)
        if before is None and self._signs is None:
            return samples
        return samples * self._gains(before, len(samples), channels)

    def _judged(self, before: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """The sign of each channel, (C,); None: no channel is inverted."""
        products = sum(self._products)
        assert isinstance(products, np.ndarray)
        signs = np.sign(products[products.diagonal().argmax()])
        signs[signs == 0] = 1.0
        signs *= signs[0]
        plain, turned = products.sum(), signs @ products @ signs
        limit = _TURN if before is None else _TURN_BACK
        return signs.astype(np.float32) if turned >= limit * max(plain, 0.0) and signs.min() < 0 else None

    def _gains(self, before: NDArray[np.float32] | None, frames: int, channels: int) -> NDArray[np.float32]:
        """Gains (T, C) or (C,) that fade from the previous signs to the current ones; no fade at first."""
        plain = np.ones(channels, np.float32)
        now = plain if self._signs is None else self._signs
        then = plain if before is None else before
        if len(self._products) <= 1 or (now == then).all():
            return now
        gains = np.repeat(now[None], frames, axis=0)
        fade = min(_FADE, frames)
        share = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)[:, None]
        gains[:fade] = (1 - share) * then + share * now
        return gains
