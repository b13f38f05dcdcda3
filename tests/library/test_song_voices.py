"""Songs of several voices: made-up vectors are separated into voices, named and timed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from made_voices import SIZE, direction, heard, made
from singerid.data.rttm import Turn
from singerid.evaluation.diarization import diarization_errors
from singerid.library.answer import answer, named_singers
from singerid.library.decide import NOTHING_KNOWN, Known
from singerid.library.hearing import HeardCells
from singerid.library.parting import Parting, part
from singerid.library.song_voices import SongTimeline, voiced_cells
from singerid.library.turns import Turn as SongTurn
from singerid.library.turns import turns_of

CELL = 0.5


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with made(tmp_path_factory.mktemp("known") / "L", ("Ada", "Bea", "Cy", "Dot", "Eve"), takes=6) as library:
        yield library


def song(turns, spread=0.8, seed=0, pauses=()):
    """What is heard of a song: (who, cells) turns, of which () is nobody and more than one is all at once."""
    rng = np.random.default_rng(seed)
    vectors, sung = [], []
    for singers, cells in turns:
        for _ in range(cells):
            voice = sum((direction(singer) for singer in singers), np.zeros(SIZE))
            voice = voice / max(1e-9, np.linalg.norm(voice))
            noise = rng.standard_normal(SIZE)
            vectors.append(voice + spread * noise / np.linalg.norm(noise))
            sung.append(0.95 if singers else 0.05)
    vectors = np.array(vectors, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sounds = np.ones(len(sung) * 5, np.bool_)
    for first, last in pauses:
        sounds[round(first * 10) : round(last * 10)] = False
    cells = HeardCells(vectors[:, None], np.array(sung, np.float32), CELL, sounds)
    mean = vectors[np.array(sung) > 0.5].mean(0)
    of_all = heard("nobody", 1)
    return replace(
        of_all,
        vectors=(mean / np.linalg.norm(mean))[None].astype(np.float32),
        seconds=len(sung) * CELL,
        voice_seconds=CELL * sum(share > 0.5 for share in sung),
        cells=cells,
    )


def asked(library, of, known=NOTHING_KNOWN):
    rule, _ = library.rule()
    return answer(library.core, rule, of, known, path="x.wav", calibrated=False)


def errors(result, turns):
    truth, found, at = [], [], 0.0
    for singers, cells in turns:
        truth += [Turn("x", at, at + cells * CELL, singer) for singer in singers]
        at += cells * CELL
    for span in result.timeline:
        names = [*span.singers, *(f"unknown {number}" for number in span.unknown)]
        found += [Turn("x", span.start_s, span.end_s, name) for name in names]
    return truth, found


def rate(result, turns, known=("Ada", "Bea", "Cy", "Dot", "Eve")):
    return diarization_errors(*errors(result, turns), known=set(known)).rate


def test_a_solo_song_has_one_voice(library):
    turns = [(("Ada",), 120)]
    result = asked(library, song(turns))
    assert [named.singer for named in result.singers] == ["Ada"]
    assert [(span.start_s, span.end_s, span.singers) for span in result.timeline] == [(0, 60, ("Ada",))]


def test_both_of_a_duet_are_named_and_their_turns_told(library):
    turns = [(("Ada",), 16), (("Bea",), 12), (("Ada",), 20), (("Bea",), 30)]
    result = asked(library, song(turns))
    assert result.decision == "known"
    assert [named.singer for named in result.singers] == ["Bea", "Ada"]
    assert rate(result, turns) < 0.05
    assert result.singers[0].seconds == pytest.approx(21, abs=1)


def test_a_guest_of_five_seconds_is_found_in_a_long_song(library):
    turns = [(("Ada",), 150), (("Cy",), 12), (("Ada",), 150)]
    assert rate(asked(library, song(turns)), turns) < 0.02


def test_strangers_have_numbers_and_the_same_one_has_the_same(library):
    turns = [(("Zoe",), 20), (("Ada",), 20), (("Yan",), 20), (("Zoe",), 20)]
    result = asked(library, song(turns))
    assert [span.unknown for span in result.timeline] == [(1,), (), (2,), (1,)]
    assert [named.singer for named in result.singers] == ["Ada"]


def test_two_at_once_are_told(library):
    turns = [(("Ada",), 30), (("Ada", "Bea"), 20), (("Bea",), 30)]
    result = asked(library, song(turns, spread=0.4))
    assert [set(span.singers) for span in result.timeline] == [{"Ada"}, {"Ada", "Bea"}, {"Bea"}]
    assert rate(result, turns) < 0.05


def test_nobody_is_named_in_a_pause_and_changes_fall_into_pauses(library):
    turns = [(("Ada",), 20), ((), 20), (("Ada",), 20), (("Bea",), 20)]
    result = asked(library, song(turns, pauses=[(30.2, 30.5)]))
    spans = [(span.start_s, span.end_s, span.singers) for span in result.timeline]
    assert spans == [(0, 10, ("Ada",)), (20, 30.2, ("Ada",)), (30.5, 40, ("Bea",))]


def test_a_singer_named_by_a_person_is_the_most_similar_voice_and_the_only_name(library):
    turns = [(("Ada",), 30), (("Bea",), 30)]
    number = library.core.contents.require("Bea")
    result = asked(library, song(turns), Known(singer=number))
    assert [named.singer for named in result.singers] == ["Bea"]
    assert [(span.singers, span.unknown) for span in result.timeline] == [((), (1,)), (("Bea",), ())]


def test_a_singer_ruled_out_by_a_person_is_never_named(library):
    number = library.core.contents.require("Ada")
    turns = [(("Ada",), 30), (("Bea",), 30)]
    result = asked(library, song(turns), Known(refused=frozenset({number})))
    assert "Ada" not in {name for span in result.timeline for name in span.singers}


@pytest.mark.parametrize("seed", range(8))
def test_a_song_of_one_stranger_names_nobody(library, seed):
    result = asked(library, song([(("Zoe",), 100)], seed=seed))
    assert not result.singers
    assert {span.unknown for span in result.timeline} == {(1,)}


def test_a_voice_alone_is_heard_between_its_pauses():
    sounds = np.ones(100, np.bool_)
    of = HeardCells(np.zeros((20, 1, 2), np.float32), np.full(20, 0.2, np.float32), CELL, sounds)
    assert not voiced_cells(of).any()
    sounds[30:50] = False
    assert voiced_cells(of).any()


def test_a_name_is_as_sure_as_the_voice_that_has_it(library):
    result = asked(library, song([(("Ada",), 30), (("Bea",), 34)]))
    for named in result.singers:
        assert named.probability >= max(
            span.probability for span in result.timeline if span.singers == (named.singer,)
        )


def test_a_turn_that_reaches_into_cells_without_a_voice_is_as_sure():
    sung = np.array([0.05] * 10 + [0.95] * 4 + [0.45] + [0.05] * 10, np.float32)
    states = np.where(sung > 0.5, 0, -1)
    chances = (states >= 0).astype(float)[:, None]
    vectors = np.zeros((25, 1, 2), np.float32)
    parting = Parting(np.zeros((1, 2), np.float32), np.zeros((0, 2), np.int64), states, chances, chances)
    (turn,) = turns_of(
        parting, HeardCells(vectors, sung, CELL, np.ones(125, np.bool_)), np.zeros(1, int), 12.5
    )
    assert turn.end_s > 7
    assert turn.chance == 1


def test_no_turn_ends_behind_the_song(library):
    of = song([(("Ada",), 30)])
    result = asked(library, replace(of, seconds=14.97))
    assert result.timeline[-1].end_s == 14.97


def test_a_guest_of_six_seconds_is_found_in_an_hour_and_so_is_a_stranger_of_twenty(library):
    turns = [(("Ada",), 3500), (("Cy",), 20), (("Ada",), 2000), (("Zoe",), 40), (("Ada",), 1500)]
    result = asked(library, song(turns))
    assert {span.singers for span in result.timeline} == {("Ada",), ("Cy",), ()}


def test_a_concert_of_eight_has_eight(tmp_path):
    names = ("Ada", "Bea", "Cy", "Dot", "Eve", "Fia", "Gus", "Hal")
    turns = [((name,), 60) for name in names]
    with made(tmp_path / "L", names, takes=6) as many:
        result = asked(many, song(turns))
        # With eight voices the threshold is higher: one of them may stay unknown.
        assert len({(span.singers, span.unknown) for span in result.timeline}) == 8
        assert len(result.singers) >= 7


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.filterwarnings("error")
def test_any_song_gives_a_sound_timeline(library, seed):
    rng = np.random.default_rng(seed)
    everybody = ("Ada", "Bea", "Cy", "Zoe", "Yan")
    turns = []
    for _ in range(rng.integers(1, 9)):
        count = rng.choice([0, 1, 1, 1, 2])
        turns.append((tuple(rng.choice(everybody, count, replace=False).tolist()), int(rng.integers(1, 25))))
    if not any(singers for singers, _ in turns):
        turns.append((("Ada",), 3))
    of = song(turns, spread=float(rng.uniform(0.2, 1.5)), seed=seed)
    result = asked(library, replace(of, seconds=of.seconds - 0.03))
    json.dumps(result.to_json(), allow_nan=False)
    ends = [0.0]
    strangers = []
    for span in result.timeline:
        assert ends[-1] <= span.start_s < span.end_s <= result.seconds
        assert 0 <= span.probability <= 1
        assert span.singers or span.unknown
        ends.append(span.end_s)
        strangers += [number for number in span.unknown if number not in strangers]
    assert strangers == sorted(strangers) == list(range(1, 1 + len(strangers)))


def test_nobody_sings_in_silence_whatever_a_network_says_of_it():
    sounds = np.ones(100, np.bool_)
    sounds[30:70] = False
    of = HeardCells(np.zeros((20, 1, 2), np.float32), np.full(20, 0.9, np.float32), CELL, sounds)
    np.testing.assert_array_equal(np.flatnonzero(~voiced_cells(of)), np.arange(6, 14))


@pytest.mark.parametrize("seed", range(20))
def test_a_voice_between_two_known_ones_is_one_although_it_varies(seed):
    """A voice that is sometimes more like one singer and sometimes more like the other is not a duet."""
    rng = np.random.default_rng(seed)
    own = direction("Ada")
    known = np.stack([own + 0.4 * direction(other) for other in ("Bea", "Cy")] + [direction("Dot")])
    known = (known / np.linalg.norm(known, axis=1, keepdims=True)).astype(np.float32)
    cells, away = np.empty((120, SIZE), np.float32), np.zeros(SIZE)
    for cell in range(len(cells)):
        step = rng.standard_normal(SIZE)
        away = 0.8 * away + 0.6 * step / np.linalg.norm(step)
        cells[cell] = own + away
    cells /= np.linalg.norm(cells, axis=1, keepdims=True)
    assert len(part(cells, np.ones(120, np.bool_), known).means) == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_voice_between_two_known_ones_is_one_although_verse_and_chorus_differ(seed):
    """Each singer fits a part of the song better, but both parts have the same voice."""
    rng = np.random.default_rng(seed)
    own = direction("Ada")
    known = np.stack([own + 0.6 * direction(other) for other in ("Bea", "Cy")] + [direction("Dot")])
    known = (known / np.linalg.norm(known, axis=1, keepdims=True)).astype(np.float32)
    sung = [own + 0.5 * direction(towards) for towards in ("Bea", "Cy", "Bea", "Cy") for _ in range(35)]
    noise = rng.standard_normal((len(sung), SIZE))
    cells = np.array(sung) + 0.8 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    cells = (cells / np.linalg.norm(cells, axis=1, keepdims=True)).astype(np.float32)
    assert len(part(cells, np.ones(len(cells), np.bool_), known).means) == 1


def test_the_best_singer_of_the_whole_song_is_not_named_if_all_voices_have_other_names():
    timeline = SongTimeline(
        (SongTurn(0.0, 10.0, (0,), 1.0), SongTurn(10.0, 16.0, (1,), 1.0)), {0: 0.9, 1: 0.8}
    )
    of = heard("nobody", 1)
    named = named_singers(timeline, ("Ada", "Bea", "Cy"), of, (2, 0.99))
    assert [(one.singer, one.seconds) for one in named] == [("Ada", 10.0), ("Bea", 6.0)]
    nothing = named_singers(SongTimeline(), ("Ada", "Bea", "Cy"), of, (2, 0.99))
    assert [(one.singer, one.seconds) for one in nothing] == [("Cy", of.voice_seconds)]


def test_the_number_of_voices_is_used_where_no_band_plays(library):
    """The network that counts voices takes a band for a voice, so it is used without a band only."""
    turns = [(("Ada",), 30), (("Ada", "Bea"), 20), (("Bea",), 30)]
    of = song(turns, spread=1.2, pauses=[(5, 9), (30, 34)])
    several = np.array([3.0 if len(singers) > 1 else -3.0 for singers, cells in turns for _ in range(cells)])

    def together(cells):
        return sum(
            span.end_s - span.start_s
            for span in asked(library, replace(of, cells=cells)).timeline
            if len(span.singers) + len(span.unknown) == 2
        )

    told = replace(of.cells, several=several.astype(np.float32))
    assert together(told) == pytest.approx(10, abs=1)
    assert together(replace(told, several=-told.several)) == 0
    band = replace(told, sounds=np.ones_like(told.sounds))
    assert together(band) == together(replace(band, several=None))
