"""Cells pool the frames of windows around each half second, however the windows lie."""

import numpy as np
import pytest
import torch

from conftest import require_weights
from singerid.encoders.cells import CellMaker, FrameNetwork
from singerid.encoders.registry import open_encoder

FRAME = 0.02
PER_CELL = 25


@pytest.fixture(scope="module")
def campplus():
    require_weights("campplus")
    return open_encoder("campplus")


def network():
    """Frames as they are; a vector is mean and deviation, sung and several are means of a channel."""
    return FrameNetwork(
        lambda bank: bank.transpose(1, 2),
        lambda means, deviations: (torch.cat((means, deviations), 1), means[:, 0], means[:, 1]),
        FRAME,
    )


def made(frames, pieces):
    maker = CellMaker(network())
    for first, last in pieces:
        maker.add(first * FRAME, frames[first:last])
    return maker.end()


def expected(frames):
    """Each cell with its neighbours, all at once."""
    count = round(len(frames) / PER_CELL)
    around = [frames[max(0, at - 1) * PER_CELL : (at + 2) * PER_CELL] for at in range(count)]
    vectors = torch.stack([torch.cat((own.mean(0), own.std(0))) for own in around])
    return torch.nn.functional.normalize(vectors).numpy(), np.array(
        [float(own[:, 0].mean()) for own in around]
    )


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, 500)],
        [(0, 149), (149, 298), (298, 447), (351, 500)],  # side by side, and the rest
        [(0, 149), (75, 224), (150, 299), (225, 374), (300, 449), (351, 500)],  # half over each other
    ],
)
def test_cells_do_not_depend_on_how_windows_lie(pieces):
    frames = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    cells = made(frames, pieces)
    vectors, sung = expected(frames)
    np.testing.assert_allclose(cells.vectors, vectors, atol=1e-5)
    np.testing.assert_allclose(cells.sung, sung, atol=1e-5)


def test_a_gap_between_windows_moves_nothing():
    frames = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    cells = made(frames, [(0, 149), (150, 299), (300, 449), (450, 500)])
    assert len(cells) == 20
    np.testing.assert_allclose(cells.vectors[-1], expected(frames)[0][-1], atol=0.05)


def test_a_short_rest_belongs_to_the_cell_before_and_a_short_sound_is_a_cell():
    frames = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    assert len(made(frames, [(0, 5 + PER_CELL)])) == 1
    assert len(made(frames, [(0, 10 + PER_CELL)])) == 2
    assert len(made(frames, [(0, 5)])) == 1
    with pytest.raises(ValueError, match="no frames"):
        CellMaker(network()).end()


def test_whole_windows_are_what_they_were(campplus):
    """Pooled by hand, a window's vector and share are those that the network gives at once."""
    bank = torch.randn(3, 80, 298, generator=torch.Generator().manual_seed(1))
    vectors, share = campplus.parts.of_windows(campplus.parts.frames(bank))
    at_once = campplus.with_voice(bank)
    torch.testing.assert_close(vectors, at_once[:, :-1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(share, at_once[:, -1], atol=1e-4, rtol=1e-4)


def test_cells_reach_to_the_end_of_a_sound(campplus):
    noise = np.random.default_rng(0).standard_normal(16_000 * 10 + 4_000).astype(np.float32) / 10
    with_cells = campplus.encode(noise, with_cells=True)
    without = campplus.encode(noise)
    np.testing.assert_allclose(with_cells.vectors, without.vectors, atol=1e-5)
    np.testing.assert_array_equal(with_cells.starts, without.starts)
    assert without.cells is None
    assert len(with_cells.cells) == 21  # the last quarter of a second is one, too
