"""What tests share: the outside test data, small recordings, a store and a run made of them."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile

from programs import Program

# What is printed depends on these: every test, and every process of one, finds them the same.
for _name in (
    "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE",
    "TTY_INTERACTIVE", "UNICODE_VERSION", "PYTHONIOENCODING", "PYTHONUTF8", "LANGUAGE", "SINGERID_DEBUG",
):  # fmt: skip
    os.environ.pop(_name, None)
os.environ |= {"TERM": "xterm", "LC_ALL": "C.UTF-8"}


# Half of the time of tests that write is waiting for a disk, where theirs is one.
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30  # bytes; tests take some hundred millions


def _write_into_memory() -> None:
    """Let temporary folders lie there, if it has room and programs may run from it."""
    try:
        place = os.statvfs(_MEMORY)
        [told] = re.findall(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    except (AttributeError, OSError, ValueError):  # another system than Linux
        return
    may_run = not place.f_flag & os.ST_NOEXEC and os.access(_MEMORY, os.W_OK)
    if may_run and min(place.f_bavail * place.f_frsize, int(told) * 1024) > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


# What is started before several processes test at once, and where they find it.
_FORKS = pytest.StashKey[Program]()
_SOCKET = "SINGERID_TEST_FORKS"


def pytest_configure(config: pytest.Config) -> None:
    """Do once what several processes would do at once: compile librosa, import everything to fork."""
    if hasattr(config, "workerinput"):
        return
    _write_into_memory()
    os.environ.pop(_SOCKET, None)
    forks = Program()
    config.stash[_FORKS] = forks
    config.option.loadscopereorder = False  # of pytest-xdist, which would sort by the number of tests alone
    several = sys.platform == "linux" and getattr(config.option, "numprocesses", None)
    if several:
        forks.begin()
    compiling = (
        "import librosa, numpy; from singerid.sound.melody.pyin import Pyin; Pyin.open()\n"
        "librosa.yin(numpy.sin(numpy.arange(8192) / 10).astype('f'), fmin=80, fmax=400, sr=16000)"
    )
    subprocess.run([sys.executable, "-c", compiling], check=True)
    if several:
        os.environ[_SOCKET] = forks.socket


# Files of few tests, each of which takes long.
_LONG = {
    "test_beets_tags", "test_campplus", "test_examples", "test_no_voice", "test_timeline_benchmarks",
    "test_uploads",
}  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes long files come first: all would wait for one that began last."""
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        long = {
            path for path in tests if path.stem in _LONG or path.stem.startswith(("test_page", "test_serve"))
        }
        items.sort(key=lambda item: (item.path not in long, -tests[item.path], item.path))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _FORKS in config.stash:
        config.stash[_FORKS].close()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of outside recordings, weights and reference numbers named in SINGERID_TEST_DATA."""
    folder = os.environ.get("SINGERID_TEST_DATA")
    if not folder:
        pytest.skip("SINGERID_TEST_DATA is not set: no outside recordings and reference files")
    return Path(folder)


def require_weights(name: str) -> None:
    """Skip without the weights of an encoder or a separator in the cache; SINGERID_REQUIRE_WEIGHTS: fail."""
    from singerid.encoders.registry import ENCODERS
    from singerid.sound.separation.separators import SEPARATORS

    provenance = (ENCODERS if name in ENCODERS else SEPARATORS)[name].provenance
    if provenance is not None and not provenance.are_here():
        option = "" if name in ENCODERS else "--separators "
        reason = f"the weights of {name} are not in the cache: singerid encoders {option}--fetch {name}"
        if os.environ.get("SINGERID_REQUIRE_WEIGHTS"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def singerid() -> Iterator[Program]:
    """Runs `singerid ARGUMENTS` as a process of its own, see `Program`."""
    program = Program(socket=os.environ.get(_SOCKET, ""))
    yield program
    program.close()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[Path, str]]:
    """A folder and the address where its files are served."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# Folders that all tests of a session read, and what is in them.
_SHARED: dict[Path, dict[str, tuple[int, int]]] = {}


def share(folder: Path) -> None:
    """Let every test fail that changes something in the folder: others would depend on its turn."""
    _SHARED[folder] = _content(folder)


