"""Majority voting, against a vote counted by hand and by plain loops."""

import numpy as np
import pytest

from singerid.evaluation.voting import Vote, vote, vote_tracks


def test_confident_clips_vote() -> None:
    clips = [[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.6, 0.2, 0.2]]
    outcome = vote(clips)
    assert (outcome.singer, outcome.clips) == (1, 3)
    assert outcome.vote_share == pytest.approx(2 / 3)
    assert outcome.confidence == pytest.approx((0.7 + 0.8 + 0.2) / 3)


def test_all_clips_vote_when_none_is_confident() -> None:
    outcome = vote([[0.4, 0.5, 0.1], [0.3, 0.4, 0.3], [0.45, 0.3, 0.25]])
    assert outcome == Vote(1, pytest.approx(2 / 3), pytest.approx(0.4), 3)


def test_a_confidence_of_exactly_the_threshold_does_not_vote() -> None:
    assert vote([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]]) == Vote(2, 1.0, pytest.approx(0.6), 1)
    assert vote([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]], threshold=0.4).clips == 2


def test_ties_go_to_the_lowest_index() -> None:
    assert vote([[0.1, 0.1, 0.8], [0.1, 0.8, 0.1]]).singer == 1
    assert vote([[0.2, 0.4, 0.4]]).singer == 1


def test_one_clip_one_singer() -> None:
    assert vote([[1.0]]) == Vote(0, 1.0, 1.0, 1)


@pytest.mark.parametrize("clips", [np.zeros((0, 3)), np.zeros((3, 0)), np.zeros(3), [[0.5, np.nan]]])
def test_clips_that_cannot_vote_are_refused(clips: object) -> None:
    with pytest.raises(ValueError, match="probabilities must be"):
        vote(clips)


def test_against_plain_loops() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.full(4, 0.6), size=300).astype(np.float32)
    tracks = rng.integers(0, 40, size=300) * 3
    outcome = vote_tracks(probabilities, tracks)
    assert list(outcome) == sorted(set(tracks.tolist()))
    for track, found in outcome.items():
        own = [row for row, owner in zip(probabilities.tolist(), tracks, strict=True) if owner == track]
        voting = [row for row in own if max(row) > 0.5] or own
        votes = [0] * 4
        for row in voting:
            votes[row.index(max(row))] += 1
        winner = votes.index(max(votes))
        mean = sum(row[winner] for row in voting) / len(voting)
        assert found == Vote(
            winner, pytest.approx(max(votes) / len(voting)), pytest.approx(mean), len(voting)
        )


def test_one_track_per_clip() -> None:
    with pytest.raises(ValueError, match="one track per clip"):
        vote_tracks(np.ones((3, 2)), [0, 1])
