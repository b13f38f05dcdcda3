"""singerid tag: what it prints, and how it ends."""

import json
import signal
import time
from pathlib import Path

import mutagen
import pytest

import made_voices
import music_files

EARS = Path(__file__).parent.parent / "small_ears.py"


@pytest.fixture
def run(singerid):
    """Runs the program with the encoder `small`, from the plugin small_ears.py."""

    def start(*arguments, **options):
        return singerid("--plugin", EARS, "tag", *arguments, **options)

    return start


@pytest.fixture
def music(tmp_path):
    """A folder of songs by two known singers and a stranger, and a text file."""
    folder = tmp_path / "music"
    for name, pitch in (("a.flac", "Ada"), ("b.mp3", "Bea")):
        music_files.write_song(folder / name, made_voices.PITCHES[pitch], title="A title", artist="The Band")
    music_files.write_song(folder / "stranger.ogg", 1000.0)
    (folder / "notes.txt").write_text("a text")
    return folder


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_dry_run_shows_what_would_change_and_changes_nothing(run, tag_library, music):
    before = _contents(music)
    done = run(tag_library, music)
    assert done.returncode == 0, done.stderr
    assert "+ Ada (vocals)" in done.stdout
    assert "+ Bea (vocals)" in done.stdout
    assert "2 files would be written, 1 file with nothing to write; add --write" in done.stdout
    assert "too few singers to prove its promise of 1%" in done.stderr
    assert _contents(music) == before


def test_write_again_and_undo(run, tag_library, music):
    done = run(tag_library, music, "--write")
    assert done.returncode == 0, done.stderr
    assert "2 files written" in done.stdout
    assert mutagen.File(music / "a.flac")["performer"] == ["Ada (vocals)"]
    assert mutagen.File(music / "a.flac")["artist"] == ["The Band"]
    again = run(tag_library, music, "--write")
    assert "3 files up to date" in again.stdout
    undone = run(tag_library, "--undo")
    assert undone.returncode == 0, undone.stderr
    assert undone.stdout.count("taken back: ") == 2
    assert "2 files restored" in undone.stdout
    assert "performer" not in mutagen.File(music / "a.flac")
    nothing = run(tag_library, "--undo", "--all")
    assert nothing.returncode == 2
    assert "nothing was written that could be taken back" in nothing.stderr


def test_undo_of_files_and_of_all(run, tag_library, music):
    run(tag_library, music, "--write")
    assert run(tag_library, "--undo", music / "a.flac").stdout.count("taken back") == 1
    some = run(tag_library, "--undo", music / "stranger.ogg")
    assert some.returncode == 2
    assert "nothing was written into it" in some.stderr
    assert run(tag_library, "--undo", "--all").stdout.count("taken back") == 1


def test_json_is_an_object_a_file(run, tag_library, music):
    done = run(tag_library, music, music / "missing.mp3", "--json")
    assert done.returncode == 3
    rows = {Path(row["path"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["a.flac"]["status"] == "would write"
    assert rows["a.flac"]["added"] == ["Ada (vocals)"]
    assert rows["a.flac"]["singers"][0]["singer"] == "Ada"
    assert rows["stranger.ogg"]["decision"] == "unknown"
    assert "check its name" in rows["missing.mp3"]["error"]


def test_a_file_that_cannot_be_written_is_one_line_and_the_rest_is_done(run, tag_library, music):
    (music / "b.mp3").chmod(0o444)
    done = run(tag_library, music, "--write")
    assert done.returncode == 3
    [line] = [line for line in done.stderr.splitlines() if "b.mp3" in line]
    assert line.endswith("b.mp3: is read-only; make it writable")
    assert mutagen.File(music / "a.flac")["performer"] == ["Ada (vocals)"]


def test_an_uncalibrated_library_shows_but_does_not_write(run, own_library, music):
    before = _contents(music)
    dry = run(own_library, music)
    assert dry.returncode == 3
    assert "held back" in dry.stdout
    [line] = [line for line in dry.stderr.splitlines() if "calibrate" in line]
    assert "--fpir 1%" in line
    assert "--force" in line
    wet = run(own_library, music, "--write")
    assert wet.returncode == 2
    assert wet.stderr.count("\n") == 1
    assert _contents(music) == before
    assert run(own_library, music / "a.flac", "--write", "--force").returncode == 0


def test_a_damaged_journal_is_one_line_and_nothing_is_written(run, tag_library, music):
    run(tag_library, music / "a.flac", "--write")
    journal = tag_library / "tags" / "journal.sqlite3"
    journal.write_bytes(b"\xa5" * 5000)
    before = _contents(music)
    done = run(tag_library, music, "--write")
    assert done.returncode == 3
    [line] = [line for line in done.stderr.splitlines() if "journal.sqlite3" in line]
    assert "is damaged" in line
    assert "move it away" in line
    assert "+ Bea (vocals)" in done.stdout  # the rest is done: what would change is shown
    assert _contents(music) == before
    assert run(tag_library, "--undo").returncode == 2


@pytest.mark.parametrize("kind", ["json", "nfo"])
def test_sidecars(run, tag_library, music, kind):
    done = run(tag_library, music, "--sidecar", kind, "--write")
    assert done.returncode == 0, done.stderr
    assert "2 files written" in done.stdout
    assert (music / {"json": "a.flac.singerid.json", "nfo": "a.nfo"}[kind]).exists()
    assert run(tag_library, "--undo").returncode == 0
    assert len(list(music.iterdir())) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give files or folders to tag, or --undo"),
        (["MUSIC", "--all"], "--all works with --undo only"),
        (["MUSIC", "--undo", "--all"], "either files or --all"),
        (["MUSIC", "--undo", "--write"], "--undo: leave out"),
        (["MUSIC", "--prior", "1"], "--prior: give a share"),
        (["MUSIC", "--sidecar", "xml"], "xml"),
        (["MUSIC/a.flac", "--watch"], "--watch takes folders"),
    ],
)
def test_wrong_usage_is_one_line(run, tag_library, music, arguments, message):
    done = run(tag_library, *(str(one).replace("MUSIC", str(music)) for one in arguments))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr


def test_what_is_no_library_is_told(run, tmp_path, music):
    assert "is no library" in run(tmp_path, music).stderr
    assert "is not a library" in run(tmp_path, "--undo").stderr


def test_nice_leaves_others_the_processor(singerid, tag_library, music):
    code = (
        "import os, sys; before = os.nice(0); "
        "from singerid.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "print('nicer by', os.nice(0) - before)"
    )
    done = singerid("--plugin", EARS, "tag", tag_library, music, "--nice", "5", code=code)
    assert "nicer by 5\n" in done.stdout, done.stderr


def test_watching_tags_what_is_there_and_what_arrives_until_it_is_interrupted(singerid, tag_library, music):
    late = music.parent / "late.flac"
    music_files.write_song(late, made_voices.PITCHES["Cy"])
    command = ("--plugin", EARS, "tag", tag_library, music, "--write", "--watch", "--threads", 1)
    with singerid.start(*command) as process:
        _until(lambda: "performer" in mutagen.File(music / "a.flac"))
        late.rename(music / "late.flac")
        _until(lambda: "performer" in mutagen.File(music / "late.flac"))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
        assert process.wait() == 130, stderr
    assert sorted(line.split(": ")[0].rsplit("/", 1)[1] for line in stdout.splitlines()) == [
        "a.flac", "b.mp3", "late.flac",
    ]  # fmt: skip
    assert stderr.splitlines()[-1] == "singerid: interrupted; run the same command again to go on"


def _until(is_so, seconds=60):
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "it does not come"
        time.sleep(0.1)