def _content(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of each file; folders have a name alone."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {
        str(path): (0, 0) if path.is_dir() else (status.st_size, status.st_mtime_ns)
        for path, status in found.items()
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    if {"recordings", "trained", "encoded", "sung"} & set(getattr(item, "fixturenames", ())):
        for folder, before in _SHARED.items():
            after = _content(folder)
            changed = {path for path, _ in before.items() ^ after.items()}
            _SHARED[folder] = after  # the next test has not done it
            if changed:
                pytest.fail(f"changes what other tests read, take a copy: {', '.join(sorted(changed))}")


SAMPLE_RATE = 16_000


def voice(pitch: float, seconds: float, seed: int) -> np.ndarray:
    """A buzz with `pitch` as its only trait, in some noise: easy to tell apart, quick to make."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 8))
    return (0.1 * buzz + 0.01 * rng.standard_normal(len(time))).astype(np.float32)


@dataclass(frozen=True)
class Recordings:
    """A tree of 3 singers x 3 albums x 2 tracks of 4 to 6 s, and the store made of it."""

    tree: Path
    store: Path


@pytest.fixture(scope="session")
def recordings(tmp_path_factory) -> Recordings:
    from singerid.data.tracks import scan_tree
    from singerid.preparation.prepare import prepare

    folder = tmp_path_factory.mktemp("recordings")
    tree = folder / "tree"
    for singer, pitch in (("alto", 330.0), ("bass", 95.0), ("tenor", 180.0)):
        for album in ("first", "second", "third"):
            for track in range(2):
                path = tree / singer / album / f"{track}.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                seed = sum(map(ord, singer + album)) * 10 + track
                soundfile.write(path, voice(pitch, 4 + seed % 3, seed), SAMPLE_RATE)
    prepare(scan_tree(tree), tree, folder / "store")
    share(folder)
    return Recordings(tree, folder / "store")


@pytest.fixture(scope="session")
def trained(recordings, tmp_path_factory):
    """A finished run on the recordings: a small crnn that names the three singers."""
    from dataclasses import replace

    import torch

    from singerid.config import TrainingConfig
    from singerid.runs.config import SplitConfig
    from singerid.runs.new import configure, make_split
    from singerid.store.reader import Store
    from singerid.training.loop import train

    store = Store.open(recordings.store)
    split, how = make_split(store, SplitConfig())
    training = replace(TrainingConfig(), clip_seconds=1.0, epochs=12, batch_size=4, learning_rate=5e-3)
    options = {"width": 0.0625, "batch_norm_momentum": 0.1}
    config = configure(store, split, how, "crnn", training, options=options)
    path = tmp_path_factory.mktemp("runs") / "run"
    run = train(store, path, config, split, torch.device("cpu"))
    share(path)
    return run


@pytest.fixture
def own_run(trained, tmp_path) -> Path:
    """A copy of the run, for whoever writes into it."""
    return Path(shutil.copytree(trained.path, tmp_path / "own_run"))


@dataclass(frozen=True)
class Encoded:
    """A synthetic corpus of 3 singers x 3 albums x 1 song of 6 s with true stems, and its store with vectors.

    The encoder is the network of `trained`: it hears windows of 1 s.
    """

    tree: Path
    store: Path
    encoder: Path


@pytest.fixture(scope="session")
def encoded(trained, tmp_path_factory) -> Encoded:
    from singerid.config import CorpusConfig
    from singerid.data.synthetic.corpus import write_corpus
    from singerid.data.tracks import scan_tree
    from singerid.encoders.registry import open_encoder
    from singerid.preparation.prepare import prepare
    from singerid.sound.separation.separators import open_separator

    folder = tmp_path_factory.mktemp("encoded")
    write_corpus(folder / "corpus", CorpusConfig(singers=3, albums=3, songs=1, seconds=6), workers=1)
    tree = folder / "corpus" / "mixture"
    report = prepare(
        scan_tree(tree),
        tree,
        folder / "store",
        workers=1,
        separator=open_separator("stems", tree=tree, stems=folder / "corpus"),
        encoders=[open_encoder(trained.path)],
        waveform=True,
    )
    assert not report.failures
    share(folder)
    return Encoded(tree, folder / "store", trained.path)


@dataclass(frozen=True)
class Sung:
    """A folder of 3 singers x 3 albums x 1 track, and the library that small ears made of it."""

    tree: Path
    library: Path


@pytest.fixture(scope="session")
def sung(tmp_path_factory) -> Sung:
    import small_ears
    from made_voices import write_singers
    from singerid.library.entrants import entrants_of_tree
    from singerid.library.library import Library

    folder = tmp_path_factory.mktemp("sung")
    tree = write_singers(folder / "tree")
    with small_ears.known(), Library.open(folder / "library", create=True) as library:
        report = library.enroll_all(entrants_of_tree(tree, None, pytest.fail), encoder="small")
    assert report.added == 9
    share(folder)
    return Sung(tree, folder / "library")


@pytest.fixture(autouse=True, scope="module")
def _small_ears(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small ears are known in tests of libraries and tags: others go through all encoders that there are."""
    place = f"{request.path.parent.name} {request.path.stem}"
    if not {"library", "tags", "web"} & set(place.replace("_", " ").split()):
        yield
        return
    import small_ears

    with small_ears.known():
        yield


@pytest.fixture
def own_library(sung, tmp_path) -> Path:
    """A copy of the library, for whoever writes into it; its recordings lie where they are."""
    return Path(shutil.copytree(sung.library, tmp_path / "own_library"))


@pytest.fixture(scope="session")
def calibrated(sung, tmp_path_factory) -> Path:
    """The library, calibrated to 1 %: its names may be written into files."""
    import small_ears
    from singerid.library.library import Library

    folder = shutil.copytree(sung.library, tmp_path_factory.mktemp("calibrated") / "library")
    with small_ears.known(), Library.open(folder) as library:
        library.calibrate(0.01)
    return Path(folder)


@pytest.fixture
def tag_library(calibrated, tmp_path) -> Path:
    """A copy of the calibrated library, for whoever writes tags by it."""
    return Path(shutil.copytree(calibrated, tmp_path / "my singers"))
