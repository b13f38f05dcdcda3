"""The confound audit of a run.

A network can name a singer by the voice, or by the band, the room and the mastering of an album that it
knows (the album effect). A score does not tell which. Here the run is asked about sounds that hold one
and not the other, or the two in conflict.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from singerid.analysis.audit.conditions import (
    ConditionName,
    ConditionScores,
    Heard,
    accompaniment_effect,
    asked_of,
    hear,
)
from singerid.analysis.audit.estimate import SIGNIFICANT, Estimate
from singerid.analysis.audit.presence import Presence, presence
from singerid.analysis.audit.remix import remix_error_db
from singerid.analysis.audit.splits import SplitScores, baselines, retrained, scores_on
from singerid.errors import Failure, SingeridError
from singerid.listening.predict import predict_clips
from singerid.models.registry import model_entry
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.console import Display

Verdict = Literal["voice", "accompaniment", "open"]


@dataclass(frozen=True)
class Audit:
    """The outcome of `audit`.

    Attributes:
        model: name of the network.
        own: what it learned on.
        split: kind of its split: "album", "track" or "file".
        singers: number of classes.
        clips: number of test clips.
        albums: number of test albums.
        conditions: what it named in each condition that the store can give.
        accompaniment_effect: F1 of vocals over other albums of their singer less F1 over other singers'.
        splits: the classical baseline on both kinds of split; the network on those it was trained on.
        presence: clips with voice and clips without; None where the store has no vocals.
        remix_error_db: how far remixes of the test tracks' own stems are from their mixtures, mean in
            real dB; None where there are no stems.
        missing: what could not be done, and why; what has one reason is one.
        notes: sentences on what cannot be asked of such a network, whatever the store.
        changed: the store's recordings are not those that the run was trained with.
    """

    model: str
    own: ConditionName
    split: str
    singers: int
    clips: int
    albums: int
    conditions: tuple[ConditionScores, ...]
    accompaniment_effect: Estimate | None
    splits: tuple[SplitScores, ...]
    presence: Presence | None
    remix_error_db: float | None
    missing: tuple[Failure, ...]
    notes: tuple[str, ...] = ()
    changed: bool = False

    def condition(self, name: ConditionName) -> ConditionScores | None:
        """What was named in a condition, where there is one."""
        return next((each for each in self.conditions if each.name == name), None)

    @property
    def verdict(self) -> Verdict | None:
        """What decides where voice and accompaniment disagree; None where that could not be tried.

        "open" unless the interval of the difference is beyond 0 and the sign-flip test over albums is
        significant, which it never is with fewer than `estimate.FEWEST_ALBUMS`.
        """
        other = self.condition("remix_other")
        if other is None or other.conflict is None:
            return None
        if other.conflict.p_value > SIGNIFICANT:
            return "open"
        difference = other.conflict.difference
        return "voice" if difference.positive else "accompaniment" if difference.negative else "open"

    def to_json(self) -> dict[str, Any]:
        """The measured part of RUN/audit.json (docs/audit.md)."""
        return asdict(self) | {
            "verdict": self.verdict,
            "conditions": {each.name: asdict(each) for each in self.conditions},
        }


def audit(run: Run, device: torch.device, retrain: bool = False, display: Display = "none") -> Audit:
    """Audit a run in its reported state.

    Args:
        run: a run; of a store that has moved, `run.over(folder)`.
        device: where the network runs.
        retrain: also train the network on the split that is not its own, in a folder of the run.
        display: what is shown of that training.

    Raises:
        SingeridError: the run or its store is damaged, the store lacks what the run learned on, or the
            network shall be trained anew over other recordings.
    """
    store = run.store()
    changed = store.identity != run.config.store_identity
    if retrain and changed:
        raise SingeridError(
            f"{run.path}: the recordings of {store.path} are not those that it learned on, and a network "
            "trained anew would learn on these; leave out --retrain, or train again"
        )
    model = run.load_model().to(device).eval()
    missing: list[Failure] = []
    heard = hear(run, store, lambda part: predict_clips(model, part.clips, device), missing.append)
    own = heard[run.config.audio]
    splits = [scores_on(run.config.split.kind, "network", [(own.part, own.probabilities)])]
    if retrain:
        splits += retrained(run, store, device, display, missing.append)
    splits += baselines(run, store, missing.append)
    return Audit(
        model=run.config.model,
        own=run.config.audio,
        split=run.config.split.kind,
        singers=len(run.config.singers),
        clips=len(own.part.clips),
        albums=len({(track.singer, track.album) for track in own.part.tracks}),
        conditions=tuple(each.scores for each in heard.values()),
        accompaniment_effect=accompaniment_effect(heard),
        splits=tuple(splits),
        presence=_presence(run, store, heard, missing),
        remix_error_db=_remix_error(run, store, heard),
        missing=_by_reason(missing),
        notes=tuple(_notes(run)),
        changed=changed,
    )


def _by_reason(missing: Iterable[Failure]) -> tuple[Failure, ...]:
    """One failure a reason, which names all that it is the reason of."""
    what: dict[str, list[str]] = {}
    for failure in missing:
        what.setdefault(failure.reason, []).append(failure.path)
    return tuple(Failure("; ".join(names), reason) for reason, names in what.items())


def _notes(run: Run) -> Iterator[str]:
    if "accompaniment" not in asked_of(run.config):
        yield (
            f"It was not asked about the accompaniment alone: {run.config.model} reads a melody, "
            "and none is followed where nobody sings."
        )


def _presence(
    run: Run, store: Store, heard: Mapping[ConditionName, Heard], missing: list[Failure]
) -> Presence | None:
    try:
        return presence(store, run.config.audio, heard)
    except SingeridError as error:
        missing.append(Failure("clips with voice and without", str(error)))
        return None


def _remix_error(run: Run, store: Store, heard: Mapping[ConditionName, Heard]) -> float | None:
    """None also where waveforms are mixed, which is exact."""
    if "remix_own" not in heard or "waveform" in model_entry(run.config.model).inputs:
        return None
    return remix_error_db(store, heard["remix_own"].part.tracks)
