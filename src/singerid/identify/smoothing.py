"""The likeliest path through states: a hidden Markov model over the cells of a sound.

Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", Proceedings
of the IEEE 77 (2), 1989: Viterbi (Eq. 32 to 35), forward and backward (Eq. 18 to 27).

Letters in shapes: L cells, N states.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def likeliest(emissions: Floats, change: float, least: int = 1) -> Places:
    """The state of each cell, (L,), on the likeliest path.

    Each change of state has the same cost. A state lasts at least `least` cells, except at the start and the
    end of the sound: it is a chain of that many links, and a path may stay only in the last link.

    Args:
        emissions: (L, N) log-likelihood of each cell in each state.
        change: cost of a change, as a logarithm, 0 or more.
        least: smallest number of cells that a state lasts.

    >>> cells = np.array([[0.0, -1], [0, -1], [-1, 0], [0, -2], [-1, 0], [-1, 0], [-1, 0]])
    >>> likeliest(cells, change=1.5).tolist()
    [0, 0, 0, 0, 1, 1, 1]
    """
    cells, states = emissions.shape
    if not cells:
        return np.zeros(0, np.int64)
    links = max(1, min(least, cells))
    # best[n, l]: log-likelihood of the best path to link l of state n. A path may begin in any link.
    best = np.repeat(emissions[0][:, None], links, axis=1)
    came = np.zeros((cells, states, links), np.int64)  # state * links + link
    own = np.arange(states)[:, None] * links + np.arange(links)
    for cell in range(1, cells):
        leaving = best[:, -1]
        order = np.argsort(-leaving, kind="stable")
        # The best other state to come from; for the best state itself, that is the second best.
        source = np.full(states, order[0])
        if states > 1:
            source[order[0]] = order[1]
            entering = leaving[source] - change
        else:
            entering = np.full(1, -np.inf)
        following = np.empty_like(best)
        following[:, 1:] = best[:, :-1]
        came[cell, :, 1:] = own[:, :-1]
        following[:, 0] = entering
        came[cell, :, 0] = source * links + links - 1
        stays = best[:, -1] > following[:, -1] if links > 1 else best[:, 0] >= following[:, 0]
        following[stays, -1] = best[stays, -1]
        came[cell, stays, -1] = own[stays, -1]
        best = following + emissions[cell][:, None]
    found = np.empty(cells, np.int64)
    at = int(best.argmax())
    for cell in range(cells - 1, -1, -1):
        found[cell] = at // links
        at = int(came[cell].flat[at])
    return found


def certainty(emissions: Floats, change: float) -> Floats:
    """The probability of each state in each cell, (L, N), over all paths.

    Args:
        emissions: (L, N) log-likelihood of each cell in each state.
        change: cost of a change, as a logarithm.

    >>> certainty(np.array([[0.0, -1], [0, -1]]), change=0.0).round(2).tolist()
    [[0.73, 0.27], [0.73, 0.27]]
    """
    cells, states = emissions.shape
    if states == 1 or not cells:
        return np.ones((cells, states))
    stay, move = -np.logaddexp(0, np.log(states - 1) - change), -change
    move += stay  # the probabilities of staying and of all changes add up to one

    def step(before: Floats) -> Floats:
        """Log-sums over the states that a path may come from."""
        top = before.max()
        every = np.exp(before - top)
        return np.asarray(top + np.log(every * np.exp(stay) + (every.sum() - every) * np.exp(move)))

    forward, backward = np.empty_like(emissions), np.zeros_like(emissions)
    forward[0] = emissions[0]
    for cell in range(1, cells):
        forward[cell] = step(forward[cell - 1]) + emissions[cell]
    for cell in range(cells - 2, -1, -1):
        backward[cell] = step(backward[cell + 1] + emissions[cell + 1])
    both = forward + backward
    both -= both.max(1, keepdims=True)
    chances = np.exp(both)
    return np.asarray(chances / chances.sum(1, keepdims=True))
