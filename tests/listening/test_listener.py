"""The one way from sound to windows: a file, samples and a stored track give the same, whatever the cuts."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SAMPLE_RATE, voice
from singerid.config import FilterBankConfig
from singerid.errors import SingeridError
from singerid.listening.listener import Listener, Stored
from singerid.models.spec import InputSpec
from singerid.sound.audio import read_blocks
from singerid.sound.features import LogMel, melody_map
from singerid.sound.files import AudioError
from singerid.sound.filter_bank import FilterBank
from singerid.sound.melody.contour import Contour
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import open_separator
from singerid.store.reader import Store

CPU = torch.device("cpu")


class Ramp:
    """A tracker whose F0 shows the number of the frame."""

    def contour(self, blocks):
        frames = 1 + sum(map(len, blocks)) // 512
        f0 = np.linspace(100, 4000, frames, dtype=np.float32)
        return Contour(f0, np.ones(frames, np.float32))


def joined(batches):
    """All windows of a sound: their inputs, one after the other, and where they start."""
    batches = list(batches)
    inputs = zip(*(windows.inputs for windows in batches), strict=True)
    return [torch.cat(each) for each in inputs], np.concatenate([windows.starts for windows in batches])


@settings(deadline=None, max_examples=40)
@given(
    seconds=st.floats(0.6, 9.0),
    window=st.integers(16, 60),
    hop=st.integers(1, 60),
    batch_size=st.integers(1, 9),
)
def test_windows_are_slices_of_the_whole_spectrogram(seconds, window, hop, batch_size):
    hop = min(hop, window)
    samples = voice(200.0, seconds, 1)
    spec = InputSpec(window, inputs=("mel", "melody"), melody="pyin")
    listener = Listener(spec, CPU, tracker=Ramp())
    (mel, melody), starts = joined(listener.batches(samples, hop, batch_size))
    whole, contour = LogMel()(torch.from_numpy(samples)), torch.from_numpy(Ramp().contour([samples]).f0)
    frames = whole.shape[1]
    expected = list(range(0, frames - window + 1, hop)) or [0]
    assert starts.tolist() == expected
    for start, sound, tune in zip(expected, mel, melody, strict=True):
        torch.testing.assert_close(sound, whole[:, start : start + window], atol=1e-3, rtol=0)
        assert torch.equal(tune, melody_map(contour[start : start + window]))


def test_a_file_samples_and_blocks_are_heard_alike(tmp_path):
    path, samples = tmp_path / "song.wav", voice(150.0, 70.0, 2)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    for inputs in (("mel",), ("waveform",)):
        listener = Listener(InputSpec(94, inputs=inputs), CPU)
        found = [joined(listener.batches(sound)) for sound in (path, str(path), samples)]
        found.append(joined(listener.batches(partial(read_blocks, path, SAMPLE_RATE, 0.7))))
        for one, other in pairwise(found):
            assert torch.equal(one[0][0], other[0][0])
            assert np.array_equal(one[1], other[1])


def test_a_stored_track_is_heard_as_its_file_but_for_half_precision(recordings):
    store = Store.open(recordings.store)
    listener = Listener(InputSpec(32), CPU)
    for track in store.tracks[:3]:
        (stored,), starts = joined(listener.batches(Stored(store, track)))
        (heard,), same = joined(listener.batches(recordings.tree / track.path))
        assert torch.equal(stored, heard.half().float())
        assert np.array_equal(starts, same)
    melody = Listener(InputSpec(32, inputs=("mel", "melody"), melody="pyin"), CPU)
    with pytest.raises(SingeridError, match=r"has no pyin melody of the mixture"):
        next(melody.batches(Stored(store, store.tracks[0])))


FILTER_BANK = InputSpec(298, FilterBankConfig(), hop_frames=150, smallest_frames=50)  # 3 s every 1.5 s


def test_windows_of_a_filter_bank_have_their_own_mean_taken_off(tmp_path):
    path, samples = tmp_path / "song.wav", voice(150.0, 20.0, 2)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    whole = FilterBank()(torch.from_numpy(samples))
    for sound in (path, samples, partial(read_blocks, path, SAMPLE_RATE, 0.7)):
        (found,), starts = joined(Listener(FILTER_BANK, CPU).batches(sound, batch_size=3))
        assert starts.tolist() == list(range(0, 1998 - 298 + 1, 150))
        for start, window in zip(starts, found, strict=True):
            expected = whole[:, start : start + 298]
            expected = expected - expected.mean(1, keepdim=True)
            torch.testing.assert_close(window, expected, atol=1e-4, rtol=0)
    kept = replace(FILTER_BANK, features=FilterBankConfig(remove_mean=False))
    (found,), _ = joined(Listener(kept, CPU).batches(samples))
    torch.testing.assert_close(found[0], whole[:, :298], atol=1e-4, rtol=0)


def test_windows_as_far_apart_as_their_sound_is_long_stay_where_they_should():
    """13 frames of a filter bank hear 15 hops of sound; now and then exactly 13 are left of a block."""
    samples = np.random.default_rng(0).normal(0, 0.1, 80 * SAMPLE_RATE).astype(np.float32)
    spec = InputSpec(13, FilterBankConfig(remove_mean=False), hop_frames=15)
    (found,), starts = joined(Listener(spec, CPU).batches(samples, batch_size=1))
    whole = FilterBank()(torch.from_numpy(samples))
    assert starts.tolist() == list(range(0, whole.shape[1] - 13 + 1, 15))
    expected = torch.stack([whole[:, start : start + 13] for start in starts])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_a_short_sound_is_one_filter_bank_and_a_shorter_one_none():
    (windows,) = Listener(FILTER_BANK, CPU).batches(voice(150.0, 1.0, 1))
    assert windows.inputs[0].shape == (1, 80, 98)
    for samples in (np.zeros(399, np.float32), voice(150.0, 0.4, 1)):
        with pytest.raises(AudioError, match=r"is shorter than 0\.52 s, the least the network takes"):
            list(Listener(FILTER_BANK, CPU).batches(samples))


def test_vocals_by_a_separator_are_what_a_filter_bank_is_made_of(tmp_path):
    path, samples = tmp_path / "song.wav", voice(150.0, 6.0, 2)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    separator = open_separator("repet")
    listener = Listener(replace(FILTER_BANK, audio="vocals"), CPU, separator)
    (found,), _ = joined(listener.batches(path))
    with separated(separator, path, parts=("vocals",)) as parts:
        (expected,), _ = joined(Listener(FILTER_BANK, CPU).batches(parts["vocals"]))
    assert torch.equal(found, expected)


def test_of_a_store_no_filter_bank_can_be_made(recordings):
    store = Store.open(recordings.store)
    with pytest.raises(SingeridError, match="from which no filter bank can be made; listen to"):
        next(Listener(FILTER_BANK, CPU).batches(Stored(store, store.tracks[0])))


def test_a_rest_is_left_out_unless_there_is_nothing_else(tmp_path):
    listener = Listener(InputSpec(94, smallest_frames=20), CPU)
    (windows,) = listener.batches(voice(150.0, 5.5, 1))
    assert windows.inputs[0].shape == (1, 128, 94)
    (short,) = listener.batches(voice(150.0, 1.0, 1))
    assert short.inputs[0].shape == (1, 128, 32)
    soundfile.write(tmp_path / "tiny.wav", voice(150.0, 0.3, 1), SAMPLE_RATE)
    with pytest.raises(AudioError, match=r"tiny\.wav: is shorter than 0\.64 s, the least the network takes"):
        list(listener.batches(tmp_path / "tiny.wav"))


@pytest.mark.parametrize("hop", [0, -1, 95])
def test_windows_leave_nothing_out(hop):
    with pytest.raises(ValueError, match="hop must be 1 to 94 frames"):
        next(Listener(InputSpec(94), CPU).batches(voice(150.0, 5.0, 1), hop))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(16_000, np.int16),
        np.zeros((16_000, 2), np.float32),
        np.zeros(0, np.float32),
        np.full(16_000, np.nan, np.float32),
    ],
)
def test_samples_that_are_no_mono_sound_are_refused(samples):
    with pytest.raises(AudioError, match="the samples: are"):
        next(Listener(InputSpec(32), CPU).batches(samples))


def test_a_damaged_file_is_told_also_where_nobody_asked(tmp_path, recordings, caplog):
    whole = (recordings.tree / "alto" / "first" / "0.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    list(Listener(InputSpec(32), CPU).batches(tmp_path / "cut.flac"))
    (line,) = caplog.messages
    assert line.startswith(str(tmp_path / "cut.flac"))
    assert "damaged or cut short" in line
    told = []
    list(Listener(InputSpec(32), CPU).batches(tmp_path / "cut.flac", warn=told.append))
    assert len(told) == 1
    assert len(caplog.messages) == 1, "who asks is told, and nobody else"


def test_a_damaged_file_that_is_read_twice_is_told_once(tmp_path, recordings, caplog):
    whole = (recordings.tree / "alto" / "first" / "0.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    listener = Listener(InputSpec(32, inputs=("mel", "melody"), melody="pyin"), CPU, tracker=Ramp())
    list(listener.batches(tmp_path / "cut.flac"))
    assert len(caplog.messages) == 1
