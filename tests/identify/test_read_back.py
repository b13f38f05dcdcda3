"""Every format is read back by its public reader, or by its published grammar."""

import csv
import html
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree import ElementTree

import pytest
from made_answers import NAMES, answer, duet, turns, written

from singerid.data.rttm import name_of_field
from singerid.errors import Failure
from singerid.identify.formats import FORMATS, Document
from singerid.identify.formats.webvtt import NO_NAME
from singerid.identify.result import Span
from singerid.text import printable

OTHER = "Bob"
every_name = pytest.mark.parametrize("name", NAMES, ids=ascii)


@every_name
def test_json_lines(name):
    song = duet(name, OTHER, f"songs/{name}.mp3")
    lines = written("json", [song, Failure("x.mp3", "is empty")]).splitlines()
    read, failed = map(json.loads, lines)
    assert read == json.loads(json.dumps(song.to_json()))
    assert read["singers"][0]["singer"] == name
    assert read["timeline"][3] == {"start_s": 12.0, "end_s": 15.0, "probability": 0.7, "unknown": [1]}
    assert failed == {"path": "x.mp3", "error": "is empty"}


@every_name
def test_csv(name):
    document = written("csv", [duet(name, OTHER, f"songs/{name}.mp3")])
    (row,) = csv.DictReader(io.StringIO(document, newline=""))
    as_utf8 = name.encode("utf-8", "backslashreplace").decode()
    assert (row["path"], row["singer"]) == (f"songs/{as_utf8}.mp3", as_utf8)
    assert (row["decision"], row["seconds"]) == ("known", "30.0")


@every_name
def test_rttm(name, tmp_path):
    from pyannote.database.util import load_rttm

    song = duet(name, OTHER, f"songs/{name}.mp3")
    path = tmp_path / "songs.rttm"
    with path.open("w", encoding="utf-8", newline="") as file:
        FORMATS["rttm"].write([song, duet("Ann", OTHER, "b.mp3")], Document(file, path))
    recordings = load_rttm(path)
    assert {name_of_field(uri) for uri in recordings} == {song.path, "b.mp3"}
    (annotation,) = (recordings[uri] for uri in recordings if name_of_field(uri) == song.path)
    found = [
        (name_of_field(label), segment.start, segment.end)
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    assert sorted(found) == sorted(turns(name, OTHER))
    names = json.loads((tmp_path / "songs.rttm.names.json").read_text(encoding="utf-8"))
    used = {label for annotation in recordings.values() for label in annotation.labels()} | set(recordings)
    assert names == {field: name_of_field(field) for field in used if field != name_of_field(field)}


def test_the_map_of_rttm_belongs_to_its_file(tmp_path):
    path, beside = tmp_path / "a.rttm", tmp_path / "a.rttm.names.json"
    plain = answer("a.mp3", Span(0, 1, ("Ann",), 0.9))
    FORMATS["rttm"].write([plain], Document(io.StringIO(), path))
    assert not beside.exists()  # nothing was escaped
    FORMATS["rttm"].write([duet("Ann Lee", "Bob")], Document(io.StringIO(), path))
    assert json.loads(beside.read_text(encoding="utf-8"))["Ann%20Lee"] == "Ann Lee"
    FORMATS["rttm"].write([plain], Document(io.StringIO(), path))
    assert json.loads(beside.read_text(encoding="utf-8")) == {}


@every_name
def test_audacity(name):
    """Audacity Manual: one label per line: two times and a text, separated by tabs."""
    labels = []
    for line in written("audacity", [duet(name, OTHER)]).removesuffix("\n").split("\n"):
        found = re.fullmatch(r"(\d+\.\d{6})\t(\d+\.\d{6})\t([^\t\r\n]*)", line)
        assert found, line
        labels.append((found[3], float(found[1]), float(found[2])))
    assert labels == [(printable(voice), start, end) for voice, start, end in turns(name, OTHER)]


@every_name
def test_jams(name, tmp_path):
    import jams

    path = tmp_path / "song.jams"
    song = duet(name, OTHER, f"songs/{name.replace('/', '_')}.mp3")
    path.write_text(written("jams", [song]), encoding="utf-8")
    read = jams.load(str(path), validate=True, strict=True)
    assert read.file_metadata.duration == 30
    assert read.file_metadata.title == Path(song.path).stem
    found = [
        (segment.value, segment.time, round(segment.time + segment.duration, 6))
        for annotation in read.search(namespace="segment_open")
        for segment in annotation.data
    ]
    assert sorted(found) == sorted(turns(name, OTHER))
    assert [vars(annotation.sandbox).get("unknown") for annotation in read.annotations] == [None, None, 1, 2]
    # The mean over the turn: 4.5 s of .9 and 1.5 s of .6.
    assert read.annotations[0].data[0].confidence == pytest.approx(0.825)


@every_name
def test_webvtt(name):
    import webvtt

    document = written("webvtt", [duet(name, OTHER)])
    read = webvtt.from_string(document)
    shown = printable(name).strip() or NO_NAME
    expected = [
        ("00:00:01.000", "00:00:05.500", [shown]),
        ("00:00:05.500", "00:00:07.000", [shown, OTHER]),
        ("00:00:07.000", "00:00:10.250", [OTHER]),
        ("00:00:12.000", "00:00:15.000", ["unknown 1"]),
        ("00:00:20.000", "00:00:24.000", [shown, "unknown 2"]),
    ]
    found = [(cue.start, cue.end, [html.unescape(line) for line in cue.text.splitlines()]) for cue in read]
    assert found == expected
    assert html.unescape(read[0].voice) == shown
    assert [line.startswith("<v.unknown ") for cue in read for line in cue.lines].count(True) == 2


def test_times_of_webvtt_beyond_an_hour_and_at_a_rounding():
    import webvtt

    (cue,) = webvtt.from_string(
        written("webvtt", [answer("a", Span(59.9996, 36_061.0004, ("Ann",), 0.5), seconds=40_000)])
    )
    assert (cue.start, cue.end) == ("00:01:00.000", "10:01:01.000")


def entries(playlist: str) -> list[tuple[int, str, str]]:
    """Seconds, title and place of each song; extended M3U, strictly."""
    head, *lines = playlist.removesuffix("\n").split("\n")
    assert head == "#EXTM3U"
    found = []
    for about, place in zip(lines[::2], lines[1::2], strict=True):
        seconds, title = re.fullmatch(r"#EXTINF:(\d+),(.+)", about).groups()
        assert not place.startswith("#")
        assert place == place.strip()
        found.append((int(seconds), title, place))
    return found


def path_of(place: str) -> str:
    if not place.startswith("file://"):
        return place
    return unquote_to_bytes(urlsplit(place).path).decode("utf-8", "surrogateescape")


@every_name
def test_m3u8(name):
    path = f"/songs/{name.replace('/', '_')}.mp3".replace("\x00", "").replace("\ud800", "")
    song = duet(name, OTHER, path)
    unknown = answer("/songs/unknown.mp3", Span(0, 5, (), 0.9, (1,)))
    ((seconds, title, place),) = entries(written("m3u8", [unknown, song]))
    assert seconds == 30
    assert title.startswith(printable(name))
    assert path_of(place) == path


@pytest.mark.parametrize(
    "song", ["#1.mp3", "a:b.mp3", "http:/x.mp3", " blank.mp3", "blank.mp3 ", "a\nb.mp3", "\udcff.mp3"]
)
def test_a_playlist_moves_with_its_music(song, tmp_path):
    """Paths are relative to the playlist's folder, also if a link leads to it."""
    (tmp_path / "real" / "lists").mkdir(parents=True)
    (tmp_path / "short").symlink_to(tmp_path / "real" / "lists", target_is_directory=True)
    music = tmp_path / "real" / "music" / song
    music.parent.mkdir(parents=True)
    music.touch()
    for folder in (tmp_path / "real", tmp_path / "real" / "lists", tmp_path / "short"):
        file = io.StringIO()
        FORMATS["m3u8"].write([duet("Ann", "Bob", str(music))], Document(file, folder / "all.m3u8"))
        ((_, _, place),) = entries(file.getvalue())
        assert (folder / path_of(place)).samefile(music)
        assert place.startswith("file://") == (song in ("a\nb.mp3", "\udcff.mp3", "blank.mp3 "))
        assert place.startswith("file://") or not Path(place).is_absolute()


def test_a_playlist_beside_its_song_needs_no_folder(tmp_path):
    file = io.StringIO()
    songs = [duet("Ann", "Bob", str(tmp_path / name)) for name in ("a.mp3", "#b.mp3", "c:d.mp3")]
    FORMATS["m3u8"].write(songs, Document(file, tmp_path / "all.m3u8"))
    assert [place for _, _, place in entries(file.getvalue())] == ["a.mp3", "./#b.mp3", "./c:d.mp3"]


SVG = "{http://www.w3.org/2000/svg}"


@every_name
def test_svg(name):
    root = ElementTree.fromstring(written("svg", [duet(name, OTHER)]))
    assert root.tag == f"{SVG}svg"
    texts = ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]
    shown = " ".join(printable(name).split())
    assert shown in {" ".join(text.split()) for text in texts} | {"", " ".join(texts)} or len(name) > 28
    for label in (OTHER, "unknown 1", "unknown 2", "duet.mp3", "0:10", "0:30", "kHz"):
        assert label in texts


