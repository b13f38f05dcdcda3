"""How scores become decisions: coefficients, a threshold, and the decision of an answer.

All numbers of a decision are here, so that trials, answers and pages decide in the same way.
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
"""The lowest probability for a name; if the threshold is higher, the decision is "ambiguous" instead."""


@dataclass(frozen=True)
class Rule:
    """From the evidence for each singer to a decision.

    Attributes:
        odds: the regression that gives the log-odds that the best singer is right.
        threshold: log-odds, for a prior of one half, from which on a singer is named.
        prior: share of songs by enrolled singers that the user expects.
        usual: typical log-odds of strangers; None: not known.
    """

    odds: Odds
    threshold: float
    prior: float = PRIOR
    usual: Usual | None = None

    @property
    def needed(self) -> float:
        """Log-odds that a name needs, for a prior of one half; a name must also be likely."""
        return max(self.threshold, logit(_LIKELY) - logit(self.prior))

    def probabilities(self, features: NDArray[np.float64], best: int) -> NDArray[np.float64]:
        """The probability of each singer (S,), from evidence (S, F); the rest is that of a stranger.

        The probability that the best singer leaves is divided among the other singers and a stranger, in
        proportion to their odds.
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
            log_odds: log-odds of the best singer, for a prior of one half.
            probabilities: probabilities of all singers.
        """
        if log_odds >= self.needed:
            return "known"
        return "ambiguous" if sum(probabilities) >= _LIKELY else "unknown"

    def with_prior(self, prior: float) -> "Rule":
        """The same rule with another prior."""
        return replace(self, prior=prior)

    def to_json(self) -> dict[str, Any]:
        """The JSON object for a calibration, without the prior, which is the user's choice."""
        usual = {} if self.usual is None else {"usual": asdict(self.usual)}
        return {"odds": asdict(self.odds), "threshold": self.threshold} | usual

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Rule":
        """The rule of an object that `to_json` returned."""
        odds = content["odds"]
        means, scales, weights = (tuple(odds[name]) for name in ("means", "scales", "weights"))
        usual = Usual(**content["usual"]) if "usual" in content else None
        return cls(Odds(means, scales, weights, odds["bias"]), content["threshold"], usual=usual)
