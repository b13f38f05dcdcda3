"""Stored answers: filtered, sorted, recomputed, marked as out of date; and the queue of jobs."""

import time

import numpy as np
import pytest

from made_voices import direction, heard, made, write_voice
from singerid.library.answers import without_name
from singerid.library.database import Database
from singerid.library.library import Library


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library") as opened:
        yield opened


def content(decision="unknown", singers=(), probability=0.5, spans=(), **more):
    return {
        "path": "x",
        "decision": decision,
        "singers": [{"singer": one, "probability": probability, "seconds": 9.0} for one in singers],
        "probability": probability,
        "seconds": 100.0,
        "voice_seconds": 80.0,
        "timeline": list(spans),
    } | more


def put(library, path, state=None, **options):
    return library.answers.put(
        path, 1, 1, None, content(**options), library.state if state is None else state
    )


def listen(library, path, singer, number, **options):
    """Store the answer for a recording of a made-up voice."""
    write_voice(path, 100.0 + number * 7, 1.0, number)
    return library.keep(path, heard(singer, 50 + number), **options)


def test_they_are_chosen_and_sorted(library):
    one = put(library, "/m/Beta/Über.wav", decision="known", singers=["Ada"], probability=0.9)
    two = put(library, "/m/alpha.wav", decision="known", singers=["Bea", "Ada"], probability=0.8)
    three = put(library, "/m/c.wav", decision="ambiguous", probability=0.3)
    four = put(library, "/m/a.wav", decision="no_voice", probability=None)
    answers = library.answers
    assert answers.choose(order="name")[0] == [four, two, three, one]
    assert answers.choose(order="newest")[0] == [four, three, two, one]
    assert answers.choose(order="probability")[0] == [three, two, one, four]
    assert answers.choose(order="decision")[0] == [two, one, three, four]
    assert answers.choose(singer="ADA", order="name") == (
        [two, one],
        {"known": 2, "ambiguous": 0, "unknown": 0, "no_voice": 0},
    )
    assert answers.choose("ambiguous")[0] == [three]
    assert answers.choose("ambiguous")[1]["known"] == 2  # the counts of the other decisions
    assert answers.choose(q="ÜBER ada")[0] == [one]
    assert [one.path for one in answers.of([three, 999, one])] == ["/m/c.wav", "/m/Beta/Über.wav"]
    assert answers.remove(two)
    assert not answers.remove(two)
    assert answers.choose(singer="Bea")[0] == []


def test_a_name_that_is_no_utf8_is_kept(library):
    number = put(library, "/m/\udce9.wav", name="\udce9")
    assert library.answers.get(number).path == "/m/\udce9.wav"
    assert library.answers.at("/m/\udce9.wav").id == number


def test_ten_thousand_are_shown_at_once(library):
    spans = [{"start_s": i, "end_s": i + 1, "probability": 0.5, "singers": ["Ada"]} for i in range(12)]
    with library.core.database.changing():
        for number in range(10_000):
            put(library, f"/music/{number % 97}/{number}.mp3", singers=["Ada"], spans=spans, decision="known")
    start = time.monotonic()
    ids, counts = library.answers.choose(q="97", order="probability")
    first = time.monotonic() - start
    start = time.monotonic()
    ids, counts = library.answers.choose(singer="Ada", order="name")
    library.answers.of(ids[5000:5500])
    again = time.monotonic() - start
    assert counts["known"] == len(ids) == 10_000
    assert first < 3.0, first
    assert again < 1.0, again
    print(f"10,000 answers: {first:.2f} s the first time, {again:.2f} s then")


def test_a_heard_file_is_answered_and_stored_without_a_singer(library, tmp_path):
    before = len(library.journal())
    number = listen(library, tmp_path / "a.wav", "Ada", 1, name="My Song.wav")
    answer = library.answers.get(number)
    assert (answer.content["decision"], answer.name) == ("known", "My Song.wav")
    assert answer.content["singers"][0]["singer"] == "Ada"
    assert answer.state == library.state
    assert "name" not in answer.result
    recording = library.core.contents.recordings[library.core.contents.index[answer.recording]]
    assert recording.role == "heard"
    assert len(library.journal()) == before  # there is nothing to take back


def test_a_correction_is_answered_without_hearing(library, tmp_path):
    one = listen(library, tmp_path / "a.wav", "Dora", 1)
    two = listen(library, tmp_path / "b.wav", "Dora", 2)
    assert {library.answers.get(number).content["decision"] for number in (one, two)} != {"known"}
    (tmp_path / "a.wav").unlink()
    (tmp_path / "b.wav").unlink()
    library.say(library.answers.get(one).recording, singer="Dora")
    assert library.answers.get(two).state != library.state
    assert library.answer_again() is None
    assert library.answers.get(one).content["said"] is True
    for number in (one, two):
        answer = library.answers.get(number)
        assert answer.content["singers"][0]["singer"] == "Dora"
        assert answer.state == library.state
    library.undo()
    library.answer_again()
    assert "Dora" not in str(library.answers.get(two).content)


