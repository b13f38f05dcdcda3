"""The confound audit of a run.

A network can name a singer by the voice, or by the band, the room and the mastering of an album that it
knows (the album effect). A score does not tell which. The audit tests the run on sounds that contain only
one of the two, or both in conflict.
"""

from collections.abc import Iterable, Iterator, Mapping

import torch

from singerid.analysis.audit.conditions import (
    ConditionHeard,
    ConditionName,
    accompaniment_effect,
    asked_of,
    hear_conditions,
    own_condition,
)
from singerid.analysis.audit.outcome import Audit
from singerid.analysis.audit.presence import Presence, presence
from singerid.analysis.audit.remix import remix_error_db
from singerid.analysis.audit.report import audit_json
from singerid.analysis.audit.splits import baselines, retrained, scores_on
from singerid.errors import Failure, SingeridError
from singerid.evaluation.evaluate import keep_scores
from singerid.evaluation.record import record_audit
from singerid.runs.run import Run
from singerid.system.console import Display
from singerid.system.devices import CPU


def audit(
    run: Run,
    device: torch.device = CPU,
    retrain: bool = False,
    display: Display = "none",
    keep: bool = True,
) -> Audit:
    """Audit a run in its reported state, and keep the results in the run and on its model card.

    Results on recordings that the run did not learn on are handled as by `evaluate`.

    Args:
        run: a run; if its store has moved, `run.over(folder)`.
        device: where the network runs.
        retrain: also train the network on the other kind of split, in a folder of the run.
        display: shows the progress of that training.
        keep: whether to keep the results; False: the run's folder is not changed.

    Raises:
        SingeridError: the run or its store is damaged, the store lacks the condition that the run learned
            on, or `retrain` was given with other recordings than the run learned on.
    """
    if retrain and run.changed:
        raise SingeridError(
            f"{run.path}: the recordings of {run.store.path} are not those that it learned on, but "
            "retraining would learn on them; leave out `retrain`, or train again"
        )
    missing: list[Failure] = []
    heard = hear_conditions(run, lambda part: run.predict(part, device), missing.append)
    own = heard[own_condition(run.config)]
    splits = [scores_on(run.config.split.kind, "network", [(own.part, own.probabilities)])]
    if retrain:
        splits += retrained(run, device, display, missing.append)
    splits += baselines(run, missing.append)
    found = Audit(
        model=run.config.model,
        own=own_condition(run.config),
        split=run.config.split.kind,
        singers=len(run.config.singers),
        clips=len(own.part.clips),
        albums=len({(track.singer, track.album) for track in own.part.tracks}),
        conditions=tuple(each.scores for each in heard.values()),
        accompaniment_effect=accompaniment_effect(heard),
        splits=tuple(splits),
        presence=_presence(run, heard, missing),
        remix_error_db=_remix_error(run, heard),
        missing=_by_reason(missing),
        notes=tuple(_notes(run)),
        changed=run.changed,
    )
    if keep:
        keep_scores(run, lambda: record_audit(run, audit_json(found)))
    return found


def _by_reason(missing: Iterable[Failure]) -> tuple[Failure, ...]:
    """One failure per reason, which names everything that failed for that reason."""
    what: dict[str, list[str]] = {}
    for failure in missing:
        what.setdefault(failure.reason, []).append(failure.path)
    return tuple(Failure("; ".join(names), reason) for reason, names in what.items())


def _notes(run: Run) -> Iterator[str]:
    if run.config.spec.audio == "both":
        yield "Beside each sound it heard its true vocals, as a perfect separator would give them."
    if "accompaniment" not in asked_of(run.config):
        yield (
            f"It was not tested on the accompaniment alone: {run.config.model} reads a melody, "
            "and there is none where nobody sings."
        )


def _presence(
    run: Run, heard: Mapping[ConditionName, ConditionHeard], missing: list[Failure]
) -> Presence | None:
    try:
        return presence(run, heard)
    except SingeridError as error:
        missing.append(Failure("clips with voice and without", str(error)))
        return None


def _remix_error(run: Run, heard: Mapping[ConditionName, ConditionHeard]) -> float | None:
    """`Audit.remix_error_db`; also None if waveforms are mixed, which is exact."""
    spec = run.config.spec
    if "remix_own" not in heard or spec.reads_waveform or spec.encoder is not None:
        return None
    return remix_error_db(run.store, heard["remix_own"].part.tracks)
