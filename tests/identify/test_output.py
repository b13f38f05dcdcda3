"""Where answers go: standard output, a file, a folder; nothing that is there is harmed."""

import io
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from made_answers import NAMES, answer, duet

from made_voices import write_voice
from singerid.errors import Failure, SingeridError
from singerid.identify.formats import FORMATS
from singerid.identify.output import Output
from singerid.identify.result import Span

A_SONG = [name for name in FORMATS if FORMATS[name].about == "song"]
EVERYTHING = [name for name in FORMATS if FORMATS[name].about != "song"]


@pytest.fixture
def songs(tmp_path):
    """Two songs of one name, and another."""
    paths = [tmp_path / "music" / name for name in ("a/song.wav", "b/song.wav", "b/other.wav")]
    return [write_voice(path, 200.0, 1.0, number) for number, path in enumerate(paths)]


def answers(songs, singers=("Ann", "Bob", "Cy")):
    return [
        answer(str(song), Span(0.0, 0.8, (singer,), 0.9), seconds=1.0)
        for song, singer in zip(songs, singers, strict=True)
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_one_file(name, songs, tmp_path):
    target = tmp_path / "odd.name"
    target.write_text("of before")
    output = Output.choose(name, str(target), many=False)
    written = output.write(answers(songs[:1], ["Ann"]), songs[:1])
    assert written.text == f"{target}: 1 file written"
    assert not written.failures
    assert target.read_bytes() != b"of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["music", "odd.name"] + (
        ["odd.name.names.json"] if name == "rttm" and " " in str(tmp_path) else []
    )


