"""The most likely path against plain loops and librosa; in a stream, and where it is settled early."""

import librosa
import numpy as np
import pytest

from singerid.sound.melody.viterbi import Viterbi


def band_matrix(states: int, reach: int) -> np.ndarray:
    distance = abs(np.subtract.outer(np.arange(states), np.arange(states)))
    weights = np.maximum(reach + 1 - distance, 0)
    return weights / weights.sum(1, keepdims=True)


def by_loops(log_likelihoods: np.ndarray, transition: np.ndarray) -> list[int]:
    """Viterbi as in textbooks; the first maximum wins."""
    frames, states = log_likelihoods.shape
    with np.errstate(divide="ignore"):
        moves = np.log(transition)
    scores = [[np.log(1 / states) + log_likelihoods[0, state] for state in range(states)]]
    for frame in range(1, frames):
        scores.append(
            [
                max(scores[-1][source] + moves[source, state] for source in range(states))
                + log_likelihoods[frame, state]
                for state in range(states)
            ]
        )
    path = [max(range(states), key=lambda state: scores[-1][state])]
    for frame in range(frames - 2, -1, -1):
        path.append(max(range(states), key=lambda state: scores[frame][state] + moves[state, path[-1]]))
    return path[::-1]


def whole(log_likelihoods: np.ndarray, transition: np.ndarray, reach: int) -> np.ndarray:
    viterbi = Viterbi(transition, reach, max_pending=len(log_likelihoods))
    return np.concatenate((viterbi.push(log_likelihoods), viterbi.finish()))


@pytest.mark.parametrize(("states", "reach"), [(9, 2), (5, 4), (3, 5), (4, 0), (1, 0)])
@pytest.mark.parametrize("values", [1, 2, 3, 1000])
def test_equals_plain_loops_with_ties_and_without(states: int, reach: int, values: int) -> None:
    """Few values make many paths equally likely; one value makes all."""
    rng = np.random.default_rng(values)
    for frames in (1, 2, 40):
        log_likelihoods = np.log((1 + rng.integers(0, values, (frames, states))) / values)
        transition = band_matrix(states, reach)
        assert whole(log_likelihoods, transition, reach).tolist() == by_loops(log_likelihoods, transition)


def test_moves_that_are_not_symmetric() -> None:
    rng = np.random.default_rng(0)
    transition = np.triu(np.tril(rng.uniform(size=(8, 8)), 3), -3)
    transition /= transition.sum(1, keepdims=True)
    log_likelihoods = np.log(rng.uniform(size=(60, 8)))
    assert whole(log_likelihoods, transition, 3).tolist() == by_loops(log_likelihoods, transition)


def test_equals_librosa() -> None:
    likelihoods = np.random.default_rng(1).uniform(size=(300, 40))
    likelihoods /= likelihoods.sum(1, keepdims=True)
    transition = band_matrix(40, 5)
    expected = librosa.sequence.viterbi(likelihoods.T, transition)
    assert np.array_equal(whole(np.log(likelihoods), transition, 5), expected)


@pytest.mark.parametrize("chunk", [1, 100, 1024, 5000])
def test_a_stream_is_decided_on_the_way_and_equals_the_whole(chunk: int) -> None:
    log_likelihoods = np.log(np.random.default_rng(2).integers(1, 4, (5000, 6)))
    transition = band_matrix(6, 2)
    viterbi = Viterbi(transition, 2, max_pending=5000)
    pieces = [
        viterbi.push(log_likelihoods[start : start + chunk])
        for start in range(0, len(log_likelihoods), chunk)
    ]
    undecided = viterbi.finish()
    assert 0 < len(undecided) < 1100
    path = np.concatenate((*pieces, undecided))
    assert path.tolist() == by_loops(log_likelihoods, transition)


def test_what_is_undecided_too_long_is_settled_and_the_rest_follows_from_it() -> None:
    """No state can change, so nothing is decided before the end, which favours state 1."""
    log_likelihoods = np.zeros((4000, 3))
    log_likelihoods[:2000, 2] = 1
    log_likelihoods[2000:, 1] = 5
    assert whole(log_likelihoods, np.eye(3), 0).tolist() == [1] * 4000

    viterbi = Viterbi(np.eye(3), 0, max_pending=1000)
    settled = [viterbi.push(log_likelihoods[start : start + 500]) for start in range(0, 4000, 500)]
    assert [len(piece) for piece in settled][:3] == [0, 0, 751]
    path = np.concatenate((*settled, viterbi.finish()))
    assert path.tolist() == [2] * 4000  # state 1 was out of reach once state 2 was settled


def test_moves_beyond_the_reach_are_refused() -> None:
    with pytest.raises(ValueError, match="beyond 2 states"):
        Viterbi(band_matrix(6, 3), 2, 100)
    with pytest.raises(ValueError, match="square"):
        Viterbi(np.ones((3, 4)), 5, 100)
