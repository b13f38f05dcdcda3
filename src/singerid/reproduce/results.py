"""The results of a finished cell, from which tables are made without running the network.

They are what `evaluate` records of a run: scores and, for comparisons, the singer that the network named in
each clip and track of the test albums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from singerid.config import StateName
from singerid.errors import SingeridError
from singerid.evaluation.outcome import NamedTrack
from singerid.evaluation.record import recorded_audit, recorded_evaluations
from singerid.evaluation.significance import Named
from singerid.reproduce.tables import LEVELS, Level
from singerid.runs.history import Epoch, read_history
from singerid.runs.run import Run


@dataclass(frozen=True)
class CellResult:
    """A trained and scored run.

    Attributes:
        epochs: number of epochs that it was trained for.
        seconds: mean seconds per epoch.
        f1: weighted F1 of each scored state at both levels.
        tracks: the test tracks with the singers named for them, sorted by path.
        verdict: verdict of its audit: what the network goes by when voice and accompaniment disagree; "" if
            it was not audited, or that could not be tested.
    """

    epochs: int
    seconds: float
    f1: Mapping[StateName, Mapping[Level, float]]
    tracks: tuple[NamedTrack, ...]
    verdict: str = ""

    def best_state(self, level: Level) -> StateName:
        """The scored state with the best F1 on the test tracks, in a tie the first. Usually there is one."""
        return max(self.f1, key=lambda state: self.f1[state][level])

    def named(self, level: Level, state: StateName) -> Named:
        """True and named singers of all clips, or of all tracks."""
        items = [
            (track.truth, named, track.album)
            for track in self.tracks
            for named in (track.clips[state] if level == "clip" else (track.named[state],))
        ]
        truth, names, albums = zip(*items, strict=True)
        return Named(np.array(truth), np.array(names), albums)


def read_result(folder: Path, states: Sequence[StateName], audited: bool = False) -> CellResult | None:
    """The result in a run's folder; None unless all these states were scored with their current weights.

    Args:
        folder: folder of the run.
        states: the states that must be scored.
        audited: whether it must be audited, too.
    """
    try:
        run = Run.open(folder)
        recorded = recorded_evaluations(run)[run.config.spec.audio]
        audit = recorded_audit(run)
        if audited and not audit:
            return None
        result = _result(recorded, states, read_history(run))
        return result and replace(result, verdict=audit.get("verdict") or "")
    except (SingeridError, KeyError, TypeError, ValueError, AttributeError):
        return None  # never scored, or by another version; scoring it again takes little time


def _result(
    recorded: Mapping[str, Any], states: Sequence[StateName], history: Sequence[Epoch]
) -> CellResult | None:
    scored = recorded["scores"]["states"]
    tracks = tuple(NamedTrack(**{**track, "album": tuple(track["album"])}) for track in recorded["tracks"])
    if not tracks:
        return None
    return CellResult(
        epochs=len(history),
        seconds=sum(epoch.seconds for epoch in history) / len(history),
        f1={state: {level: scored[state][level]["f1_weighted"] for level in LEVELS} for state in states},
        tracks=tracks,
    )
