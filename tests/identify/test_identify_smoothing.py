"""The likeliest path and its certainty, compared with an enumeration of all paths of short sounds."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest

from singerid.identify.smoothing import certainty, likeliest


def worth(way, emissions, change):
    told = sum(emissions[cell, state] for cell, state in enumerate(way))
    return told - change * sum(one != other for one, other in pairwise(way))


def lasts(way, least):
    """Turns between the first and the last one are long enough."""
    return all(length >= least for length in [len(list(own)) for _, own in groupby(way)][1:-1])


@pytest.mark.parametrize("seed", range(60))
def test_the_path_is_the_best_of_all_and_the_certainties_are_sums_over_paths(seed):
    rng = np.random.default_rng(seed)
    cells, states, least = rng.integers(1, 8), rng.integers(1, 4), rng.integers(1, 4)
    emissions, change = 2 * rng.normal(size=(cells, states)), rng.uniform(0, 3)
    ways = list(product(range(states), repeat=int(cells)))

    way = likeliest(emissions, change, int(least)).tolist()
    assert lasts(way, least)
    best = max(worth(other, emissions, change) for other in ways if lasts(other, least))
    assert worth(way, emissions, change) == pytest.approx(best)

    chances = np.zeros((cells, states))
    for other in ways:
        chances[np.arange(cells), other] += np.exp(worth(other, emissions, change))
    chances /= chances.sum(1, keepdims=True)
    np.testing.assert_allclose(certainty(emissions, change), chances, atol=1e-9)


def test_without_cells_there_is_no_path():
    assert len(likeliest(np.zeros((0, 2)), 1.0)) == 0
    assert certainty(np.zeros((0, 2)), 1.0).shape == (0, 2)
