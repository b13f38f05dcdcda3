"""Enrolling a recording on trial: how many songs would have a name then. Nothing is written.

Letters in shapes: N songs without a statement.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from singerid.library.odds import probability
from singerid.library.records import Contents
from singerid.library.rule import Rule
from singerid.library.trials import log_seconds
from singerid.library.voiceprints import Voiceprints, fit_back_ends

_STEEPNESS = 3.0  # slope around the threshold: a song near it counts partly, as a small change can tip it
_MOST = 1000  # songs that are compared; of more songs, this many are taken at equal distances


class Trying:
    """Enrolls recordings on trial.

    Args:
        contents: contents of the library; at least one singer has a recording.
        rule: how scores become decisions.
        keeps_back_end: whether the back end stays as it is, because the library is calibrated.
    """

    def __init__(self, contents: Contents, rule: Rule, keeps_back_end: bool) -> None:
        self._contents, self._rule, self._keeps = contents, rule, keeps_back_end
        heard = [at for at, one in enumerate(contents.recordings) if contents.is_open(one)]
        self._heard = heard[:: -(-len(heard) // _MOST) or 1]

    @cached_property
    def _seconds(self) -> NDArray[np.float64]:
        return np.array([self._contents.recordings[at].voice_seconds for at in self._heard])

    def named(self, recording: int, singer: int) -> float:
        """Expected number of songs with a name if a recording is enrolled, itself included.

        Args:
            recording: place of the recording in the contents.
            singer: place of the singer among the voiceprints; the number of singers: a new singer.
        """
        prints = self._contents.voiceprints
        vectors = np.concatenate((prints.vectors, self._contents.vectors[recording][None]))
        owners = np.append(prints.owners, singer)
        back_ends = prints.back_ends if self._keeps else fit_back_ends(vectors, owners)
        tried = Voiceprints(back_ends, vectors, owners, np.append(prints.exemplars, 0))
        chances = self._chances(tried)
        is_itself = np.array([at == recording for at in self._heard])
        return float(np.where(is_itself, 1.0, chances).sum())

    def _chances(self, prints: Voiceprints) -> NDArray[np.float64]:
        """How likely each song is named, (N,), as a smooth function around the threshold."""
        scores = prints.scores(prints.asked(self._contents.vectors[self._heard])).astype(np.float64)
        each, best = np.arange(len(scores)), scores.argmax(1)
        score = scores[each, best]
        margin = np.full(len(scores), np.nan)
        if scores.shape[1] > 1:
            scores[each, best] = -np.inf
            margin = score - scores.max(1)
        features = np.stack((score, margin, log_seconds(self._seconds), np.log(prints.counts[best])), axis=1)
        return probability(_STEEPNESS * (self._rule.odds(features) - self._rule.needed))
