"""The most likely path of a hidden Markov chain (Viterbi, 1967): in a stream, in bounded memory.

Letters in shapes: N frames, S states.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

# Frames between two attempts to decide: each attempt looks at every pending frame.
_ATTEMPT_FRAMES = 1024


class Viterbi:
    """Finds the most likely states of a chain that moves at most `reach` states from frame to frame.

    A frame's state is decided once the best paths to all states of the latest frame agree on it: no later
    frame can change it then. So the path of a stream is exactly that of the whole sequence. Only if more than
    `max_pending` frames are undecided, the older half is settled by the frames so far. All states are equally
    likely at first. Of equally likely paths, the one with the lowest state in the last frame is taken, then
    in the frame before, and so on.

    Args:
        transition: (S, S), the probability of moving from a state (row) to a state (column).
        reach: the largest distance of a move.
        max_pending: how many frames may be undecided.

    Raises:
        ValueError: the matrix is not square, or has moves beyond `reach`.
    """

    def __init__(self, transition: NDArray[np.float64], reach: int, max_pending: int) -> None:
        states = len(transition)
        source, target = np.nonzero(transition)
        if transition.shape != (states, states) or np.any(abs(source - target) > reach):
            raise ValueError(f"the transition matrix must be square, without moves beyond {reach} states")
        self._max_pending = max_pending
        self._reach = reach
        self._columns = np.arange(states)
        self._initial = np.log(1 / states)
        # moves[j, d] is the logarithm of the probability of coming to state j from state j - reach + d.
        padded = np.pad(transition, ((reach, reach), (0, 0)))
        to = self._columns[:, None]
        with np.errstate(divide="ignore"):
            self._moves = np.log(padded[to + np.arange(2 * reach + 1), to])
        # Scores of the best paths to each state, with impossible states on both sides; and a view by moves.
        around = np.full(states + 2 * reach, -np.inf)
        self._scores = around[reach : reach + states]
        self._sources = sliding_window_view(around, 2 * reach + 1)
        # For each pending frame and state: the move (d) by which the best path came there.
        self._came: NDArray[np.unsignedinteger] = np.empty((0, states), np.min_scalar_type(2 * reach))
        self._begun = False
        self._next_attempt = _ATTEMPT_FRAMES

    def push(self, log_likelihoods: NDArray[np.float64]) -> NDArray[np.intp]:
        """Add the next frames.

        Args:
            log_likelihoods: (N, S), log-likelihood of each frame's observation given each state.

        Returns:
            The states that are decided now, for the frames after those decided before.
        """
        came = np.empty(log_likelihoods.shape, self._came.dtype)
        for observed, move in zip(log_likelihoods, came, strict=True):
            if self._begun:
                candidates = self._sources + self._moves
                best = candidates.argmax(1)
                move[:] = best
                self._scores[:] = candidates[self._columns, best] + observed
            else:
                move[:] = self._reach  # no frame comes before: this move leads nowhere
                self._scores[:] = self._initial + observed
                self._begun = True
        self._came = np.concatenate((self._came, came))
        if len(self._came) < self._next_attempt:
            return self._release(0, 0)
        decided = self._decide()
        self._next_attempt = len(self._came) + _ATTEMPT_FRAMES
        return decided

    def finish(self) -> NDArray[np.intp]:
        """The most likely states of the frames that were still undecided."""
        return self._release(len(self._came), int(self._scores.argmax()))

    def _decide(self) -> NDArray[np.intp]:
        alive = np.flatnonzero(np.isfinite(self._scores))
        states = alive
        for frame in range(len(self._came) - 1, -1, -1):
            if (states == states[0]).all():
                return self._release(frame + 1, int(states[0]))
            if frame == len(self._came) // 2:
                middle = states
            states = states - self._reach + self._came[frame, states].astype(np.intp)
        if len(self._came) <= self._max_pending:
            return self._release(0, 0)
        chosen = middle[self._scores[alive].argmax()]
        self._scores[alive[middle != chosen]] = -np.inf  # these paths contradict the settled states
        return self._release(len(self._came) // 2 + 1, int(chosen))

    def _release(self, frames: int, last: int) -> NDArray[np.intp]:
        """Remove the first `frames` pending frames; returns their states, of which the last one is `last`."""
        path = np.empty(frames, np.intp)
        for frame in range(frames - 1, -1, -1):
            path[frame] = last
            last += int(self._came[frame, last]) - self._reach
        self._came = self._came[frames:]
        return path
