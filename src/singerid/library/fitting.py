"""From trials to a rule that keeps a promise.

The log-odds of each trial come from coefficients that were fitted without its singer. So the threshold is
chosen on voices that no coefficient was fitted to.

Letters in shapes: N trials, F features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.errors import SingeridError
from singerid.library.odds import balanced, cllr, least_cllr
from singerid.library.promise import LEAST_SINGERS, Promise, make_promise
from singerid.library.rule import Rule
from singerid.library.trials import Trials

_FOLDS = 100  # at most: with more singers, several are left out at once


@dataclass(frozen=True, eq=False)
class Fitted:
    """A rule, and its decisions on the trials.

    Attributes:
        rule: the rule.
        promise: its promise about strangers.
        trials: the trials that it was fitted to.
        log_odds: (N,) log-odds of each trial, by coefficients that were fitted without its singer.
    """

    rule: Rule
    promise: Promise
    trials: Trials
    log_odds: NDArray[np.float64]

    @property
    def named(self) -> NDArray[np.bool_]:
        """(N,) whether the best singer is named."""
        found: NDArray[np.bool_] = self.log_odds >= self.rule.needed
        return found

    @property
    def ambiguous(self) -> NDArray[np.bool_]:
        """(N,) whether the best singer is likely but not named; other singers' probabilities are ignored."""
        found: NDArray[np.bool_] = ~self.named & (self.log_odds >= 0)
        return found

    @property
    def fnir(self) -> float:
        """FNIR: the share of songs by enrolled singers that are not named with the right name."""
        enrolled = ~self.trials.stranger
        return float(1 - (self.named & self.trials.right)[enrolled].mean())

    @property
    def cost(self) -> tuple[float, float]:
        """`cllr` of the log-odds, and `least_cllr`."""
        right = self.trials.right
        used = right | self.trials.stranger
        return cllr(self.log_odds[used], right[used]), least_cllr(self.log_odds[used], right[used])


def fit(trials: Trials, wanted: float, start: Rule) -> Fitted:
    """Fit a rule.

    Args:
        trials: trials of enrolled singers and of strangers.
        wanted: the share of strangers' songs that may be named.
        start: the rule to start from; with few trials the result stays near it.

    Raises:
        SingeridError: there are too few singers to calibrate with.
    """
    units = np.unique(trials.unit[trials.stranger])
    if len(units) < LEAST_SINGERS or not (~trials.stranger).any():
        raise SingeridError(
            f"too few singers to calibrate with: {len(units)} can serve as strangers, {LEAST_SINGERS} are "
            "needed, at least one of them with two recordings; enroll more, or give songs by people who are "
            "not in the library with `strangers=FOLDER`"
        )
    weights = balanced(trials.stranger, trials.unit)
    right = trials.right & ~trials.stranger
    log_odds = np.zeros(len(trials))
    folds = np.arange(int(trials.unit.max()) + 1) % _FOLDS
    for fold in np.unique(folds[np.unique(trials.unit)]):
        out = folds[trials.unit] == fold
        own = start.odds.fitted(trials.features[~out], right[~out], weights[~out])
        log_odds[out] = own(trials.features[out])
    odds = start.odds.fitted(trials.features, right, weights)
    stranger = trials.stranger
    growth = _growth(trials)
    promise = make_promise(log_odds[stranger], trials.unit[stranger], wanted, growth, start.usual)
    return Fitted(Rule(odds, promise.threshold), promise, trials, log_odds)


def _growth(trials: Trials) -> float:
    """Factor by which a false name is more likely with the whole library than in the trials.

    In a trial of an enrolled singer as a stranger, the library has one singer fewer.
    """
    stranger = trials.stranger
    known = len(np.unique(trials.unit[~stranger]))
    reduced = float(trials.reduced[stranger].mean())
    return 1 + reduced / max(known - 1, 1)
