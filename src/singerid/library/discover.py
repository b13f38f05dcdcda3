"""Unnamed voices: recordings without a known singer, grouped by voice.

A wrong merge is worse than a split, so merging is careful. Two groups are merged if their mean similarity
reaches the score at which the library's rule is nearly sure of one recording, and if no person's statement
forbids it.

Letters in shapes: N recordings, D size of a compared vector.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.library.core import LibraryCore
from singerid.library.decide import judge
from singerid.library.odds import logit
from singerid.library.records import Contents, Recording
from singerid.library.rule import Rule
from singerid.library.trials import FEATURES
from singerid.library.voiceprints import FloatArray, IntArray, behind, fit_back_ends

# How likely it must be that two recordings are of one voice. Chosen on real songs, where no group had two
# voices (docs/results.md).
_SURE = logit(0.9)
_FEW = 5  # singers: the mean of fewer is not typical of all recordings
_BLOCK = 2048  # recordings that are compared with all others at once
_LAST_VOICE = "SELECT seq FROM sqlite_sequence WHERE name = 'voices'"
_APART = 1e3  # a distance so large that the mean distance of the groups stays too large as well


@dataclass(frozen=True)
class Voice:
    """An unnamed voice.

    Attributes:
        number: the number in its name, as in "voice 3".
        recordings: ids of its recordings.
    """

    number: int
    recordings: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name, for example "voice 3"."""
        return voice_name(self.number)


@dataclass(frozen=True)
class Discovery:
    """The result of grouping the recordings that have no singer.

    Attributes:
        voices: the groups, the largest first.
        single: ids of recordings that resemble no other one.
        known: ids of recordings for which the library decides that an enrolled singer sings.
    """

    voices: tuple[Voice, ...]
    single: tuple[str, ...]
    known: tuple[str, ...]


def voice_name(number: int) -> str:
    """The name of an unnamed voice.

    >>> voice_name(3), voice_number("Voice  3"), voice_number("Nina")
    ('voice 3', 3, None)
    """
    return f"voice {number}"


def voice_number(name: str) -> int | None:
    """The number of the unnamed voice with this name; None: it is not the name of an unnamed voice.

    >>> voice_number("Voice 12"), voice_number("Nina Simone")
    (12, None)
    """
    word, _, number = " ".join(name.split()).partition(" ")
    return int(number) if word.lower() == "voice" and number.isdecimal() else None


def has_grouped(core: LibraryCore) -> bool:
    """Whether an unnamed voice was ever found; voices that are gone count, too."""
    return core.database.value(_LAST_VOICE) is not None


def group_voices(core: LibraryCore, entry: int | None, rule: Rule) -> Discovery:
    """Group all heard recordings without a singer; voices keep their numbers as far as possible."""
    contents = core.contents
    heard = [at for at, one in enumerate(contents.recordings) if contents.is_open(one)]
    known = _known(contents, heard, rule)
    unknown = [at for at in heard if at not in known]
    vectors = comparable(contents, unknown)
    own = [contents.recordings[at] for at in unknown]
    rejected: dict[str, set[int]] = {}
    for recording, voice in core.database.rows("SELECT recording, voice FROM rejections"):
        rejected.setdefault(recording, set()).add(voice)
    labels = _grouped(vectors, _needed(rule, own), _apart(own, rejected))
    voices, changes = _numbered(core, own, labels, rejected)
    changes += [
        (None, contents.recordings[at].id) for at in known if contents.recordings[at].voice is not None
    ]
    with core.database.changing(entry) as change:
        for number in sorted({number for number, _ in changes if number is not None}):
            change.run("INSERT INTO voices (id) VALUES (?) ON CONFLICT DO NOTHING", (number,))
        change.many("UPDATE recordings SET voice = ? WHERE id = ?", changes)
    core.changed()
    grouped = {recording for voice in voices for recording in voice.recordings}
    return Discovery(
        tuple(sorted(voices, key=lambda voice: (-len(voice.recordings), voice.number))),
        tuple(one.id for one in own if one.id not in grouped),
        tuple(contents.recordings[at].id for at in sorted(known)),
    )


def _known(contents: Contents, heard: Sequence[int], rule: Rule) -> set[int]:
    if not contents.singers:
        return set()
    prints = contents.voiceprints
    place = {number: at for at, number in enumerate(contents.singers)}
    found = set()
    for at in heard:
        one = contents.recordings[at]
        said = contents.statements.get(one.id, {})
        refused = frozenset(place[who] for who, is_them in said.items() if not is_them and who in place)
        if judge(prints, rule, contents.vectors[at], one.voice_seconds, refused).decision == "known":
            found.add(at)
    return found


