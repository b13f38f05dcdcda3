"""Full scale of sounds, whatever numbers they are written in."""

import numpy as np
import pytest

from singerid.sound.levels import full_scale, scale_notice, silenced, usual_peak


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("level", [0.9, 0.2, 1.2])
def test_integers_written_as_floats_are_recognised(bits, level):
    samples = level * 2.0 ** (bits - 1) * np.sin(np.arange(10_000) / 9)
    assert full_scale(usual_peak(samples)) == 2.0 ** (bits - 1)


def test_a_few_clicks_do_not_change_the_peak():
    samples = np.full(10_000, -0.25, np.float32)
    samples[::1200] = 500
    assert usual_peak(samples) == 0.25
    assert usual_peak(np.array([[0.5, -0.75]])) == 0.75


def test_the_notice_names_the_integers():
    assert scale_notice(20_000.4, 2.0**15) == (
        "its samples reach 20,000, as 16-bit integers do, although full scale should be 1; "
        "they are divided by 32,768"
    )


def test_usable_samples_are_not_copied():
    samples = np.linspace(-2, 2, 9, dtype=np.float32)
    found, count = silenced(samples)
    assert found is samples
    assert count == 0
    samples[3:5] = np.nan, -np.inf
    found, count = silenced(samples)
    assert count == 2
    assert found[3:5].tolist() == [0, 0]
    assert np.array_equal(np.delete(found, [3, 4]), np.delete(samples, [3, 4]))
