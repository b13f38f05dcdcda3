"""Downloads against a local server: checked, cached, mended, and one line where there is none."""

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from singerid.errors import SingeridError
from singerid.system.downloads import Download, cache_folder, check_file, fetch

CONTENT = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "made" / "when missing"
    monkeypatch.setenv("SINGERID_CACHE", str(folder))
    return folder


@pytest.fixture
def download(site: tuple[Path, str]) -> Download:
    folder, address = site
    (folder / "w.pth").write_bytes(CONTENT)
    return Download(f"{address}/w.pth", DIGEST[:8], "weights.pth", "give the file with --weights")


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(download, site, cache, capfd):
    assert fetch(download) == cache / "weights.pth"
    assert (cache / "weights.pth").read_bytes() == CONTENT
    assert list(cache.iterdir()) == [cache / "weights.pth"]
    (site[0] / "w.pth").unlink()
    assert fetch(download) == cache / "weights.pth"
    assert capfd.readouterr() == ("", "")  # neither stream is a terminal


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], CONTENT[:-1] + b"x"])
def test_a_damaged_file_in_the_cache_is_fetched_anew(download, cache, damaged):
    fetch(download).write_bytes(damaged)
    assert fetch(download).read_bytes() == CONTENT


def test_a_file_that_is_not_what_it_should_be_is_not_kept(download, cache):
    for digest in ("0" * 8, DIGEST[:-1] + "x"):
        with pytest.raises(SingeridError, match="give the file with --weights") as error:
            fetch(replace(download, sha256=digest))
        assert download.url in str(error.value)
        assert "\n" not in str(error.value)
        assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/w.pth", "http://name.invalid/w.pth", "{address}/none", "no address"]
)
def test_without_a_network_there_is_one_line_with_the_address_and_the_remedy(download, site, url):
    url = url.format(address=site[1])
    with pytest.raises(
        SingeridError, match=r"cannot be downloaded \(.+\); give the file with --weights$"
    ) as e:
        fetch(replace(download, url=url))
    assert str(e.value).startswith(f"{url}: ")


def test_an_answer_that_breaks_off_is_an_error(download, site, cache):
    (site[0] / "w.pth").write_bytes(CONTENT[:1000])
    with pytest.raises(SingeridError, match="cannot be downloaded"):
        fetch(download)
    assert list(cache.iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_is_named(download, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(SingeridError, match=r"file/cache: cannot be made .*; set SINGERID_CACHE"):
        fetch(download)


def test_without_the_variable_the_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("SINGERID_CACHE")
        else:
            monkeypatch.setenv("SINGERID_CACHE", value)
        assert cache_folder() == Path("/home/someone/.cache/singerid")


def test_on_a_terminal_progress_is_shown(download):
    termios = pytest.importorskip("termios", reason="no pseudo-terminals here")
    master, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    program = f"from singerid.system.downloads import *; fetch({download!r})"
    subprocess.run([sys.executable, "-c", program], stderr=terminal, check=True)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while piece := os.read(master, 10_000):
            shown += piece
    os.close(master)
    assert download.url in shown.decode()
    assert "100%" in shown.decode()


def test_a_given_file_is_checked(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(CONTENT)
    for digits in (DIGEST, DIGEST[:8], DIGEST[:8].upper()):
        assert check_file(path, digits, "copy it again") == path
    with pytest.raises(SingeridError, match=r"w\.pth: is damaged or another file .*; copy it again$"):
        check_file(path, "00000000", "copy it again")
    with pytest.raises(SingeridError, match=r"none: cannot be read .*; copy it again$"):
        check_file(tmp_path / "none", DIGEST, "copy it again")