@pytest.mark.parametrize("name", A_SONG)
def test_one_file_per_song_in_a_new_folder(name, songs, tmp_path):
    folder = tmp_path / "new" / "folder"
    output = Output.choose(name, str(folder), many=True)
    assert output.folder == folder
    outcomes = [*answers(songs), Failure("x.mp3", "is empty")]
    written = output.write(outcomes, songs)
    assert written.text == f"{folder}: 3 files written"
    suffix = FORMATS[name].suffix
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == f"other{suffix}"
    assert [name.partition(" ")[0] for name in names[1:]] == ["song", "song"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Again, in another order: each song finds its own file.
    output.write(reversed(answers(songs)), list(reversed(songs)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_one_song_goes_into_a_folder_that_is_there(songs, tmp_path):
    for place in (str(tmp_path), f"{tmp_path / 'new'}/"):
        output = Output.choose("webvtt", place, many=False)
        output.write(answers(songs[:1], ["Ann"]), songs[:1])
    assert (tmp_path / "song.vtt").is_file()
    assert (tmp_path / "new" / "song.vtt").is_file()


def test_one_playlist_per_singer(songs, tmp_path):
    told = [*answers(songs, ("AC/DC", "Ann", "ann")), duet("Ann", "../../Bob", str(songs[2]))]
    output = Output.choose("m3u8", f"{tmp_path / 'lists'}/", many=True)
    written = output.write(told, songs)
    found = {path.name: path.read_text(encoding="utf-8") for path in output.folder.iterdir()}
    assert len(found) == written.count == 4
    assert {"AC_DC.m3u8", "_._.._Bob.m3u8"} <= found.keys()
    (bobs,) = (text for name, text in found.items() if "Bob" in name)
    assert bobs.splitlines()[2] == "../music/b/other.wav"
    by_count = sorted(text.count("#EXTINF") for text in found.values())
    assert by_count == [1, 1, 3, 3]  # "Ann" and "ann" are one singer in two spellings


def test_only_songs_of_a_singer(songs, tmp_path):
    outcomes = [*answers(songs), Failure("x.mp3", "is empty")]
    file = tmp_path / "found.jsonl"
    Output.choose("json", str(file), many=True).write(outcomes, songs, singers=["bob ", "CY"])
    told = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [each["path"] for each in told] == [str(songs[1]), str(songs[2]), "x.mp3"]
    output = Output.choose("m3u8", f"{tmp_path / 'lists'}/", many=True)
    output.write([duet("Ann", "Bob", str(songs[0]))], songs, singers=["ann"])
    assert [path.name for path in output.folder.iterdir()] == ["Ann.m3u8"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_everything_goes_to_standard_output_as_it_comes(name, songs, monkeypatch):
    below = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(below, "utf-8"))
    output = Output.choose(name, None, many=True)
    seen = []

    def coming():
        for outcome in answers(songs):
            yield outcome
            seen.append(below.getvalue().decode("utf-8"))

    written = output.write(coming(), songs)
    assert written.text == ""
    told = below.getvalue().decode("utf-8")
    assert all(str(song) in told for song in songs)
    if name != "table":  # its columns are as wide as the widest row
        assert [str(song) in text for song, text in zip(songs, seen, strict=True)] == [True] * 3


def test_bytes_on_standard_output(songs, capfdbinary):
    Output.choose("png", None, many=False).write(answers(songs[:1], ["Ann"]), songs[:1])
    assert capfdbinary.readouterr().out.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("format", "place", "many", "message"),
    [
        (
            "webvtt",
            None,
            True,
            "`format='webvtt'` writes one file per song; give a folder for them: `output=FOLDER`",
        ),
        ("json", "FOLDER", True, "is a folder, but `format='json'` writes one file; give its name: "),
        ("json", "FOLDER/new/", True, "is a folder, but `format='json'` writes one file"),
        (
            "json",
            "FOLDER/missing/x.json",
            True,
            "missing: does not exist; make it, or choose another",
        ),
        ("png", "FOLDER/missing/x.png", False, "missing: does not exist"),
        ("jams", "FILE", True, "file.txt: is a file, but each song gets a file of its own; give a folder"),
        ("png", "FOLDER/x.png", True, "x.png: each song gets a file of its own; give a folder, for example"),
        ("jams", "FILE/", True, "file.txt: is a file, but each song"),
        ("jams", "FILE/folder", True, "cannot be written"),
        ("json", "/dev/null", False, "/dev/null: is not a regular file; give the name of a file"),
    ],
)
def test_places_that_cannot_be_are_told_before_anything_is_heard(format, place, many, message, tmp_path):
    (tmp_path / "file.txt").write_text("mine")
    if place is not None:
        place = place.replace("FOLDER", str(tmp_path)).replace("FILE", str(tmp_path / "file.txt"))
    with pytest.raises(SingeridError, match=re.escape(message)):
        Output.choose(format, place, many)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "mine"


def test_bytes_are_refused_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(SingeridError, match=r"`format='png'` is not text .*; give a file: `output=FILE`"):
        Output.choose("png", None, many=False)
    Output.choose("svg", None, many=False)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder here in which nobody may write")
def test_a_folder_that_cannot_be_written_is_told():
    for name, place in (("json", "/proc/x.json"), ("jams", "/proc/x/y"), ("jams", "/proc/")):
        with pytest.raises(SingeridError, match="cannot be written"):
            Output.choose(name, place, many=True)


def test_a_recording_is_never_written_over(songs, tmp_path):
    before = {song: song.read_bytes() for song in songs}
    linked = tmp_path / "link.json"
    os.link(songs[1], linked)
    with pytest.raises(SingeridError, match="is a recording; write elsewhere"):  # before any is heard
        Output.choose("json", str(songs[0]), many=True)
    output = Output.choose("json", str(linked), many=True)
    with pytest.raises(SingeridError, match="is a recording; write elsewhere"):
        output.write(answers(songs), songs)
    # A song with the name that its own picture would have.
    song = songs[0].rename(tmp_path / "song.png")
    output = Output.choose("png", str(tmp_path), many=True)
    written = output.write(answers([song, songs[2]], ["Ann", "Bob"]), [song, songs[2]])
    assert [failure.path for failure in written.failures] == [str(song)]
    assert "is a recording" in written.failures[0].reason
    assert (tmp_path / "other.png").is_file()
    assert song.read_bytes() == before[songs[0]]
    assert all(path.read_bytes() == before[path] for path in songs[1:])


def test_a_song_that_vanishes_before_its_picture_stops_nothing(songs, tmp_path):
    output = Output.choose("png", f"{tmp_path / 'pictures'}/", many=True)

    def coming():
        for outcome in answers(songs):
            if outcome.path == str(songs[1]):
                songs[1].unlink()
            yield outcome

    written = output.write(coming(), songs)
    assert written.failures == (Failure(str(songs[1]), "does not exist; check the name"),)
    assert written.count == len(list(output.folder.iterdir())) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_an_error_on_the_way_leaves_the_old_file(name, songs, tmp_path):
    target = tmp_path / "old"
    target.write_text("old")

    def coming():
        yield from answers(songs[:1], ["Ann"])
        raise KeyboardInterrupt

    output = Output.choose(name, str(target), many=False)
    with pytest.raises(KeyboardInterrupt):
        output.write(coming(), songs)
    if FORMATS[name].about != "song":  # that song's file is done
        assert target.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"music", "old"}


@pytest.mark.parametrize("name", FORMATS)
def test_names_of_every_kind_become_files(name, tmp_path):
    """Singers of every name, and songs of every name that a system allows."""
    letters = [name.replace("/", "_").replace("\x00", "").replace("\ud800", "") for name in NAMES]
    songs = [tmp_path / "music" / f"{number} {each}.wav" for number, each in enumerate(letters)]
    first = write_voice(tmp_path / "music" / "first.wav", 200.0, 0.5)
    for song in songs:
        shutil.copy(first, song)
    told = answers(songs, NAMES)
    many = FORMATS[name].about != "everything"
    place = f"{tmp_path / 'out'}{'/' if many else ''}"
    written = Output.choose(name, place, many=True).write(told, songs)
    assert not written.failures
    assert written.count == (len(NAMES) if many else 1)
