"""Paths that were written on another system or by hand."""

import unicodedata
from pathlib import Path

import pytest

from singerid.system.lookup import FileLookup, PathLookup

ON_DISK = unicodedata.normalize("NFD", "Beyoncé/É/1.wav")
WRITTEN = (
    ON_DISK,
    unicodedata.normalize("NFC", ON_DISK),
    ON_DISK.replace("/", "\\"),
    f".\\{unicodedata.normalize('NFC', ON_DISK)}".replace("/", "\\"),
    "beyoncé/é/1.WAV",
)
NOT_THERE = ("Beyonce/É/1.wav", "1.wav", "Beyoncé/É", "Beyoncé/É/1", "", ".", "/", "..", "\\", "a\0b")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in (ON_DISK, "two/a.wav", "two/A.wav", "tree/../back.wav"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    (tmp_path / "outside.wav").touch()
    return tmp_path / "root"


@pytest.mark.parametrize("written", WRITTEN)
def test_another_spelling_of_a_path_is_found(files: Path, written: str) -> None:
    assert FileLookup(files).find(written) == ON_DISK
    assert PathLookup([ON_DISK, "other"]).find(written) == ON_DISK


@pytest.mark.parametrize("written", [*NOT_THERE, "..\\outside.wav", "x\\..\\..\\outside.wav"])
def test_what_is_not_there_is_not_found(files: Path, written: str) -> None:
    assert FileLookup(files).find(written) is None
    assert PathLookup([ON_DISK, "other"]).find(written) is None


def test_a_spelling_that_matches_two_files_finds_none(files: Path) -> None:
    assert PathLookup(["two/a.wav", "two/A.wav"]).find("TWO/a.wav") is None
    assert PathLookup(["two/a.wav", "two/A.wav"]).find("two/a.wav") == "two/a.wav"
    if len(list((files / "two").iterdir())) == 2:  # not so on disks that do not tell cases apart
        assert FileLookup(files).find("TWO/a.wav") is None
        assert FileLookup(files).find("two/A.wav") == "two/A.wav"


def test_each_name_is_looked_at_once_however_many_paths_are_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number} Ärger.wav" for number in range(300)]
    for name in names:
        (tmp_path / unicodedata.normalize("NFD", name)).touch()
    lookups = [FileLookup(tmp_path), PathLookup([unicodedata.normalize("NFD", name) for name in names])]
    normalized, normalize = [], unicodedata.normalize
    monkeypatch.setattr(
        unicodedata, "normalize", lambda form, name: normalized.append(name) or normalize(form, name)
    )
    for lookup in lookups:
        normalized.clear()
        assert all(lookup.find(name.upper()) for name in names)
        assert len(normalized) <= 3 * 2 * len(names)  # one form, then two; of the names and what is sought


def test_a_path_that_no_folder_lists_costs_no_access(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = FileLookup(files)
    assert lookup.find_listed("two/b.wav") is None
    monkeypatch.setattr(Path, "is_file", pytest.fail)
    monkeypatch.setattr(Path, "iterdir", pytest.fail)
    assert lookup.find_listed("two/c.wav") is None