def test_png():
    from PIL import Image

    picture = Image.open(io.BytesIO(written("png", [duet("Ann", "Bob")])))
    assert (picture.format, picture.mode) == ("PNG", "RGBA")
    assert picture.width > 1000
    assert picture.height > 500
    colours = {colour for _, colour in picture.getcolors(10**6)}
    assert {(0x00, 0x72, 0xB2, 255), (0xD5, 0x5E, 0x00, 255)} <= colours  # a lane each


def test_png_says_which_characters_no_font_has(caplog):
    written("png", [duet("\U0010f1a0", "Bob")])
    (line,) = caplog.messages
    assert line.startswith("boxes stand for characters that no installed font has")


def test_table():
    text = written("table", [duet("two\nlines", "椎名 林檎")])
    rows = [re.split(r" *[│┃] *", line)[1:-1] for line in text.splitlines() if "│ 0:" in line]
    assert [row[2] for row in rows] == [
        *("two\\nlines", "two\\nlines + 椎名 林檎", "椎名 林檎", "unknown 1", "two\\nlines + unknown 2"),
    ]
    (song,) = (line for line in text.splitlines() if "duet.mp3" in line)
    assert "│ two\\nlines, 椎名 林檎 │" in song  # all named singers
    assert rows[0] == ["0:01", "0:05", "two\\nlines", "90%"]


def test_the_table_of_many_has_their_timelines_where_they_are_wanted():
    songs = [duet("Ann", "Bob", "one.mp3"), duet("Cy", "Dee", "two.mp3")]
    assert "Ann + Bob" not in written("table", songs)
    text = written("table", songs, timelines=True)
    places = [text.rindex(part) for part in ("one.mp3", "Ann + Bob", "two.mp3", "Cy + Dee")]
    assert places == sorted(places)
