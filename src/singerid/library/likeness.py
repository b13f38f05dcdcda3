"""How alike singers are: whom a singer could be taken for, and how alike two are that may be one."""

import numpy as np

from singerid.library.decide import rounded
from singerid.library.records import Contents


def fits(contents: Contents) -> dict[int, list[float]]:
    """How well the recordings of each singer fit, -1 to 1: by number, in the order of the recordings.

    The score is that of the singer with the recording itself in it: what is low stands out.
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
    """(name, cosine of the mean voices) of the singers who sound most like one, best first."""
    if number not in contents.singers:
        return []
    means = contents.voiceprints.singers
    own = contents.singers.index(number)
    scores = means @ means[own]
    order = [int(at) for at in np.argsort(-scores, kind="stable") if at != own]
    return [(contents.names[contents.singers[at]], rounded(scores[at])) for at in order[:most]]


def likeness(contents: Contents, first: int, second: int) -> float | None:
    """How alike the mean voices of two singers are, -1 to 1; None: one of them has no recording."""
    found = dict(alike(contents, first, len(contents.names)))
    return found.get(contents.names[second])
