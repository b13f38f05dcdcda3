"""singerid identify --format --output --timeline --singer: what it writes, and how it ends."""

import csv
import json
import os
import re
import shutil

import pytest

from singerid.identify.formats import FORMATS


@pytest.fixture
def songs(recordings, tmp_path):
    """Two songs with the same file name that the network names right, and a broken file."""
    folder = tmp_path / "my music"
    for singer in ("tenor", "alto"):
        (folder / singer).mkdir(parents=True)
        shutil.copy(recordings.tree / singer / "second" / "1.flac", folder / singer / "song.flac")
    return folder


@pytest.fixture
def ask(singerid, trained):
    """Runs `singerid identify` with all clips voting, because these buzzes are not voices."""
    return lambda *arguments, **environment: singerid(
        "identify", trained.path, *arguments, "--all-clips", **environment
    )


def one_error(done, message):
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_one_song_in_every_format(name, ask, songs, tmp_path):
    song, target = songs / "tenor" / "song.flac", tmp_path / "answer"
    done = ask(song, "--format", name, "--output", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{target}: 1 file written\n"
    if FORMATS[name].is_text:
        printed = ask(song, "--format", name)
        assert (printed.returncode, printed.stderr) == (0, "")
        if name not in ("m3u8", "table"):  # whose places, and widths, are others
            assert printed.stdout == target.read_text(encoding="utf-8")
        assert "tenor" in printed.stdout


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].about != "everything"])
def test_a_folder_of_files(name, ask, songs, tmp_path):
    (songs / "broken.mp3").write_text("no sound")
    folder = tmp_path / "files"
    done = ask(songs, "--format", name, "--output", f"{folder}/")
    assert done.returncode == 3
    assert re.fullmatch(r"singerid: .*broken\.mp3: is no sound file.*\n", done.stderr)
    assert done.stdout == f"{folder}: 2 files written\n"
    stems = {path.stem.partition(" ")[0] for path in folder.iterdir()}
    assert stems == ({"alto", "tenor"} if name == "m3u8" else {"song"})


def test_a_single_file_has_its_timeline_and_many_where_it_is_wanted(ask, songs):
    alone = ask(songs / "tenor" / "song.flac")
    assert "from start to end" in alone.stdout
    assert re.search(r"│ 0:00 +│ 0:0\d +│ tenor", alone.stdout)
    many = ask(songs)
    assert "from start to end" in many.stdout  # of a network, whose timeline costs nothing
    assert "│ 0:00" not in many.stdout
    every = ask(songs, "--timeline")
    assert every.stdout.count("│ 0:00") == 2
    without = ask(songs / "tenor" / "song.flac", "--no-timeline")
    assert without.returncode == 0
    assert "from start to end" not in without.stdout
    assert "│ 0:00" not in without.stdout
    told = json.loads(ask(songs / "tenor" / "song.flac", "--no-timeline", "--json").stdout)
    assert "timeline" not in told
    assert told["clips"] > 0
    (first, second) = map(json.loads, ask(songs, "--json").stdout.splitlines())
    assert first["timeline"]
    assert second["timeline"]


def test_only_songs_in_which_somebody_is_named(ask, songs, tmp_path):
    rows = list(csv.DictReader(ask(songs, "--csv", "--singer", "Tenor").stdout.splitlines()))
    assert [row["singer"] for row in rows] == ["tenor"]
    both = ask(songs, "--csv", "--singer", "tenor", "--singer", "alto").stdout
    assert len(both.splitlines()) == 3
    none = ask(songs, "--format", "m3u8", "--singer", "bass")
    assert (none.returncode, none.stdout) == (0, "#EXTM3U\n")
    one_error(ask(songs, "--singer", "tenr"), "--singer: nobody is called 'tenr'; near names: tenor")


def test_a_playlist_moves_with_the_music(ask, songs):
    done = ask(songs, "--format", "m3u8", "--singer", "alto", "--output", songs / "alto.m3u8")
    assert done.returncode == 0, done.stderr
    lines = (songs / "alto.m3u8").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    assert re.fullmatch(r"#EXTINF:\d,alto - song", lines[1])
    assert lines[2:] == ["alto/song.flac"]
    again = ask(songs, "--format", "m3u8", "--singer", "alto", "--output", songs / "alto.m3u8")
    assert again.returncode == 0, again.stderr  # the playlist itself is passed over
    assert (songs / "alto.m3u8").read_text(encoding="utf-8").splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SONGS", "--format", "webvt"], "unknown format 'webvt'; near names: webvtt"),
        (["SONGS", "--format", "webvtt"], "--format webvtt writes one file per song; give a folder for them"),
        (["SONG", "SONG", "--format", "png"], "--format png writes one file per song"),
        (["SONGS", "--json", "--output", "SONGS"], "music: is a folder, but --format json writes one file"),
        (["SONGS", "--output", "SONGS/no/x"], "no: does not exist; make it, or choose another"),
        (["SONGS", "--format", "jams", "--output", "SONG"], "song.flac: is a file, but each song gets"),
        (["SONG", "--json", "--output", "SONG"], "song.flac: is a recording; write elsewhere"),
        (["SONG", "--format", "rttm", "--no-timeline"], "--format rttm consists of the timeline; leave"),
        (["SONG", "--format", "rttm", "--json"], "--format sets the format already; leave out"),
    ],
)
def test_what_cannot_be_is_one_line(arguments, message, ask, songs):
    song = songs / "tenor" / "song.flac"
    before = song.read_bytes()
    places = {"SONGS": songs, "SONG": song, "SONGS/no/x": songs / "no" / "x"}
    one_error(ask(*(places.get(argument, argument) for argument in arguments)), message)
    assert song.read_bytes() == before


def test_a_picture_is_not_printed_on_a_terminal(singerid, trained, songs):
    pty = pytest.importorskip("pty", reason="no terminals of this kind")
    controlling, terminal = pty.openpty()
    song = songs / "tenor" / "song.flac"
    command = ("identify", trained.path, song, "--all-clips", "--format", "png")
    with singerid.start(*command, stdout=terminal) as refused:
        os.close(terminal)
        assert "--format png is not text that a terminal can show" in refused.stderr.read()
        assert refused.wait() == 2
    os.close(controlling)


def test_a_full_disk_leaves_the_old_file(singerid, trained, songs, tmp_path):
    target = tmp_path / "old.png"
    target.write_bytes(b"old")
    song = songs / "tenor" / "song.flac"
    command = ("identify", trained.path, song, "--all-clips", "--format", "png", "--output", target)
    done = singerid(*command, file_limit=1000)
    assert done.returncode == 2
    assert "old.png: cannot be written (File too large)" in done.stderr
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["old.png"]


def test_standard_output_may_be_closed_where_a_file_is_written(ask, songs, tmp_path, singerid, trained):
    target = tmp_path / "x.json"
    command = ("singerid", "identify", trained.path, songs, "--all-clips", "--json", "--output", target)
    script = (
        "import os, sys; os.close(1); sys.stdout = None\n"
        "from singerid.cli import main\n"
        f"sys.argv = {[*map(str, command)]}\n"
        "main()"
    )
    done = singerid(code=script)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"singerid: {target}: 1 file written\n"
    assert len(target.read_text(encoding="utf-8").splitlines()) == 2
