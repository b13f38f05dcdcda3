"""Cache folders when the home folder and the environment are read-only, which is tested with mounts."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from singerid.errors import SingeridError
from singerid.system import caches
from singerid.system.caches import import_librosa, set_cache_folders

PACKAGES = Path(importlib.util.find_spec("librosa").origin).parents[1]


@pytest.fixture(scope="module")
def namespace():
    """The command that starts a shell in a mount namespace of its own, in which it may mount."""
    for options in (["--mount"], ["--mount", "--map-root-user"]):
        command = ["unshare", *options, "sh", "-c"]
        if shutil.which("unshare"):
            tried = subprocess.run([*command, "mount -t tmpfs none /mnt"], capture_output=True)
            if tried.returncode == 0:
                return command
    pytest.skip("read-only mounts cannot be made here: it takes Linux, unshare and the right to mount")


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """The folder for temporary files, with a copy of Numba's cache: compiling again would take minutes."""
    folder = tmp_path_factory.mktemp("temporary")
    numba = folder / f"singerid-{os.getuid()}" / "numba"
    numba.mkdir(parents=True)
    numba.parent.chmod(0o700)
    for place in {file.parent.parent for file in PACKAGES.glob("librosa/*/__pycache__/*.nbi")}:
        own = numba / f"{place.name}_{hashlib.sha1(str(place).encode()).hexdigest()}"  # as Numba names it
        shutil.copytree(place / "__pycache__", own, ignore=shutil.ignore_patterns("*.pyc"))
    return folder


@pytest.fixture
def read_only(namespace, temporary, tmp_path):
    """Runs Python code, or `singerid` with arguments, with a read-only home folder and read-only packages."""
    home = tmp_path / "home"
    home.mkdir()
    mounts = (
        f"mount -t tmpfs -o ro none '{home}' && mount --bind '{PACKAGES}' '{PACKAGES}' && "
        f"mount -o remount,bind,ro '{PACKAGES}' && ! touch '{PACKAGES}/x' 2>/dev/null && "
        f'! touch \'{home}/x\' 2>/dev/null && exec "$0" "$@"'
    )
    dropped = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SINGERID_CACHE")

    def run(*arguments, code=None, **environment):
        what = ["-c", code] if code else ["-m", "singerid", *map(str, arguments)]
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return subprocess.run(
            [*namespace, mounts, sys.executable, *what],
            capture_output=True,
            text=True,
            env={**kept, "HOME": str(home), "TMPDIR": str(temporary), **environment},
        )

    return run


def test_librosas_compiled_functions_are_kept_among_the_temporary_files(read_only, temporary):
    # The functions whose caches Numba looks for are made when they are first asked for.
    code = (
        "from singerid.system.caches import import_librosa; import_librosa().util.peak_pick\n"
        "import numba; print(numba.config.CACHE_DIR)"
    )
    done = read_only(code=code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{temporary}/singerid-{os.getuid()}/numba\n"


def test_without_our_cache_folder_librosa_fails(read_only):
    done = read_only(code="import librosa; librosa.note_to_hz('A4')")
    assert "cannot cache function" in done.stderr


@pytest.mark.slow
def test_melody_and_vocals(read_only, recordings, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(recordings.tree / "alto" / "first", tree / "alto" / "first")
    done = read_only("prepare", tree, tmp_path / "store", "--melody", "pyin", "--vocals", "repet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 new" in done.stdout


def test_pictures_are_drawn_without_warnings(read_only, own_run, tmp_path):
    done = read_only("evaluate", own_run, "--figure", tmp_path / "a.png", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.png").exists()


def test_downloads_say_how(read_only):
    done = read_only("identify", "hsieh-artist20", "x.mp3", https_proxy="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "(Read-only file system); set SINGERID_CACHE" in done.stderr
    assert done.stderr.count("\n") == 1
    assert read_only("models", "--pretrained").returncode == 0


def test_without_a_home_folder_there_is_one_for_caches(read_only, tmp_path):
    """As in a container whose user has no entry in the password file."""
    code = (
        "import os, pwd, sys; from pathlib import Path\n"
        "pwd.getpwuid = lambda _: (_ for _ in ()).throw(KeyError('no such user'))\n"
        "del os.environ['HOME']\n"
        "from singerid.cli import main\n"
        "from singerid.system.caches import import_librosa\n"
        "from singerid.system.downloads import cache_folder\n"
        "assert import_librosa().note_to_hz('A4') == 440\n"
        "sys.argv = ['singerid', 'identify', 'hsieh-artist20', 'x.mp3']; main()"
    )
    done = read_only(code=code, https_proxy="http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.startswith("singerid: cannot be downloaded from https://")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_was_named_and_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(SingeridError, match=r"file/cache: cannot be written.*set NUMBA_CACHE_DIR"):
        import_librosa()


def test_if_no_folder_can_be_written_the_error_names_the_remedy(monkeypatch):
    def none(_):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(caches, "_can_write", lambda _: False)
    monkeypatch.setattr(caches, "_own_folder", none)
    monkeypatch.setitem(sys.modules, "numba", None)
    del sys.modules["numba"]
    with pytest.raises(SingeridError, match="set NUMBA_CACHE_DIR to a folder"):
        import_librosa()


def test_if_all_folders_can_be_written_no_variable_is_set(monkeypatch, tmp_path):
    names = ["MPLCONFIGDIR", "TRITON_CACHE_DIR", "PYTORCH_KERNEL_CACHE_PATH"]
    names += ["XDG_CACHE_HOME", "XDG_CONFIG_HOME"]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    set_cache_folders()
    assert not any(os.environ.get(name) for name in names)
    assert not any(tmp_path.iterdir())  # and nothing is made before it is needed


def test_folders_chosen_by_the_user_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    set_cache_folders()
    assert os.environ["MPLCONFIGDIR"] == "mine"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders here have no modes")
@pytest.mark.parametrize("of_others", ["", "open to others", "a link"])
def test_code_is_not_kept_where_others_could_have_put_it(of_others, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    expected = tmp_path / f"singerid-{os.getuid()}"
    if not of_others:
        pass
    elif of_others == "a link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        expected.symlink_to(tmp_path / "theirs")
    else:
        expected.mkdir()
        expected.chmod(0o777)
    caches.own_root.cache_clear()
    try:
        own = caches.own_root()
        assert (own == expected) == (not of_others)
        assert own.stat().st_mode & 0o077 == 0
    finally:
        caches.own_root.cache_clear()
