"""Calibrating a library: a threshold that keeps a promise on the library's own recordings, and its quality.

The unit of a promise is the singer: a singer who is left out is left out of vectors, exemplars, back end,
coefficients and threshold.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from singerid.errors import SingeridError
from singerid.library.core import (
    LibraryCore,
    exemplar_changes,
    new_id,
    set_settings,
    write_back_ends,
)
from singerid.library.fitting import Fitted, fit
from singerid.library.records import Contents
from singerid.library.rule import Rule
from singerid.library.shipped import shipped_rule
from singerid.library.trials import Material, Trials, count_trials, make_trials
from singerid.library.voiceprints import BackEnds, IntArray, behind, exemplars_of, fit_back_ends
from singerid.text import counted

Paths = Callable[[list[str]], dict[str, str]]

DEFAULT_FPIR = 0.05
_FEW_SECONDS, _FEW_RECORDINGS = 60.0, 3
"""A singer with fewer recordings or fewer seconds of voice is reported as having too little material."""


@dataclass(frozen=True)
class Confusion:
    """A singer whose songs are mistaken for another singer's.

    Attributes:
        singer: the singer of the songs.
        named: the singer with the best score.
        songs: number of the singer's songs for which that is so.
    """

    singer: str
    named: str
    songs: int


@dataclass(frozen=True)
class Calibration:
    """How a library decides, and how good its decisions are.

    Attributes:
        id: id of the calibration.
        at: when it was made, ISO 8601, UTC.
        wanted: the share of strangers' songs that may be named.
        bound: upper bound of the share of strangers' songs that are named; it holds in 95 of 100 libraries.
        is_kept: whether the bound is at most the share that was wanted.
        stranger_songs: number of strangers' songs that were tried.
        stranger_singers: number of strangers who sing them.
        strangers_named: number of strangers' songs that are named.
        strangers_ambiguous: number of strangers' songs with the decision "ambiguous".
        needed: number of strangers that would be enough for the promise, if none of their songs were named.
        enrolled_songs: number of songs by enrolled singers that were tried.
        enrolled_singers: number of enrolled singers who sing them.
        right: number of songs by enrolled singers that are named with the right name.
        wrong: number of songs by enrolled singers that are named with a wrong name.
        ambiguous: number of songs by enrolled singers with the decision "ambiguous".
        cllr: cost of the probabilities in bits, and the lowest cost that is possible.
        eer: equal error rate of the scores, for diagnosis; None: no song of an enrolled singer was right.
        one_album: singers with one album, whose songs were left out one by one.
        confused: pairs of singers that are confused, most songs first.
        doubtful: enrolled recordings that sound like another singer's: (path, enrolled as, sounds like).
        two_voices: singers whose recordings sound like two voices, with recordings of the smaller group.
        alike: pairs of singers who sound like one, with some of their recordings.
        too_little: singers who have too few recordings or seconds of voice.
        rule: coefficients and threshold.
        back_end: the id of the back end that the calibration belongs to.
        counts: number of recordings of each singer at that time, by the singer's number.
        scores: log-odds of songs by enrolled singers ("right", "wrong") and of strangers' songs.
    """

    id: str
    at: str
    wanted: float
    bound: float
    is_kept: bool
    stranger_songs: int
    stranger_singers: int
    strangers_named: int
    strangers_ambiguous: int
    needed: int
    enrolled_songs: int
    enrolled_singers: int
    right: int
    wrong: int
    ambiguous: int
    cllr: tuple[float, float]
    eer: float | None
    one_album: tuple[str, ...]
    confused: tuple[Confusion, ...]
    doubtful: tuple[tuple[str, str, str], ...]
    two_voices: tuple[tuple[str, tuple[str, ...]], ...]
    alike: tuple[tuple[str, str, tuple[str, ...]], ...]
    too_little: tuple[str, ...]
    rule: Rule
    back_end: str
    counts: dict[str, int]
    scores: dict[str, list[float]] = field(repr=False, default_factory=dict)

    @property
    def fnir(self) -> float:
        """FNIR: the share of songs by enrolled singers that are not named with the right name."""
        return 1 - self.right / max(self.enrolled_songs, 1)

    def to_json(self) -> dict[str, Any]:
        """The JSON object for the database and `calibration.json`."""
        return asdict(self) | {"rule": self.rule.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Calibration":
        """The calibration of an object that `to_json` returned."""
        return cls(
            **content
            | {
                "rule": Rule.from_json(content["rule"]),
                "confused": tuple(Confusion(**one) for one in content["confused"]),
                **{name: tuple(content[name]) for name in ("cllr", "one_album", "too_little")},
                "doubtful": tuple(map(tuple, content["doubtful"])),
                "two_voices": tuple((singer, tuple(songs)) for singer, songs in content["two_voices"]),
                "alike": tuple((one, other, tuple(songs)) for one, other, songs in content["alike"]),
            }
        )

    def drift(self, contents: Contents) -> tuple[int, int]:
        """How many recordings were added, removed or moved since, and how many singers have such changes."""
        now = _counts(contents)
        differences = {
            number: abs(now.get(number, 0) - self.counts.get(number, 0)) for number in {*now, *self.counts}
        }
        return sum(differences.values()), sum(1 for difference in differences.values() if difference)


def material_of(contents: Contents) -> Material:
    """The recordings of a library in the form that `make_trials` needs."""
    prints, enrolled = contents.voiceprints, contents.enrolled
    own = [contents.recordings[at] for at in enrolled]
    albums: dict[tuple[int | None, str], int] = {}
    strangers = [at for at, one in enumerate(contents.recordings) if one.role == "stranger"]
    who: dict[str, int] = {}
    return Material(
        prints.vectors,
        prints.owners,
        np.array([albums.setdefault((one.singer, one.album), len(albums)) for one in own], np.int64),
        np.array([one.voice_seconds for one in own], np.float32),
        contents.vectors[strangers],
        np.array([who.setdefault(contents.recordings[at].stranger, len(who)) for at in strangers], np.int64),
        np.array([contents.recordings[at].voice_seconds for at in strangers], np.float32),
    )


def calibrate(
    core: LibraryCore,
    entry: int | None,
    wanted: float = DEFAULT_FPIR,
    *,
    begin: Callable[[int], None] = lambda _: None,
    step: Callable[[], None] = lambda: None,
    paths: Paths = lambda _: {},
) -> Calibration:
    """Measure a library on its own recordings, and store the result; back end and exemplars are fitted again.

    Args:
        core: the library.
        entry: entry of the journal.
        wanted: the share of strangers' songs that may be named, above 0 and below 1.
        begin: called once with the number of steps.
        step: called after each step.
        paths: returns the paths of recordings by their ids.

    Raises:
        SingeridError: there are too few singers or recordings.
    """
    if not 0 < wanted < 1:
        raise SingeridError(
            "`fpir`: the share of strangers' songs that may be named must be between 0 and 1, not "
            f"{wanted:g}; one percent is 0.01 (on the command line also 1%)"
        )
    settings, contents = core.settings, core.contents
    if len(contents.singers) < 2:
        raise SingeridError(
            f"{core.path}: has {counted(len(contents.singers), 'singer')} with recordings; to "
            "calibrate it, enroll at least two, better ten"
        )
    material = material_of(contents)
    begin(count_trials(material))
    prints = contents.voiceprints
    elsewhere = shipped_rule(settings.identity, settings.audio)
    # The matrix products are small and many: threads would mostly wait for each other.
    with threadpool_limits(1):
        fitted = fit(make_trials(material, step), wanted, elsewhere)
        back_ends = fit_back_ends(prints.vectors, prints.owners)
        found = _described(contents, fitted, elsewhere, material, paths)
    with core.database.changing(entry) as change:
        if entry is not None:
            write_back_ends(change, found.back_end, settings, back_ends)
        change.many(
            "UPDATE recordings SET exemplar = ? WHERE id = ?",
            exemplar_changes(contents, back_ends, set(contents.singers)),
        )
        change.run("INSERT INTO calibrations (id, content) VALUES (?, ?)", (found.id, _dumped(found)))
        set_settings(change, {"calibration": found.id})
    core.changed()
    return found


def _dumped(found: Calibration) -> str:
    return json.dumps(found.to_json(), ensure_ascii=True, allow_nan=False)


def read_calibration(core: LibraryCore) -> Calibration | None:
    """The calibration that the library's decisions follow; None: there is none."""
    which = core.database.setting("calibration")
    content = core.database.value("SELECT content FROM calibrations WHERE id = ?", (which,))
    return None if content is None else Calibration.from_json(json.loads(content))


