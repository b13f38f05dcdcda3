"""The classical baseline: statistics of MFCCs and logistic regression, on the clips the networks see.

A network that does not beat it has learned no more than these 80 statistics tell.
"""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numpy.typing import NDArray

from singerid.data.clips import Clips
from singerid.errors import SingeridError
from singerid.runs.part import Part

FloatArray = npt.NDArray[np.floating[Any]]
_log = logging.getLogger(__name__)
DELTA_FRAMES = 9  # a delta is the slope of a line over this many frames, librosa's default


@dataclass(frozen=True)
class Baseline:
    """MFCC statistics, standardised, into a logistic regression.

    `fit` returns a fitted copy; the settings never change. No randomness is involved.
    """

    n_mfcc: int = 20
    inverse_regularisation: float = 1.0  # scikit-learn's C
    steps: int = 1000  # of the optimiser, at most
    classifier: Any = None  # scikit-learn's pipeline, once fitted

    def fit(
        self,
        clips: FloatArray,
        labels: Sequence[int] | npt.NDArray[np.integer[Any]],
    ) -> "Baseline":
        """Return a copy fitted to log-mel clips (N, n_mels, W) in dB and their singers 0, 1, ... (N,).

        A fit that did not converge is logged as a warning.

        Args:
            clips: what to learn from.
            labels: who sings in each.

        Raises:
            SingeridError: fewer than two singers, different numbers of clips and labels, or clips that are
                not finite.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        labels = np.asarray(labels)
        if len(labels) != len(clips):
            raise SingeridError(f"{len(clips)} clips with {len(labels)} labels; give each clip one label")
        if len(np.unique(labels)) < 2:
            raise SingeridError("the baseline needs clips of at least two singers; add another singer")
        regression = LogisticRegression(C=self.inverse_regularisation, max_iter=self.steps)
        classifier = make_pipeline(StandardScaler(), regression)
        statistics = self._statistics(clips)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # reported below in plain words
            classifier.fit(statistics, labels)
        if regression.n_iter_.max() >= self.steps:
            _log.warning(
                f"the classical baseline has not converged after {self.steps} steps; more clips might change "
                "its scores"
            )
        return replace(self, classifier=classifier)

    def probabilities(self, clips: FloatArray) -> npt.NDArray[np.float64]:
        """Return each clip's probabilities (N, singers); a singer without training clips gets 0.

        Raises:
            SingeridError: the baseline is not fitted, or clips are not finite.
        """
        if self.classifier is None:
            raise SingeridError("the baseline is not fitted; call fit first")
        known = self.classifier.classes_
        probabilities = np.zeros((len(clips), int(known.max()) + 1))
        probabilities[:, known] = self.classifier.predict_proba(self._statistics(clips))
        return probabilities

    def _statistics(self, clips: FloatArray) -> npt.NDArray[np.float64]:
        if not np.isfinite(clips).all():
            raise SingeridError(
                "features are not finite, so the classical baseline cannot use them; check the store: "
                "singerid doctor STORE"
            )
        return mfcc_statistics(clips, self.n_mfcc)


def mfcc_statistics(clips: FloatArray, n_mfcc: int = 20) -> npt.NDArray[np.float64]:
    """Return mean and standard deviation over frames of MFCCs and of their deltas: (N, 4 * n_mfcc).

    Args:
        clips: log-mel in dB, (N, n_mels, W).
        n_mfcc: number of coefficients, including the first (the level).
    """
    from scipy.signal import savgol_filter

    coefficients = mfcc(np.asarray(clips, dtype=np.float64), n_mfcc)
    deltas = savgol_filter(coefficients, DELTA_FRAMES, polyorder=1, deriv=1, axis=-1, mode="nearest")
    parts = [f(x, axis=-1) for x in (coefficients, deltas) for f in (np.mean, np.std)]
    return np.concatenate(parts, axis=-1)


def mfcc(log_mel: FloatArray, n_mfcc: int = 20) -> FloatArray:
    """Return MFCCs (..., n_mfcc, W) of log-mel (..., n_mels, W): the orthonormal DCT-II over the mel axis.

    >>> mfcc(np.zeros((128, 3), np.float32)).shape
    (20, 3)
    """
    from scipy.fft import dct

    return np.asarray(dct(log_mel, type=2, axis=-2, norm="ortho")[..., :n_mfcc, :])


def baseline_probabilities(train: Part, test: Part) -> NDArray[np.float64]:
    """Probabilities (clips, singers) of the classical baseline, fitted to the clips of `train`; see `fit`."""
    fitted = Baseline().fit(_mel(train.clips), train.clips.labels)
    probabilities = fitted.probabilities(_mel(test.clips))
    missing = len(test.singers) - probabilities.shape[1]
    return np.pad(probabilities, ((0, 0), (0, missing)))


def _mel(clips: Clips) -> NDArray[np.float32]:
    """All clips at once, (clips, n_mels, frames): the baseline is fitted in memory."""
    mel: NDArray[np.float32] = torch.cat([batch.inputs[0] for batch in clips.batches(256)]).numpy()
    return mel
