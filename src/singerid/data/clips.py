"""Clips: fixed-length pieces of the tracks' features, and batches of them on the device.

Letters in shapes: B batch, H mel bands (or samples of a frame of the waveform), W frames of a clip.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from singerid.sound.features import melody_map
from singerid.system.devices import to_device
from singerid.system.ranks import ALONE, Ranks

IntArray = npt.NDArray[np.int64]
Shuffle = tuple[int, int]  # (seed, epoch)

RESIDENT_SHARE = 0.5
"""With resident="auto", clips are held on the device when they take at most this share of its free memory."""

LOADED_CLIPS = 1024
"""Number of clips that are loaded at a time through the host's memory to the device."""

_OTHER_F0 = "F0 must have as many frames as the features of its track"


def clip_starts(frames: int, clip_frames: int, drop_last: bool = False) -> IntArray:
    """First frames of the clips of a track, cut from its start without overlap.

    Args:
        frames: length of the track.
        clip_frames: length of a clip.
        drop_last: leave the last whole clip out, as the authors' program does.

    >>> clip_starts(10, 3).tolist(), clip_starts(10, 3, drop_last=True).tolist()
    ([0, 3, 6], [0, 3])
    """
    (count,) = clip_counts(np.array([frames]), clip_frames, drop_last)
    return np.arange(count, dtype=np.int64) * clip_frames


