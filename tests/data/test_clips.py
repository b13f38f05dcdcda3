"""Clips and batches, against clips cut by plain slices."""

from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from singerid.data.clips import LOADED_CLIPS, Batch, Clips, clip_starts
from singerid.system.ranks import Ranks

MELS, FRAMES = 16, 7
LENGTHS = (23, 6, 7, 50, 0, 14)  # 3, 0, 1, 7, 0 and 2 clips of 7 frames
LABELS = (2, 0, 1, 0, 1, 2)


class MappedFolder(Sequence):
    """Features as a store gives them: a memory-mapped file, opened at each access."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count, self.opened = folder, count, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < self.count:
            raise IndexError(index)
        self.opened += 1
        return np.load(self.folder / f"{index}.npy", mmap_mode="r")


@pytest.fixture
def tracks(tmp_path: Path) -> MappedFolder:
    rng = np.random.default_rng(0)
    for index, frames in enumerate(LENGTHS):
        values = rng.uniform(-80, 0, (frames, MELS)).astype(np.float16)
        np.save(tmp_path / f"{index}.npy", values)
    return MappedFolder(tmp_path, len(LENGTHS))


@pytest.fixture
def f0() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [(rng.uniform(50, 1000, n) * (rng.random(n) < 0.8)).astype(np.float32) for n in LENGTHS]


def plain_clips(tracks: Sequence[np.ndarray], drop_last: bool = False) -> list[tuple[int, int, np.ndarray]]:
    """(track, first frame, (MELS, FRAMES) values) of every clip, cut one by one."""
    cut = []
    for track in range(len(tracks)):
        own = []
        first = 0
        while first + FRAMES <= LENGTHS[track]:
            own.append((track, first, np.array(tracks[track])[first : first + FRAMES].T.astype(np.float32)))
            first += FRAMES
        cut += own[:-1] if drop_last else own
    return cut


@pytest.mark.parametrize(
    ("frames", "clip", "drop_last", "starts"),
    [
        (0, 5, False, []),
        (4, 5, False, []),
        (5, 5, False, [0]),
        (5, 5, True, []),
        (4, 5, True, []),
        (14, 5, False, [0, 5]),
        (15, 5, False, [0, 5, 10]),
        (15, 5, True, [0, 5]),
        (7500, 157, True, [157 * k for k in range(int(7500 / 157) - 1)]),
    ],
)
def test_clip_starts(frames: int, clip: int, drop_last: bool, starts: list[int]) -> None:
    assert clip_starts(frames, clip, drop_last).tolist() == starts


@pytest.mark.parametrize("drop_last", [False, True])
def test_clips_know_their_track_and_label(tracks: MappedFolder, drop_last: bool) -> None:
    clips = Clips(tracks, LABELS, FRAMES, drop_last_clip=drop_last)
    expected = plain_clips(tracks, drop_last)
    assert len(clips) == len(expected)
    assert list(zip(clips.track, clips.start, strict=True)) == [clip[:2] for clip in expected]
    assert clips.labels.tolist() == [LABELS[track] for track, _, _ in expected]


@pytest.mark.parametrize("resident", [True, False, "auto"])
@pytest.mark.parametrize("shuffle", [None, (3, 5)])
def test_batches_are_the_clips(
    tracks: MappedFolder, resident: bool | str, shuffle: tuple[int, int] | None
) -> None:
    clips = Clips(tracks, LABELS, FRAMES)
    expected = plain_clips(tracks)
    batches = list(clips.batches(4, shuffle=shuffle, resident=resident))
    assert [len(batch.labels) for batch in batches] == [4, 4, 4, 1]
    seen = []
    for batch in batches:
        assert batch.inputs[0].shape[1:] == (MELS, FRAMES)
        assert (batch.inputs[0].dtype, batch.labels.dtype, batch.index.dtype) == (
            torch.float32,
            torch.int64,
            torch.int64,
        )
        assert batch.inputs[0].is_contiguous()
        assert len(batch.inputs) == 1
        for mel, label, index in zip(batch.inputs[0], batch.labels, batch.index.tolist(), strict=True):
            np.testing.assert_array_equal(mel.numpy(), expected[index][2])
            assert label == LABELS[expected[index][0]]
            seen.append(index)
    assert sorted(seen) == list(range(len(expected)))
    assert (seen == sorted(seen)) == (shuffle is None)


def equal(first: Batch, second: Batch) -> bool:
    pairs = zip(
        (*first.inputs, first.labels, first.index), (*second.inputs, second.labels, second.index), strict=True
    )
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("size", [4, 5, 12])
def test_the_parts_of_all_processes_make_up_the_batch_of_one(
    tracks: MappedFolder, f0: list[np.ndarray], resident: bool, size: int
) -> None:
    """The order is the same; a last batch of one clip goes to every process."""
    clips = Clips(tracks, LABELS, FRAMES, f0=f0)
    assert len(clips) == 13
    parts = [
        list(clips.batches(size, shuffle=(3, 5), resident=resident, ranks=Ranks(number, 3)))
        for number in range(3)
    ]
    for whole, *shared in zip(clips.batches(size, shuffle=(3, 5)), *parts, strict=True):
        clips_of = [part.part[1] for part in shared]
        assert clips_of == [len(whole.labels)] * 3
        if len(whole.labels) < 3:
            assert all(equal(part, whole) for part in shared)
            continue
        firsts = [part.part[0] for part in shared]
        assert firsts == [0, *np.cumsum([len(part.labels) for part in shared[:-1]])]
        joined = [torch.cat(each) for each in zip(*(part.inputs for part in shared), strict=True)]
        others = (torch.cat([getattr(part, name) for part in shared]) for name in ("labels", "index"))
        assert equal(Batch(tuple(joined), *others), whole)


def test_the_resident_and_the_mapped_form_give_identical_batches(
    tracks: MappedFolder, f0: list[np.ndarray]
) -> None:
    clips = Clips(tracks, LABELS, FRAMES, f0=f0)
    mapped = list(clips.batches(5, shuffle=(1, 2), resident=False))
    tracks.opened = 0
    resident = list(clips.batches(5, shuffle=(1, 2), resident=True))
    held = tracks.opened
    again = list(clips.batches(5, shuffle=(1, 2), resident="auto"))
    assert tracks.opened == held > 0, "the resident form reads the features once"
    for one, two, three in zip(mapped, resident, again, strict=True):
        assert equal(one, two)
        assert equal(one, three)
    list(clips.batches(100, shuffle=(1, 2), resident=False))
    assert tracks.opened == held + 4, "a batch opens each of its tracks once"


def test_melody_is_the_f0_of_the_clips_own_frames(tracks: MappedFolder, f0: list[np.ndarray]) -> None:
    clips = Clips(tracks, LABELS, FRAMES, f0=f0)
    bands = librosa.mel_frequencies(MELS)
    for batch in clips.batches(3, shuffle=(0, 0)):
        mel, maps = batch.inputs
        assert maps.shape == mel.shape
        for melody, index in zip(maps.numpy(), batch.index.tolist(), strict=True):
            for frame in range(FRAMES):
                hertz = f0[clips.track[index]][clips.start[index] + frame]
                expected = [
                    float(hertz > 0 and low <= hertz < high)
                    for low, high in zip(bands, [*bands[1:], np.inf], strict=True)
                ]
                assert melody[:, frame].tolist() == expected


def test_the_order_depends_on_seed_and_epoch_only(tracks: MappedFolder) -> None:
    clips, again = (Clips(tracks, LABELS, FRAMES) for _ in range(2))
    list(clips.batches(3, shuffle=(9, 9)))  # what was done before does not matter
    torch.manual_seed(5)
    assert clips.order((1, 2)).tolist() == again.order((1, 2)).tolist()
    orders = {tuple(clips.order((seed, epoch))) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16
    assert all(sorted(order) == list(range(len(clips))) for order in orders)


def test_an_incomplete_batch_can_be_left_out(tracks: MappedFolder) -> None:
    clips = Clips(tracks, LABELS, FRAMES)
    batches = list(clips.batches(4, shuffle=(0, 0), drop_incomplete=True))
    assert [len(batch.labels) for batch in batches] == [4, 4, 4]
    assert torch.cat([batch.index for batch in batches]).tolist() == clips.order((0, 0))[:12].tolist()


@pytest.mark.parametrize("resident", [True, False])
def test_more_clips_than_are_loaded_at_once(resident: bool) -> None:
    frames = 2 * LOADED_CLIPS + 3
    track = np.arange(frames, dtype=np.float32).astype(np.float16)[:, None]
    (batch,) = Clips([track[:5], track], [0, 1], 1).batches(10**6, resident=resident)
    np.testing.assert_array_equal(batch.inputs[0].flatten().numpy(), np.concatenate([track[:5], track])[:, 0])


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("features", [[], [np.zeros((3, MELS), np.float16)]])
def test_no_clips_give_no_batches(features: list[np.ndarray], resident: bool) -> None:
    clips = Clips(features, [0] * len(features), FRAMES)
    assert len(clips) == 0
    assert list(clips.batches(4, resident=resident)) == []


def test_auto_keeps_what_does_not_fit_on_disk(tracks: MappedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = len(plain_clips(tracks)) * MELS * FRAMES * 2
    for free, fits in ((2 * needed, True), (2 * needed - 2, False)):
        monkeypatch.setattr("singerid.data.clips.free_memory", lambda device, free=free: free)
        clips = Clips(tracks, LABELS, FRAMES)
        list(clips.batches(4))
        before = tracks.opened
        list(clips.batches(4))
        assert (tracks.opened == before) == fits


def test_what_does_not_match(tracks: MappedFolder, f0: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="as many labels"):
        Clips(tracks, LABELS[1:], FRAMES)
    with pytest.raises(ValueError, match="as many frames"):
        Clips(tracks, LABELS, FRAMES, f0=[*f0[1:], f0[0]])
    with pytest.raises(ValueError, match="same n_mels"):
        Clips([np.zeros((9, 2), np.float16), np.zeros((9, 3), np.float16)], [0, 1], FRAMES)
    with pytest.raises(ValueError, match="clip_frames"):
        Clips(tracks, LABELS, 0)


def test_tracks_of_known_shape_are_opened_only_when_read(tracks: MappedFolder, f0: list[np.ndarray]) -> None:
    shapes = [(frames, MELS) for frames in LENGTHS]
    clips = Clips(tracks, LABELS, FRAMES, f0=f0, shapes=shapes)
    assert tracks.opened == 0
    plain = Clips(tracks, LABELS, FRAMES, f0=f0)
    for name in ("labels", "track", "start"):
        assert getattr(clips, name).tolist() == getattr(plain, name).tolist()
        assert getattr(clips, name).dtype == np.int64
    pairs = zip(clips.batches(4, shuffle=(0, 1)), plain.batches(4, shuffle=(0, 1)), strict=True)
    assert all(equal(*pair) for pair in pairs)


def test_a_track_of_another_shape_than_was_said_is_refused_when_read(
    tracks: MappedFolder, f0: list[np.ndarray]
) -> None:
    shapes = [(frames, MELS) for frames in LENGTHS]
    for wrong, contours, message in (
        ([(30, MELS), *shapes[1:]], None, "features of track 0 are"),
        ([(frames, 1) for frames in LENGTHS], None, "features of track 0 are"),
        (shapes, [f0[0][:-1], *f0[1:]], "as many frames"),
    ):
        clips = Clips(tracks, LABELS, FRAMES, f0=contours, shapes=wrong)
        with pytest.raises(ValueError, match=message):
            list(clips.batches(4))
    with pytest.raises(ValueError, match="and shapes"):
        Clips(tracks, LABELS, FRAMES, shapes=shapes[1:])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("resident", [True, False])
def test_batches_on_a_gpu_equal_those_on_the_cpu(
    tracks: MappedFolder, f0: list[np.ndarray], resident: bool
) -> None:
    clips = Clips(tracks, LABELS, FRAMES, f0=f0)
    there = clips.batches(4, "cuda", shuffle=(1, 1), resident=resident)
    for here, batch in zip(clips.batches(4, shuffle=(1, 1)), there, strict=True):
        assert batch.inputs[0].is_cuda
        moved = tuple(each.cpu() for each in batch.inputs)
        assert equal(here, Batch(moved, batch.labels.cpu(), batch.index.cpu()))
