"""Folders and object stores: files are written completely or not at all, and errors are one line."""

import os
import sys

import pytest

from singerid.errors import SingeridError
from singerid.system.places import Place, is_url

pa = pytest.importorskip("pyarrow", reason="the extra [scale] is not installed")


@pytest.mark.parametrize(
    ("address", "url"),
    [("s3://bucket/a", True), ("gs://b", True), ("a/b", False), ("/a/b", False), ("C:/a", False)],
)
def test_an_address_is_told_from_a_path(address, url):
    assert is_url(address) == url


@pytest.mark.parametrize("as_url", [False, True])
def test_what_is_written_is_listed_and_read(tmp_path, as_url):
    place = Place((tmp_path / "new").as_uri() if as_url else tmp_path / "new")
    assert place.files(".parquet") == []
    place.write("b/2.parquet", pa.table({"x": [2]}))
    place.write("a/1.parquet", pa.table({"x": [1], "y": ["one"]}))
    assert place.files(".parquet") == ["a/1.parquet", "b/2.parquet"]
    assert place.read("a/1.parquet", ["y"]).to_pydict() == {"y": ["one"]}
    place.write("b/2.parquet", pa.table({"x": [3]}))
    assert place.read("b/2.parquet").to_pydict() == {"x": [3]}
    place.remove("b/2.parquet")
    place.remove("b/2.parquet")
    assert place.files(".parquet") == ["a/1.parquet"]


def test_another_system_is_reached_by_fsspec():
    place = Place("memory://bucket/heard")
    place.require_writable()
    place.write("a/1.parquet", pa.table({"x": [1]}))
    assert place.files(".parquet") == ["a/1.parquet"]
    assert place.read("a/1.parquet").to_pydict() == {"x": [1]}


def test_an_unknown_address_is_one_line():
    with pytest.raises(SingeridError, match=r"nothing://here: cannot be opened .*; give a folder"):
        Place("nothing://here")


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    place = Place(tmp_path)
    place.write("a/1.parquet", pa.table({"x": [1]}))

    def full(_: object, file: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(SingeridError, match=r"cannot be written \(.*No space left"):
        place.write("a/1.parquet", pa.table({"x": [2]}))
    monkeypatch.undo()
    assert place.read("a/1.parquet").to_pydict() == {"x": [1]}
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["1.parquet"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_folder_without_rights_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SingeridError, match="cannot be written"):
        Place(tmp_path / "new").require_writable()


def test_a_file_where_a_folder_should_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SingeridError, match="cannot be written"):
        Place(tmp_path / "file/below").require_writable()
