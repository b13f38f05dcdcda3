"""Finds which voices sing in a song, and when. It names nobody, but uses what distinguishes known singers.

The candidate voices of a song are the known singers that it resembles, and clusters of its half seconds. A
hidden Markov model finds the likeliest sequence of all candidates. Then voices are removed, one by one, as
long as the model explains the song about as well without them.

Letters in shapes: L cells, J size of a vector after a library's back end, S known singers, N voices, P pairs
of voices.
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

# Chosen on karaoke duets, and on duets and songs of the synthetic corpus of seed 3 (docs/results.md).
_EMPHASIS = 3.0  # weight of the directions that distinguish the known singers
_SHARP = 8.0  # log-likelihood of a cell for each unit of cosine
_CHANGE = 4.0  # log cost of a change of voice
_LEAST = 3  # cells that a turn lasts at least
_TRUST = 10.0  # weight of a known singer's voiceprint, in cells of the song
# The log-likelihood that a voice must add, divided by the square root of the song's number of cells. A single
# voice varies, too: some of its cells are more alike than others, and more so the longer it sings.
_GAIN = 2.0
_STRANGE = 1.2  # subtracted from the log-likelihood of each cell of a voice that resembles no known singer
_LEAST_VOICE = 6  # cells that a voice has in a song at least: fewer cells do not show a voice
_TOGETHER = 0.3  # added to a cell's log-likelihood of two voices at once, as their sum never fits exactly
_ONE_VOICE = 0.3  # two known singers with a higher cosine, averaged over library and song, are one voice here
_DISTINCT = 0.3  # two voices can be distinguished from their sum only if their cosine is lower
# `_EVEN` is subtracted from the log-odds that several people sing, because real voices resemble several more
# than the training data did. The rest is clipped to `_LEAST_ODDS` and `_MOST_ODDS`, and weighted.
_EVEN, _WEIGHT, _LEAST_ODDS, _MOST_ODDS = 1.0, 0.7, -4.0, 2.0
_PIECE = 4  # cells in a piece, at most
_ALIKE = 0.35  # mean cosine of the pieces in one group, at least
_MOST_PIECES = 1500  # pieces that are compared with each other; of a longer song every second, third, ... one
_MOST_GROUPS, _MOST_KNOWN = 4, 5  # groups and known singers in a song, at most, and one more of both for each
_MORE = 120  # cells, a minute
_NEAR = 20  # known singers that are candidates: those that most cells resemble
_LONG = 1200  # cells, ten minutes: the needed log-likelihood does not grow further in a longer recording
_SMOOTH = 5  # cells of a moving average
_AT_ONCE = 4096  # cells that are compared at once


@dataclass(frozen=True, eq=False)
class Parting:
    """The voices of a song, and when each sings.

    Attributes:
        means: (N, J) mean vector of each voice, of unit length.
        pairs: (P, 2) pairs of voices that may sing at once.
        states: (L,) state of each cell: below N a voice, from N on a pair, -1: nobody sings.
        emissions: (L, N + P) log-likelihood of each cell in each state; 0 where nobody sings.
        chances: (L, N + P) probability of each state; 0 where nobody sings.
    """

    means: FloatArray
    pairs: Places
    states: Places
    emissions: NDArray[np.float64]
    chances: NDArray[np.float64]

    def voices(self, state: int) -> tuple[int, ...]:
        """The voices that sing in a state."""
        if state < 0:
            return ()
        return (state,) if state < len(self.means) else tuple(self.pairs[state - len(self.means)].tolist())


def part(vectors: FloatArray, voiced: Mask, known: FloatArray, several: FloatArray | None = None) -> Parting:
    """Find the voices of a song.

    Args:
        vectors: (L, J) vectors of the cells, each of unit length.
        voiced: (L,) whether somebody sings.
        known: (S, J) vectors of the known singers.
        several: (L,) log-odds that several people sing in a cell, given that somebody does; None: not known.
    """
    heard = np.flatnonzero(voiced)
    if not len(heard):
        nobody = np.full(len(voiced), -1, np.int64)
        nothing = np.zeros((len(voiced), 0))
        return Parting(vectors[:0], np.zeros((0, 2), np.int64), nobody, nothing, nothing)
    own, known = _emphasised(vectors[heard], known)
    breaks = np.flatnonzero(np.diff(heard, prepend=-2) > 1)
    resembled, groups = _resembled(own, known, breaks), _groups(own, breaks)
    strange = np.repeat([0.0, _STRANGE], [len(resembled), len(groups)])
    means = _fewest(own, breaks, np.concatenate((resembled, groups)), strange).means
    while True:
        pairs = np.array(
            [
                pair
                for pair in combinations(range(len(means)), 2)
                if means[pair[0]] @ means[pair[1]] < _DISTINCT
            ],
            np.int64,
        ).reshape(-1, 2)
        found = _emissions(own, means, pairs, None if several is None else several[heard])
        told = np.concatenate(
            [likeliest(found[first:last], _CHANGE, _LEAST) for first, last in _runs(breaks, len(own))]
        )
        # A voice is removed if pairs have taken all its cells.
        singing = np.union1d(told[told < len(means)], pairs[told[told >= len(means)] - len(means)])
        if len(singing) == len(means):
            break
        means = means[singing]
    states = np.full(len(voiced), -1, np.int64)
    states[heard] = told
    emissions, chances = np.zeros((2, len(voiced), found.shape[1]))
    emissions[heard] = found
    for first, last in _runs(breaks, len(own)):
        chances[heard[first:last]] = certainty(found[first:last], _CHANGE)
    return Parting(means, pairs, states, emissions, chances)


@dataclass(frozen=True, eq=False)
class _Way:
    """The likeliest sequence of voices in a song, for given candidates.

    Attributes:
        seeds: (N, J) the candidates' vectors.
        strange: (N,) what is subtracted from their log-likelihoods.
        means: (N, J) the voices' vectors, adapted to this song.
        states: (L,) the voice of each cell.
        emissions: (L, N) log-likelihoods.
        likelihood: log-likelihood of the sequence.
    """

    seeds: FloatArray
    strange: NDArray[np.float64]
    means: FloatArray
    states: Places
    emissions: NDArray[np.float64]
    likelihood: float


def _emphasised(own: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Vectors extended by the directions that distinguish the known singers; (L, J'), (S, J')."""
    if not 2 <= len(known) <= known.shape[1]:
        return own, known if len(known) else own[:0]
    _, sizes, axes = np.linalg.svd(known - known.mean(0), full_matrices=False)
    axes = axes[sizes > 1e-6 * sizes.max()]
    together = (np.concatenate((x, _EMPHASIS * (x @ axes.T)), axis=1) for x in (own, known))
    emphasised, of_known = (unit(x).astype(np.float32) for x in together)
    return emphasised, of_known


