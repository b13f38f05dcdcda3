"""Which voices sing in a song, and when. Nobody is named here, but what tells known singers apart helps.

What may be voices of a song are the known singers whom it resembles, and groups of half seconds that are
alike. A hidden Markov model goes through the song with all of them; then voices are left out, one by one, as
long as the song is told about as well without.

Letters in shapes: L cells, J size of a vector behind a library's back end, S known singers, N voices, P pairs
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
_EMPHASIS = 3.0  # of what tells the known singers apart
_SHARP = 8.0  # log-likelihood of a cell for each unit of cosine
_CHANGE = 4.0  # logarithm of what a change costs
_LEAST = 3  # cells that a turn lasts
_TRUST = 10.0  # cells that a known singer's voiceprint weighs, beside those of the song
# So much log-likelihood a voice must add, times the root of the cells of the song: in one voice, too, some
# cells are more alike than others, and more so the longer it sings.
_GAIN = 2.0
_STRANGE = 1.2  # is taken off the log-likelihood of each cell of a voice that resembles nobody known
_LEAST_VOICE = 6  # cells of a voice in a song: in less there is no telling
_TOGETHER = 0.3  # log-likelihood of a cell that two at once have more: their sum is never quite what is heard
_ONE_VOICE = 0.3  # cosine of two known singers, as they are and in this song, above which they are one voice
_DISTINCT = 0.3  # cosine of two voices whose sum can be told from both
# Of log-odds that several sing so much is taken off, for real voices resemble several more than those do from
# which they were learned; what is left counts for so much, and at most for that of two units.
_EVEN, _WEIGHT, _LEAST_ODDS, _MOST_ODDS = 1.0, 0.7, -4.0, 2.0
_PIECE = 4  # cells, at most
_ALIKE = 0.35  # cosine in the mean of the pieces of one group
_MOST_PIECES = 1500  # that are compared with each other; of a longer song every second, third, ...
_MOST_GROUPS, _MOST_KNOWN = 4, 5  # that a song may hold, and one more of both for
_MORE = 120  # cells, a minute
_NEAR = 20  # known singers, those whom most cells resemble
_LONG = 1200  # cells, ten minutes: in a longer recording a voice need not add more
_SMOOTH = 5  # cells
_AT_ONCE = 4096  # cells


@dataclass(frozen=True, eq=False)
class Parting:
    """A song parted into voices.

    Attributes:
        means: (N, J) of the voices, each of unit length.
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


def part(vectors: FloatArray, voiced: Mask, known: FloatArray, several: FloatArray | None = None) -> Parting:
    """Part a song into voices.

    Args:
        vectors: (L, J) of the cells, each of unit length.
        voiced: (L,) whether somebody sings.
        known: (S, J) of the known singers.
        several: (L,) log-odds that several sing in a cell, if somebody does; None: that is not known.
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
        # Where two at once take all of a voice's turns, it is none.
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
    """The likeliest way through a song with some voices.

    Attributes:
        seeds: (N, J) what the voices were taken for.
        strange: (N,) what is taken off their log-likelihoods.
        means: (N, J) what they are in this song.
        states: (L,) the voice of each cell.
        emissions: (L, N) log-likelihoods.
        likelihood: of the way, the logarithm.
    """

    seeds: FloatArray
    strange: NDArray[np.float64]
    means: FloatArray
    states: Places
    emissions: NDArray[np.float64]
    likelihood: float


def _emphasised(own: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Vectors with what tells the known singers apart beside them; (L, J'), (S, J')."""
    if not 2 <= len(known) <= known.shape[1]:
        return own, known if len(known) else own[:0]
    _, sizes, axes = np.linalg.svd(known - known.mean(0), full_matrices=False)
    axes = axes[sizes > 1e-6 * sizes.max()]
    together = (np.concatenate((x, _EMPHASIS * (x @ axes.T)), axis=1) for x in (own, known))
    emphasised, of_known = (unit(x).astype(np.float32) for x in together)
    return emphasised, of_known


def _resembled(own: FloatArray, known: FloatArray, breaks: Places) -> FloatArray:
    """The known singers whom the song may hold, (N, J)."""
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
    """Means (N, J) of pieces of the song that are alike."""
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
    # Not by scikit-learn, which calls the same: to import it takes as long as to import PyTorch.
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = fcluster(linkage(pieces, "average", "cosine"), 1 - _ALIKE, "distance") - 1
    sizes = np.bincount(labels)
    largest = np.argsort(-sizes, kind="stable")[: min(_NEAR, _MOST_GROUPS + len(own) // _MORE)]
    kept = [group for group in largest if sizes[group] * apart * _PIECE >= _LEAST_VOICE] or [largest[0]]
    return unit(np.stack([pieces[labels == group].mean(0) for group in kept]))


def _fewest(own: FloatArray, breaks: Places, seeds: FloatArray, strange: NDArray[np.float64]) -> _Way:
    """The way with no voice that adds too little."""
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
    """The weaker of two known singers who are one voice in this song; None: there are no such two.

    A voice that lies between two known singers who are alike is now more like the one, now like the other,
    and takes both to tell it best. What is taken for the one is then like what is taken for the other.
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
    """The way with these voices, each of which becomes what it is in this song."""
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
    changes[breaks[1:] - 1] = False  # a pause makes a change free
    likelihood = emissions[np.arange(len(own)), states].sum() - _CHANGE * changes.sum()
    return _Way(seeds, strange, means, states, emissions, float(likelihood))


def _losses(way: _Way, breaks: Places) -> NDArray[np.float64]:
    """About how much likelihood is lost without each voice, (N,): its turns go to the next best."""
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
    """(L, N + P) of voices alone and of pairs, whose sum is what is heard of two at once."""
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
