"""The scripts in examples/ run as they stand."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import require_weights
from singerid.data.synthetic import CorpusConfig
from singerid.data.synthetic.corpus import write_corpus

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def sung_corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    write_corpus(folder, CorpusConfig(singers=4, albums=2, songs=1, seconds=8), workers=1)
    return folder


@pytest.fixture
def example(tmp_path, singerid, sung_corpus):
    """Runs a script of examples/ on a corpus: singers without their bands, and a folder of songs.

    The songs are one voice, which is left out of the singers, and one band.
    """
    require_weights("campplus")
    corpus = Path(shutil.copytree(sung_corpus, tmp_path / "corpus"))
    singers, songs = corpus / "vocals", tmp_path / "songs"
    song = sorted(path for path in singers.rglob("*") if path.is_file())[0]
    band = sorted(path for path in (corpus / "accompaniment").rglob("*") if path.is_file())[0]
    songs.mkdir()
    song.rename(songs / f"song{song.suffix}")
    band.rename(songs / f"band{band.suffix}")
    # `singerid` as the script finds it: a process each time, forked where that is possible.
    command = tmp_path / "bin" / "singerid"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.join(singerid.shell_command)} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}

    def run(name):
        done = subprocess.run(
            ["sh", EXAMPLES / name, singers, songs, tmp_path / "work"],
            capture_output=True,
            encoding="utf-8",
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


needs_shell = pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")


@needs_shell
def test_a_library_from_start_to_end(example) -> None:
    said = example("library.sh")
    assert "4 singers, 7 recordings (7 new" in said
    assert "Of 6 songs by 3 enrolled singers" in said  # calibrate
    assert "Somebody Else is now Somebody New: 1 recording moved" in said
    assert "taken back: merge" in said
    assert "Somebody Else is forgotten: 1 recording" in said
    assert said.rstrip().endswith("is undamaged")


@needs_shell
def test_names_into_music_files_and_out_again(example) -> None:
    said = example("tags.sh")
    dry, written, again, undone = (
        said.split(f"== {head}")[1].split("== ")[0]
        for head in ("What would be written?", "Written", "Once more", "Taken back")
    )
    assert "+ Nina Simone (vocals)" in dry
    assert "written" in written
    assert "every file sounds the same" in written
    assert "written" not in again
    assert "taken back: " in undone
    assert "and still does" in undone
    if shutil.which("ffprobe"):
        assert "SINGERID_LIBRARY" in written
        assert "SINGERID_LIBRARY" not in undone


@needs_shell
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_a_server_that_other_programs_ask(example, tmp_path) -> None:
    # A process of its own, not a fork behind a client: the script ends it by a signal.
    command = tmp_path / "bin" / "singerid"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m singerid "$@"\n', encoding="utf-8")
    said = example("serve.sh")
    assert "== Hear a folder\n2 songs heard" in said
    assert "path,decision,singer" in said
    assert "== A person knows better\nSomebody New\n" in said
    assert said.rstrip().endswith("ended with 143")
