"""Scores of a run on the test part of its split: for clips, and for tracks, on which their clips vote."""

import logging
from collections.abc import Callable, Sequence

import torch

from singerid.config import REPORTED_STATE, AudioCondition, StateName
from singerid.errors import SingeridError
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.card import write_card
from singerid.evaluation.outcome import Evaluation, score_part, score_part_answers, tracks_named
from singerid.evaluation.record import record_evaluation
from singerid.evaluation.voting import answers_of
from singerid.runs.run import Run
from singerid.system.devices import CPU
from singerid.text import printable

_log = logging.getLogger(__name__)


def evaluate(
    run: Run,
    device: torch.device = CPU,
    states: Sequence[StateName] = (REPORTED_STATE,),
    baseline: bool = False,
    audio: AudioCondition | None = None,
    keep: bool = True,
) -> Evaluation:
    """Score a run on the test part of its split, and keep the scores in the run and on its model card.

    Scores are never kept if they come from a store that was given for this call only (`Run.over`) and holds
    other recordings than the run learned on. Scores that are not kept, recordings that have changed, and a
    baseline that did not converge are logged as warnings.

    Args:
        run: a run; if its store has moved, `run.over(folder)`.
        device: where the network runs, in exact float32 whatever the run was trained in.
        states: which saved states of the network to score.
        baseline: also fit the classical baseline to the training clips and score it on the test clips.
        audio: the audio condition to score; None: the one that the run learned on. The baseline learns on
            this condition, too.
        keep: whether to keep the scores; False: the run's folder is not changed.

    Raises:
        SingeridError: a state, the store or one of its tracks is missing or damaged.
    """
    listening = run.hearing(audio)
    heard = listening.config.spec.audio
    part = listening.part()
    answers = {
        state: answers_of(run.predict_pieces(part, device, state), part.clips.track) for state in states
    }
    fitted = None
    if baseline:
        learned, tested = (
            listening.part(name, listening.config.spec.sounds[0]) for name in ("train", "test")
        )
        fitted = score_part(baseline_probabilities(learned, tested), tested)
    tracks = tracks_named(part, answers)
    evaluation = Evaluation(
        audio=heard,
        states={state: score_part_answers(said, part) for state, said in answers.items()},
        baseline=fitted,
        singers=part.singers,
        tracks=tracks,
        short=len(part.tracks) - len(tracks),
    )
    if keep:
        keep_scores(run, lambda: record_evaluation(run, evaluation))
    return evaluation


def keep_scores(run: Run, record: Callable[[], None]) -> None:
    """Record results of a run and update its card, unless the results come from other recordings.

    A file that cannot be written gives only a warning, because the results themselves are there.
    """
    if run.changed:
        if run.elsewhere:
            _log.warning(
                f"{printable(run.path)}: the recordings of {run.config.store} are not those that it learned "
                "on; its model card is left as it is"
            )
            return
        _log.warning(f"{printable(run.path)}: the recordings of its store have changed since it was trained")
    try:
        record()
        write_card(run.as_learned())
    except SingeridError as error:
        _log.warning(f"the model card lacks these scores: {error}")
