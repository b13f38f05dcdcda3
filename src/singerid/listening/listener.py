"""The one way from sound to windows: from a file, from samples in memory, or from a track of a store.

Memory is bounded whatever the length of the sound.

Letters in shapes: B windows, H mel bands (or samples of a frame of the waveform), W frames of a window.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.config import ACCOMPANIMENT, VOCALS, FilterBankConfig
from singerid.errors import SingeridError
from singerid.listening.voice.watch import VoiceWatch
from singerid.models.spec import InputSpec
from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Samples, Warn
from singerid.sound.features import CHUNK_FRAMES, LogMel, melody_map, stream_log_mel, stream_waveform
from singerid.sound.files import AudioError, logged
from singerid.sound.filter_bank import FilterBank, stream_filter_bank
from singerid.sound.levels import full_scale, scale_notice, usual_peak
from singerid.sound.melody.contour import Tracker
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import Separator, knows_voices
from singerid.store.arrays import waveform_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store

BATCH_SIZE = 8  # windows at a time: bounds the memory
_SAMPLES = Path("the samples")


@dataclass(frozen=True, eq=False)
class Stored:
    """A track of a store, which already holds its features (and F0, if the network reads a melody)."""

    store: Store
    track: StoredTrack


# A file; mono samples at the listener's rate, full scale +-1; a function that reads them; or a stored track.
Sound = Path | str | Samples | Read | Stored


@dataclass(frozen=True, eq=False)
class Windows:
    """Some windows of one sound, in their order.

    Attributes:
        inputs: what a network reads, in its order (`InputSpec.inputs`), each (B, H, W) float32 on the
            listener's device.
        starts: (B,) first frame of each window.
        is_rest: whether this is the extra last window, which ends with the sound, see `Listener.batches`.
    """

    inputs: tuple[Tensor, ...]
    starts: NDArray[np.int64]
    is_rest: bool = False

    @property
    def silent(self) -> NDArray[np.bool_]:
        """(B,) whether a window is silent: all its cells are equal.

        That is so for digital silence, and for sound that is below the spectrogram's floor throughout.
        """
        cells = self.inputs[0].flatten(1)
        is_even: NDArray[np.bool_] = (cells.amin(1) == cells.amax(1)).cpu().numpy()
        return is_even


@dataclass(frozen=True, eq=False)
class Listener:
    """Cuts sound into the windows that a network reads.

    Attributes:
        spec: the input that the network needs.
        device: where windows are made.
        separator: separates the vocals of a file first; None: the mixture is heard.
        tracker: tracks the melody, if the network reads one.
    """

    spec: InputSpec
    device: torch.device
    separator: Separator | None = None
    tracker: Tracker | None = None

    @property
    def sample_rate(self) -> int:
        """Sample rate of the samples that it takes, in Hz."""
        return self.spec.features.sample_rate

    @property
    def knows_voices(self) -> bool:
        """Whether the level of its separated vocals shows where somebody sings."""
        return self.separator is not None and knows_voices(self.separator)

    def batches(
        self,
        sound: Sound,
        hop: int | None = None,
        batch_size: int = BATCH_SIZE,
        warn: Warn | None = None,
        watch: VoiceWatch | None = None,
        *,
        to_the_end: bool = False,
    ) -> Iterator[Windows]:
        """Yield the windows of a sound from its start.

        A remainder shorter than a window is left out. A sound shorter than a window gives one window of its
        own length. If the spec says so, each window's own mean is subtracted.

        Args:
            sound: a file, samples, a function that reads them, or a track of a store. Vocals are separated
                only from files: samples are heard as they are.
            hop: frames from one window to the next; None: as the spec says.
            batch_size: windows at a time.
            warn: is called with each problem (without the file's name) of a file that can still be used;
                None: it is logged as a warning.
            watch: finds out when somebody sings; its result is complete after the last window. From a track
                of a store it learns nothing.
            to_the_end: whether to yield an extra last window, which ends with the sound, for a remainder that
                would be left out.

        Raises:
            AudioError: the file cannot be decoded or separated, or the sound is too short for the network.
            SingeridError: the store lacks what the network reads.
            ValueError: `hop` is below 1, or so large that sound between windows would be left out.
        """
        hop = self.spec.hop if hop is None else hop
        if not 0 < hop <= self.spec.largest_hop:
            raise ValueError(f"hop must be 1 to {self.spec.largest_hop} frames, not {hop}")
        if isinstance(sound, Stored):
            name = Path(sound.track.path)
            yield from self._windows(*self._stored(sound), hop, batch_size, name, to_the_end)
            return
        with self._reading(sound, warn, watch) as reads:
            windows = [self._of(read, hop, batch_size, name_of(sound), to_the_end) for read in reads]
            yield from windows[0] if len(windows) == 1 else map(_side_by_side, *windows)

    def _of(self, read: Read, hop: int, batch_size: int, name: Path, to_the_end: bool) -> Iterator[Windows]:
        """Windows of one sound."""
        f0 = None if self.tracker is None else self.tracker.contour(read()).f0
        return self._windows(self._frames(read), f0, hop, batch_size, name, to_the_end)

    def _reading(
        self, sound: Path | str | Samples | Read, warn: Warn | None, watch: VoiceWatch | None
    ) -> AbstractContextManager[Sequence[Read]]:
        """Functions that read the sounds that are heard, as often as needed: one, or mixture and vocals."""
        if self.separator is not None and isinstance(sound, Path | str):
            path = Path(sound)
            return self._parts(self.separator, path, warn or logged(path), watch)
        if len(self.spec.sounds) > 1:
            raise SingeridError(
                "the sound: this network hears mixture and vocals side by side, and vocals are separated "
                "only from files; give a file"
            )
        read: Read
        if isinstance(sound, np.ndarray):
            samples = _checked(sound, warn or logged(_SAMPLES))
            read = partial(list, (samples,))
        elif callable(sound):
            read = sound
        else:
            path = Path(sound)
            read = partial(read_blocks, path, self.sample_rate, warn=warn or logged(path))
        return nullcontext([watch.passing(read, self.sample_rate, self.device) if watch else read])

    @contextmanager
    def _parts(
        self, separator: Separator, path: Path, warn: Callable[[str], None], watch: VoiceWatch | None
    ) -> Iterator[Sequence[Read]]:
        heard = self.spec.sounds
        wanted = {*heard, VOCALS, ACCOMPANIMENT} if watch else heard
        with separated(separator, path, warn=warn, parts=wanted) as parts:
            if watch:
                watch.separated(separator, parts[VOCALS], parts[ACCOMPANIMENT], self.device)
            yield [parts[part] for part in heard]

    def _windows(
        self,
        chunks: Iterable[Tensor],
        f0: NDArray[np.float32] | None,
        hop: int,
        batch_size: int,
        name: Path,
        to_the_end: bool,
    ) -> Iterator[Windows]:
        """Windows of frames in chunks (H, frames), with F0 (frames,) in Hz where there is a melody."""
        spec = self.spec
        held = torch.zeros(spec.columns, 0, device=self.device)
        first = 0  # frame of the sound that `held` begins with
        length = spec.window_frames
        full = max(length, hop) + (batch_size - 1) * hop
        before = torch.zeros(spec.columns, 0, device=self.device)  # the last frames before those in `held`

        def cut(count: int, length: int) -> Windows:
            """The first windows of the held frames."""
            end = length + (count - 1) * hop
            sounds = held[:, :end].unfold(1, length, hop).transpose(0, 1).contiguous()
            if spec.removes_mean:
                sounds -= sounds.mean(-1, keepdim=True)
            inputs: tuple[Tensor, ...] = (sounds,)
            if f0 is not None:
                contours = torch.from_numpy(f0[first : first + end]).unfold(0, length, hop)
                inputs = (sounds, melody_map(contours.to(self.device), spec.columns))
            return Windows(inputs, first + hop * np.arange(count, dtype=np.int64))

        for chunk in chunks:
            held = torch.cat((held, chunk.to(self.device)), dim=-1)
            while held.shape[-1] >= full:
                yield cut(batch_size, length)
                if to_the_end:
                    before = torch.cat((before, held[:, : batch_size * hop]), dim=-1)[:, -length:].clone()
                held, first = held[:, batch_size * hop :].clone(), first + batch_size * hop
        frames = held.shape[-1]
        covered = max(0, length - hop) if first else 0  # frames of `held` that are in earlier windows
        if frames >= length:
            count = 1 + (frames - length) // hop
            yield cut(count, length)
            covered = (count - 1) * hop + length
        elif first == 0:
            if frames < spec.smallest_frames:
                raise AudioError(
                    name, f"is shorter than {spec.smallest_seconds:.2f} s, the least the network takes"
                )
            yield cut(1, frames)
            covered = frames
        if to_the_end and covered < frames:
            held, first = torch.cat((before, held), dim=-1), first - before.shape[-1]
            held, first = held[:, -length:], first + max(0, held.shape[-1] - length)
            yield replace(cut(1, held.shape[-1]), is_rest=True)

    def _frames(self, read: Read) -> Iterator[Tensor]:
        """The frames that a sound's windows are cut from, in chunks (H, frames)."""
        features = self.spec.features
        if isinstance(features, FilterBankConfig):
            return stream_filter_bank(read(), FilterBank(features).to(self.device))
        if self.spec.reads_waveform:
            return stream_waveform(read(), features)
        return stream_log_mel(read, LogMel(features).to(self.device))

    def _stored(self, sound: Stored) -> tuple[Iterable[Tensor], NDArray[np.float32] | None]:
        """The frames and the F0 of a stored track."""
        spec, store, track = self.spec, sound.store, sound.track
        if isinstance(spec.features, FilterBankConfig):
            raise SingeridError(
                f"{store.path}: holds log-mel spectrograms, from which no filter bank can be "
                "made; listen to the recordings themselves"
            )
        condition = waveform_of(spec.audio) if spec.reads_waveform else spec.audio
        array = store.features(track, condition)
        chunks = (
            torch.from_numpy(array[first : first + CHUNK_FRAMES].T.astype(np.float32))
            for first in range(0, track.frames, CHUNK_FRAMES)
        )
        return chunks, None if spec.melody is None else store.f0(track, spec.audio, spec.melody)


def _side_by_side(mixture: Windows, vocals: Windows) -> Windows:
    """The same windows of two sounds; one of them may end a few samples earlier."""
    count = min(len(mixture.starts), len(vocals.starts))
    inputs = tuple(each[:count] for each in (*mixture.inputs, *vocals.inputs))
    return Windows(inputs, mixture.starts[:count], mixture.is_rest)


def _checked(samples: NDArray[Any], warn: Warn) -> Samples:
    """Samples as a file would give them; raises AudioError if they are not those of a sound."""
    name = _SAMPLES
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(name, f"are {samples.dtype} {samples.shape}; give mono float32, full scale +-1")
    if not len(samples) or not np.isfinite(samples).all():
        raise AudioError(name, "are empty or not finite; give a sound")
    peak = usual_peak(samples)
    scale = full_scale(peak)
    if scale != 1:
        warn(scale_notice(peak, scale))
        samples = samples / scale
    return samples.astype(np.float32, copy=False)


def name_of(sound: Sound) -> Path:
    """The name of a sound in errors."""
    return Path(sound) if isinstance(sound, Path | str) else Path("the sound")
