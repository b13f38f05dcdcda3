"""From evidence to a probability: how likely it is that the best singer of the library sings.

This is a logistic regression on the score, the margin to the runner-up, the log of the seconds of voice and
the log of the singer's number of recordings. With few trials it stays near coefficients that were fitted
elsewhere.

The probability assumes that half of the songs are by enrolled singers. Another share (the prior) adds its
logit to the log-odds.

Letters in shapes: N trials, F features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRIOR = 0.5
# The weight of the starting coefficients, in trials for each coefficient. Libraries differ more in the level
# of their scores than in the slope, so the bias is left nearly free.
_TRUST, _TRUST_IN_BIAS = 4.0, 0.1
_A_SINGER = 5.0  # trials that count for a singer, at most
_STEPS = 50


@dataclass(frozen=True)
class Odds:
    """A logistic regression.

    Attributes:
        means: (F,) means of the features; a missing feature is replaced by its mean.
        scales: (F,) scales that the centred features are divided by.
        weights: (F,) weights of the standardized features.
        bias: log-odds where all features have their means.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def __call__(self, features: Floats) -> Floats:
        """Log-odds (N,) of features (N, F), for a prior of one half."""
        found: Floats = self._usual(features) @ np.array(self.weights) + self.bias
        return found

    def _usual(self, features: Floats) -> Floats:
        usual: Floats = (np.atleast_2d(features) - np.array(self.means)) / np.array(self.scales)
        return np.nan_to_num(usual, nan=0.0)

    def score_for(self, log_odds: float, features: Floats) -> float:
        """The score that would give these log-odds, with all other features as in `features` (F,).

        The margin is taken to grow with the score.
        """
        step = self.weights[0] / self.scales[0]
        if not np.isnan(features[1]):
            step += self.weights[1] / self.scales[1]
        if step <= 0:
            return float("inf")
        return float(features[0] + (log_odds - self(features)[0]) / step)

    def fitted(self, features: Floats, right: NDArray[np.bool_], weights: Floats) -> "Odds":
        """The regression fitted to trials; with few trials the result stays near this one.

        Args:
            features: (N, F) features of the trials.
            right: (N,) whether the best singer sings.
            weights: (N,) weight of each trial.
        """
        inputs = np.concatenate((self._usual(features), np.ones((len(features), 1))), axis=1)
        start = np.array((*self.weights, self.bias))
        target = right.astype(np.float64)
        trust = np.full(len(start), _TRUST)
        trust[-1] = _TRUST_IN_BIAS
        signs = np.where(right, -1.0, 1.0)

        def cost(at: Floats) -> float:
            wrong = np.logaddexp(0, signs * (inputs @ at))
            return float(weights @ wrong + 0.5 * trust @ (at - start) ** 2)

        now = start.copy()
        for _ in range(_STEPS):
            said = probability(inputs @ now)
            slope = inputs.T @ (weights * (said - target)) + trust * (now - start)
            curve = (inputs * (weights * said * (1 - said))[:, None]).T @ inputs + np.diag(trust)
            move = np.linalg.solve(curve, slope)
            # Far from the minimum, where the probabilities are near 0 or 1, a full Newton step is too long.
            step, least = 1.0, cost(now)
            while step > 1e-6 and cost(now - step * move) > least - 1e-4 * step * float(slope @ move):
                step /= 2
            now = now - step * move
            if np.abs(move).max() < 1e-8:
                break
        return Odds(self.means, self.scales, tuple(now[:-1].tolist()), float(now[-1]))


def probability(log_odds: Floats) -> Floats:
    """The probabilities of log-odds, in an array of the same shape.

    >>> probability(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    half = np.exp(-np.abs(log_odds))
    found: Floats = np.where(log_odds >= 0, 1 / (1 + half), half / (1 + half))
    return found


def logit(share: float) -> float:
    """The log-odds of a share.

    >>> logit(0.5)
    0.0
    """
    return float(np.log(share) - np.log1p(-share))


def balanced(stranger: NDArray[np.bool_], unit: NDArray[np.int64]) -> Floats:
    """The weight of each trial: half for strangers, half for enrolled singers, and equal within each half.

    The sum is the number of trials, but at most `_A_SINGER` for each singer, because more songs by the same
    few singers say little about others.
    """
    weights = np.zeros(len(stranger))
    for half in (stranger, ~stranger):
        own, index, counts = np.unique(unit[half], return_inverse=True, return_counts=True)
        if len(own):
            weights[half] = 1 / counts[index] / len(own)
    units = sum(len(np.unique(unit[half])) for half in (stranger, ~stranger))
    scaled: Floats = weights / max(weights.sum(), 1e-12) * min(len(stranger), _A_SINGER * units)
    return scaled


def cllr(log_odds: Floats, right: NDArray[np.bool_]) -> float:
    """Cllr, the cost of log-likelihood ratios in bits: 0 is certain and right, 1 carries no information.

    Brümmer and du Preez, "Application-independent evaluation of speaker detection", 2006, Eq. 9.

    >>> cllr(np.zeros(2), np.array([True, False]))
    1.0
    """
    own, other = log_odds[right], log_odds[~right]
    cost = np.logaddexp(0, -own).mean() + np.logaddexp(0, other).mean()
    return float(cost / 2 / np.log(2))


def least_cllr(log_odds: Floats, right: NDArray[np.bool_]) -> float:
    """The lowest `cllr` after a monotone change of the log-odds (isotonic regression on the truth)."""
    from sklearn.isotonic import IsotonicRegression

    weights = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum())
    regression = IsotonicRegression(y_min=0, y_max=1)
    said = regression.fit(log_odds, right.astype(float), sample_weight=weights).predict(log_odds)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(right, -np.log2(said), -np.log2(1 - said))
    return float((weights * cost).sum())
