"""The result of an evaluation: scores of clips and of tracks, and the singers that were named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.config import AudioCondition, StateName
from singerid.evaluation.scores import Scores, score
from singerid.evaluation.voting import Answers, vote_tracks
from singerid.runs.part import Part

Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class LevelScores:
    """Scores of single clips, and of tracks by the votes of their clips."""

    clip: Scores
    track: Scores

    def to_json(self) -> dict[str, Any]:
        """{"clip": {...}, "track": {...}}, as in `singerid evaluate --json`."""
        return {"clip": self.clip.to_json(), "track": self.track.to_json()}


@dataclass(frozen=True)
class NamedTrack:
    """A test track that has clips.

    Attributes:
        path: path of the track in its tree.
        album: singer and album; they identify the album in every split.
        truth: class of its singer.
        clips: for each state, the class named for each clip.
        named: for each state, the class that the clips voted for.
    """

    path: str
    album: tuple[str, str]
    truth: int
    clips: Mapping[StateName, tuple[int, ...]]
    named: Mapping[StateName, int]


@dataclass(frozen=True)
class Evaluation:
    """The outcome of `evaluate`.

    Attributes:
        audio: the audio condition that was heard.
        states: scores of each evaluated state of the network.
        baseline: scores of the classical baseline on the same clips, if asked for.
        singers: names of the classes.
        tracks: the test tracks with the singers named for them, sorted by path.
        short: number of tracks that are shorter than a clip and were left out.
    """

    audio: AudioCondition
    states: dict[StateName, LevelScores]
    baseline: LevelScores | None
    singers: tuple[str, ...]
    tracks: tuple[NamedTrack, ...]
    short: int

    def to_json(self) -> dict[str, Any]:
        """The object that `singerid evaluate --json` prints."""
        value: dict[str, Any] = {
            "states": {name: scores.to_json() for name, scores in self.states.items()},
            "singers": list(self.singers),
            "short_tracks": self.short,
        }
        return value | ({"baseline": self.baseline.to_json()} if self.baseline else {})


def score_levels(
    probabilities: Probabilities,
    labels: NDArray[np.int64],
    tracks: NDArray[np.int64],
    singers: Sequence[str],
) -> LevelScores:
    """Score clips, and tracks by voting.

    Args:
        probabilities: (clips, singers).
        labels: (clips,) class of each clip.
        tracks: (clips,) index of the track of each clip.
        singers: names of the classes.
    """
    return score_answers(
        Answers(probabilities.argmax(1), vote_tracks(probabilities, tracks)), labels, tracks, singers
    )


def score_answers(
    answers: Answers, labels: NDArray[np.int64], tracks: NDArray[np.int64], singers: Sequence[str]
) -> LevelScores:
    """`score_levels` for answers in place of probabilities."""
    _, first_clips = np.unique(tracks, return_index=True)
    return LevelScores(
        clip=score(labels, answers.clips, tracks, singers),
        track=score(labels[first_clips], answers.named, answers.tracks, singers),
    )


def score_part_answers(answers: Answers, part: Part) -> LevelScores:
    """`score_answers` for all clips of a part, in their order."""
    return score_answers(answers, part.clips.labels, part.clips.track, part.singers)


def score_part(probabilities: Probabilities, part: Part) -> LevelScores:
    """`score_levels` of all clips of a part, in their order."""
    return score_levels(probabilities, part.clips.labels, part.clips.track, part.singers)


def tracks_named(part: Part, answers: Mapping[StateName, Answers]) -> tuple[NamedTrack, ...]:
    """The tracks of a part that have clips, with the singers that each state named."""
    tracks, starts = np.unique(part.clips.track, return_index=True)
    clips = {state: np.split(said.clips, starts[1:]) for state, said in answers.items()}
    labels = part.labels
    return tuple(
        NamedTrack(
            part.tracks[index].path,
            (part.tracks[index].singer, part.tracks[index].album),
            int(labels[index]),
            {state: tuple(named[number].tolist()) for state, named in clips.items()},
            {state: said.votes[index].singer for state, said in answers.items()},
        )
        for number, index in enumerate(tracks.tolist())
    )
