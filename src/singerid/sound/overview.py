"""A whole recording at a glance: its spectrogram in a fixed number of columns, whatever its length.

Letters in shapes: H mel bands, W columns.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.config import FeatureConfig
from singerid.sound.audio import Read
from singerid.sound.features import LogMel, stream_decibels


@dataclass(frozen=True, eq=False)
class Overview:
    """The log-mel spectrogram of a recording, in columns for a picture.

    Attributes:
        mel: (H, W) float32 in dB, each column the mean of its frames, with a floor below the loudest value.
        column_seconds: duration of a column; the last one may cover less.
    """

    mel: NDArray[np.float32]
    column_seconds: float


def overview(read: Read, most: int = 2000, config: FeatureConfig | None = None) -> Overview:
    """The overview of a recording, which is read once; memory does not grow with its length.

    Args:
        read: reads its sound at the configuration's sample rate.
        most: largest number of columns; a recording with at least as many frames gets at least half as many
            columns.
        config: the front end; None: the default.

    Raises:
        Whatever `read` raises; ValueError if there is no sound.
    """
    config = config or FeatureConfig()
    chunks = stream_decibels(read(), LogMel(config))
    mel, frames = condensed((chunk.numpy() for chunk in chunks), most)
    floor = mel.max() - config.top_db
    return Overview(np.maximum(mel, floor), frames * config.frame_seconds)


def condensed(chunks: Iterable[NDArray[np.float32]], most: int) -> tuple[NDArray[np.float32], int]:
    """Average groups of neighbouring columns so that at most `most` are left: (H, W), and columns per group.

    The size of a group is a power of two, found on the way: the length need not be known beforehand.

    Args:
        chunks: (H, any number), in order.
        most: largest number of columns, 2 or more.

    >>> means, each = condensed([np.arange(5.0)[None], np.arange(5.0, 9.0)[None]], most=4)
    >>> means.tolist(), each
    ([[1.5, 5.5, 8.0]], 4)
    """
    held: NDArray[np.float32] | None = None
    rest: NDArray[np.float32] | None = None  # fewer columns than a group has
    each = 1
    for chunk in chunks:
        rest = chunk if rest is None else np.concatenate((rest, chunk), axis=1)
        whole = rest.shape[1] - rest.shape[1] % each
        means = _means(rest[:, :whole], each)
        rest = rest[:, whole:]
        held = means if held is None else np.concatenate((held, means), axis=1)
        # One column is reserved for the rest.
        while held.shape[1] > most - 1:
            even = held.shape[1] - held.shape[1] % 2
            odd = np.repeat(held[:, even:], each, axis=1)
            rest = np.concatenate((odd, rest), axis=1)
            held, each = _means(held[:, :even], 2), 2 * each
    if held is None or rest is None:
        raise ValueError("there are no columns: give at least one")
    if rest.shape[1]:
        held = np.concatenate((held, rest.mean(axis=1, keepdims=True)), axis=1)
    return held, each


def _means(columns: NDArray[np.float32], each: int) -> NDArray[np.float32]:
    means: NDArray[np.float32] = columns.reshape(len(columns), -1, each).mean(axis=2, dtype=np.float32)
    return means
