"""What a finished cell leaves behind: RUN/result.json, from which tables are made without the network.

It holds the scores as `singerid evaluate --json` prints them and, for comparisons, what the network named
in each clip and track of the test albums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from singerid.config import StateName
from singerid.errors import SingeridError
from singerid.evaluation.evaluate import score_part
from singerid.evaluation.significance import Named
from singerid.evaluation.voting import vote_tracks
from singerid.listening.predict import predict_clips
from singerid.reproduce.tables import Level
from singerid.runs.history import read_history
from singerid.runs.part import Part, part_of
from singerid.runs.run import Run
from singerid.system.files import read_json, write_json

FORMAT = 1
RESULT = "result.json"


@dataclass(frozen=True)
class NamedTrack:
    """A test track that has clips.

    Attributes:
        path: of the track, in its tree.
        album: singer and album: the same album in every split.
        truth: class of its singer.
        clips: for each state the class that each clip was named.
        named: for each state the class that the clips voted for.
    """

    path: str
    album: tuple[str, str]
    truth: int
    clips: Mapping[StateName, tuple[int, ...]]
    named: Mapping[StateName, int]


@dataclass(frozen=True)
class CellResult:
    """A trained and scored run.

    Attributes:
        epochs: that it was trained for.
        seconds: of an epoch, on average.
        f1: weighted F1 of each scored state at both levels.
        tracks: what was named, sorted by path.
    """

    epochs: int
    seconds: float
    f1: Mapping[StateName, Mapping[Level, float]]
    tracks: tuple[NamedTrack, ...]

    def best_state(self, level: Level) -> StateName:
        """The scored state with the best F1 on the test tracks; of equals the first. Mostly there is one."""
        return max(self.f1, key=lambda state: self.f1[state][level])

    def named(self, level: Level, state: StateName) -> Named:
        """Truth and names of all clips, or of all tracks."""
        items = [
            (track.truth, named, track.album)
            for track in self.tracks
            for named in (track.clips[state] if level == "clip" else (track.named[state],))
        ]
        truth, names, albums = zip(*items, strict=True)
        return Named(np.array(truth), np.array(names), albums)


def write_result(run: Run, states: Sequence[StateName], device: torch.device) -> None:
    """Score states of a run on the test part of its split and keep what comes out.

    Raises:
        SingeridError: a state, the store or one of its tracks is missing or damaged.
    """
    part = part_of(run.store(), run.split().test, run.config)
    history = read_history(run)
    probabilities = {
        state: predict_clips(run.load_model(state).to(device), part.clips, device) for state in states
    }
    scores = {state: score_part(found, part) for state, found in probabilities.items()}
    write_json(
        run.path / RESULT,
        {
            "format": FORMAT,
            "epochs": len(history),
            "seconds": sum(epoch.seconds for epoch in history) / len(history),
            "states": {state: levels.to_json() for state, levels in scores.items()},
            "tracks": [asdict(track) for track in _tested(part, probabilities)],
        },
    )


def _tested(part: Part, probabilities: Mapping[StateName, Any]) -> list[NamedTrack]:
    votes = {state: vote_tracks(found, part.clips.track) for state, found in probabilities.items()}
    tested = []
    for index in np.unique(part.clips.track):
        track, own = part.tracks[index], part.clips.track == index
        tested.append(
            NamedTrack(
                track.path,
                (track.singer, track.album),
                part.singers.index(track.singer),
                {state: tuple(found[own].argmax(1).tolist()) for state, found in probabilities.items()},
                {state: named[int(index)].singer for state, named in votes.items()},
            )
        )
    return tested


def read_result(run: Path, states: Sequence[StateName]) -> CellResult | None:
    """The result in a run's folder; None where there is none of these states and of all of its epochs."""
    try:
        content = read_json(run / RESULT, "")
        result = _from_json(content)
        epochs = len(read_history(Run.open(run)))
    except (SingeridError, KeyError, TypeError, ValueError, AttributeError):
        return None  # never written, or by another version: it is made again in no time
    current = content["format"] == FORMAT and result.epochs == epochs and result.tracks
    return result if current and set(result.f1) == set(states) else None


def _from_json(content: Any) -> CellResult:
    return CellResult(
        epochs=content["epochs"],
        seconds=content["seconds"],
        f1={
            state: {level: scores["f1_weighted"] for level, scores in levels.items()}
            for state, levels in content["states"].items()
        },
        tracks=tuple(NamedTrack(**{**track, "album": tuple(track["album"])}) for track in content["tracks"]),
    )
