"""Similarity of singers: who could be mistaken for whom, and which two may be the same person."""

import numpy as np

from singerid.library.decide import rounded
from singerid.library.records import Contents


def fits(contents: Contents) -> dict[int, list[float]]:
    """Scores of each singer's recordings, -1 to 1: by the singer's number, in the order of the recordings.

    The score compares a recording with its singer's voiceprint, which includes the recording itself: a
    recording with a low score does not fit.
    """
    if not len(contents.enrolled):
        return {}
    prints = contents.voiceprints
    scores = prints.own_scores
    return {
        number: [rounded(score) for score in scores[prints.owners == place]]
        for place, number in enumerate(contents.singers)
    }


def alike(contents: Contents, number: int, most: int) -> list[tuple[str, float]]:
    """(name, cosine of the mean voices) of the singers who sound most like this singer, best first."""
    if number not in contents.singers:
        return []
    means = contents.voiceprints.singers
    own = contents.singers.index(number)
    scores = means @ means[own]
    order = [int(at) for at in np.argsort(-scores, kind="stable") if at != own]
    return [(contents.names[contents.singers[at]], rounded(scores[at])) for at in order[:most]]


def likeness(contents: Contents, first: int, second: int) -> float | None:
    """The cosine of the mean voices of two singers, -1 to 1; None: one of them has no recording."""
    found = dict(alike(contents, first, len(contents.names)))
    return found.get(contents.names[second])
