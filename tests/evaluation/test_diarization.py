"""Diarization error: pyannote.metrics finds the same on random timelines; what counts as a change."""

import warnings

import numpy as np
import pytest

from singerid.data.rttm import Turn
from singerid.evaluation.diarization import COLLAR, DiarizationErrors, changes_in_time, diarization_errors

SINGERS = ("a", "b", "c", "d")


def random_turns(rng: np.random.Generator, names: tuple[str, ...], recording: str = "song") -> list[Turn]:
    """Each name sings in some stretches that do not touch; different names may overlap."""
    turns = []
    for name in names:
        edges = np.cumsum(rng.exponential(3.0, 2 * int(rng.integers(0, 7))) + 0.05).tolist()
        turns += [
            Turn(recording, start, end, name) for start, end in zip(edges[::2], edges[1::2], strict=True)
        ]
    return turns


def by_pyannote(metric: str, truth: list[Turn], found: list[Turn], collar: float) -> DiarizationErrors:
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate
    from pyannote.metrics.identification import IdentificationErrorRate

    def annotation(turns: list[Turn]) -> Annotation:
        made = Annotation()
        for track, turn in enumerate(turns):
            made[Segment(turn.start_s, turn.end_s), track] = turn.singer
        return made

    rate = {"mapped": DiarizationErrorRate, "by name": IdentificationErrorRate}[metric](collar=collar)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the unknown end of the recording
        parts = rate.compute_components(annotation(truth), annotation(found))
    return DiarizationErrors(
        parts["missed detection"], parts["false alarm"], parts["confusion"], parts["total"]
    )


def same(ours: DiarizationErrors, theirs: DiarizationErrors) -> None:
    assert vars(ours) == pytest.approx(vars(theirs), abs=1e-6)


@pytest.mark.parametrize("collar", [0.0, COLLAR])
@pytest.mark.parametrize("seed", range(40))
def test_pyannote_finds_the_same(seed: int, collar: float) -> None:
    rng = np.random.default_rng(seed)
    truth = random_turns(rng, SINGERS[: int(rng.integers(1, 5))])
    named = random_turns(rng, SINGERS[: int(rng.integers(1, 5))])
    strangers = random_turns(rng, ("unknown 1", "unknown 2", "unknown 3"))
    same(diarization_errors(truth, named, SINGERS, collar), by_pyannote("by name", truth, named, collar))
    same(diarization_errors(truth, strangers, (), collar), by_pyannote("mapped", truth, strangers, collar))
    # Strangers beside known singers; then everybody is unknown, whatever the names.
    both = [*named, *strangers]
    same(diarization_errors(truth, both, (), collar), by_pyannote("mapped", truth, both, collar))


def test_a_timeline_compared_with_itself_has_no_errors() -> None:
    truth = random_turns(np.random.default_rng(1), SINGERS)
    assert diarization_errors(truth, truth, SINGERS).rate == pytest.approx(0, abs=1e-12)
    nobody = diarization_errors(truth, [], SINGERS)
    assert nobody.rate == 1
    assert nobody.missed_s == nobody.total_s == pytest.approx(sum(t.end_s - t.start_s for t in truth))


def test_known_singers_and_strangers_never_stand_for_each_other() -> None:
    truth = [Turn("song", 0, 4, "a"), Turn("song", 4, 10, "b")]
    as_stranger = [Turn("song", 0, 4, "unknown 1"), Turn("song", 4, 10, "unknown 2")]
    errors = diarization_errors(truth, as_stranger, known=["a"])
    assert (errors.confusion_s, errors.missed_s, errors.false_alarm_s) == (4, 0, 0)
    assert diarization_errors(truth, [Turn("song", 0, 10, "a")], known=["a"]).confusion_s == 6
    # "c" is in the library: it cannot stand for the stranger "b".
    assert diarization_errors(truth, [Turn("song", 4, 10, "c")], known=["a", "c"]).confusion_s == 6


def test_a_stranger_has_another_number_in_another_song() -> None:
    truth = [Turn("x", 0, 4, "s"), Turn("y", 0, 4, "t"), Turn("y", 4, 9, "s")]
    found = [Turn("x", 0, 4, "unknown 1"), Turn("y", 0, 4, "unknown 1"), Turn("y", 4, 9, "unknown 2")]
    assert diarization_errors(truth, found, known=["a"]).rate == 0