def _resembled(own: FloatArray, known: FloatArray, breaks: Places) -> FloatArray:
    """The vectors of the known singers who may sing in the song, (N, J)."""
    if not len(known):
        return known
    votes = np.zeros(len(known), np.int64)
    kernel = np.ones(_SMOOTH) / _SMOOTH
    for first in range(0, len(own), _AT_ONCE):
        piece = own[first : first + _AT_ONCE]
        smooth = np.stack([np.convolve(axis, kernel, "same") for axis in piece.T], axis=1)
        votes += np.bincount((smooth @ known.T).argmax(1), minlength=len(known))
    near = np.argsort(-votes, kind="stable")[:_NEAR]
    near = near[votes[near] > 0]
    sizes = np.bincount(_way(own, breaks, known[near], np.zeros(len(near))).states, minlength=len(near))
    order = np.argsort(-sizes, kind="stable")[: _MOST_KNOWN + len(own) // _MORE]
    return known[near[order[sizes[order] > 0]]]


def _groups(own: FloatArray, breaks: Places) -> FloatArray:
    """Means (N, J) of groups of similar pieces of the song."""
    pieces = unit(
        np.stack(
            [
                own[at : min(at + _PIECE, last)].mean(0)
                for first, last in _runs(breaks, len(own))
                for at in range(first, last, _PIECE)
            ]
        )
    )
    apart = -(-len(pieces) // _MOST_PIECES)
    pieces = pieces[::apart]
    if len(pieces) < 2:
        return pieces
    # scikit-learn calls the same functions, but importing it takes as long as importing PyTorch.
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = fcluster(linkage(pieces, "average", "cosine"), 1 - _ALIKE, "distance") - 1
    sizes = np.bincount(labels)
    largest = np.argsort(-sizes, kind="stable")[: min(_NEAR, _MOST_GROUPS + len(own) // _MORE)]
    kept = [group for group in largest if sizes[group] * apart * _PIECE >= _LEAST_VOICE] or [largest[0]]
    return unit(np.stack([pieces[labels == group].mean(0) for group in kept]))


def _fewest(own: FloatArray, breaks: Places, seeds: FloatArray, strange: NDArray[np.float64]) -> _Way:
    """The sequence in which every voice adds enough log-likelihood."""
    way = _settled(own, breaks, seeds, strange)
    needed = _GAIN * np.sqrt(min(len(own), _LONG))
    while len(way.means) > 1:
        sizes = np.bincount(way.states, minlength=len(way.means))
        if not sizes.all():
            way = _settled(own, breaks, way.seeds[sizes > 0], way.strange[sizes > 0])
            continue
        least = int(_losses(way, breaks).argmin())
        fewer = _without(own, breaks, way, least)
        if sizes[least] >= _LEAST_VOICE and way.likelihood - fewer.likelihood >= needed:
            double = _double(own, breaks, way)
            if double is None:
                break
            fewer = _without(own, breaks, way, double)
        way = fewer
    return way


def _without(own: FloatArray, breaks: Places, way: _Way, voice: int) -> _Way:
    return _settled(own, breaks, np.delete(way.seeds, voice, 0), np.delete(way.strange, voice))


def _double(own: FloatArray, breaks: Places, way: _Way) -> int | None:
    """The weaker of two known singers who are one voice in this song; None: there is no such pair.

    A voice between two similar known singers is sometimes more like the first and sometimes more like the
    second, so the model uses both. In that case the cells of the first and of the second are similar.
    """
    known = np.flatnonzero(way.strange == 0)
    if len(known) < 2:
        return None
    seeds, means = way.seeds[known], unit(np.stack([own[way.states == voice].sum(0) for voice in known]))
    alike = np.triu(seeds @ seeds.T + means @ means.T, 1) / 2
    if alike.max() <= _ONE_VOICE:
        return None
    two = known[list(np.unravel_index(alike.argmax(), alike.shape))]
    return int(two[_losses(way, breaks)[two].argmin()])


def _settled(own: FloatArray, breaks: Places, seeds: FloatArray, strange: NDArray[np.float64]) -> _Way:
    """The sequence with these voices, after adapting them to this song."""
    way = _way(own, breaks, seeds, strange)
    for _ in range(2):
        sums = np.stack([own[way.states == voice].sum(0) for voice in range(len(seeds))])
        way = _way(own, breaks, seeds, strange, unit(_TRUST * seeds + sums))
    return way


def _way(
    own: FloatArray,
    breaks: Places,
    seeds: FloatArray,
    strange: NDArray[np.float64],
    means: FloatArray | None = None,
) -> _Way:
    means = seeds if means is None else means
    emissions = (_SHARP * (own @ means.T)).astype(np.float64) - strange
    states = np.concatenate(
        [likeliest(emissions[first:last], _CHANGE, _LEAST) for first, last in _runs(breaks, len(own))]
    )
    changes = np.diff(states) != 0
    changes[breaks[1:] - 1] = False  # a change in a pause costs nothing
    likelihood = emissions[np.arange(len(own)), states].sum() - _CHANGE * changes.sum()
    return _Way(seeds, strange, means, states, emissions, float(likelihood))


def _losses(way: _Way, breaks: Places) -> NDArray[np.float64]:
    """Approximate loss of log-likelihood without each voice, (N,): its turns go to the second-best voice."""
    begins = np.union1d(breaks, np.flatnonzero(np.diff(way.states)) + 1)
    sums = np.add.reduceat(way.emissions, begins, axis=0)
    owners = way.states[begins]
    rows = np.arange(len(begins))
    told = sums[rows, owners]
    sums[rows, owners] = -np.inf
    return np.bincount(owners, told - sums.max(1), minlength=len(way.means)).astype(np.float64)


def _emissions(
    own: FloatArray, means: FloatArray, pairs: Places, several: FloatArray | None
) -> NDArray[np.float64]:
    """Log-likelihoods (L, N + P) of single voices and of pairs; a pair is compared by the sum of its two."""
    alone = own @ means.T
    if not len(pairs):
        return np.asarray(_SHARP * alone, np.float64)
    together = own @ unit(means[pairs].sum(1)).T
    more = np.full((len(own), 1), _TOGETHER)
    if several is not None:
        more += _WEIGHT * np.clip(several[:, None] - _EVEN, _LEAST_ODDS, _MOST_ODDS)
    return np.concatenate((_SHARP * alone, _SHARP * together + more), axis=1).astype(np.float64)


def _runs(breaks: Places, end: int) -> list[tuple[int, int]]:
    """First and last place of each run of cells without a pause."""
    return list(zip(breaks.tolist(), [*breaks[1:].tolist(), end], strict=True))
