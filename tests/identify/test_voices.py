"""Voices of a timeline: their order, and when each of them sings."""

import pytest

from singerid.identify.result import Named, Result, Span
from singerid.identify.voices import Turn, Voice, turns_of, voices


def song(*spans, singers=()):
    return Result("a.mp3", "known", singers, 9, 9, spans)


def test_the_named_come_first_then_other_singers_then_strangers_by_number():
    result = song(
        Span(0, 1, (), 0.9, unknown=(2,)),
        Span(1, 2, ("Cy",), 0.9, unknown=(1,)),
        Span(2, 3, ("Bob", "Ann"), 0.9),
        singers=(Named("Ann", 0.9, 1), Named("Bob", 0.9, 1), Named("Dora", 0.9, 0)),
    )
    assert list(map(str, voices(result))) == ["Ann", "Bob", "Cy", "unknown 1", "unknown 2"]


def test_spans_that_touch_are_one_turn_and_others_are_not():
    result = song(
        Span(4, 6, ("Ann",), 0.6),
        Span(0, 2, ("Ann",), 0.9),
        Span(2 + 1e-9, 3, ("Ann", "Bob"), 0.3),
    )
    ann, bob = Voice("Ann"), Voice("Bob")
    assert turns_of(result) == [
        Turn(ann, 0, 3, pytest.approx(0.7)),  # 2 s of .9 and 1 s of .3
        Turn(bob, 2 + 1e-9, 3, 0.3),
        Turn(ann, 4, 6, 0.6),
    ]


def test_a_stranger_keeps_the_number_and_is_no_singer_of_that_name():
    result = song(Span(0, 1, ("unknown 1",), 0.5), Span(1, 2, (), 0.5, unknown=(1,)))
    assert [turn.voice for turn in turns_of(result)] == [Voice("unknown 1"), Voice(unknown=1)]


def test_nobody_has_no_turns():
    assert turns_of(song()) == []
    assert voices(song()) == ()
    assert turns_of(song(Span(1, 1, ("Ann",), 0.4))) == [Turn(Voice("Ann"), 1, 1, 0.4)]
