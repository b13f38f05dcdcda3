"""How well a run names singers: clips, then votes of clips, scored on one part of its split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from singerid.config import REPORTED_STATE, AudioCondition, StateName
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.scores import Scores, score
from singerid.evaluation.voting import vote_tracks
from singerid.listening.predict import predict_clips
from singerid.runs.part import Part, part_of
from singerid.runs.run import Run
from singerid.system.devices import gpu_arithmetic


@dataclass(frozen=True)
class LevelScores:
    """Scores of single clips, and of tracks by the votes of their clips."""

    clip: Scores
    track: Scores

    def to_json(self) -> dict[str, Any]:
        """{"clip": {...}, "track": {...}}, as in `singerid evaluate --json`."""
        return {"clip": self.clip.to_json(), "track": self.track.to_json()}


@dataclass(frozen=True)
class Evaluation:
    """The outcome of `evaluate`.

    Attributes:
        states: scores of each evaluated state of the network.
        baseline: scores of the classical baseline on the same clips, where asked for.
        singers: names of the classes.
        short: number of tracks that are shorter than a clip and were left out.
        changed: the store's recordings are not those that the run was trained with.
    """

    states: dict[StateName, LevelScores]
    baseline: LevelScores | None
    singers: tuple[str, ...]
    short: int
    changed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `singerid evaluate --json` prints."""
        value: dict[str, Any] = {
            "states": {name: scores.to_json() for name, scores in self.states.items()},
            "singers": list(self.singers),
            "short_tracks": self.short,
        }
        return value | ({"baseline": self.baseline.to_json()} if self.baseline else {})


def score_levels(
    probabilities: NDArray[np.floating[Any]],
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
    votes = vote_tracks(probabilities, tracks)
    _, first_clips = np.unique(tracks, return_index=True)
    return LevelScores(
        clip=score(labels, probabilities.argmax(1), tracks, singers),
        track=score(
            labels[first_clips], [vote.singer for vote in votes.values()], np.array(list(votes)), singers
        ),
    )


def score_part(probabilities: NDArray[np.floating[Any]], part: Part) -> LevelScores:
    """`score_levels` of all clips of a part, in their order."""
    return score_levels(probabilities, part.clips.labels, part.clips.track, part.singers)


@gpu_arithmetic()
def evaluate(
    run: Run,
    device: torch.device,
    states: Sequence[StateName] = (REPORTED_STATE,),
    baseline: bool = False,
    audio: AudioCondition | None = None,
) -> Evaluation:
    """Score a run on the test part of its split.

    Args:
        run: a run; of a store that has moved, `run.over(folder)`.
        device: where the network runs, in exact float32 whatever the run was trained in.
        states: which kept states of the network.
        baseline: also fit the classical baseline to the training clips and score it on the test clips.
        audio: what to listen to; None: to what the run learned on. The baseline learns on it, too.

    Raises:
        SingeridError: a state, the store or one of its tracks is missing or damaged.
    """
    store, split = run.store(), run.split()
    config = run.hearing(audio).config
    part = part_of(store, split.test, config)
    scored = {
        state: score_part(predict_clips(_ready(run.load_model(state), device), part.clips, device), part)
        for state in states
    }
    fitted = None
    if baseline:
        train, test = (part_of(store, paths, config, config.audio) for paths in (split.train, split.test))
        fitted = score_part(baseline_probabilities(train, test), test)
    short = len(part.tracks) - len(np.unique(part.clips.track))
    return Evaluation(scored, fitted, part.singers, short, store.identity != config.store_identity)


def _ready(model: nn.Module, device: torch.device) -> nn.Module:
    return model.to(device).eval()
