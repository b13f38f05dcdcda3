"""What a finished cell leaves behind, from which tables are made without the network.

It is what `evaluate` records of a run: scores and, for comparisons, what the network named in each clip and
track of the test albums.
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
        epochs: that it was trained for.
        seconds: of an epoch, on average.
        f1: weighted F1 of each scored state at both levels.
        tracks: what was named, sorted by path.
        verdict: of its audit, what decides where voice and accompaniment disagree; "" where that was not
            asked, or could not be told.
    """

    epochs: int
    seconds: float
    f1: Mapping[StateName, Mapping[Level, float]]
    tracks: tuple[NamedTrack, ...]
    verdict: str = ""

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


def read_result(folder: Path, states: Sequence[StateName], audited: bool = False) -> CellResult | None:
    """The result of a run's folder; None where these states, as they are now, were not all scored.

    Args:
        folder: of the run.
        states: that are to be scored.
        audited: whether it is to be audited, too.
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
        return None  # never scored, or by another version: it is scored again in no time


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
