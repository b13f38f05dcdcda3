"""True stems: found by the recording's path, cut or padded to its length, and named when missing."""

import pickle
import unicodedata
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from singerid.errors import SingeridError
from singerid.sound.audio import load, read_blocks
from singerid.sound.files import AudioError
from singerid.sound.separation.separators import open_separator

RATE = 16_000


def noise(seconds, seed):
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def write(path, samples, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_24")
    return path


@pytest.fixture
def folders(tmp_path):
    """A tree with the recording a/b/song.wav of 12 s, and the folder for stems."""
    write(tmp_path / "tree/a/b/song.wav", noise(12, 0))
    (tmp_path / "stems" / "vocals").mkdir(parents=True)
    return tmp_path / "tree", tmp_path / "stems"


def separate(folders, warn=pytest.fail):
    tree, stems = folders
    separator = pickle.loads(pickle.dumps(open_separator("stems", tree=tree, stems=stems)))
    blocks = list(separator.blocks(tree / "a/b/song.wav", partial(read_blocks, tree / "a/b/song.wav"), warn))
    assert all(vocals.shape == rest.shape and vocals.dtype == np.float32 for vocals, rest in blocks)
    return [np.concatenate(part) for part in zip(*blocks, strict=True)]


def test_both_stems_are_read_whatever_their_suffix(folders):
    sung, played = noise(12, 1), noise(12, 2)
    write(folders[1] / "vocals/a/b/song.flac", sung)
    write(folders[1] / "vocals/a/b/song.json.wav", noise(12, 3))  # the stem of another name
    (folders[1] / "vocals/a/b/song.aaa").write_text("no sound")
    write(folders[1] / "accompaniment/a/b/song.wav", played)
    write(folders[1] / "accompaniment/a/b/song.flac", noise(12, 4))  # the recording's own suffix comes first
    vocals, accompaniment = separate(folders)
    np.testing.assert_allclose(vocals, sung, atol=2e-7)
    np.testing.assert_allclose(accompaniment, played, atol=2e-7)


def test_stems_whose_names_are_spelled_as_another_system_spells_them(folders):
    tree, stems = folders
    name = "Beyoncé/É/song.wav"
    mixture = write(tree / unicodedata.normalize("NFC", name), noise(12, 0))
    sung = noise(12, 1)
    write(stems / "vocals" / unicodedata.normalize("NFD", name).replace(".wav", ".FLAC"), sung)
    separator = open_separator("stems", tree=tree, stems=stems)
    blocks = separator.blocks(mixture, partial(read_blocks, mixture), pytest.fail)
    np.testing.assert_allclose(np.concatenate([vocals for vocals, _ in blocks]), sung, atol=2e-7)


def test_a_folder_of_stems_is_listed_once_for_all_its_songs(folders, monkeypatch):
    tree, stems = folders
    songs = [write(tree / "a/b" / f"{number}.wav", noise(1, number)) for number in range(4)]
    for song in songs:
        write(stems / "vocals/a/b" / f"{song.stem}.flac", noise(1, 9))
    listed, iterdir = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    separator = open_separator("stems", tree=tree, stems=stems)
    for song in songs:
        assert list(separator.blocks(song, partial(read_blocks, song), pytest.fail))
    expected = [*(stems / "vocals" / name for name in ("", "a", "a/b")), stems / "accompaniment"]
    assert sorted(listed) == sorted(expected)
    assert pickle.loads(pickle.dumps(separator)) == separator


def test_without_accompaniment_it_is_the_mixture_without_the_vocals(folders):
    write(folders[1] / "vocals/a/b/song.wav", noise(12, 1))
    vocals, accompaniment = separate(folders)
    np.testing.assert_allclose(vocals + accompaniment, load(folders[0] / "a/b/song.wav"), atol=1e-6)
    assert np.abs(accompaniment).max() > 0.1


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_stems_of_another_rate_and_of_many_channels(folders, rate):
    time = np.arange(12 * rate) / rate
    tone = 0.1 * np.sin(2 * np.pi * 440 * time)
    write(folders[1] / "vocals/a/b/song.wav", np.stack([tone * 2, tone * 0], axis=1), rate)
    vocals, _ = separate(folders)
    expected = 0.1 * np.sin(2 * np.pi * 440 * np.arange(12 * RATE) / RATE)
    np.testing.assert_allclose(vocals[1000:-1000], expected[1000:-1000], atol=1e-3)


@pytest.mark.parametrize("part", ["vocals", "accompaniment"])
@pytest.mark.parametrize("seconds", [11.1, 12.9])
def test_a_length_within_a_second_is_cut_or_padded(folders, part, seconds):
    write(folders[1] / "vocals/a/b/song.wav", noise(12, 1))
    stem = noise(seconds, 2)
    write(folders[1] / part / "a/b/song.wav", stem)
    found = dict(zip(("vocals", "accompaniment"), separate(folders), strict=True))[part]
    expected = np.zeros(12 * RATE)
    expected[: len(stem)] = stem[: 12 * RATE]
    np.testing.assert_allclose(found, expected, atol=2e-7)


@pytest.mark.parametrize("part", ["vocals", "accompaniment"])
@pytest.mark.parametrize(("seconds", "reason"), [(10.9, "1.1 s shorter"), (13.2, "1.2 s longer")])
def test_any_other_length_is_an_error_that_names_the_stem(folders, part, seconds, reason):
    write(folders[1] / "vocals/a/b/song.wav", noise(12, 1))
    stem = write(folders[1] / part / "a/b/song.wav", noise(seconds, 1))
    with pytest.raises(AudioError) as error:
        separate(folders)
    assert error.value.path == folders[0] / "a/b/song.wav"
    assert error.value.reason.startswith(f"its stem {stem} is {reason}; ")


def test_a_missing_stem_is_an_error_that_names_it(folders):
    write(folders[1] / "vocals/a/b/other.wav", noise(12, 1))
    for _ in range(2):
        with pytest.raises(AudioError, match="put it there") as error:
            separate(folders)
        assert f"has no stem {folders[1] / 'vocals/a/b/song.wav'} " in error.value.reason
        for file in (folders[1] / "vocals/a/b").glob("*"):
            file.unlink()
        (folders[1] / "vocals/a/b").rmdir() if (folders[1] / "vocals/a/b").exists() else None


def test_a_stem_that_is_no_sound_or_damaged_is_named(folders):
    stem = folders[1] / "vocals/a/b/song.wav"
    write(stem, noise(12, 1))
    stem.write_bytes(stem.read_bytes()[:-60_000])  # 1.25 s of 12
    warnings = []
    with pytest.raises(AudioError, match=r"1\.2 s shorter"):
        separate(folders, warnings.append)
    assert [warning.startswith(f"its stem {stem} is damaged or cut short") for warning in warnings] == [True]
    stem.write_text("no sound")
    with pytest.raises(AudioError) as error:
        separate(folders)
    assert error.value.path == folders[0] / "a/b/song.wav"
    assert error.value.reason.startswith(f"its stem {stem} is no sound file")


def test_a_recording_outside_the_tree_has_no_stems(folders, tmp_path):
    path = write(tmp_path / "elsewhere.wav", noise(1, 0))
    with pytest.raises(AudioError, match="has no stems: it is not in"):
        next(open_separator("stems", tree=folders[0], stems=folders[1]).blocks(path, list, pytest.fail))


def test_a_folder_without_vocals_is_refused_at_once(folders, tmp_path):
    with pytest.raises(SingeridError, match=r"tree: has no folder vocals; give the folder"):
        open_separator("stems", tree=folders[0], stems=folders[0])
