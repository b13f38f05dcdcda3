"""Which recordings fit their singer, and which singers sound alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from singerid.library.likeness import alike, fits, likeness


@dataclass
class Prints:
    singers: np.ndarray
    own_scores: np.ndarray
    owners: np.ndarray


class Three:
    """Contents with three singers who have recordings, and one, of number 4, who has none."""

    names = {7: "Ann", 2: "Bob", 9: "Cy", 4: "Dora"}  # noqa: RUF012
    singers = (7, 2, 9)
    enrolled = np.arange(4)

    @cached_property
    def voiceprints(self):
        means = np.array([[1, 0], [0.6, 0.8], [-1, 0]])
        return Prints(means, np.array([0.91234, 0.5, 0.25, 1.0]), np.array([0, 1, 0, 2]))


def test_each_recording_is_scored_with_its_own_singer():
    assert fits(Three()) == {7: [0.9123, 0.25], 2: [0.5], 9: [1.0]}


def test_the_most_alike_come_first():
    assert alike(Three(), 7, 5) == [("Bob", pytest.approx(0.6)), ("Cy", pytest.approx(-1))]
    assert alike(Three(), 7, 1) == [("Bob", pytest.approx(0.6))]
    assert alike(Three(), 9, 5) == [("Bob", pytest.approx(-0.6)), ("Ann", pytest.approx(-1))]
    assert alike(Three(), 4, 5) == []


def test_likeness_is_the_same_both_ways():
    assert likeness(Three(), 7, 2) == likeness(Three(), 2, 7) == pytest.approx(0.6)
    assert likeness(Three(), 7, 4) is None
    assert likeness(Three(), 4, 7) is None


def test_an_empty_library_has_no_fits():
    empty = Three()
    empty.enrolled = np.zeros(0, np.int64)
    assert fits(empty) == {}
