"""From the probabilities of a track's clips to its singer: majority voting (paper, Evaluation Protocols)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

THRESHOLD = 0.5
"""A clip votes when its confidence is above this (authors' program)."""


@dataclass(frozen=True)
class Vote:
    """The outcome for one track.

    Attributes:
        singer: index of the winner.
        vote_share: the winner's votes divided by the number of voting clips, 0 to 1.
        confidence: the winner's mean probability over the voting clips, 0 to 1.
        clips: number of clips that voted.
    """

    singer: int
    vote_share: float
    confidence: float
    clips: int


def vote(probabilities: npt.ArrayLike, threshold: float = THRESHOLD) -> Vote:
    """Let the clips of one track vote.

    Every clip votes for its most probable singer if that probability, its confidence, is above
    `threshold`; if none is, all clips vote. The singer with most votes wins, of equals the one with
    the lowest index.

    Args:
        probabilities: (clips, singers), at least one of each.
        threshold: confidence that a clip must exceed to vote.

    Raises:
        ValueError: `probabilities` has another shape or holds a value that is not finite.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"probabilities must be (clips, singers) and not empty, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("probabilities must be finite")
    confident = values.max(axis=1) > threshold
    voting = values[confident] if confident.any() else values
    votes = np.bincount(voting.argmax(axis=1), minlength=values.shape[1])
    winner = int(votes.argmax())
    return Vote(winner, float(votes[winner] / len(voting)), float(voting[:, winner].mean()), len(voting))


def vote_tracks(
    probabilities: npt.ArrayLike, tracks: npt.ArrayLike, threshold: float = THRESHOLD
) -> dict[int, Vote]:
    """`vote` for each of many tracks.

    Args:
        probabilities: (clips, singers).
        tracks: (clips,) index of the track of each clip, in any order.
        threshold: as for `vote`.

    Returns:
        The vote of every track that has a clip, by index, sorted.
    """
    values, owner = np.asarray(probabilities), np.asarray(tracks)
    if owner.shape != values.shape[:1]:
        raise ValueError(f"one track per clip: {owner.shape} tracks for {values.shape[:1]} clips")
    order = np.argsort(owner, kind="stable")
    indices, starts = np.unique(owner[order], return_index=True)
    groups = np.split(values[order], starts[1:])
    return {int(index): vote(group, threshold) for index, group in zip(indices, groups, strict=True)}