def clip_counts(frames: IntArray, clip_frames: int, drop_last: bool = False) -> IntArray:
    """Number of clips of each track, (tracks,), given the tracks' lengths in frames; see `clip_starts`.

    >>> clip_counts(np.array([10, 2]), 3).tolist()
    [3, 0]
    """
    if clip_frames < 1:
        raise ValueError(f"clip_frames must be positive, not {clip_frames}")
    counts: IntArray = np.maximum(0, frames // clip_frames - drop_last)
    return counts


@dataclass(frozen=True, eq=False)
class Batch:
    """Some clips, on one device.

    Attributes:
        inputs: the inputs of a network, in its order (`InputSpec.inputs`), for `model(*batch.inputs)`:
            log-mel in dB or the waveform, (B, H, W) float32, then the one-hot melody map if the clips
            have F0.
        labels: (B,) int64 class of each clip.
        index: (B,) int64 number of each clip in its `Clips`.
        part: if several processes share the batch: the position of the first of these clips in the whole
            batch, and the number of clips in the whole batch. None: the batch is not shared.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor
    index: Tensor
    part: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class _Resident:
    """All clips on one device, clip by clip, so that a batch is one indexed read."""

    arrays: Tensor  # (clips, W, H) float16
    f0: Tensor | None  # (clips, W) float32
    labels: Tensor  # (clips,)


class Clips:
    """The clips of some tracks, read from the tracks' features when they are asked for.

    Args:
        arrays: (frames, H) float16 of each track: log-mel in dB, or its waveform in frames. A sequence
            may open a memory-mapped file at each access: `Clips` keeps nothing open (a process may hold
            far fewer open files than a store has tracks).
        labels: class of each track.
        clip_frames: W.
        drop_last_clip: see `clip_starts`.
        f0: (frames,) F0 of each track in Hz, 0 where unvoiced; None: no melody.
        shapes: (frames, H) of each track, if known: then no track is opened before it is read. None: each
            track is opened once to find its shape.

    Raises:
        ValueError: the sequences differ in length, or a track's F0 and features do. If `shapes` is given,
            the second is found only when the track is read.

    Attributes:
        labels: (clips,) class of each clip.
        track: (clips,) index of the track of each clip.
        start: (clips,) first frame of each clip in its track.
    """

    def __init__(
        self,
        arrays: Sequence[npt.NDArray[np.float16]],
        labels: npt.ArrayLike,
        clip_frames: int,
        drop_last_clip: bool = False,
        f0: Sequence[npt.NDArray[np.float32]] | None = None,
        shapes: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        track_labels = np.asarray(labels, dtype=np.int64)
        lengths = {len(other) for other in (track_labels, f0, shapes) if other is not None}
        if track_labels.ndim != 1 or lengths != {len(arrays)}:
            raise ValueError(f"{len(arrays)} tracks need as many labels (and F0 contours, and shapes)")
        self.clip_frames = clip_frames
        self._arrays = arrays
        self._f0 = f0
        found = [track.shape for track in arrays] if shapes is None else shapes
        self._columns = found[0][1] if found else 0
        if any(shape[1:] != (self._columns,) for shape in found):
            raise ValueError("the features of all tracks must be (frames, n_mels) with the same n_mels")
        if shapes is None and f0 is not None and any(len(f0[i]) != len_ for i, (len_, _) in enumerate(found)):
            raise ValueError(_OTHER_F0)
        self._frames = np.array([frames for frames, _ in found], np.int64)
        counts = clip_counts(self._frames, clip_frames, drop_last_clip)
        self.track: IntArray = np.repeat(np.arange(len(counts)), counts)
        before = np.cumsum(counts) - counts  # clips of the tracks before
        self.start: IntArray = (np.arange(len(self.track)) - before[self.track]) * clip_frames
        self.labels: IntArray = track_labels[self.track]
        self._residents: dict[torch.device, _Resident] = {}

    def __len__(self) -> int:
        return len(self.start)

    def order(self, shuffle: Shuffle | None) -> IntArray:
        """Numbers of all clips in the order in which `batches` goes through them.

        None: as cut. (seed, epoch): a permutation that depends on these two only, from NumPy's
        PCG64 seeded by `SeedSequence((seed, epoch))`, so that a resumed run goes on as if never stopped.
        """
        if shuffle is None:
            return np.arange(len(self))
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(shuffle))).permutation(len(self))

    def batches(
        self,
        batch_size: int,
        device: torch.device | str = "cpu",
        shuffle: Shuffle | None = None,
        resident: Literal["auto"] | bool = "auto",
        drop_incomplete: bool = False,
        ranks: Ranks = ALONE,
    ) -> Iterator[Batch]:
        """Go through all clips once.

        Args:
            batch_size: B; the last batch may be smaller.
            device: where the batches are made.
            shuffle: None or (seed, epoch), see `order`.
            resident: True: hold all clips on the device, from the first call on. False: read every
                batch from the features. "auto": hold them if they fit, see `RESIDENT_SHARE`. The
                batches are the same.
            drop_incomplete: leave a smaller last batch out.
            ranks: the processes that share each batch, see `Ranks.rows`; this process gets its own part.
        """
        device = torch.device(device)
        order = self.order(shuffle)
        if drop_incomplete:
            order = order[: len(order) // batch_size * batch_size]
        if not len(order):
            return
        if resident == "auto":
            resident = device in self._residents or self._fits(device, ranks)
        if resident:
            yield from self._resident_batches(order, batch_size, device, ranks)
        else:
            yield from self._read_batches(order, batch_size, device, ranks)

    def _resident_batches(
        self, order: IntArray, batch_size: int, device: torch.device, ranks: Ranks
    ) -> Iterator[Batch]:
        if device not in self._residents:
            self._residents[device] = self._load(device)
        held = self._residents[device]
        # One transfer an epoch; after it no batch makes host and device wait for each other.
        for index, part in _parts(to_device(torch.from_numpy(order), device), batch_size, ranks):
            f0 = None if held.f0 is None else held.f0[index]
            yield self._batch(held.arrays[index], f0, held.labels[index], index, part)

    def _read_batches(
        self, order: IntArray, batch_size: int, device: torch.device, ranks: Ranks
    ) -> Iterator[Batch]:
        labels = torch.from_numpy(self.labels)
        for index, part in _parts(torch.from_numpy(order), batch_size, ranks):
            columns, f0 = self._read(index.numpy())
            yield self._batch(
                to_device(columns, device),
                None if f0 is None else to_device(f0, device),
                to_device(labels[index], device),
                to_device(index, device),
                part,
            )

    def _batch(
        self,
        columns: Tensor,
        f0: Tensor | None,
        labels: Tensor,
        index: Tensor,
        part: tuple[int, int] | None,
    ) -> Batch:
        """Turn (B, W, H) float16 and (B, W) Hz into the inputs of a network."""
        first = columns.transpose(1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        inputs = (first,) if f0 is None else (first, melody_map(f0, self._columns))
        return Batch(inputs, labels, index, part)

    def _read(self, clips: IntArray) -> tuple[Tensor, Tensor | None]:
        """(clips, W, H) float16 and (clips, W) float32 on the host; each track is opened once."""
        columns = np.empty((len(clips), self.clip_frames, self._columns), dtype=np.float16)
        f0 = None if self._f0 is None else np.empty(columns.shape[:2], dtype=np.float32)
        owners = self.track[clips]
        track = -1
        for place in np.argsort(owners, kind="stable"):
            if owners[place] != track:
                track = owners[place]
                array, contour = self._opened(track)
            first = self.start[clips[place]]
            columns[place] = array[first : first + self.clip_frames]
            if f0 is not None and contour is not None:
                f0[place] = contour[first : first + self.clip_frames]
        return torch.from_numpy(columns), None if f0 is None else torch.from_numpy(f0)

    def _opened(self, track: int) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32] | None]:
        """Features and F0 of a track, checked: a wrong shape would fill clips with repeated frames."""
        array = self._arrays[track]
        if array.shape != (frames := int(self._frames[track]), self._columns):
            raise ValueError(
                f"the features of track {track} are {array.shape}, not {(frames, self._columns)}"
            )
        contour = None if self._f0 is None else self._f0[track]
        if contour is not None and len(contour) != frames:
            raise ValueError(_OTHER_F0)
        return array, contour

    def _load(self, device: torch.device) -> _Resident:
        shape = len(self), self.clip_frames
        arrays = torch.empty((*shape, self._columns), dtype=torch.float16, device=device)
        f0 = None if self._f0 is None else torch.empty(shape, device=device)
        for first in range(0, len(self), LOADED_CLIPS):
            clips = np.arange(first, min(first + LOADED_CLIPS, len(self)))
            part, contours = self._read(clips)
            arrays[first : first + len(clips)] = part
            if f0 is not None and contours is not None:
                f0[first : first + len(clips)] = contours
        return _Resident(arrays, f0, torch.from_numpy(self.labels).to(device))

    def _fits(self, device: torch.device, ranks: Ranks) -> bool:
        clip_bytes = self.clip_frames * (2 * self._columns + (0 if self._f0 is None else 4))
        # Each GPU has its own memory; on a CPU all processes share one, and each holds all clips.
        takers = ranks.devices if device.type == "cpu" else 1
        return len(self) * clip_bytes * takers <= RESIDENT_SHARE * free_memory(device)


def _parts(order: Tensor, batch_size: int, ranks: Ranks) -> Iterator[tuple[Tensor, tuple[int, int] | None]]:
    """For each batch, the numbers of the clips that this process computes, and `Batch.part`."""
    for index in order.split(batch_size):
        if ranks.count == 1:
            yield index, None
        else:
            rows = ranks.rows(len(index))
            yield index[rows], (rows.start, len(index))


def free_memory(device: torch.device) -> int:
    """Free bytes on the device; 0 if the system does not report them."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    sizes = dict(line.split(":") for line in lines)
    return int(sizes.get("MemAvailable", "0 kB").split()[0]) * 1024
