"""Remixes: as close as possible to the sum of the sounds, and with the right albums."""

from collections import Counter

import numpy as np
import pytest
import torch
from made_up import made_up_store

from conftest import SAMPLE_RATE
from singerid.analysis.audit.remix import album_of, draw_partners, mix, powers, remix_error_db
from singerid.config import FeatureConfig
from singerid.sound.features import LogMel

CONFIG = FeatureConfig()


def features(sound: np.ndarray) -> np.ndarray:
    return LogMel()(torch.from_numpy(sound)).T.numpy()


def tone(hertz: float, samples: int) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(samples) / SAMPLE_RATE)).astype(np.float32)


def test_sounds_in_different_bands_mix_as_their_sum():
    low, high = tone(300.0, 48_000), tone(4000.0, 48_000)
    mixed = mix(features(low), features(high), CONFIG)
    summed = features(low + high)
    assert mixed.shape == summed.shape
    clear = slice(3, -3)  # the mirrored ends click
    loud = summed[clear] > summed.max() - 40
    np.testing.assert_allclose(mixed[clear][loud], summed[clear][loud], atol=0.1)


def test_sounds_in_the_same_bands_mix_as_their_sum_on_average():
    first, second = (0.05 * rng.standard_normal(96_000) for rng in map(np.random.default_rng, (1, 2)))
    summed = features((first + second).astype(np.float32))
    mixed = mix(*(features(each.astype(np.float32)) for each in (first, second)), CONFIG)
    energy = powers(mixed, CONFIG).sum() / powers(summed, CONFIG).sum()
    assert energy == pytest.approx(1, abs=0.02)
    assert np.abs(mixed - summed).mean() / 2 < 1.5  # real dB


def test_each_keeps_its_level_and_what_is_at_the_floor_adds_nothing():
    vocals, accompaniment = np.full((4, 3), -60.0), np.full((2, 3), -50.0)
    vocals[0] = 20.0, -40.0, 0.0
    accompaniment[0] = 30.0, 10.0, -50.0
    mixed = mix(vocals, accompaniment, CONFIG)
    both = 20 * np.log10(10 ** (20 / 20) + 10 ** (30 / 20))
    tenth = 20 * np.log10(10 ** (-40 / 20) + 10 ** (10 / 20))
    floor = both - 80
    # Two frames of accompaniment under four of vocals: they are repeated.
    expected = [[both, tenth, 0.0], [floor] * 3, [30.0, 10.0, floor], [floor] * 3]
    np.testing.assert_allclose(mixed, expected, atol=1e-3)
    # Half precision does not turn the floor into sound.
    rounded = (accompaniment + 0.013).astype(np.float16)
    assert np.count_nonzero(powers(rounded, CONFIG)) == 2


def test_the_error_is_measured_against_the_stored_mixtures(tmp_path):
    store = made_up_store(tmp_path / "store")
    assert remix_error_db(store, store.tracks) < 0.02  # its mixtures are made by mixing; half precision
    path = store.path_of(store.tracks[0], "features/mixture")
    np.save(path, (np.load(path).astype(np.float32) + 6).astype(np.float16))
    assert remix_error_db(store, store.tracks[:2]) == pytest.approx(1.5, abs=0.02)  # one of two, 3 real dB


@pytest.mark.parametrize("same_singer", [True, False])
def test_partners_are_of_other_albums(tmp_path, same_singer):
    store = made_up_store(tmp_path / "store")
    partners = draw_partners(store.tracks, store.tracks, same_singer, seed=0)
    assert partners is not None
    for track in store.tracks:
        partner = partners[track.path]
        assert album_of(partner) != album_of(track)
        assert (partner.singer == track.singer) == same_singer
    assert partners == draw_partners(store.tracks[::-1], store.tracks[::-1], same_singer, seed=0)
    assert partners != draw_partners(store.tracks, store.tracks, same_singer, seed=1)
    assert len({partner.path for partner in partners.values()}) > len(store.tracks) / 3


def test_each_singer_is_a_partner_equally_often_whatever_their_number_of_tracks(tmp_path):
    store = made_up_store(tmp_path / "store")
    tested = [track for track in store.tracks if track.singer == "singer-0"] * 50
    heard = [track for track in store.tracks if track.singer == "singer-1"]
    heard += [next(track for track in store.tracks if track.singer == "singer-2")]
    drawn = Counter()
    for seed in range(40):
        partners = draw_partners(tested, heard, same_singer=False, seed=seed)
        drawn.update(partner.singer for partner in partners.values())
    assert drawn["singer-2"] / drawn.total() == pytest.approx(0.5, abs=0.08)


def test_without_another_album_there_is_no_partner(tmp_path):
    store = made_up_store(tmp_path / "store")
    first = [track for track in store.tracks if track.album == "album-0"]
    assert draw_partners(first, first, same_singer=True, seed=0) is None
    assert draw_partners(first, first, same_singer=False, seed=0) is not None