def _counts(contents: Contents) -> dict[str, int]:
    return dict(Counter(str(contents.recordings[at].singer) for at in contents.enrolled))


def _described(
    contents: Contents, fitted: Fitted, elsewhere: Rule, material: Material, paths: Paths
) -> Calibration:
    trials, promise = fitted.trials, fitted.promise
    names = [contents.names[number] for number in contents.singers]
    stranger, enrolled = trials.stranger, ~trials.stranger
    named, ambiguous, right = fitted.named, fitted.ambiguous, trials.right
    one_album = [
        names[at]
        for at in range(len(names))
        if len(np.unique(material.albums[material.owners == at])) == 1 and (material.owners == at).sum() > 1
    ]
    return Calibration(
        id=new_id(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        wanted=promise.wanted,
        bound=promise.bound,
        is_kept=promise.is_kept,
        stranger_songs=promise.songs,
        stranger_singers=promise.singers,
        strangers_named=int(named[stranger].sum()),
        strangers_ambiguous=int(ambiguous[stranger].sum()),
        needed=promise.needed,
        enrolled_songs=int(enrolled.sum()),
        enrolled_singers=len(np.unique(trials.truth[enrolled])),
        right=int((named & right)[enrolled].sum()),
        wrong=int((named & ~right)[enrolled].sum()),
        ambiguous=int(ambiguous[enrolled].sum()),
        cllr=fitted.cost,
        eer=_equal_error_rate(trials),
        one_album=tuple(one_album),
        confused=_confused(trials, names),
        doubtful=_doubtful(contents, trials, names, paths),
        two_voices=_two_voices(contents, names, paths),
        alike=_alike(contents, trials, elsewhere, names, paths),
        too_little=_too_little(contents, material, names),
        rule=fitted.rule,
        back_end=new_id(),
        counts=_counts(contents),
        scores={
            "right": _rounded(fitted.log_odds[enrolled & right]),
            "wrong": _rounded(fitted.log_odds[enrolled & ~right]),
            "strangers": _rounded(fitted.log_odds[stranger]),
        },
    )


def _rounded(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    return [round(float(value), 3) for value in np.sort(values)]


def _equal_error_rate(trials: Trials) -> float | None:
    """The error rate at the score where misses and false alarms are equally frequent; for diagnosis."""
    scores = trials.features[:, 0]
    own, other = scores[trials.right], scores[trials.stranger]
    if not len(own) or not len(other):
        return None
    cuts = np.sort(scores)
    missed = np.searchsorted(np.sort(own), cuts) / len(own)
    taken = 1 - np.searchsorted(np.sort(other), cuts) / len(other)
    at = int(np.abs(missed - taken).argmin())
    return float((missed[at] + taken[at]) / 2)


def _confused(trials: Trials, names: list[str]) -> tuple[Confusion, ...]:
    wrong = ~trials.stranger & ~trials.right
    pairs = Counter(zip(trials.truth[wrong].tolist(), trials.best[wrong].tolist(), strict=True))
    return tuple(
        Confusion(names[who], names[as_whom], songs) for (who, as_whom), songs in pairs.most_common(10)
    )


def _doubtful(
    contents: Contents, trials: Trials, names: list[str], paths: Paths
) -> tuple[tuple[str, str, str], ...]:
    """Recordings that are far more like another singer than like the singer they are enrolled as."""
    wrong = np.flatnonzero(~trials.stranger & ~trials.right & (trials.features[:, 1] > _FAR))
    ids = {int(at): contents.recordings[contents.enrolled[trials.recording[at]]].id for at in wrong}
    places = paths(list(ids.values()))
    return tuple(
        (places.get(ids[int(at)], ids[int(at)]), names[trials.truth[at]], names[trials.best[at]])
        for at in wrong[:20]
    )


_FAR = 0.15  # margin of the best singer's score over the next one's


def _two_voices(
    contents: Contents, names: list[str], paths: Paths
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Singers whose recordings form two groups that are no more alike than recordings of two singers."""
    prints = contents.voiceprints
    back_ends = BackEnds(prints.vectors, prints.owners)
    found = []
    for place, name in enumerate(names):
        own = np.flatnonzero(prints.owners == place)
        # The singer is left out of the back end: whitening fitted to both voices would hide their difference.
        recordings = behind(back_ends.fit(place), prints.vectors[own])
        exemplars = exemplars_of(recordings)
        groups = [exemplars == number for number in np.unique(exemplars) if number]
        if len(groups) < 2:
            continue
        means = np.array([recordings[group].mean(0) for group in groups])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        if (means @ means.T).min() < _STRANGE:
            smallest = min(groups, key=lambda group: int(group.sum()))
            found.append((name, _places(contents, own[smallest], paths)))
    return tuple(found)


_STRANGE = 0.2  # cosine after the back end below which two groups are unlikely to be one voice
_SHOWN = 5  # number of recordings that a warning lists


def _places(contents: Contents, which: IntArray, paths: Paths) -> tuple[str, ...]:
    """Paths of the first few of these enrolled recordings."""
    ids = [contents.recordings[contents.enrolled[at]].id for at in which[:_SHOWN]]
    places = paths(ids)
    return tuple(places.get(one, one) for one in ids)


def _alike(
    contents: Contents, trials: Trials, elsewhere: Rule, names: list[str], paths: Paths
) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Pairs of singers where most songs of each are likely the other singer's when their own is left out.

    "Likely" is by the shipped rule: in a library with one voice under two names, the fitted threshold is too
    high for this.
    """
    named = trials.stranger & trials.reduced & (elsewhere.odds(trials.features) >= 0)
    songs = Counter(trials.unit[trials.stranger & trials.reduced].tolist())
    pairs = Counter(zip(trials.unit[named].tolist(), trials.best[named].tolist(), strict=True))
    found = []
    for who, as_whom in sorted(pairs):
        both = who < as_whom and pairs[as_whom, who] > songs[as_whom] / 2
        if both and pairs[who, as_whom] > songs[who] / 2:
            taken = trials.recording[named & (trials.unit == who) & (trials.best == as_whom)]
            found.append((names[who], names[as_whom], _places(contents, taken, paths)))
    return tuple(found)


def _too_little(contents: Contents, material: Material, names: list[str]) -> tuple[str, ...]:
    found = []
    for place, name in enumerate(names):
        own = material.owners == place
        if own.sum() < _FEW_RECORDINGS or material.voice_seconds[own].sum() < _FEW_SECONDS:
            found.append(name)
    return tuple(found)
