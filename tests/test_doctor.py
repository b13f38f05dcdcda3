"""The doctor, on this machine and on stores that were damaged on purpose."""

import json
import os
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from programs import Program
from singerid.data.tracks import scan_tree
from singerid.doctor import check_machine, check_package, check_store
from singerid.errors import SingeridError
from singerid.preparation.prepare import prepare
from singerid.store.reader import Store

# Other systems' file systems refuse such names.
NOT_UTF8 = os.fsdecode(b"caf\xe9") if sys.platform == "linux" else "café"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three tracks by two singers."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    for path in ("Ann/x/1.wav", "Ann/y/2.wav", f"{NOT_UTF8}/x/3.wav"):
        (folder / "tree" / path).parent.mkdir(parents=True)
        with (folder / "tree" / path).open("wb") as file:
            soundfile.write(file, rng.uniform(-0.5, 0.5, 4 * 16_000), 16_000, format="WAV")
    report = prepare(scan_tree(folder / "tree"), folder / "tree", folder / "store")
    assert report.done == 3
    return folder / "store"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "store"))


def features(store: Path, path: str = "Ann/x/1.wav") -> Path:
    opened = Store.open(store)
    (track,) = (track for track in opened.tracks if track.path == path)
    return opened.path_of(track, "features/mixture")


def test_a_whole_store(store: Path) -> None:
    check = check_store(store)
    assert (check.tracks, check.singers, check.albums) == (3, 2, 3)
    assert check.hours == pytest.approx(3 * 4 / 3600, rel=0.02)
    assert check.arrays == {"features/mixture": 3}
    assert (check.problems, check.leftovers) == ((), ())


def other_shape(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


def other_type(path: Path) -> None:
    np.save(path, np.load(path).astype(np.float32))


def not_finite(path: Path) -> None:
    values = np.load(path)
    values[3, 7] = np.nan
    np.save(path, values)


def changed(path: Path) -> None:
    values = np.load(path)
    values[3, 7] += 1
    np.save(path, values)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def replaced_by_text(path: Path) -> None:
    path.write_text("no features")


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "is missing"),
        (other_shape, "is not what the index says"),
        (other_type, "is not what the index says"),
        (not_finite, "not finite"),
        (changed, "were changed"),
        (cut_short, "is damaged"),
        (emptied, "is damaged"),
        (replaced_by_text, "is damaged"),
        (replaced_by_a_folder, "is damaged"),
    ],
)
def test_every_damage_is_found_and_the_rest_is_checked(store: Path, damage: object, reason: str) -> None:
    damage(features(store))
    cut_short(features(store, "Ann/y/2.wav"))
    problems = check_store(store).problems
    assert [problem.path for problem in problems] == ["Ann/x/1.wav", "Ann/y/2.wav"]
    assert reason in problems[0].reason
    assert "prepare" in problems[0].reason
    assert "\n" not in str(problems[0])


def test_what_killed_runs_leave_is_named_and_is_no_problem(store: Path) -> None:
    for name in (
        "features/mixture/0123.npy",
        "f0/mixture/crepe/0123.npz",
        ".tmp-1",
        "features/vocals/.tmp-2",
    ):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).touch()
    (store / ".incoming").mkdir()
    with (store / "index.jsonl").open("a") as index:
        index.write('{"id": "01')
    check = check_store(store)
    assert check.problems == ()
    assert check.leftovers == (
        ".incoming",
        ".tmp-1",
        "f0/mixture/crepe/0123.npz",
        "features/mixture/0123.npy",
        "features/vocals/.tmp-2",
        "index.jsonl, its last line",
    )


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(SingeridError, match="is no store"):
        check_store(tmp_path)


def test_the_command_on_stores(singerid: Program, store: Path, tmp_path: Path) -> None:
    done = singerid("doctor", store)
    assert done.returncode == 0, done.stderr
    assert "3 by 2 singers on 3 albums" in done.stdout
    cut_short(features(store, f"{NOT_UTF8}/x/3.wav"))
    assert singerid("doctor", store).returncode == 3
    failed = singerid("doctor", store, "--json")
    assert failed.returncode == 3
    (problem,) = json.loads(failed.stdout)["problems"]
    assert problem["path"] == f"{NOT_UTF8}/x/3.wav"
    missing = singerid("doctor", tmp_path / "nowhere")
    assert missing.returncode == 2
    assert len(missing.stderr.splitlines()) == 1


def test_the_machine_of_the_tests() -> None:
    findings = {(finding.group, finding.name): finding for finding in check_machine()}
    assert not [finding for finding in findings.values() if finding.state == "broken"]
    required = [name for name in metadata.requires("singerid") or [] if "extra" not in name]
    for requirement in required:
        package = re.split(r"[^\w.-]", requirement)[0]
        assert findings["versions", package].detail == metadata.version(package)
    assert {name for group, name in findings if group == "extras"} >= {"melody", "vocals"}
    assert ("devices", "cpu") in findings
    formats = [finding for (group, _), finding in findings.items() if group == "formats"]
    assert {finding.name for finding in formats} >= {"wav", "flac", "ogg", "opus", "mp3", "m4a (AAC)", "wma"}
    for finding in findings.values():
        assert finding.remedy or finding.state == "ok" or finding.group == "formats"


def test_a_decoder_that_changes_the_sound_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singerid.sound.audio.load", lambda path, rate: np.sin(np.arange(rate) / 3))
    formats = [finding for finding in check_machine() if finding.group == "formats"]
    assert {finding.state for finding in formats} <= {"broken", "absent"}
    assert any("came back as 1.00 s of" in finding.detail for finding in formats)


def test_packages_that_are_missing_or_do_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = check_package("versions", "singerid-no-such-package", "broken", "pip install it")
    assert (missing.state, missing.detail, missing.remedy) == ("broken", "not installed", "pip install it")
    (tmp_path / "unloadable.py").write_text("raise OSError('libcuda.so:\\ncannot open')")
    (tmp_path / "unloadable-1.5.dist-info").mkdir()
    (tmp_path / "unloadable-1.5.dist-info/METADATA").write_text("Name: unloadable\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = check_package("versions", "unloadable", "broken", "")
    assert (found.state, found.detail) == ("broken", "1.5: libcuda.so: cannot open")
