"""Lengths that files declare."""

import numpy as np
import pytest
import soundfile

from singerid.sound.length import told_seconds


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_the_header_tells_the_length(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.zeros(12_000, np.float32), 8000)
    assert told_seconds(path) == pytest.approx(1.5, abs=0.05)


def test_without_a_header_the_size_tells_it(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(bytes(64_000))
    assert told_seconds(path) == 2.0
    assert told_seconds(tmp_path / "none.mp3") == 0.0