def comparable(contents: Contents, which: Sequence[int]) -> FloatArray:
    """Vectors of recordings after the back end; with few enrolled singers, a back end is fitted to all."""
    vectors = contents.vectors[list(which)]
    if not len(vectors):
        return np.zeros((0, 1), np.float32)
    prints = contents.voiceprints
    if len(contents.singers) >= _FEW:
        return prints.asked(vectors)
    # Each recording counts as a singer of its own, because the grouping is not known yet.
    owners = np.concatenate((prints.owners, len(contents.singers) + np.arange(len(vectors))))
    enrolled = prints.vectors.reshape(-1, *vectors.shape[1:])
    return behind(fit_back_ends(np.concatenate((enrolled, vectors)), owners), vectors)


def _needed(rule: Rule, recordings: Sequence[Recording]) -> float:
    """The lowest score at which two recordings are taken to be of one voice."""
    if not recordings:
        return 1.0
    seconds = float(np.median([max(one.voice_seconds, 0.5) for one in recordings]))
    features = np.full(len(FEATURES), np.nan)
    features[0], features[2], features[3] = 0.0, np.log(seconds), 0.0
    return rule.odds.score_for(max(rule.needed, _SURE), features)


def _apart(recordings: Sequence[Recording], rejected: Mapping[str, set[int]]) -> list[tuple[int, int]]:
    """Pairs of recordings that a person has said are not of one voice."""
    members: dict[int, list[int]] = {}
    for at, one in enumerate(recordings):
        if one.voice is not None:
            members.setdefault(one.voice, []).append(at)
    return [
        (at, other)
        for at, one in enumerate(recordings)
        for voice in rejected.get(one.id, ())
        for other in members.get(voice, ())
        if other != at
    ]


def _grouped(vectors: FloatArray, needed: float, apart: Sequence[tuple[int, int]]) -> IntArray:
    """The group of each recording, (N,).

    Groups are merged by their mean distance (average linkage). Groups without any near pair are never merged.
    So each connected part of the graph of near pairs is grouped by itself, and memory grows only with the
    largest part.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from sklearn.cluster import AgglomerativeClustering

    count = len(vectors)
    first, second = _near_pairs(vectors, needed)
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), (count, count))
    _, parts = connected_components(graph, directed=False)
    labels, used = np.zeros(count, np.int64), 0
    for own in np.split(np.argsort(parts, kind="stable"), np.cumsum(np.bincount(parts, minlength=1))[:-1]):
        if len(own) < 2:
            labels[own] = used
            used += len(own)
            continue
        distances = np.clip(1 - vectors[own] @ vectors[own].T, 0, None).astype(np.float64)
        place = {int(at): index for index, at in enumerate(own)}
        for one, other in apart:
            if one in place and other in place:
                distances[place[one], place[other]] = distances[place[other], place[one]] = _APART
        np.fill_diagonal(distances, 0)
        found = AgglomerativeClustering(
            None, metric="precomputed", linkage="average", distance_threshold=1 - needed
        ).fit_predict(distances)
        labels[own] = used + found
        used += int(found.max()) + 1
    return labels


def _near_pairs(vectors: FloatArray, needed: float) -> tuple[IntArray, IntArray]:
    found: list[NDArray[np.int64]] = [np.zeros((2, 0), np.int64)]
    for start in range(0, len(vectors), _BLOCK):
        near = np.argwhere(vectors[start : start + _BLOCK] @ vectors.T >= needed).T
        near[0] += start
        found.append(near[:, near[0] < near[1]])
    pairs = np.concatenate(found, axis=1)
    return pairs[0], pairs[1]


def _numbered(
    core: LibraryCore, recordings: Sequence[Recording], labels: IntArray, rejected: Mapping[str, set[int]]
) -> tuple[list[Voice], list[tuple[int | None, str]]]:
    """The groups, numbered as most of their recordings were before, and the (voice, recording) changes."""
    groups: dict[int, list[Recording]] = {}
    for one, label in zip(recordings, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(one)
    several = [own for own in groups.values() if len(own) > 1]
    shared = Counter(
        {
            (index, voice): count
            for index, own in enumerate(several)
            for voice, count in Counter(one.voice for one in own).items()
            if voice is not None and not any(voice in rejected.get(one.id, ()) for one in own)
        }
    )
    numbers: dict[int, int] = {}
    for (index, voice), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0][1])):
        if index not in numbers and voice not in numbers.values():
            numbers[index] = voice
    # The number of a voice that is gone is never used again.
    following = (core.database.value(_LAST_VOICE) or 0) + 1
    for index in sorted(set(range(len(several))) - set(numbers), key=lambda index: -len(several[index])):
        numbers[index], following = following, following + 1
    voices = [Voice(numbers[index], tuple(one.id for one in own)) for index, own in enumerate(several)]
    now = {recording: voice.number for voice in voices for recording in voice.recordings}
    return voices, [(now.get(one.id), one.id) for one in recordings if now.get(one.id) != one.voice]
