"""How scores become decisions: coefficients, a threshold, and which decision an answer is.

Every number of a decision is here, so that trials, answers and pages decide alike.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from singerid.library.odds import PRIOR, Odds, logit, probability
from singerid.library.promise import Usual

Verdict = Literal["known", "ambiguous", "unknown"]

_LIKELY = 0.5
"""From so probable on a singer may be named, or, where the threshold is higher, is told as a guess."""


@dataclass(frozen=True)
class Rule:
    """From what speaks for each singer to a decision.

    Attributes:
        odds: how likely the best singer is right.
        threshold: log-odds, for even odds beforehand, from which on somebody is named.
        prior: share of songs by enrolled singers, as its user expects it.
        usual: what log-odds of strangers are like; None: that is not known.
    """

    odds: Odds
    threshold: float
    prior: float = PRIOR
    usual: Usual | None = None

    @property
    def needed(self) -> float:
        """Log-odds, for even odds beforehand, that make a singer known: a name must be likely, too."""
        return max(self.threshold, logit(_LIKELY) - logit(self.prior))

    def probabilities(self, features: NDArray[np.float64], best: int) -> NDArray[np.float64]:
        """Of each singer (S,), of evidence (S, F); the rest is that of nobody enrolled.

        What the best singer leaves is shared by the others and by nobody as their odds say.
        """
        log_odds = self.odds(features) + logit(self.prior)
        found = np.zeros(len(features))
        found[best] = probability(log_odds[best : best + 1])[0]
        others = np.exp(np.clip(log_odds, -700, 700))
        others[best] = 0
        found += (1 - found[best]) * others / (1 + others.sum())
        return found

    def verdict(self, log_odds: float, probabilities: Sequence[float]) -> Verdict:
        """The decision on a voice.

        Args:
            log_odds: of the best singer, for even odds beforehand.
            probabilities: of all singers.
        """
        if log_odds >= self.needed:
            return "known"
        return "ambiguous" if sum(probabilities) >= _LIKELY else "unknown"

    def with_prior(self, prior: float) -> "Rule":
        """The same with other odds beforehand."""
        return replace(self, prior=prior)

    def to_json(self) -> dict[str, Any]:
        """For `calibrations`; the prior is its user's."""
        usual = {} if self.usual is None else {"usual": asdict(self.usual)}
        return {"odds": asdict(self.odds), "threshold": self.threshold} | usual

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Rule":
        """What `to_json` gave."""
        odds = content["odds"]
        means, scales, weights = (tuple(odds[name]) for name in ("means", "scales", "weights"))
        usual = Usual(**content["usual"]) if "usual" in content else None
        return cls(Odds(means, scales, weights, odds["bias"]), content["threshold"], usual=usual)
