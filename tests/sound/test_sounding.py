"""Where a stem sounds: pauses, what is soft, what is silent."""

import numpy as np
import pytest

from singerid.sound.sounding import Stretch, sounding

RATE = 1000


def stem(*parts: tuple[float, float]) -> np.ndarray:
    """A stem of parts (seconds, level in dB), of noise that is equally strong in each cell."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], 100_000)
    levels = [np.full(round(seconds * RATE), 10 ** (decibels / 20)) for seconds, decibels in parts]
    loud = np.concatenate(levels)
    return (loud * signs[: len(loud)]).astype(np.float32)


SILENT = -np.inf


@pytest.mark.parametrize(("pause", "stretches"), [(0.24, 1), (0.26, 2)])
def test_a_pause_of_a_quarter_second_ends_a_stretch(pause: float, stretches: int) -> None:
    found = sounding(stem((1, 0), (pause, SILENT), (1, 0)), RATE)
    assert len(found) == stretches
    assert (found[0].start_s, found[-1].end_s) == (0, 2 + pause)


@pytest.mark.parametrize(("level", "end"), [(-24, 3.0), (-26, 1.0)])
def test_what_is_25_db_below_the_loud_parts_does_not_sound(level: float, end: float) -> None:
    for gain in (0, -60):  # whatever the level of the whole
        assert sounding(stem((1, gain), (2, gain + level)), RATE) == [Stretch(0, end)]


def test_one_pop_does_not_decide_what_is_loud() -> None:
    quiet = stem((3, SILENT), (4, -40), (3, SILENT))
    quiet[100] = 1.0
    assert Stretch(3, 7) in sounding(quiet, RATE)


def test_where_nothing_sounds_there_is_no_stretch() -> None:
    assert sounding(np.zeros(0, np.float32), RATE) == []
    assert sounding(np.zeros(5000, np.float32), RATE) == []


def test_the_last_cell_may_be_shorter() -> None:
    assert sounding(stem((0.5, SILENT), (1.013, 0)), RATE) == [Stretch(0.5, 1.513)]
