"""The scripts in examples/ run as they stand."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import require_weights
from singerid.data.synthetic import CorpusConfig
from singerid.data.synthetic.corpus import write_corpus

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")
def test_a_library_from_start_to_end(tmp_path, singerid) -> None:
    require_weights("campplus")
    corpus = tmp_path / "corpus"
    write_corpus(corpus, CorpusConfig(singers=4, albums=2, songs=1, seconds=12), workers=1)
    # Voices are enrolled without their bands; asked about are one of them, which is left out, and a band.
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
    done = subprocess.run(
        ["sh", EXAMPLES / "library.sh", singers, songs, tmp_path / "work"],
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert "4 singers, 7 recordings (7 new" in said
    assert "Of 6 songs by 3 enrolled singers" in said  # calibrate
    assert "Somebody Else is Somebody New now: 1 recording moved" in said
    assert "taken back: merge" in said
    assert "Somebody Else is forgotten: 1 recording" in said
    assert said.rstrip().endswith("is whole")
