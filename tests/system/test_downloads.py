"""Downloads against a local server, and members of archives: no more than was asked for, or a reason."""

import hashlib
import io
import socket
import tarfile
import zipfile
from pathlib import Path
from threading import Thread

import pytest

from singerid.errors import SingeridError
from singerid.system import downloads
from singerid.system.downloads import (
    DownloadError,
    cache_folder,
    check_file,
    download,
    is_offline,
    unpack_member,
)

CONTENT = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def address(site: tuple[Path, str]) -> str:
    (site[0] / "w.pth").write_bytes(CONTENT)
    return f"{site[1]}/w.pth"


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_file_is_fetched_and_its_size_told_first(address, tmp_path, size):
    told = []
    download(address, tmp_path / "w", lambda size: told.append((size, (tmp_path / "w").stat().st_size)), size)
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert told == [(len(CONTENT), 0)]


def test_no_more_is_fetched_than_there_should_be(address, tmp_path, monkeypatch):
    with pytest.raises(DownloadError, match=r"has more than the 1,000 bytes"):
        download(address, tmp_path / "w", lambda _: None, 1000)
    assert (tmp_path / "w").stat().st_size <= 1000
    monkeypatch.setattr(downloads, "LARGEST", 5000)
    with pytest.raises(DownloadError, match=r"has more than the 5,000 bytes"):
        download(address, tmp_path / "w", lambda _: None)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/w.pth", "refused"),
        ("http://name.invalid/w.pth", "."),
        ("{site}/none", "404"),
        ("no address", "is no http address"),
        ("file:///etc/hostname", "is no http address"),
        ("http://[/w.pth", "."),
    ],
)
def test_what_is_not_there_is_a_reason(site, tmp_path, url, reason):
    with pytest.raises(DownloadError, match=reason):
        download(url.format(site=site[1]), tmp_path / "w", pytest.fail)


def test_what_breaks_off_is_a_reason(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 512000\r\n\r\n" + CONTENT[:1000])
            connection.close()

        Thread(target=serve).start()
        with pytest.raises(DownloadError, match=r"^broke off after 1,000 of 512,000 bytes$"):
            download(f"http://127.0.0.1:{server.getsockname()[1]}/w", tmp_path / "w", lambda _: None)


def archive_of(kind: str, folder: Path) -> Path:
    """An archive with a/w.pth, a folder, a link and a member that would like to lie elsewhere."""
    path = folder / f"made{kind}"
    if kind == ".whl":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("a/w.pth", CONTENT)
            zipped.writestr("../outside", CONTENT)
        return path
    with tarfile.open(path, "w:gz") as tar:
        for name in ("a/w.pth", "../outside"):
            member = tarfile.TarInfo(name)
            member.size = len(CONTENT)
            tar.addfile(member, io.BytesIO(CONTENT))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    return path


@pytest.mark.parametrize("kind", [".whl", ".tar.gz", ".tgz"])
def test_one_member_is_unpacked_and_nothing_else(kind, tmp_path):
    archive = archive_of(kind, tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    unpack_member(archive, "a/w.pth", folder / "w", len(CONTENT))
    unpack_member(archive, "../outside", folder / "x")  # where it goes is ours to say
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"w": CONTENT, "x": CONTENT}
    assert {path.name for path in tmp_path.iterdir()} == {archive.name, "in"}
    for missing in ("w.pth", "a", "link"):
        with pytest.raises(DownloadError, match=f"^holds no {missing}$"):
            unpack_member(archive, missing, folder / "y")


@pytest.mark.parametrize("kind", [".whl", ".tar.gz"])
def test_a_member_of_another_size_or_a_damaged_archive_is_a_reason(kind, tmp_path):
    archive = archive_of(kind, tmp_path)
    with pytest.raises(DownloadError, match=r"its a/w\.pth has 512,000 bytes, not 1,000"):
        unpack_member(archive, "a/w.pth", tmp_path / "w", 1000)
    whole = archive.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        archive.write_bytes(damaged)
        with pytest.raises(DownloadError, match=r"is no whole archive|holds no a/w\.pth"):
            unpack_member(archive, "a/w.pth", tmp_path / "w")


def test_without_the_variable_the_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("SINGERID_CACHE", raising=False)
        else:
            monkeypatch.setenv("SINGERID_CACHE", value)
        assert cache_folder() == Path("/home/someone/.cache/singerid")


def test_fetching_is_forbidden_by_a_variable(monkeypatch):
    for value, offline in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("SINGERID_OFFLINE", value)
        assert is_offline() is offline


def test_a_given_file_is_checked(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(CONTENT)
    for digits in (DIGEST, DIGEST[:8], DIGEST[:8].upper()):
        assert check_file(path, digits, "copy it again") == path
    with pytest.raises(SingeridError, match=r"w\.pth: is damaged or another file .*; copy it again$"):
        check_file(path, "00000000", "copy it again")
    with pytest.raises(SingeridError, match=r"none: cannot be read .*; copy it again$"):
        check_file(tmp_path / "none", DIGEST, "copy it again")
