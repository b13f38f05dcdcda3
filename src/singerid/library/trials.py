"""Trials: what the library says of its own recordings when it must not know them.

An enrolled singer's recording is tried with its album left out, or itself where the singer has one album
only; a stranger's with the singer left out of everything: vectors, exemplars and back end. So no score is
made with what it is to be compared with.

Letters in shapes: T recordings, K sounds, D size of a vector, S singers, N trials.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.library.voiceprints import (
    FloatArray,
    IntArray,
    Voiceprints,
    behind,
    exemplars_of,
    fit_back_ends,
)

Step = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Material:
    """What a library is calibrated with.

    Attributes:
        vectors: (T, K, D) of the enrolled recordings, each of unit length.
        owners: (T,) whose each is, 0 to S - 1.
        albums: (T,) the number of its album; no two singers share one.
        voice_seconds: (T,) seconds of voice in each.
        strangers: (U, K, D) recordings of people who are not in the library.
        stranger_names: (U,) who each of these is, by number.
        stranger_seconds: (U,) seconds of voice.
    """

    vectors: FloatArray
    owners: IntArray
    albums: IntArray
    voice_seconds: FloatArray
    strangers: FloatArray
    stranger_names: IntArray
    stranger_seconds: FloatArray


@dataclass(frozen=True, eq=False)
class Trials:
    """What was said of recordings that were left out.

    Attributes:
        features: (N, F) of the best singer, as `evidence` gives them.
        best: (N,) who that is.
        truth: (N,) who sings; -1: a stranger.
        unit: (N,) the singer that a trial counts for: strangers by who they are.
        recording: (N,) index of the recording; of `Material.strangers` behind those of the enrolled.
        reduced: (N,) by a stranger made of an enrolled singer, so that one singer fewer was known.
    """

    features: NDArray[np.float64]
    best: IntArray
    truth: IntArray
    unit: IntArray
    recording: IntArray
    reduced: NDArray[np.bool_]

    @property
    def stranger(self) -> NDArray[np.bool_]:
        """(N,) whether a stranger sings."""
        found: NDArray[np.bool_] = self.truth < 0
        return found

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the best singer sings."""
        found: NDArray[np.bool_] = self.best == self.truth
        return found

    def __len__(self) -> int:
        return len(self.best)


FEATURES = ("score", "margin", "log_voice_seconds", "log_recordings")
_LEAST_SECONDS = 0.5


def evidence(scores: FloatArray, counts: IntArray, voice_seconds: float) -> NDArray[np.float64]:
    """What speaks for each singer: (S, F), in the order of `FEATURES`.

    The margin is how far the singer's score lies above the best other one's; NaN where there is no other.
    """
    scores = scores.astype(np.float64)
    margin = np.full(len(scores), np.nan)
    if len(scores) > 1:
        first, second = np.argsort(scores)[::-1][:2]
        margin = scores - scores[first]
        margin[first] = scores[first] - scores[second]
    seconds = np.log(max(voice_seconds, _LEAST_SECONDS))
    return np.stack((scores, margin, np.full(len(scores), seconds), np.log(counts)), axis=1)


def voiceprints(vectors: FloatArray, owners: IntArray) -> Voiceprints:
    """Voiceprints of recordings with a back end and exemplars of their own; owners 0 to S - 1."""
    back_ends = fit_back_ends(vectors, owners)
    recordings = behind(back_ends, vectors)
    exemplars = np.zeros(len(owners), np.int64)
    for own in _by_number(owners):
        exemplars[own] = exemplars_of(recordings[own])
    return Voiceprints(back_ends, vectors, owners, exemplars)


def _by_number(owners: IntArray) -> list[IntArray]:
    """The recordings of each singer, for the singers in their order."""
    order = np.argsort(owners, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(owners[order])) + 1)


def count_trials(material: Material) -> int:
    """Number of libraries that `make_trials` makes."""
    return sum(1 for _ in _left_out(material)) + (len(material.strangers) > 0)


def make_trials(material: Material, step: Step = lambda: None) -> Trials:
    """Try all recordings.

    Args:
        material: at least two singers.
        step: is called for each library that was made with something left out.
    """
    rows: list[tuple[NDArray[np.float64], int, int, int, int, bool]] = []

    def ask(
        prints: Voiceprints, vectors: FloatArray, seconds: FloatArray
    ) -> Iterator[tuple[NDArray[np.float64], int]]:
        for scores, length in zip(prints.scores(prints.asked(vectors)), seconds.tolist(), strict=True):
            best = int(scores.argmax())
            yield evidence(scores, prints.counts, length)[best], best

    whole = voiceprints(material.vectors, material.owners)
    for kept, tried, is_stranger in _left_out(material):
        singers, owners = np.unique(material.owners[kept], return_inverse=True)
        vectors, exemplars = material.vectors[kept], whole.exemplars[kept].copy()
        back_ends = fit_back_ends(vectors, owners)
        singer = int(material.owners[tried[0]])
        if not is_stranger:  # exemplars of the others stay what they are
            own = material.owners[kept] == singer
            exemplars[own] = exemplars_of(behind(back_ends, vectors[own]))
        prints = Voiceprints(back_ends, vectors, owners.astype(np.int64), exemplars)
        said = ask(prints, material.vectors[tried], material.voice_seconds[tried])
        for at, (speaking, best) in zip(tried.tolist(), said, strict=True):
            named = int(singers[best])
            rows.append((speaking, named, -1 if is_stranger else singer, singer, at, is_stranger))
        step()
    if len(material.strangers):
        first, total = int(material.owners.max()) + 1, len(material.owners)
        said = ask(whole, material.strangers, material.stranger_seconds)
        for index, (speaking, best) in enumerate(said):
            who = first + int(material.stranger_names[index])
            rows.append((speaking, best, -1, who, total + index, False))
        step()
    said_of, bests, truths, units, recordings, reduced = zip(*rows, strict=True)
    return Trials(
        np.array(said_of),
        np.array(bests, np.int64),
        np.array(truths, np.int64),
        np.array(units, np.int64),
        np.array(recordings, np.int64),
        np.array(reduced, np.bool_),
    )


def _left_out(material: Material) -> Iterator[tuple[NDArray[np.bool_], IntArray, bool]]:
    """Which recordings are kept, which are tried, and whether as a stranger's."""
    owners, albums = material.owners, material.albums
    for singer in np.unique(owners):
        own = owners == singer
        yield ~own, np.flatnonzero(own), True
        several = np.unique(albums[own])
        if len(several) > 1:
            for album in several:
                tried = own & (albums == album)
                yield ~tried, np.flatnonzero(tried), False
        elif own.sum() > 1:
            for recording in np.flatnonzero(own):
                kept = np.ones(len(owners), np.bool_)
                kept[recording] = False
                yield kept, np.array([recording]), False
