"""The contract of all formats: each is as it declares, and no name breaks it."""

import subprocess
import sys

import pytest
from made_answers import NAMES, answer, duet, written

from singerid.errors import Failure
from singerid.identify.formats import FORMATS
from singerid.identify.result import Span

FAILED = Failure("songs/broken.mp3", "is empty")
NOBODY = answer("songs/band.mp3")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_what_it_says(name):
    form = FORMATS[name]
    assert form.suffix.startswith(".")
    assert form.suffix == form.suffix.lower()
    song = duet("Ann", "Bob")
    document = written(name, [song])
    assert isinstance(document, str if form.is_text else bytes)
    assert document == written(name, [song])  # the same bytes for the same answers
    without = written(name, [answer(song.path, seconds=song.seconds)])
    assert without != document
    if form.needs_timeline:
        assert "Ann" not in str(without)
    if form.is_text:
        document.encode("utf-8")
        assert document.endswith("\n") or not document


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].about != "song"])
def test_formats_of_many_songs_write_each_as_it_comes(name):
    first, second = duet("Ann", "Bob", "songs/one.mp3"), duet("Bob", "Cy", "songs/two.mp3")
    document = written(name, iter([first, FAILED, NOBODY, second]))
    assert "one.mp3" in document
    assert document.index("one.mp3") < document.index("two.mp3")
    assert ("broken.mp3" in document) == (name in ("json", "csv"))
    if name not in ("table", "m3u8"):  # a heading, or a first line, may come before anything
        assert document.startswith(written(name, [first]))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("singer", NAMES, ids=ascii)
def test_any_name_of_a_singer_or_a_file_is_written(name, singer):
    # Characters that no file name can hold are left out here.
    path = f"songs/{singer.replace('/', '_')}.mp3".replace("\x00", "").replace("\ud800", "")
    assert written(name, [duet(singer, f"{singer} the other", path)])


@pytest.mark.parametrize("name", FORMATS)
def test_songs_of_nobody_and_of_strangers_alone_are_written(name):
    strangers = answer("songs/x.mp3", Span(0.0, 2.0, (), 0.5, (1, 2)), Span(2.0, 4.0, (), 0.5, (2,)))
    for song in (NOBODY, strangers):
        assert isinstance(written(name, [song]), str if FORMATS[name].is_text else bytes)


def test_a_format_is_loaded_when_it_is_asked_for():
    """Numbers need no figures, pictures do."""
    script = (
        "import sys\n"
        "from singerid.identify.formats import FORMATS\n"
        "for name in ('table', 'json', 'csv', 'rttm', 'audacity', 'jams', 'webvtt', 'm3u8', 'svg', 'png'):\n"
        "    FORMATS[name]\n"
        "assert not {'matplotlib', 'torch', 'jams', 'pandas'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
