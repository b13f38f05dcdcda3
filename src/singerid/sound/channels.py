"""From the channels of a file to one, or to two.

Their mean cancels what is of opposite phase in them, as after a mixed-up cable or a wrong export: the whole
recording, where it is mono otherwise. So the mean is watched.

Letters in shapes: T samples, C channels.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from singerid.sound.decoding.pieces import Samples

# Channels are turned round where that gives the mean so many times the energy: with two that are equally
# loud, where their correlation is below -.78. They are turned back below the second number. Wide stereo
# that is meant so stays above -.6 nearly always.
_TURN, _TURN_BACK = 8.0, 4.0
_PIECES = 4  # that are judged together: about 3 s
_EVERY = 4  # samples: a judgement on every fourth is the same and costs nothing
_NOTHING = 1e-12  # energy of a sample: what rounding leaves of an offset
_FADE = 1024  # samples from one way of adding to the other
_TOLD_SHARE = 0.1  # of the sound: less is not worth a word

NOTICE = (
    "its channels are of opposite phase and would cancel each other out; they are added the right way round: "
    "export it again with the phase of one of them turned round"
)


class Channels:
    """Adds the channels of one sound, piece by piece, the right way round.

    A channel is turned round (multiplied by -1) as long as the plain mean loses nearly all: where the mean of
    the channels, turned so that they agree, has at least eight times the energy of the plain one.
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
        """(T, C) -> (T, 2): two channels as they are, any other number as its mean, twice."""
        if samples.shape[1] == 2:
            return self._agreeing(samples)
        return np.repeat(self.mono(samples)[:, None], 2, axis=1)

    @property
    def notice(self) -> str:
        """What to say of the sound at its end; "" if nothing."""
        return NOTICE if self._turned > _TOLD_SHARE * self._frames else ""

    def _agreeing(self, samples: Samples) -> Samples:
        """The samples with channels turned round where they must be."""
        channels = samples.shape[1]
        if channels == 1:
            return samples
        before = self._signs
        if before is not None and len(before) != channels:
            before = self._signs = None
            self._products.clear()
        some = samples[::_EVERY]
        some = some - some.mean(0)  # an offset is no sound
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
        """The channels' signs, None where all are added as they are."""
        products = sum(self._products)
        assert isinstance(products, np.ndarray)
        signs = np.sign(products[products.diagonal().argmax()])
        signs[signs == 0] = 1.0
        signs *= signs[0]
        plain, turned = products.sum(), signs @ products @ signs
        limit = _TURN if before is None else _TURN_BACK
        return signs.astype(np.float32) if turned >= limit * max(plain, 0.0) and signs.min() < 0 else None

    def _gains(self, before: NDArray[np.float32] | None, frames: int, channels: int) -> NDArray[np.float32]:
        """(T, C) or (C,): from the signs before to those now; the first piece has its own from the start."""
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