def test_it_is_the_same_answer_as_hearing_would_give(library, tmp_path):
    number = listen(library, tmp_path / "a.wav", "Ada", 1)
    before = library.answers.get(number).content
    library.rename("Cy", "Cyd")
    assert library.answer_again() is None
    again = library.answers.get(number).content
    assert again["decision"] == before["decision"]
    assert again["probability"] == pytest.approx(before["probability"])
    assert [one["singer"] for one in again["candidates"]] == [
        one["singer"].replace("Cy", "Cyd") for one in before["candidates"]
    ]


def test_for_several_voices_only_statements_change_an_answer(library, tmp_path):
    number = listen(library, tmp_path / "a.wav", "Ada", 1)
    spans = [
        {"start_s": 0.0, "end_s": 9.0, "probability": 0.9, "singers": ["Ada"]},
        {"start_s": 9.0, "end_s": 12.0, "probability": 0.9, "singers": ["Bea"]},
    ]
    library.answers.renew([(number, content("known", ["Ada", "Bea"], 0.9, spans), library.state)])
    library.say(library.answers.get(number).recording, never="Bea")
    library.answer_again()
    answer = library.answers.get(number)
    assert answer.state != library.state  # the rest of the answer needs a new hearing
    assert [one["singer"] for one in answer.content["singers"]] == ["Ada"]
    assert answer.content["timeline"][1]["unknown"] == [1]
    library.say(answer.recording, singer="Cy")
    library.answer_again()
    named = library.answers.get(number).content
    assert [one["singer"] for one in named["singers"]] == ["Cy"]
    assert named["timeline"][0]["singers"] == ["Cy"]  # the voice that sings longest


def test_a_removed_name_becomes_a_stranger_of_the_song():
    spans = [{"start_s": 0, "end_s": 1, "probability": 1, "singers": ["Ada", "Bea"], "unknown": [1]}]
    made = without_name(content("known", ["Ada"], spans=spans), ["Ada"])
    assert made["decision"] == "unknown"
    assert made["timeline"] == [
        {"start_s": 0, "end_s": 1, "probability": 1, "singers": ["Bea"], "unknown": [1, 2]}
    ]


def test_names_follow_renaming_and_merging(library, tmp_path):
    number = listen(library, tmp_path / "a.wav", "Ada", 1)
    library.rename("Ada", "Adele")
    assert library.answers.get(number).content["singers"][0]["singer"] == "Adele"
    library.merge("Adele", "Bea")
    assert library.answers.get(number).content["singers"][0]["singer"] == "Bea"
    names = [one["singer"] for one in library.answers.get(number).content["candidates"]]
    assert len(names) == len(set(names))


def test_who_is_forgotten_is_in_no_answer(library, tmp_path):
    named = listen(library, tmp_path / "a.wav", "Ada", 1)
    said = listen(library, tmp_path / "b.wav", "Bea", 2)
    library.say(library.answers.get(said).recording, singer="Ada")
    library.answer_again()
    library.forget("Ada")
    assert library.answers.get(said) is None
    assert library.answers.get(named).content["decision"] == "unknown"
    assert b"Ada" not in (library.path / "library.sqlite3").read_bytes()


def test_recordings_without_a_singer_make_no_answer_out_of_date(library, tmp_path):
    state = library.state
    listen(library, tmp_path / "a.wav", "Dora", 1)
    assert library.state == state
    library.calibrate(0.3)
    assert library.state != state


def test_a_library_of_the_first_format_keeps_nothing_and_is_read(library, monkeypatch):
    monkeypatch.setattr(Database, "has_table", lambda self, name: name not in ("answers", "jobs", "nobody"))
    assert library.answers.choose()[0] == []
    assert library.answers.counts()["known"] == 0
    assert library.answers.get(1) is None
    assert library.jobs.latest() == []
    assert library.answer_again() is None


def test_jobs_are_taken_in_order_and_cancelled(library):
    jobs = library.jobs
    first, second, third = (jobs.add("hear", {"paths": [str(number)]}) for number in range(3))
    assert jobs.cancel(second.id)
    job, arguments = jobs.take()
    assert (job.id, job.state, arguments) == (first.id, "running", {"paths": ["0"]})
    assert jobs.progress(first.id, 1, 2, "a.wav")
    assert jobs.get(first.id).done == 1
    assert jobs.cancel(first.id)
    assert not jobs.progress(first.id, 2, 2)
    jobs.end(first.id, "done", "late")
    assert jobs.get(first.id).state == "cancelled"
    job, _ = jobs.take()
    assert job.id == third.id
    assert jobs.take() is None
    with Library.open(library.path) as other:  # whose worker has died
        other.jobs.resume()
        assert other.jobs.take()[0].id == third.id
    jobs.end(third.id, "done", "heard")
    assert not jobs.cancel(third.id)
    assert jobs.get(third.id).message == "heard"
    assert jobs.unfinished == 0


def test_made_up_voices_are_told_apart():
    assert abs(float(np.dot(direction("Ada"), direction("Bea")))) < 0.5
