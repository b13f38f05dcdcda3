"""Read any audio or video file as mono (or stereo) float32 samples at one rate, in blocks or as a whole.

The content of a file decides its format; its name never does. libsndfile (soundfile) decodes wav, flac, ogg,
opus, aiff and similar formats. FFmpeg (PyAV) decodes all others, and files that libsndfile fails on. soxr
converts the sample rate.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from singerid.config import FeatureConfig
from singerid.sound.channels import Channels
from singerid.sound.decoding.decode import decoded
from singerid.sound.decoding.pieces import Samples, Warn
from singerid.sound.files import AudioError, logged

Read = Callable[[], Iterable[Samples]]  # each call gives the blocks of a sound from its start


def load(path: Path | str, sample_rate: int = FeatureConfig.sample_rate, warn: Warn | None = None) -> Samples:
    """The whole sound of a file: mono float32, shape (samples,); the blocks of `read_blocks`, joined.

    Args:
        path: an audio file, or a video file with sound.
        sample_rate: of the result, in Hz.
        warn: as for `read_blocks`.

    Raises:
        AudioError: as for `read_blocks`.
    """
    return np.concatenate(list(read_blocks(path, sample_rate, warn=warn)))


def read_blocks(
    path: Path | str,
    sample_rate: int = FeatureConfig.sample_rate,
    block_seconds: float = 10.0,
    warn: Warn | None = None,
) -> Iterator[Samples]:
    """Yield the sound of a file block by block; memory use does not grow with its length.

    Channels are averaged before the rate is converted. Encoder delay and padding that the file
    declares are removed. The samples do not depend on `block_seconds`.

    Args:
        path: an audio file, or a video file with sound.
        sample_rate: of the result, in Hz.
        block_seconds: length of the blocks; the last one may be shorter.
        warn: is called with the reason (without the file's name) if the file is damaged or cut short. The
            part that decodes is used, and a few invalid samples are replaced by silence. None: it
            is logged as a warning.

    Yields:
        Mono float32 blocks of shape (samples,), never empty; full scale is +-1.

    Raises:
        AudioError: the file is missing, empty, not a regular file, not a sound file, or has no samples; or
            more than 1 % of its samples are NaN, infinite or absurdly large.
    """
    return _read(Path(path), Channels.mono, sample_rate, block_seconds, warn)


def read_stereo_blocks(
    path: Path | str, sample_rate: int, block_seconds: float = 10.0, warn: Warn | None = None
) -> Iterator[Samples]:
    """As `read_blocks`, but with two channels: blocks of shape (samples, 2).

    A single channel is given twice. Of more than two channels the mean is given twice: the voice of surround
    sound is mostly in the centre.
    """
    return _read(Path(path), Channels.stereo, sample_rate, block_seconds, warn)


def _read(
    path: Path,
    mix: Callable[[Channels, Samples], Samples],
    sample_rate: int,
    block_seconds: float,
    warn: Warn | None,
) -> Iterator[Samples]:
    if sample_rate <= 0 or block_seconds <= 0:
        raise ValueError(f"sample_rate and block_seconds must be positive: {sample_rate}, {block_seconds}")
    size = max(1, round(block_seconds * sample_rate))
    warn = warn or logged(path)
    channels = Channels()
    pieces = ((rate, mix(channels, samples)) for rate, samples in decoded(path, warn))
    empty = True
    try:
        for block in in_blocks(resample(pieces, sample_rate), size):
            empty = False
            yield block
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror or error}); copy it again") from error
    if empty:
        raise AudioError(path, "holds no sound; remove it or make it again")
    if channels.notice:
        warn(channels.notice)


def resample(pieces: Iterable[tuple[int, Samples]], sample_rate: int) -> Iterator[Samples]:
    """Resample pieces of a sound, (rate, samples), to `sample_rate`; no seam between pieces of the same rate.

    Samples are float32 of shape (samples,) or (samples, channels). The number of pieces may change.
    """
    import soxr

    for rate, group in groupby(pieces, key=itemgetter(0)):
        same_rate = (samples for _, samples in group)
        if rate == sample_rate:
            yield from same_rate
            continue
        first = next(same_rate)
        channels = first.shape[1] if first.ndim > 1 else 1
        resampler = soxr.ResampleStream(rate, sample_rate, channels, dtype="float32", quality="HQ")
        for samples in chain((first,), same_rate):
            yield resampler.resample_chunk(samples)
        yield resampler.resample_chunk(first[:0], last=True)


def in_blocks(pieces: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Yield the pieces of a sound as blocks of `size` samples; the last block may be shorter."""
    held: list[Samples] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= size:
            joined = np.concatenate(held)
            whole = count - count % size
            yield from np.split(joined[:whole], whole // size)
            held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)
