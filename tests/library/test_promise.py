"""The bound of a promise is exact, and holds as often as it says."""

import numpy as np
import pytest
from scipy.stats import beta, binom, norm

from singerid.library.promise import SURE, bound_of, make_promise


@pytest.mark.parametrize(("exceeding", "singers"), [(0, 3), (0, 59), (1, 20), (5, 200), (19, 20)])
def test_the_bound_is_that_of_the_beta_distribution(exceeding, singers):
    """If the true share is the bound, one of 20 sets has this many or fewer above the threshold."""
    bound = bound_of(exceeding, singers)
    assert bound == pytest.approx(beta.ppf(SURE, exceeding + 1, singers - exceeding))
    assert binom.cdf(exceeding, singers, bound) == pytest.approx(1 - SURE)


def test_where_all_are_above_nothing_is_promised():
    assert bound_of(4, 4) == 1.0


@pytest.mark.parametrize(("wanted", "needed"), [(0.05, 59), (0.01, 299), (0.3, 9)])
def test_how_many_strangers_a_promise_needs(wanted, needed):
    unit = np.arange(needed)
    stats = np.random.default_rng(0).standard_normal(needed)
    assert make_promise(stats, unit, wanted).is_kept
    assert make_promise(stats, unit, wanted).needed == needed
    assert not make_promise(stats[:-1], unit[:-1], wanted).is_kept


@pytest.mark.parametrize(("singers", "songs", "spread"), [(20, 1, 1.0), (40, 2, 1.0), (40, 2, 3.0)])
def test_the_bound_holds_for_strangers_to_come(singers, songs, spread):
    """Songs of one singer are alike by `spread`; the threshold is chosen on the same scores."""
    rng = np.random.default_rng(1)
    broken, draws = 0, 150
    for _ in range(draws):
        stats = (spread * rng.standard_normal((singers, 1)) + rng.standard_normal((singers, songs))).ravel()
        promise = make_promise(stats, np.repeat(np.arange(singers), songs), 0.1)
        broken += norm.sf(promise.threshold / np.hypot(spread, 1)) > promise.bound
    # 5 % at most, plus three standard deviations of the number of draws
    assert broken / draws < 1 - SURE + 3 * np.sqrt(0.05 * 0.95 / draws)


def test_songs_of_one_singer_count_as_one():
    stats = np.array([5.0, 5.1, 5.2, 0.0, 0.1, 0.2])
    one = make_promise(stats, np.array([0, 0, 0, 1, 2, 3]), 0.5)
    assert one.singers == 4
    assert one.songs == 6


def test_a_library_of_one_singer_more_names_more():
    assert bound_of(1, 40, 1.1) > bound_of(1, 40)
