"""The order of questions: a person names the songs of all singers with few answers."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_voices import heard, made, put, take
from singerid.identify.result import Span
from singerid.library.enroll import Entrant, enroll_heard
from singerid.library.finding import FoundFile
from singerid.library.library import Library
from singerid.library.review import clearest, next_question, open_songs
from singerid.library.trying import Trying

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks/studies/library"


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library") as opened:
        yield opened


def _unnamed(library, singer, numbers, **options):
    """Add songs without a statement; return their ids."""
    takes = [
        (
            Entrant(Path(f"{singer} {n}.wav")),
            FoundFile("", 0, 0, f"u-{singer}-{n}"),
            heard(singer, n, **options),
        )
        for n in numbers
    ]
    with library.core.database.command("discover") as entry:
        return [one for _, one in enroll_heard(library.core, takes, entry).recordings]


def _asked(library, skipped=()):
    return next_question(library.core.contents, library.rule()[0], skipped)


@pytest.mark.parametrize("seed", [0, 1])
def test_ten_singers_are_named_with_few_answers(tmp_path, monkeypatch, seed):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "review", raising=False)
    from review import play, simulated

    library, truth = simulated(tmp_path / "library", seed, songs=12)
    with library:
        yes, stood = play(library, truth, most=60)
    assert len(truth) == 120
    assert stood[-1].said + stood[-1].right == 120, stood[-1]
    assert len(stood) - 1 <= 45
    assert yes > 5


def test_the_order_teaches_more_than_chance(tmp_path, monkeypatch):
    """The same person, asked about any unnamed song, has named fewer songs by then."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    from review import play, simulated, standing

    library, truth = simulated(tmp_path / "library", 2, songs=12)
    with library:
        _, stood = play(library, truth, most=15)
    library, truth = simulated(tmp_path / "other", 2, songs=12)
    rule = None
    with library:
        rule, _ = library.rule()
        for _ in range(15):
            songs = open_songs(library.core.contents, rule)
            one = songs[int(np.random.default_rng(len(songs)).integers(len(songs)))][0]
            library.say(one.id, singer=truth[one.id])
        by_chance = standing(library, rule, truth)
    assert stood[-1].said + stood[-1].right > by_chance.said + by_chance.right


def test_a_large_group_is_asked_about_first_by_its_most_central_song(library):
    few = _unnamed(library, "Eve", range(2), spread=0.3)
    many = _unnamed(library, "Dee", range(10, 16), spread=0.4)
    question, left = _asked(library)
    assert left == 8
    assert question.recording in many
    assert question.singer is None
    assert "5 unnamed songs may have the same voice" in question.why
    contents = library.core.contents
    own = contents.vectors[[contents.index[one] for one in many]][:, 0]
    assert many[int((own @ own.T).sum(1).argmax())] == question.recording
    library.say(question.recording, singer="Dee")
    assert _asked(library)[0].recording in few


def test_a_no_is_kept_and_another_question_comes(library):
    (song,) = _unnamed(library, "Ada", [50], spread=1.0)
    question, _ = _asked(library)
    assert (question.recording, question.singer) == (song, "Ada")
    library.say(song, never="Ada")
    question, left = _asked(library)
    assert left == 1
    assert question.singer != "Ada"
    assert "Ada" not in dict(question.candidates)


def test_what_was_said_is_not_asked_about(library):
    first, second, third = (_unnamed(library, name, [0])[0] for name in ("Dee", "Eve", "Flo"))
    library.say(first, singer="Dee")
    library.say_nobody(second)
    question, left = _asked(library)
    assert (question.recording, left) == (third, 1)
    library.say(third, singer="Flo")
    assert _asked(library) == (None, 0)


def test_a_sure_name_is_not_asked_about(library):
    _unnamed(library, "Ada", [60], spread=0.1)
    assert _asked(library) == (None, 0)


def test_what_was_skipped_comes_last_and_the_earliest_first(library):
    songs = _unnamed(library, "Dee", range(4))
    first = _asked(library)[0].recording
    assert _asked(library, [first])[0].recording != first
    order = [songs[2], songs[0], songs[1], songs[3]]
    question, left = _asked(library, order)
    assert (question.recording, left) == (songs[2], 4)


def test_for_a_song_between_two_singers_both_are_named(library):
    ada, bea = heard("Ada", 70, spread=0.0), heard("Bea", 70, spread=0.0)
    middle = ada.vectors + bea.vectors
    voice = replace(ada, vectors=middle / np.linalg.norm(middle), seconds=33.0)
    with library.core.database.command("discover") as entry:
        enroll_heard(library.core, [(Entrant(Path("x.wav")), FoundFile("", 0, 0, "x"), voice)], entry)
    question, _ = _asked(library)
    assert {name for name, _ in question.candidates[:2]} == {"Ada", "Bea"}


def test_an_empty_library_asks_who_it_is(tmp_path):
    with Library.open(tmp_path / "library", create=True) as library:
        library.core.keep_settings(made(tmp_path / "other").core.settings)
        (song,) = _unnamed(library, "Dee", [0])
        question, left = _asked(library)
    assert (question.recording, question.singer, question.candidates, left) == (song, None, (), 1)


def test_of_thousands_of_songs_only_a_part_is_compared(library, monkeypatch):
    monkeypatch.setattr("singerid.library.review._MOST", 5)
    many = _unnamed(library, "Dee", range(12))
    question, left = _asked(library)
    assert question.recording in many
    assert left == 12
    assert question.worth > 6


def test_enrolled_songs_are_never_asked_about(library):
    put(library, [take("Ada", 99)])
    assert _asked(library) == (None, 0)


SPANS = (
    Span(0.0, 20.0, ("Ada", "Bea"), 0.99),
    Span(20.0, 23.0, ("Ada",), 0.95),
    Span(30.0, 40.0, ("Bea",), 0.9),
    Span(50.0, 58.0, ("Ada",), 0.7),
    Span(60.0, 90.0, (), 0.6, (1,)),
)


@pytest.mark.parametrize(
    ("singer", "clip"),
    [(None, (32.5, 37.5)), ("Ada", (51.5, 56.5)), ("Cy", (32.5, 37.5))],
)
def test_the_clearest_voice_is_the_longest_and_surest_span_of_one(singer, clip):
    assert clearest(SPANS, 100.0, singer) == clip


def test_a_clip_stays_within_its_song():
    assert clearest((Span(0.0, 2.0, ("Ada",), 1.0),), 60.0) == (0.0, 5.0)
    assert clearest((Span(58.0, 60.0, ("Ada",), 1.0),), 60.0) == (55.0, 60.0)
    assert clearest((), 60.0) == (27.5, 32.5)
    assert clearest((), 3.0) == (0.0, 3.0)


def test_on_trial_a_recording_names_its_own_group_and_nothing_is_written(library):
    songs = _unnamed(library, "Dee", range(6), spread=0.4)
    contents = library.core.contents
    trying = Trying(contents, library.rule()[0], keeps_back_end=False)
    one = contents.index[songs[0]]
    as_new = trying.named(one, len(contents.singers))
    assert 5 < as_new <= 6
    assert trying.named(one, 0) < as_new - 1  # Ada's other songs are not like it
    assert library.core.contents is contents
