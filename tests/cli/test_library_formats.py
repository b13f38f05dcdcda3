"""singerid identify LIBRARY in other formats than tables and JSON."""

import re
import shlex
from pathlib import Path

import pytest

import made_voices

EARS = Path(__file__).parent.parent / "small_ears.py"


@pytest.fixture
def ask(singerid, own_library):
    """Asks the library, which knows Ada, Bea and Cy."""
    return lambda *arguments: singerid("--plugin", EARS, "identify", own_library, *arguments)


@pytest.fixture
def music(tmp_path):
    """Songs by Ada, by Bea, by a stranger, and of nobody."""
    folder = tmp_path / "music"
    for name, pitch in (("ada", 203), ("bea", 293), ("stranger", 900)):
        made_voices.write_voice(folder / f"{name}.wav", pitch, 2.6, 77)
    made_voices.write_noise(folder / "band.wav")
    return folder


def test_playlists_of_a_folder(ask, music):
    done = ask(music, "--format", "m3u8", "--output", f"{music / 'lists'}/")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    found = {path.name: path.read_text(encoding="utf-8") for path in (music / "lists").iterdir()}
    assert found == {
        f"{singer}.m3u8": f"#EXTM3U\n#EXTINF:3,{singer} - {name}\n../{name}.wav\n"
        for singer, name in (("Ada", "ada"), ("Bea", "bea"))
    }


def test_only_songs_of_a_singer_of_the_library(ask, music):
    done = ask(music, "--csv", "--singer", "ADA")
    head, row = done.stdout.splitlines()
    assert head.startswith("path,decision,singer")
    assert row.startswith(f"{music / 'ada.wav'},known,Ada,")
    wrong = ask(music, "--csv", "--singer", "Adda")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.splitlines()[-1] == "singerid: --singer: nobody is called 'Adda'; near names: Ada"


def test_a_picture_a_song_whatever_the_decision(ask, music):
    done = ask(music, "--format", "svg", "--output", f"{music}-pictures/")
    assert done.returncode == 0, done.stderr
    pictures = Path(f"{music}-pictures")
    assert sorted(path.name for path in pictures.iterdir()) == [
        "ada.svg",
        "band.svg",
        "bea.svg",
        "stranger.svg",
    ]
    assert "nobody sings" in (pictures / "band.svg").read_text(encoding="utf-8")


def test_the_commands_of_the_page_work(singerid, own_library, music, tmp_path, monkeypatch):
    """The commands run unchanged, in a folder with such songs and such a library."""
    page = (Path(__file__).parent.parent.parent / "docs/formats.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    monkeypatch.chdir(tmp_path)
    own_library.rename("my-singers")
    (music / "ada.wav").rename("song.mp3")  # the content decides
    named = singerid("library", "rename", "my-singers", "Ada", "Nina Simone")
    assert named.returncode == 0, named.stderr
    for program, *arguments in commands:
        assert program == "singerid"
        done = singerid("--plugin", EARS, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    assert len(list(Path("pictures").iterdir())) == 3
    assert [path.name for path in Path("playlists").iterdir()] == ["Bea.m3u8"]
    assert Path("nina.m3u8").read_text(encoding="utf-8") == "#EXTM3U\n"
