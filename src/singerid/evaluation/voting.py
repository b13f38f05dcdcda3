"""From the probabilities of a track's clips to its singer: majority voting (paper, Evaluation Protocols)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    `threshold`; if no clip's is, all clips vote. The singer with most votes wins; in a tie, the one with
    the lowest index.

    Args:
        probabilities: (clips, singers), at least one of each.
        threshold: confidence that a clip must exceed to vote.

    Raises:
        ValueError: `probabilities` has another shape or holds a value that is not finite.

    >>> vote([[0.9, 0.1], [0.25, 0.75], [0.5, 0.5]])  # the last one does not vote
    Vote(singer=0, vote_share=0.5, confidence=0.575, clips=2)
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

    >>> votes = vote_tracks([[0.9, 0.1], [0.2, 0.8]], [7, 3])
    >>> {track: vote.singer for track, vote in votes.items()}
    {3: 1, 7: 0}
    """
    values, owner = np.asarray(probabilities), np.asarray(tracks)
    if owner.shape != values.shape[:1]:
        raise ValueError(f"one track per clip: {owner.shape} tracks for {values.shape[:1]} clips")
    order = np.argsort(owner, kind="stable")
    indices, starts = np.unique(owner[order], return_index=True)
    groups = np.split(values[order], starts[1:])
    return {int(index): vote(group, threshold) for index, group in zip(indices, groups, strict=True)}


@dataclass(frozen=True, eq=False)
class Answers:
    """A system's answers for clips and for their tracks; its probabilities are not kept.

    Attributes:
        clips: (clips,) the class named for each clip.
        votes: the vote of every track that has a clip, by index, sorted.
    """

    clips: npt.NDArray[np.int64]
    votes: dict[int, Vote]

    @property
    def tracks(self) -> npt.NDArray[np.int64]:
        """(tracks,) index of each track that has a clip."""
        return np.array(list(self.votes), np.int64)

    @property
    def named(self) -> npt.NDArray[np.int64]:
        """(tracks,) the class that the clips of each track voted for."""
        return np.array([vote.singer for vote in self.votes.values()], np.int64)


def answers_of(pieces: Iterable[npt.NDArray[np.floating[Any]]], tracks: npt.NDArray[np.int64]) -> Answers:
    """The answers for clips whose probabilities come in pieces.

    Args:
        pieces: (some clips, singers), one after the other, together (clips, singers).
        tracks: (clips,) index of the track of each clip, never decreasing.

    Raises:
        ValueError: `pieces` and `tracks` have different numbers of clips.

    >>> pieces = np.array([[0.9, 0.1]]), np.array([[0.2, 0.8], [0.3, 0.7]])
    >>> answers_of(pieces, np.array([0, 1, 1])).named.tolist()
    [0, 1]
    """
    clips: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    votes: dict[int, Vote] = {}
    first, open_track = 0, None  # the first clip that has not voted yet; probabilities from there on
    for piece in pieces:
        clips.append(piece.argmax(1))
        values = piece if open_track is None else np.concatenate((open_track, piece))
        owners = tracks[first : first + len(values)]
        if len(owners) != len(values):
            break
        # The last track may go on in the next piece.
        ended = int(np.searchsorted(owners, owners[-1]))
        if ended:
            votes |= vote_tracks(values[:ended], owners[:ended])
        first, open_track = first + ended, values[ended:]
    named = np.concatenate(clips)
    if len(named) != len(tracks):
        raise ValueError(f"one track per clip: {len(tracks)} tracks, probabilities of {len(named)} clips")
    if open_track is not None:
        votes |= vote_tracks(open_track, tracks[first:])
    return Answers(named, votes)
