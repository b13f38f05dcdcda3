"""Voiceprints against plain loops over singers, and which recordings form groups."""

import numpy as np
import pytest

from singerid.library.voiceprints import (
    MOST_EXEMPLARS,
    Voiceprints,
    behind,
    best_of_prints,
    exemplars_of,
    fit_back_ends,
    print_means,
)


@pytest.fixture(params=[1, 2])
def prints(request):
    """14 recordings of 3 singers; some belong to exemplars."""
    rng = np.random.default_rng(request.param)
    owners = rng.permutation(np.repeat([0, 1, 2], [6, 5, 3]))
    vectors = rng.normal(size=(14, request.param, 8)) + 2 * np.eye(8)[owners][:, None]
    vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    exemplars = rng.integers(0, 3, 14)
    return Voiceprints(fit_back_ends(vectors, owners), vectors, owners, exemplars)


def test_means_and_exemplars_are_those_of_a_loop(prints):
    means, owners = print_means(prints.vectors, prints.owners, prints.exemplars)
    expected, singers = [], []
    for singer in range(3):
        own = prints.owners == singer
        for exemplar in range(MOST_EXEMPLARS + 1):
            chosen = own if exemplar == 0 else own & (prints.exemplars == exemplar)
            if chosen.any():
                expected.append(prints.vectors[chosen].mean(0))
                singers.append(singer)
    assert owners.tolist() == singers
    np.testing.assert_allclose(means, expected, atol=1e-6)


def test_a_score_is_the_best_cosine_with_a_print(prints):
    asked = prints.asked(prints.vectors[:4])
    np.testing.assert_allclose(np.linalg.norm(asked, axis=1), 1, atol=1e-5)
    every, owners = prints.prints
    scores = prints.scores(asked)
    for voice in range(4):
        for singer in range(3):
            best = max(float(asked[voice] @ one) for one in every[owners == singer])
            assert scores[voice, singer] == pytest.approx(best, abs=1e-6)
    own = prints.scores(prints.recordings)[np.arange(14), prints.owners]
    np.testing.assert_allclose(prints.own_scores, own, atol=1e-6)
    np.testing.assert_allclose(np.diag(prints.alike(prints.recordings)), 1, atol=1e-5)


def test_two_sounds_count_alike(prints):
    """The cosine of joined vectors is the mean of the sounds' cosines."""
    joined = behind(prints.back_ends, prints.vectors)
    cosines = [
        one @ one.T for one in (back(prints.vectors[:, sound]) for sound, back in enumerate(prints.back_ends))
    ]
    np.testing.assert_allclose(joined @ joined.T, np.mean(cosines, axis=0), atol=1e-5)


def test_nobody_enrolled_gives_no_scores():
    assert best_of_prints(np.ones((2, 4), "f"), np.zeros((0, 4), "f"), np.zeros(0, np.int64)).shape == (2, 0)
    means, owners = print_means(np.zeros((0, 1, 4), "f"), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert (len(means), len(owners)) == (0, 0)


def voices(*sizes):
    rng = np.random.default_rng(0)
    found = np.repeat(np.eye(len(sizes), 16), sizes, axis=0) + rng.normal(0, 0.05, (sum(sizes), 16))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_two_eras_of_a_voice_are_two_exemplars():
    found = exemplars_of(voices(4, 3))
    assert sorted({*found[:4], *found[4:]}) == [1, 2]
    assert len(set(found[:4])) == len(set(found[4:])) == 1


def test_a_group_of_one_evening_is_no_exemplar():
    found = exemplars_of(voices(5, 4, 2))
    assert found[-2:].tolist() == [0, 0] or len(set(found[5:])) == 1
    assert set(found[:5]).isdisjoint(found[5:9])


@pytest.mark.parametrize("recordings", [voices(9), voices(3, 2), voices(1)], ids=["one", "few", "single"])
def test_without_groups_there_are_no_exemplars(recordings):
    assert not exemplars_of(recordings[:5] if len(recordings) < 9 else recordings).any()
