"""The mel scale and its filters, equal to librosa's bit for bit.

librosa takes seconds to import, and these few lines are all that a spectrogram needs of it. The scale is
Slaney's (Auditory Toolbox, Interval Research Technical Report 1998-010): linear up to 1 kHz, 200 / 3 Hz a
mel, then logarithmic, 27 mels from 1 kHz to 6.4 kHz.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0
# librosa's default for the highest of its `mel_frequencies`.
_HIGHEST_HZ = 11_025.0


@cache
def mel_frequencies(n_mels: int, highest_hz: float = _HIGHEST_HZ) -> NDArray[np.float64]:
    """Frequencies in Hz equally spaced on the mel scale, (n_mels,), from 0 Hz to `highest_hz`; read-only.

    Equal to `librosa.mel_frequencies`.
    """
    mels = np.linspace(0.0, _to_mel(highest_hz), n_mels)
    above = mels >= _BREAK_MEL
    hertz = _HZ_PER_MEL * mels
    hertz[above] = _BREAK_HZ * np.exp(_LOG_STEP * (mels[above] - _BREAK_MEL))
    hertz.flags.writeable = False
    return hertz


@cache
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> NDArray[np.float32]:
    """Triangular filters over the bins of a spectrum, (n_mels, 1 + n_fft // 2), of equal area; read-only.

    Band b rises from corner b, peaks at corner b + 1 and falls to corner b + 2 of n_mels + 2 frequencies
    equally spaced on the mel scale up to half the sample rate. Equal to `librosa.filters.mel`.
    """
    corners = mel_frequencies(n_mels + 2, sample_rate / 2)
    widths = np.diff(corners)[:, None]
    distances = corners[:, None] - np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    rising = -distances[:-2] / widths[:-1]
    falling = distances[2:] / widths[1:]
    # Computed in the order of librosa, for the same rounding.
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters *= (2.0 / (corners[2:] - corners[:-2]))[:, None]
    filters.flags.writeable = False
    return filters


def _to_mel(hertz: float) -> float:
    if hertz < _BREAK_HZ:
        return hertz / _HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hertz / _BREAK_HZ) / _LOG_STEP)
