"""Which voices sing in a song, and when, by likeness alone: nobody is named here.

What is heard around each half second is cut into pieces, pieces that are alike make a voice, and a hidden
Markov model goes through the song again and again with the voices that it finds. The vectors are those behind
a library's back end, which knows what tells singers apart.

Letters in shapes: L cells, K * D size of a vector behind the back end, N voices, P pairs of voices.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from singerid.encoders.back_end import unit
from singerid.identify.smoothing import certainty, likeliest
from singerid.library.voiceprints import FloatArray

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

# Chosen on karaoke duets and on the synthetic corpus's training part (docs/results.md).
_PIECE = 4  # cells, at most
_ALIKE = 0.35  # cosine in the mean of the pieces of one voice
_SAME = 0.42  # of how alike a voice is to itself: two that are so alike are one
_SHRINK = 16.0  # cells
_OVERLAP = 3  # cells that hear the same sound in part
_SHARP = 8.0  # log-likelihood of a cell for each unit of cosine
_CHANGE = 4.0  # logarithm of what a change costs
_LEAST = 3  # cells that a turn lasts
_LEAST_VOICE = 8  # cells of a voice in a song: in less there is no telling
_TOGETHER = 0.6  # what speaks for two at once is taken off so much
_DISTINCT = 0.3  # cosine of two voices whose sum can be told from both
_MOST_PIECES = 1500  # that are compared with each other; of a longer song every second, third, ...
_MOST_VOICES = 6


@dataclass(frozen=True, eq=False)
class Parting:
    """A song parted into voices.

    Attributes:
        means: (N, K * D) of the voices, each of unit length.
        pairs: (P, 2) of voices that may sing at once.
        states: (L,) which voice sings in each cell; N and above: which pair; -1: nobody does.
        emissions: (L, N + P) log-likelihood of cells in each state; 0 where nobody sings.
        chances: (L, N + P) how likely each state is; 0 where nobody sings.
    """

    means: FloatArray
    pairs: Places
    states: Places
    emissions: NDArray[np.float64]
    chances: NDArray[np.float64]

    def voices(self, state: int) -> tuple[int, ...]:
        """Who sings in a state."""
        if state < 0:
            return ()
        return (state,) if state < len(self.means) else tuple(self.pairs[state - len(self.means)].tolist())


def part(vectors: FloatArray, voiced: Mask) -> Parting:
    """Part a song into voices.

    Args:
        vectors: (L, K * D) of the cells, each of unit length.
        voiced: (L,) whether somebody sings.
    """
    heard = np.flatnonzero(voiced)
    if not len(heard):
        nobody = np.full(len(voiced), -1, np.int64)
        nothing = np.zeros((len(voiced), 0))
        return Parting(vectors[:0], np.zeros((0, 2), np.int64), nobody, nothing, nothing)
    own = vectors[heard]
    begins = np.flatnonzero(np.diff(heard, prepend=-2) > 1)
    means = _first_voices(own, begins)
    while True:
        states = _way(own, means, begins)
        members = [np.flatnonzero(states == voice) for voice in range(len(means))]
        longest = max(map(len, members))
        members = [own_cells for own_cells in members if len(own_cells) >= min(_LEAST_VOICE, longest)]
        fewer = _joined(own, members)
        before, means = len(means), unit(np.stack([own[cells].mean(0) for cells in fewer]))
        if len(means) == before:
            break
    pairs = np.array(
        [pair for pair in combinations(range(len(means)), 2) if means[pair[0]] @ means[pair[1]] < _DISTINCT],
        np.int64,
    ).reshape(-1, 2)
    found = _emissions(own, means, pairs)
    states = np.full(len(voiced), -1, np.int64)
    emissions, chances = np.zeros((2, len(voiced), found.shape[1]))
    emissions[heard] = found
    for first, last in _runs(begins, len(own)):
        states[heard[first:last]] = likeliest(found[first:last], _CHANGE, _LEAST)
        chances[heard[first:last]] = certainty(found[first:last], _CHANGE)
    return Parting(means, pairs, states, emissions, chances)


def _first_voices(own: FloatArray, begins: Places) -> FloatArray:
    """Voices (N, K * D) of pieces that are alike."""
    pieces = unit(
        np.stack(
            [
                own[at : min(at + _PIECE, last)].mean(0)
                for first, last in _runs(begins, len(own))
                for at in range(first, last, _PIECE)
            ]
        )
    )
    pieces = pieces[:: -(-len(pieces) // _MOST_PIECES)]
    if len(pieces) < 2:
        return pieces
    from sklearn.cluster import AgglomerativeClustering

    labels = AgglomerativeClustering(
        None, metric="cosine", linkage="average", distance_threshold=1 - _ALIKE
    ).fit_predict(pieces)
    sizes = np.bincount(labels)
    largest = np.argsort(-sizes, kind="stable")[:_MOST_VOICES]
    kept = [voice for voice in largest if sizes[voice] * _PIECE >= _LEAST_VOICE] or [largest[0]]
    return unit(np.stack([pieces[labels == voice].mean(0) for voice in kept]))


def _way(own: FloatArray, means: FloatArray, begins: Places) -> Places:
    """The voice of each cell, (L,)."""
    emissions = _SHARP * (own @ means.T).astype(np.float64)
    return np.concatenate(
        [likeliest(emissions[first:last], _CHANGE, _LEAST) for first, last in _runs(begins, len(own))]
    )


def _joined(own: FloatArray, members: list[Places]) -> list[Places]:
    """The voices, of which the two that are most alike are one if they are as alike as one voice is."""
    if len(members) < 2:
        return members
    sums = np.stack([own[cells].sum(0, dtype=np.float64) for cells in members])
    counts = np.array([len(cells) for cells in members])
    within = np.array([_within(own[cells], cells) for cells in members])
    # Of few cells that says little: all voices of a song are about as alike to themselves.
    usual = float(np.average(within, weights=counts))
    within = (counts * within + _SHRINK * usual) / (counts + _SHRINK)
    between = sums @ sums.T / np.outer(counts, counts)
    alike = between / np.maximum(np.sqrt(np.outer(within, within)), 1e-6)
    np.fill_diagonal(alike, -np.inf)
    one, other = sorted(np.unravel_index(int(alike.argmax()), alike.shape))
    if alike[one, other] < _SAME:
        return members
    joined = np.sort(np.concatenate((members[one], members[other])))
    return [joined if at == one else cells for at, cells in enumerate(members) if at != other]


def _within(vectors: FloatArray, places: Places) -> float:
    """The cosine of cells of one voice in the mean, but for neighbours, which hear the same sound."""
    total = float(np.square(vectors.sum(0, dtype=np.float64)).sum())
    pairs = float(len(places) ** 2)
    for apart in range(_OVERLAP):
        near = np.flatnonzero(places[apart:] - places[: len(places) - apart] < _OVERLAP)
        twice = 1 if apart == 0 else 2
        total -= twice * float(np.einsum("nd,nd->", vectors[near], vectors[near + apart]))
        pairs -= twice * len(near)
    return max(0.0, total / pairs) if pairs > 0 else 0.0


def _emissions(own: FloatArray, means: FloatArray, pairs: Places) -> NDArray[np.float64]:
    """(L, N + P) of voices alone and of pairs, whose sum is what is heard of two at once."""
    alone = own @ means.T
    if not len(pairs):
        return _SHARP * alone.astype(np.float64)
    together = own @ unit(means[pairs].sum(1)).T
    return np.concatenate((_SHARP * alone, _SHARP * together - _TOGETHER), axis=1).astype(np.float64)


def _runs(begins: Places, end: int) -> list[tuple[int, int]]:
    """First and last place of each run of cells without a pause."""
    return list(zip(begins.tolist(), [*begins[1:].tolist(), end], strict=True))
