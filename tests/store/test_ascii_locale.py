"""Stores and runs with names in any script, opened where the system's locale is plain ASCII."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from singerid.config import TrainingConfig
from singerid.data.tracks import Track, scan_tree
from singerid.preparation.prepare import prepare
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.store.reader import Store
from singerid.training.loop import train

SINGERS = ("Beyoncé", "椎名林檎")
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, and a run of one epoch."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(0)
    for singer in SINGERS:
        for album in ("É", "Ö", "б"):
            path = folder / "tree" / singer / album / "ñ.wav"
            path.parent.mkdir(parents=True)
            soundfile.write(path, random.uniform(-0.5, 0.5, 3 * 16_000), 16_000)
    prepare(scan_tree(folder / "tree"), folder / "tree", folder / "store")
    store = Store.open(folder / "store")
    split, how = make_split(store, SplitConfig())
    training = TrainingConfig(clip_seconds=1.0, epochs=1, batch_size=4)
    config = configure(store, split, how, "crnn", training, options={"width": 0.0625})
    train(store, folder / "run", config, split, torch.device("cpu"))
    return folder


def in_ascii(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "singerid", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **ASCII}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return done.stdout.decode("ascii")


@pytest.mark.skipif(os.name != "posix", reason="needs a locale of plain ASCII")
def test_a_store_and_a_run_of_utf_8_are_opened_in_plain_ascii(made: Path) -> None:
    assert json.loads(in_ascii("doctor", made / "store", "--json"))["tracks"] == 6
    assert "Beyonc\\xe9" in in_ascii("evaluate", made / "run", "--device", "cpu")


def test_the_id_depends_on_the_paths_bytes_and_not_on_the_locale() -> None:
    written = Track("Beyoncé/1.wav", "", "")
    read_in_ascii = Track("Beyonc\udcc3\udca9/1.wav", "", "")
    assert written.id == read_in_ascii.id
