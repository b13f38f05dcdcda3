"""Finding a recording again by its sound."""

import numpy as np
import pytest

from singerid.library.finding import SAME_COSINE, SAME_SECONDS, Fresh
from singerid.library.hearing import HeardVoice


def voice(seed: int, seconds: float = 30.0, near: float = 0.0) -> HeardVoice:
    """A voice of two sounds; `near` turns it away from that of the seed."""
    vectors = np.random.default_rng(seed).standard_normal((2, 192)) + near * np.arange(192) / 192
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return HeardVoice(vectors.astype(np.float32), seconds, seconds, False, ())


def test_the_same_voice_and_length_are_found_among_many_of_that_length() -> None:
    fresh = Fresh()
    for seed in range(100):
        assert fresh.by_sound(voice(seed)) is None
        fresh.add(f"id {seed}", voice(seed))
    assert [fresh.by_sound(voice(seed)) for seed in range(100)] == [f"id {seed}" for seed in range(100)]


@pytest.mark.parametrize(("seconds", "is_same"), [(29.95, True), (30.05, True), (29.8, False), (30.2, False)])
def test_lengths_may_differ_by_a_little(seconds: float, is_same: bool) -> None:
    assert (abs(seconds - 30) <= SAME_SECONDS) == is_same
    fresh = Fresh()
    fresh.add("id", voice(1, 30.0))
    assert fresh.by_sound(voice(1, seconds)) == ("id" if is_same else None)


def test_each_sound_has_to_be_alike() -> None:
    fresh, heard = Fresh(), voice(1, near=0.05)
    assert heard.vectors is not None
    fresh.add("id", voice(1))
    assert fresh.by_sound(heard) == "id"  # nearly the same
    other = np.stack([heard.vectors[0], np.roll(heard.vectors[1], 1)])
    assert float(heard.vectors[1] @ other[1]) < SAME_COSINE
    assert fresh.by_sound(HeardVoice(other, 30.0, 30.0, False, ())) is None
    assert fresh.by_sound(HeardVoice(None, 30.0, 0.0, False, ())) is None
