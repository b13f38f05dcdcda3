"""Names of a store's arrays, and files that do not hold what their name says."""

import numpy as np
import pytest

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.store.arrays import (
    condition_of,
    f0_of,
    features_of,
    is_there,
    kind_of,
    read_array,
    vectors_of,
    waveform_of,
    width_of,
)

CONFIG = FeatureConfig()
FRAMES = 7
NAMES = [
    *(features_of(), features_of("vocals"), features_of(waveform_of("vocals"))),
    *(f0_of("vocals", "crepe-tiny"), vectors_of("mixture", "encoder-00c3e5")),
]


def arrays_of(name, frames=FRAMES):
    kind = name.split("/")[0]
    if kind == "features":
        return np.zeros((frames, width_of(name, CONFIG)), np.float16)
    if kind == "f0":
        return {"f0": np.zeros(frames, np.float32), "confidence": np.zeros(frames, np.float32)}
    return {"vectors": np.ones((3, 4), np.float16)} | {
        other: np.zeros(3, np.float32) for other in ("starts", "voice_share")
    }


def write(folder, name, arrays):
    path = folder / f"1{kind_of(name).suffix}"
    if isinstance(arrays, dict):
        np.savez(path, **arrays)
    else:
        np.save(path, arrays)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_an_array_is_read(name, tmp_path):
    path = write(tmp_path, name, arrays_of(name))
    assert is_there(path, name, FRAMES, CONFIG)
    first, *_ = read_array(path, name, FRAMES, CONFIG)
    assert len(first) in (FRAMES, 3)


@pytest.mark.parametrize("name", NAMES)
def test_half_a_file_is_not_there_and_an_error(name, tmp_path):
    path = write(tmp_path, name, arrays_of(name))
    path.write_bytes(path.read_bytes()[:-200])
    assert not is_there(path, name, FRAMES, CONFIG)
    with pytest.raises(SingeridError, match=r"is damaged .*; delete it and run `singerid prepare` again"):
        read_array(path, name, FRAMES, CONFIG)


@pytest.mark.parametrize("name", NAMES[:-1])
def test_an_array_of_another_length_is_an_error(name, tmp_path):
    path = write(tmp_path, name, arrays_of(name, FRAMES + 1))
    with pytest.raises(SingeridError, match="is not what the index says"):
        read_array(path, name, FRAMES, CONFIG)


def test_a_missing_file_is_told(tmp_path):
    path = tmp_path / "1.npy"
    assert not is_there(path, NAMES[0], FRAMES, CONFIG)
    with pytest.raises(SingeridError, match="is missing; run `singerid prepare` again"):
        read_array(path, NAMES[0], FRAMES, CONFIG)


@pytest.mark.parametrize("name", NAMES)
def test_the_condition_is_that_of_the_sound(name):
    assert condition_of(name) == ("vocals" if "vocals" in name else "mixture")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "features",
        "features/",
        "features/a/b",
        "f0/vocals",
        "sound/a",
        "features/../x",
        "f0/A/b",
        "f0/a/b/c",
    ],
)
def test_what_is_no_name_of_an_array_is_refused(name):
    with pytest.raises(ValueError, match="not a name of an array"):
        kind_of(name)
