"""From a voice to a decision: the decision, the probability that it is right, and the evidence for it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from singerid.identify.result import Decision
from singerid.library.core import LibraryCore
from singerid.library.finding import paths_of
from singerid.library.records import Contents, SoundMark
from singerid.library.rule import Rule
from singerid.library.trials import evidence
from singerid.library.voiceprints import FloatArray, IntArray, Voiceprints

_MOST = 1.0  # the highest possible score


@dataclass(frozen=True)
class Known:
    """What is known about a recording beside its voice.

    Attributes:
        recording: its id in the library; None: the library does not have it.
        singer: number of the singer that it is enrolled as, or that a person named; None: there is none.
        refused: numbers of the singers that a person has ruled out.
        nobody: whether a person said that nobody sings in it.
    """

    recording: str | None = None
    singer: int | None = None
    refused: frozenset[int] = frozenset()
    nobody: bool = False


NOTHING_KNOWN = Known()


def known_of(contents: Contents, recording: str | None, sound: SoundMark | None = None) -> Known:
    """What people said about a recording, by enrolling it or with `say`.

    Args:
        contents: contents of the library.
        recording: id of the recording; None: the library does not have it.
        sound: fingerprint and scheme of the file's sound, used if the library does not have the recording.
    """
    if recording is None or recording not in contents.index:
        return Known(nobody=True) if sound in contents.nobody else NOTHING_KNOWN
    said: Mapping[int, bool] = contents.statements.get(recording, {})
    own = contents.recordings[contents.index[recording]]
    singer = next((who for who, is_them in said.items() if is_them), own.singer)
    refused = frozenset(who for who, is_them in said.items() if not is_them)
    return Known(recording, singer, refused, contents.nobody_sings(own))


@dataclass(frozen=True, eq=False)
class Judgement:
    """The decision on one voice.

    Attributes:
        decision: known, ambiguous or unknown.
        probability: probability that the decision is right.
        best: place of the best singer among the voiceprints; None: there is no singer to compare with.
        scores: (S,) score of every singer, -1 to 1; NaN: a person has ruled the singer out.
        probabilities: (S,) probability of every singer.
        needs: the score that the best singer needs to be named; None: no score would be enough.
    """

    decision: Decision
    probability: float
    best: int | None
    scores: FloatArray
    probabilities: FloatArray
    needs: float | None


def judge(
    prints: Voiceprints,
    rule: Rule,
    vectors: FloatArray,
    voice_seconds: float,
    refused: frozenset[int] = frozenset(),
) -> Judgement:
    """Decide on a voice.

    Args:
        prints: voiceprints of the singers.
        rule: how scores become decisions.
        vectors: (K, D) of the voice.
        voice_seconds: how many seconds of the voice were heard.
        refused: places of the singers that a person has ruled out.
    """
    if not len(prints.owners):
        nobody = np.zeros(0, np.float32)
        return Judgement("unknown", 1.0, None, nobody, nobody, None)
    scores = prints.scores(prints.asked(vectors[None]))[0]
    return judge_scores(scores, prints.counts, rule, voice_seconds, refused)


def judge_scores(
    scores: FloatArray,
    counts: IntArray,
    rule: Rule,
    voice_seconds: float,
    refused: frozenset[int] = frozenset(),
) -> Judgement:
    """Decide on a voice by its scores (S,) and the singers' numbers of recordings (S,); see `judge`."""
    allowed = np.array([place for place in range(len(scores)) if place not in refused], np.int64)
    every, chances = np.full(len(scores), np.nan, np.float32), np.zeros(len(scores), np.float32)
    if not len(allowed):
        return Judgement("unknown", 1.0, None, every, chances, None)
    features = evidence(scores[allowed], counts[allowed], voice_seconds)
    best = int(scores[allowed].argmax())
    log_odds = float(rule.odds(features[best])[0])
    probabilities = rule.probabilities(features, best)
    decision = rule.verdict(log_odds, probabilities.tolist())
    somebody = min(1.0, float(probabilities.sum()))
    sure: dict[Decision, float] = {
        "known": float(probabilities[best]),
        "ambiguous": somebody,
        "unknown": 1 - somebody,
    }
    every[allowed], chances[allowed] = scores[allowed], probabilities
    needs = rule.odds.score_for(rule.needed, features[best])
    return Judgement(
        decision, sure[decision], int(allowed[best]), every, chances, needs if needs <= _MOST else None
    )


def similar(
    core: LibraryCore, vectors: FloatArray, own: int | None, most: int
) -> list[tuple[str, int, float]]:
    """(path, singer, score) of the enrolled recordings that sound most like a voice, best first.

    Args:
        core: the library.
        vectors: (K, D) of the voice.
        own: place of the recording that the voice comes from, which is left out; None: it is not enrolled.
        most: how many recordings to return.
    """
    contents = core.contents
    prints = contents.voiceprints
    if not len(prints.owners):
        return []
    scores = prints.alike(prints.asked(vectors[None]))[0]
    if own is not None:
        scores[contents.enrolled == own] = -np.inf
    count = min(most, int(np.isfinite(scores).sum()))
    if not count:
        return []
    best = np.argpartition(-scores, count - 1)[:count]
    best = best[np.argsort(-scores[best])]
    found = [contents.recordings[contents.enrolled[at]] for at in best]
    paths = paths_of(core.database, [recording.id for recording in found])
    return [
        (paths.get(recording.id, ""), recording.singer or 0, rounded(scores[at]))
        for recording, at in zip(found, best, strict=True)
    ]


def rounded(value: float | np.floating) -> float:
    """The value rounded as in answers, to four decimals.

    >>> rounded(np.float32(0.123456))
    0.1235
    """
    return round(float(value), 4)
