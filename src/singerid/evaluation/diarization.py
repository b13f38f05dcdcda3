"""How well a timeline tells who sings when: the diarization error, and the changes found in time.

NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan"; Bredin, "pyannote.metrics",
Interspeech 2017, which gives the same figures. Each second counts once for each person who sings in it, so
two at once count twice. Times are exact to a nanosecond; there is no grid of frames.

Letters in shapes: E stretches between two moments at which anything changes, S singers.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.data.rttm import Turn

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

COLLAR = 0.5
"""Seconds around a true boundary, half before and half after it, that may be left out."""
IN_TIME = 0.5
"""Seconds that a change may be early or late and still count as found."""


@dataclass(frozen=True)
class DiarizationErrors:
    """The errors of a timeline, in seconds.

    Attributes:
        missed_s: time in which more people sing than are named.
        false_alarm_s: time in which more people are named than sing.
        confusion_s: time in which the wrong person is named.
        total_s: time in which somebody sings; two at once count twice.
    """

    missed_s: float = 0.0
    false_alarm_s: float = 0.0
    confusion_s: float = 0.0
    total_s: float = 0.0

    @property
    def rate(self) -> float:
        """The diarization error rate: all errors divided by `total_s`; 0 if nobody sings or is named."""
        wrong = self.missed_s + self.false_alarm_s + self.confusion_s
        if self.total_s == 0:
            return float("inf") if wrong else 0.0
        return wrong / self.total_s

    def __add__(self, other: "DiarizationErrors") -> "DiarizationErrors":
        """The sum of both."""
        return DiarizationErrors(
            self.missed_s + other.missed_s,
            self.false_alarm_s + other.false_alarm_s,
            self.confusion_s + other.confusion_s,
            self.total_s + other.total_s,
        )


@dataclass(frozen=True)
class InTime:
    """How many changes of one timeline have a change of the other timeline nearby.

    Attributes:
        near: number of changes that have one nearby.
        total: number of changes.
    """

    near: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """`near` divided by `total`; 1 if there are no changes."""
        return self.near / self.total if self.total else 1.0

    def __add__(self, other: "InTime") -> "InTime":
        """The sum of both."""
        return InTime(self.near + other.near, self.total + other.total)


def diarization_errors(
    truth: Iterable[Turn], found: Iterable[Turn], known: Collection[str], collar: float = 0.0
) -> DiarizationErrors:
    """Compare a timeline with the truth, in one recording or over many.

    A name in `known` is right only where that singer sings. All other names in `found` stand for strangers:
    in each recording, they are matched one to one with the singers of `truth` who are not known, in the best
    possible way. Turns of one singer that touch or overlap are joined.

    Args:
        truth: who sings when.
        found: the timeline: who is said to sing when.
        known: the names that must be right: those of the library.
        collar: seconds around each boundary of `truth` that do not count, half before and half after it.

    Returns:
        The errors of all recordings together.

    >>> truth = [Turn("a", 0, 4, "Nina"), Turn("a", 4, 8, "Ella")]
    >>> diarization_errors(truth, [Turn("a", 0, 5, "Nina"), Turn("a", 5, 7, "unknown 1")], ["Nina"])
    DiarizationErrors(missed_s=1.0, false_alarm_s=0.0, confusion_s=1.0, total_s=8.0)
    """
    of_truth, of_found = _by_recording(truth), _by_recording(found)
    total = DiarizationErrors()
    for recording in sorted({*of_truth, *of_found}):
        ours = of_truth.get(recording, {}), of_found.get(recording, {})
        total += _errors(*ours, set(known), collar)
    return total


def changes_in_time(
    truth: Iterable[Turn], found: Iterable[Turn], within: float = IN_TIME, *, pauses: bool = True
) -> InTime:
    """Count the changes of `truth` that have a change of `found` nearby.

    A change is a moment at which the people who sing change. With pauses, it is also a change when singing
    stops or starts. Without pauses, a change is from one person, or group of people, to another; it lasts
    from the end of the first one's singing to the start of the next one's. Names do not matter, nor how many
    changes are nearby. With `found` as the first argument, this counts the reported changes that are true.

    Args:
        truth: who sings when.
        found: the timeline: who is said to sing when.
        within: greatest distance in seconds that counts as nearby.
        pauses: whether it is a change when singing stops and when it starts again.

    >>> truth = [Turn("a", 0, 4, "Nina"), Turn("a", 5, 8, "Ella")]
    >>> found = [Turn("a", 0, 5.2, "Nina"), Turn("a", 5.2, 9, "Ella")]
    >>> changes_in_time(truth, found), changes_in_time(truth, found, pauses=False)
    (InTime(near=2, total=4), InTime(near=1, total=1))
    """
    of_truth, of_found = _by_recording(truth), _by_recording(found)
    total = InTime()
    for recording, singers in of_truth.items():
        ours, others = (_changes(one, pauses) for one in (singers, of_found.get(recording, {})))
        later = ours[:, None, 0] - others[None, :, 1]
        earlier = others[None, :, 0] - ours[:, None, 1]
        away = np.maximum(later, earlier).min(axis=1, initial=np.inf)  # below 0 where they overlap
        total += InTime(int((away <= within + 1e-9).sum()), len(ours))
    return total


Voices = dict[str, Floats]  # of one recording: the turns of each singer as (turns, 2) seconds


def _by_recording(turns: Iterable[Turn]) -> dict[str, Voices]:
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for turn in turns:
        singers = found.setdefault(turn.recording, {})
        if turn.end_s > turn.start_s:
            # Sums of seconds differ in their last digits; rounded, turns that should touch do touch.
            span = round(turn.start_s, 9), round(turn.end_s, 9)
            singers.setdefault(turn.singer, []).append(span)
    return {
        recording: {singer: _joined(sorted(spans)) for singer, spans in sorted(singers.items())}
        for recording, singers in found.items()
    }


def _joined(spans: list[tuple[float, float]]) -> Floats:
    joined: list[list[float]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return np.array(joined, dtype=np.float64)


def _errors(truth: Voices, found: Voices, known: set[str], collar: float) -> DiarizationErrors:
    edges = [spans.ravel() for spans in (*truth.values(), *found.values())]
    boundaries = np.concatenate([spans.ravel() for spans in truth.values()] or [np.zeros(0)])
    around = np.stack([boundaries - collar / 2, boundaries + collar / 2], axis=1)
    moments = np.unique(np.concatenate([*edges, around.ravel()]))
    seconds = np.diff(moments) * ~_within(around, moments)
    sings, named = _sounding(truth, moments), _sounding(found, moments)
    right = _right(truth, found, known, sings, named, seconds)
    singing, naming = sings.sum(axis=0), named.sum(axis=0)
    return DiarizationErrors(
        missed_s=float(seconds @ np.maximum(singing - naming, 0)),
        false_alarm_s=float(seconds @ np.maximum(naming - singing, 0)),
        confusion_s=float(seconds @ (np.minimum(singing, naming) - right)),
        total_s=float(seconds @ singing),
    )


def _right(
    truth: Voices, found: Voices, known: set[str], sings: Bools, named: Bools, seconds: Floats
) -> NDArray[np.int64]:
    """Number of people who sing and are named correctly, in each of E stretches; (E,)."""
    from scipy.optimize import linear_sum_assignment

    singers, names = list(truth), list(found)
    pairs = [
        (at, names.index(singer)) for at, singer in enumerate(singers) if singer in known and singer in found
    ]
    foreign = [at for at, singer in enumerate(singers) if singer not in known]
    strangers = [at for at, name in enumerate(names) if name not in known]
    together = (sings[foreign] * seconds) @ named[strangers].T.astype(np.float64)  # seconds
    for row, column in zip(*linear_sum_assignment(together, maximize=True), strict=True):
        pairs.append((foreign[row], strangers[column]))
    right = np.zeros(len(seconds), np.int64)
    for singer, name in pairs:
        right += sings[singer] & named[name]
    return right


def _sounding(voices: Voices, moments: Floats) -> Bools:
    """Whether each of S singers sings between two moments, (S, E)."""
    rows = [_within(spans, moments) for spans in voices.values()]
    return np.array(rows, dtype=bool).reshape(len(voices), max(0, len(moments) - 1))


def _within(spans: Floats, moments: Floats) -> Bools:
    """Which stretches between moments lie in spans that begin and end at moments; (E,)."""
    found = np.zeros(max(0, len(moments) - 1), dtype=bool)
    for first, end in np.searchsorted(moments, spans):
        found[first:end] = True
    return found


def _changes(voices: Voices, pauses: bool) -> Floats:
    """Start and end of each change of the people who sing, in seconds; (changes, 2)."""
    moments = np.unique(np.concatenate([spans.ravel() for spans in voices.values()] or [np.zeros(0)]))
    sings = _sounding(voices, moments)
    if pauses:
        silence = np.zeros((len(voices), 1), dtype=bool)
        around = np.concatenate([silence, sings, silence], axis=1)
        at = np.flatnonzero((around[:, 1:] != around[:, :-1]).any(axis=0))
        return np.stack([moments[at], moments[at]], axis=1)
    sung = np.flatnonzero(sings.any(axis=0))
    passed = np.flatnonzero((sings[:, sung[1:]] != sings[:, sung[:-1]]).any(axis=0))
    return np.stack([moments[sung[passed] + 1], moments[sung[passed + 1]]], axis=1)