def test_two_at_once_count_twice_and_the_second_can_be_missed() -> None:
    truth = [Turn("song", 0, 10, "a"), Turn("song", 6, 10, "b")]
    errors = diarization_errors(truth, [Turn("song", 0, 10, "a")], SINGERS)
    assert errors == DiarizationErrors(missed_s=4, total_s=14)
    assert errors.rate == pytest.approx(4 / 14)


def test_recordings_add_up_also_one_in_which_nobody_sings() -> None:
    truth = [Turn("x", 0, 4, "a")]
    found = [Turn("x", 0, 4, "b"), Turn("silence", 1, 3, "a")]
    assert diarization_errors(truth, found, SINGERS) == DiarizationErrors(0, 2, 4, 4)
    assert diarization_errors([], found[1:], SINGERS).rate == float("inf")
    assert diarization_errors([], [], SINGERS).rate == 0


def test_pieces_of_a_turn_are_one_turn_and_have_no_collar_between() -> None:
    whole = [Turn("song", 0, 10, "a")]
    pieces = [
        Turn("song", 0, 5, "a"),
        Turn("song", 5, 8, "a"),
        Turn("song", 7, 10, "a"),
        Turn("song", 3, 3, "b"),
    ]
    found = [Turn("song", 4, 10, "a")]
    assert diarization_errors(pieces, found, SINGERS, COLLAR) == diarization_errors(
        whole, found, SINGERS, COLLAR
    )
    assert changes_in_time(pieces, []).total == 2


def test_changes_are_in_time_within_half_a_second() -> None:
    truth = [Turn("song", 1, 5, "a"), Turn("song", 5, 9, "b"), Turn("song", 7, 9, "a")]
    assert changes_in_time(truth, truth).share == 1
    assert changes_in_time(truth, truth).total == 4  # at 1, 5, 7 and 9 s
    late = [Turn("song", turn.start_s + 0.5, turn.end_s + 0.5, turn.singer) for turn in truth]
    assert changes_in_time(truth, late).near == 4
    later = [Turn("song", turn.start_s + 0.51, turn.end_s + 0.51, turn.singer) for turn in truth]
    assert changes_in_time(truth, later).near == 0
    assert changes_in_time(truth, [Turn("another", 1, 5, "a")]).near == 0
    assert changes_in_time([], truth).share == 1
    # Many reported changes, most of them wrong.
    often = [Turn("song", at, at + 1, "a") for at in range(0, 20, 2)]
    assert changes_in_time(often, truth).share < 0.5


def test_last_digits_of_a_sum_of_seconds_make_no_pause() -> None:
    start = 1.1 + 2.2  # a little more than 3.3
    truth = [Turn("song", 1.1, 3.3, "a"), Turn("song", start, 5, "a"), Turn("song", 5, 7, "b")]
    assert start > 3.3
    assert changes_in_time(truth, []).total == 3
    assert changes_in_time([Turn("song", 0, 3.3, "a")], [Turn("song", 0, 3.8, "a")]).near == 2


def test_without_pauses_a_change_lasts_from_one_singer_to_the_next() -> None:
    truth = [
        Turn("song", 0, 4, "a"),
        Turn("song", 6, 8, "a"),
        Turn("song", 10, 12, "b"),
        Turn("song", 11, 13, "a"),
    ]
    # From a to b between 8 and 10 s, to both at 11, to a at 12; not the pause of a.
    assert changes_in_time(truth, truth, pauses=False).total == 3

    def found_at(seconds: float) -> int:
        found = [Turn("song", 0, seconds, "x"), Turn("song", seconds, 20, "y")]
        return changes_in_time(truth, found, pauses=False).near

    assert [found_at(at) for at in (7.4, 7.5, 9, 10.4, 10.5, 11.5, 12.5, 12.6)] == [0, 1, 1, 1, 2, 2, 1, 0]
    assert changes_in_time(truth, truth[:2], pauses=False).near == 0
    assert changes_in_time([], truth, pauses=False).total == 0
