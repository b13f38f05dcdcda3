"""RUN/scores.json: the results of evaluations and of an audit of a run, each with the weights that it used.

    {"evaluations": {"mixture": {"weights": {"best_f1": SHA-256}, "scores": ..., "tracks": [...]}, ...},
     "audit": {"weights": {"best_f1": SHA-256}, "summary": [sentences], ...}}

"scores" is what `singerid evaluate --json` prints. For more than 1,000 singers, "confusion_cells" replaces
"confusion" (rows of counts): it lists the cells that are not 0, each as [true, named, count]. "tracks" holds
the singers named for each clip and track of the test part. Results of other weights than the run's current
ones are ignored.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from singerid.config import REPORTED_STATE, AudioCondition, StateName
from singerid.errors import SingeridError
from singerid.evaluation.outcome import Evaluation
from singerid.runs.run import Run
from singerid.system.files import read_json, write_json

SCORES = "scores.json"
REMEDY = "delete it and run `singerid evaluate` and `singerid audit` again"


def record_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Keep the scores of a run; scores of other states and audio conditions, and the audit, stay recorded.

    Raises:
        SingeridError: RUN/scores.json is damaged or cannot be written.
    """
    kept = _read(run)
    evaluations = _evaluations(run, kept)
    entry = {
        "weights": _weights(run, *evaluation.states),
        "scores": evaluation.to_json(),
        "tracks": [asdict(track) for track in evaluation.tracks],
    }
    before = evaluations.get(evaluation.audio)
    evaluations[evaluation.audio] = entry if before is None else _joined(before, entry)
    write_json(run.path / SCORES, kept | {"evaluations": evaluations})


def _joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Two entries of one audio condition, merged; for a state that both have, the later one counts."""
    try:
        tracks = [
            track | {each: {**old[each], **track[each]} for each in ("clips", "named")}
            for old, track in zip(before["tracks"], now["tracks"], strict=True)
            if old["path"] == track["path"]
        ]
        states = {**before["scores"]["states"], **now["scores"]["states"]}
    except (KeyError, TypeError, ValueError):
        return now  # the earlier entry has other tracks, or is damaged
    if len(tracks) < len(now["tracks"]):
        return now
    scores = before["scores"] | now["scores"] | {"states": states}
    return {"weights": before["weights"] | now["weights"], "scores": scores, "tracks": tracks}


def record_audit(run: Run, audit: Mapping[str, Any]) -> None:
    """Keep the result of an audit of a run; raises SingeridError as `record_evaluation`."""
    kept = _read(run)
    entry = {"weights": _weights(run, REPORTED_STATE)} | dict(audit)
    write_json(run.path / SCORES, {"evaluations": _evaluations(run, kept), "audit": entry})


def recorded_evaluations(run: Run) -> dict[AudioCondition, dict[str, Any]]:
    """The recorded evaluations of the run's current weights, by audio condition.

    Raises:
        SingeridError: RUN/scores.json is damaged.
    """
    return _evaluations(run, _read(run))


def recorded_audit(run: Run) -> dict[str, Any]:
    """The recorded audit of the run's current weights; empty if there is none."""
    audit = _read(run).get("audit", {})
    return audit if _is_fresh(run, audit) else {}


def _evaluations(run: Run, content: Mapping[str, Any]) -> dict[AudioCondition, dict[str, Any]]:
    found = content.get("evaluations")
    if not isinstance(found, Mapping):
        return {}
    return {audio: entry for audio, entry in found.items() if _is_fresh(run, entry)}


def _read(run: Run) -> dict[str, Any]:
    path = run.path / SCORES
    if not path.exists():
        return {}
    content = read_json(path, REMEDY)
    if not isinstance(content, dict):
        raise SingeridError(f"{path}: is damaged; {REMEDY}")
    return content


def _weights(run: Run, *states: StateName) -> dict[StateName, str]:
    return {state: run.digest(state) for state in states}


def _is_fresh(run: Run, entry: Any) -> bool:
    """Whether the run still has all the weights that an entry is about."""
    weights = entry.get("weights") if isinstance(entry, Mapping) else None
    if not isinstance(weights, Mapping) or not weights:
        return False
    return all(
        run.state_path(state).exists() and run.digest(state) == is_of for state, is_of in weights.items()
    )
