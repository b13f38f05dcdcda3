"""Probabilities: their cost, computed by hand, and fits to many and to few trials."""

import numpy as np
import pytest

from singerid.library.odds import Odds, balanced, cllr, least_cllr, logit, probability

START = Odds((0.0, 0.0), (1.0, 1.0), (2.0, 0.5), -1.0)


def test_cllr_by_hand():
    right = np.array([True, True, False, False])
    assert cllr(np.zeros(4), right) == pytest.approx(1.0)  # no information costs one bit
    log_odds = np.log([3.0, 1.0, 1 / 3, 1.0])
    own = (np.log2(1 + 1 / 3) + np.log2(2)) / 2
    assert cllr(log_odds, right) == pytest.approx(own)  # both halves have the same cost
    assert cllr(np.array([50.0, 50, -50, -50]), right) == pytest.approx(0, abs=1e-12)


def test_least_cllr_by_hand():
    right = np.array([True, True, False, False])
    # Perfectly sorted: the lowest cost is zero, whatever the log-odds are.
    assert least_cllr(np.array([0.3, 0.2, 0.1, 0.0]), right) == 0
    # All equal: there is no information.
    assert least_cllr(np.zeros(4), right) == pytest.approx(1.0)
    # One trial of each kind is certain, the two between them are not: half a bit.
    assert least_cllr(np.array([2.0, 1.0, 1.0, 0.0]), right) == pytest.approx(0.5)


def _trials(count, rng):
    features = rng.standard_normal((count, 2))
    truth = Odds((0.0, 0.0), (1.0, 1.0), (-1.0, 3.0), 0.5)
    return features, rng.random(count) < probability(truth(features)), truth


def test_many_trials_give_the_true_coefficients():
    features, right, truth = _trials(20_000, np.random.default_rng(0))
    found = START.fitted(features, right, np.ones(len(right)))
    assert found.weights == pytest.approx(truth.weights, abs=0.15)
    assert found.bias == pytest.approx(truth.bias, abs=0.1)


def test_few_trials_stay_near_the_start():
    features, right, truth = _trials(4, np.random.default_rng(0))
    found = START.fitted(features, right, np.ones(4))
    away = np.array(truth.weights) - START.weights
    moved = np.array(found.weights) - START.weights
    assert np.linalg.norm(moved) < 0.35 * np.linalg.norm(away)
    none = START.fitted(features[:0], right[:0], np.ones(0))
    assert (none.weights, none.bias) == (START.weights, START.bias)


def test_perfectly_separable_trials_give_finite_odds():
    features = np.array([[-1.0, 0], [1.0, 0]] * 50)
    found = START.fitted(features, features[:, 0] > 0, np.ones(100))
    assert np.isfinite(found(features)).all()


def test_a_missing_feature_counts_as_usual():
    assert START(np.array([[1.0, np.nan]])) == pytest.approx(START(np.array([[1.0, 0.0]])))


def test_strangers_and_singers_weigh_the_same_whatever_their_songs():
    stranger = np.array([True] * 6 + [False] * 2)
    unit = np.array([0, 0, 0, 0, 0, 1, 2, 3])
    weights = balanced(stranger, unit)
    assert weights[stranger].sum() == pytest.approx(weights[~stranger].sum())
    assert weights[:5].sum() == pytest.approx(weights[5])


def test_probability_is_the_inverse_of_logit():
    for share in (1e-9, 0.2, 0.5, 0.999):
        assert probability(np.array([logit(share)]))[0] == pytest.approx(share)
