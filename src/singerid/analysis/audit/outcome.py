"""The result of an audit."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from singerid.analysis.audit.conditions import ConditionName, ConditionScores
from singerid.analysis.audit.estimate import SIGNIFICANT, Estimate
from singerid.analysis.audit.presence import Presence
from singerid.analysis.audit.splits import SplitScores
from singerid.errors import Failure

Verdict = Literal["voice", "accompaniment", "open"]


@dataclass(frozen=True)
class Audit:
    """The outcome of `audit`.

    Attributes:
        model: name of the network.
        own: the condition that it learned on.
        split: kind of its split: "album", "track" or "file".
        singers: number of classes.
        clips: number of test clips.
        albums: number of test albums.
        conditions: scores in each condition that the store can provide.
        accompaniment_effect: F1 of vocals over other albums of their singer minus F1 over other singers'
            albums.
        splits: the classical baseline on both kinds of split; the network on those it was trained on.
        presence: clips with voice and clips without; None if the store has no vocals.
        remix_error_db: mean distance, in real dB, of remixes of the test tracks' own stems from their
            mixtures; None if there are no stems.
        missing: what could not be done, and why; one entry per reason.
        notes: sentences on tests that such a network does not allow, whatever the store.
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
        """The scores in a condition; None if it was not tested."""
        return next((each for each in self.conditions if each.name == name), None)

    @property
    def verdict(self) -> Verdict | None:
        """What the network goes by when voice and accompaniment disagree; None if that was not tested.

        "open" unless the interval of the difference excludes 0 and the sign-flip test over albums is
        significant, which it never is with fewer than `estimate.FEWEST_ALBUMS` albums.
        """
        other = self.condition("remix_other")
        if other is None or other.conflict is None:
            return None
        if other.conflict.p_value > SIGNIFICANT:
            return "open"
        difference = other.conflict.difference
        return "voice" if difference.positive else "accompaniment" if difference.negative else "open"

    def to_json(self) -> dict[str, Any]:
        """The measurements of an audit, as RUN/scores.json holds them (docs/audit.md)."""
        return asdict(self) | {
            "verdict": self.verdict,
            "conditions": {each.name: asdict(each) for each in self.conditions},
        }
