"""Sound piece by piece: every sample once, no seam, whole pieces."""

import numpy as np
import pytest

from singerid.sound.separation.pieces import SampleReader, process_in_pieces, with_rest

SIZE, OVERLAP = 100, 20


def cut(signal, size):
    return [signal[start : start + size] for start in range(0, len(signal), size)]


@pytest.mark.parametrize("length", [1, 19, 20, 21, 99, 100, 101, 119, 120, 121, 200, 355])
def test_every_sample_comes_once_and_in_order(length):
    signal = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    made = list(process_in_pieces(cut(signal, SIZE), lambda piece: 2 * piece, OVERLAP))
    np.testing.assert_allclose(np.concatenate(made), 2 * signal, atol=1e-6)


def test_pieces_are_whole_and_reach_back():
    seen = []

    def process(piece):
        seen.append((int(piece[0]), len(piece)))
        return piece

    list(process_in_pieces(cut(np.arange(355, dtype=np.float32), SIZE), process, OVERLAP))
    # The last block has 55 samples: its piece ends with it and is as long as the others.
    assert seen == [(0, 100), (80, 120), (180, 120), (235, 120)]


def test_one_piece_fades_into_the_next():
    levels = iter([0.0, 1.0])
    signal = np.zeros((200, 2), np.float32)  # stereo in, mono out
    made = np.concatenate(
        list(
            process_in_pieces(
                cut(signal, SIZE), lambda piece: np.full(len(piece), next(levels), np.float32), OVERLAP
            )
        )
    )
    assert len(made) == 200
    np.testing.assert_array_equal(made[:80], 0)
    np.testing.assert_array_equal(made[100:], 1)
    np.testing.assert_allclose(made[80:100], [(step + 0.5) / 20 for step in range(20)], rtol=1e-6)


def test_what_is_processed_is_left_as_it_is():
    signal = np.ones(200, np.float32)
    list(process_in_pieces(cut(signal, SIZE), lambda piece: piece, OVERLAP))
    assert (signal == 1).all()


def test_the_reader_joins_cuts_pads_and_counts():
    reader = SampleReader([np.arange(3.0), np.arange(3.0, 4.0), np.arange(4.0, 10.0)])
    assert reader.read(2).tolist() == [0, 1]
    assert reader.read(5).tolist() == [2, 3, 4, 5, 6]
    assert reader.missing == 0
    assert reader.count_rest() == 3
    reader = SampleReader([np.ones(3)])
    assert reader.read(5).tolist() == [1, 1, 1, 0, 0]
    assert reader.read(1).tolist() == [0]
    assert (reader.missing, reader.count_rest()) == (3, 0)


@pytest.mark.parametrize("length", [250, 247, 252])
def test_vocals_and_rest_are_the_mixture(length):
    rng = np.random.default_rng(1)
    vocals, mixture = rng.standard_normal(length), rng.standard_normal(250)
    parts = list(with_rest(cut(vocals, 60), cut(mixture, 100)))
    assert [len(sung) for sung, _ in parts] == [100, 100, 50]
    sung, rest = (np.concatenate(part) for part in zip(*parts, strict=True))
    np.testing.assert_array_equal(sung, np.pad(vocals, (0, 10))[:250])
    np.testing.assert_allclose(sung + rest, mixture)
