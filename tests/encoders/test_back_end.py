import numpy as np
import pytest

from singerid.encoders.back_end import RECORDINGS, SHRINKAGE, SINGERS, WithinSinger, fit_back_end, unit


def made_up(singers: int, recordings: int, size: int = 6, seed: int = 0):
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(singers), recordings)
    spread = np.linspace(0.1, 3, size)
    return rng.standard_normal((singers, size))[names] + rng.standard_normal(
        (len(names), size)
    ) * spread, names


def test_the_mean_is_that_of_the_singers_and_not_of_the_recordings():
    vectors = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    assert fit_back_end(vectors, ["a", "a", "a", "b"]).mean.tolist() == [0.5, 0.5]


def test_whitening_is_the_inverse_root_of_the_shrunk_covariance_within_singers():
    """Facts: centring by the mean of the singers' means, covariance (1 - .3) C + .3 tr(C)/D I."""
    vectors, singers = made_up(7, 4)
    back_end = fit_back_end(vectors, singers.tolist())
    within = np.zeros((6, 6))
    for singer in range(7):
        for vector in vectors[singers == singer]:
            away = vector - vectors[singers == singer].mean(0)
            within += np.outer(away, away)
    within /= 7 * (4 - 1)
    shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / 6 * np.eye(6)
    assert back_end.whitened
    assert back_end.whitening @ shrunk @ back_end.whitening == pytest.approx(np.eye(6), abs=1e-5)


def test_it_weighs_down_what_differs_between_recordings_of_one_singer():
    vectors, singers = made_up(8, 5, seed=1)
    whitened = fit_back_end(vectors, singers.tolist()).whitening
    weight = np.diag(whitened)
    assert (np.diff(weight) < 0).all()  # the spread within singers grows along the axes


@pytest.mark.parametrize(
    ("singers", "recordings", "whitened"),
    [(SINGERS, RECORDINGS, True), (SINGERS - 1, RECORDINGS, False), (SINGERS, RECORDINGS - 1, False)],
)
def test_it_whitens_from_enough_singers_with_enough_recordings_on(singers, recordings, whitened):
    vectors, names = made_up(singers, recordings)
    back_end = fit_back_end(vectors, names.tolist())
    assert back_end.whitened == whitened
    if not whitened:
        assert np.array_equal(back_end.whitening, np.eye(6))
    assert np.linalg.norm(back_end(vectors), axis=1) == pytest.approx(1, abs=1e-5)


def test_nothing_comes_of_nothing():
    assert unit(np.zeros((2, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("singer", "stays"), [(None, 0), (0, 0), (2, 2), (2, 4), (5, 1), (6, 0)])
def test_leaving_recordings_out_equals_fitting_the_rest(singer: int | None, stays: int) -> None:
    rng = np.random.default_rng(3)
    owners = np.repeat(np.arange(7), (3, 4, 6, 3, 5, 2, 3))
    order = rng.permutation(len(owners))  # of one singer after the other or not
    owners = owners[order]
    recordings = rng.standard_normal((len(owners), 12)) + 3 * rng.standard_normal((7, 12))[owners]
    kept = np.ones(len(owners), bool)
    own = None
    if singer is not None:
        places = np.flatnonzero(owners == singer)
        own = np.arange(len(places)) < stays
        kept[places[~own]] = False
    found = WithinSinger(recordings, owners).back_end(singer, own)
    whole = fit_back_end(recordings[kept], owners[kept].tolist())
    assert found.whitened == whole.whitened
    np.testing.assert_allclose(found.mean, whole.mean, atol=1e-6)
    np.testing.assert_allclose(found.whitening, whole.whitening, rtol=1e-4, atol=1e-6)
