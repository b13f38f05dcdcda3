"""The contract of every separator and every melody tracker; listing their names imports nothing heavy."""

import pickle
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from singerid.errors import SingeridError
from singerid.registry import UnknownNameError
from singerid.sound.audio import load, read_blocks
from singerid.sound.features import LogMel
from singerid.sound.melody.trackers import TRACKERS, open_tracker
from singerid.sound.separation import spleeter
from singerid.sound.separation.separators import SEPARATORS, Separator, open_separator
from small_open_unmix import write_weights
from small_spleeter import write_small_spleeter

RATE = 16_000
# Packages of extras that an entry needs.
PACKAGES = {"open-unmix": "openunmix", "umxl": "openunmix", "crepe": "torchcrepe", "crepe-tiny": "torchcrepe"}


def require_package(name: str) -> None:
    if name in PACKAGES and find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> Path:
    """3.3 s of a voice over noise, stereo; with stems beside it."""
    folder = tmp_path_factory.mktemp("song")
    rng = np.random.default_rng(0)
    time = np.arange(round(3.3 * 44_100)) / 44_100
    sung = 0.2 * np.sin(2 * np.pi * 220 * time)
    for part, sound in (("vocals", sung), ("mixture", sung + 0.05 * rng.standard_normal(len(sung)))):
        (folder / part).mkdir()
        soundfile.write(folder / part / "song.wav", np.stack([sound, sound], axis=1), 44_100, subtype="FLOAT")
    return folder / "mixture/song.wav"


@pytest.fixture(scope="module")
def small_open_unmix(tmp_path_factory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights") / "small")


@pytest.fixture
def small_weights(request, tmp_path, monkeypatch) -> Path:
    """Small weights, in a place where the separator takes them for the published ones."""
    if request.getfixturevalue("name") != "spleeter":
        return request.getfixturevalue("small_open_unmix")
    monkeypatch.setattr(spleeter, "SPLEETER_2STEMS", write_small_spleeter(tmp_path / "small"))
    return tmp_path / "small"


@pytest.fixture
def name(request) -> str:
    return request.param


@pytest.fixture
def separator(request, name, song) -> Separator:
    require_package(name)
    entry = SEPARATORS[name]
    weights = request.getfixturevalue("small_weights") if entry.weights else None
    stems = song.parents[1] if entry.stems else None
    return open_separator(name, tree=song.parent, stems=stems, weights=weights)


every_separator = pytest.mark.parametrize("name", SEPARATORS, indirect=True)
every_tracker = pytest.mark.parametrize("name", TRACKERS, indirect=True)


def parts_of(separator: Separator, song: Path) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(separator.blocks(song, partial(read_blocks, song), pytest.fail))
    for vocals, rest in blocks:
        assert vocals.dtype == rest.dtype == np.float32
        assert vocals.ndim == rest.ndim == 1
        assert len(vocals) == len(rest) > 0
    vocals, rest = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return vocals, rest


@every_separator
def test_a_separator_gives_parts_as_long_as_the_mixture_and_always_the_same(separator, song):
    mixture = load(song)
    assert separator.sample_rate == RATE
    vocals, rest = parts_of(separator, song)
    assert len(vocals) == len(mixture)
    assert np.isfinite(vocals).all()
    np.testing.assert_allclose(vocals + rest, mixture, atol=1e-6)
    sent = pickle.dumps(separator)  # after it was used: without its networks
    assert len(sent) < 10_000
    again = pickle.loads(sent)
    assert again == separator
    assert (again.name, again.origin, again.notice) == (separator.name, separator.origin, separator.notice)
    for before, after in zip((vocals, rest), parts_of(again, song), strict=True):
        assert before.tobytes() == after.tobytes()


@every_separator
def test_a_separator_depends_on_the_cuts_of_its_mixture_in_nothing(separator, song):
    mixture = load(song)
    pieces = np.split(mixture, [1, 1000, 30_000])
    blocks = list(separator.blocks(song, lambda: iter(pieces), pytest.fail))
    vocals = np.concatenate([part for part, _ in blocks])
    assert vocals.tobytes() == parts_of(separator, song)[0].tobytes()


@every_separator
def test_a_separator_says_what_it_is(separator):
    entry = SEPARATORS[separator.name]
    assert entry.description
    assert separator.origin
    assert "\n" not in entry.description + separator.origin + separator.notice


@every_tracker
def test_a_tracker_gives_f0_for_every_frame_and_always_the_same(name, song):
    require_package(name)
    tracker = open_tracker(name)
    assert tracker.name == name
    samples = load(song)[: 2 * RATE]
    found = tracker.contour([samples])
    for values in (found.f0, found.confidence):
        assert values.dtype == np.float32
        assert values.shape == (1 + len(samples) // LogMel().config.hop_length,)
        assert np.isfinite(values).all()
    assert (found.f0 >= 0).all()
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    assert np.median(found.f0[found.f0 > 0]) == pytest.approx(220, rel=0.01)
    sent = pickle.dumps(tracker)  # after it was used: without its network
    assert len(sent) < 10_000
    again = pickle.loads(sent)
    assert again == tracker
    other = again.contour(np.split(samples, [1, 5000]))
    assert other.f0.tobytes() == found.f0.tobytes()
    assert other.confidence.tobytes() == found.confidence.tobytes()
    entry = TRACKERS[name]
    assert entry.description
    assert tracker.origin
    assert "\n" not in entry.description + tracker.origin


def test_the_best_tracker_is_the_first():
    assert list(TRACKERS) == ["crepe", "crepe-tiny", "pyin"]


def test_names_cost_no_heavy_import():
    code = (
        "import sys\n"
        "from singerid.sound.melody.trackers import TRACKERS\n"
        "from singerid.sound.separation.separators import SEPARATORS\n"
        "assert 'repet' in SEPARATORS and 'pyin' in list(TRACKERS)\n"
        "print({'torch', 'numpy', 'librosa', 'soundfile', 'av'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown separator 'repett'; near names: repet"):
        open_separator("repett")
    with pytest.raises(SingeridError, match=r"unknown melody tracker 'crepe-small'; near names: .*crepe"):
        open_tracker("crepe-small")
