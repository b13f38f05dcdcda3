"""The answer for one file: the decision, who sings when, and the evidence for it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from singerid.identify.result import Candidate, Named, Nearest, Result, Span
from singerid.library.core import LibraryCore
from singerid.library.decide import Judgement, Known, judge, rounded, similar
from singerid.library.hearing import HeardVoice
from singerid.library.rule import Rule
from singerid.library.song_voices import SongTimeline, timeline_of
from singerid.library.voiceprints import FloatArray

MOST_CANDIDATES, MOST_NEAREST = 5, 3


def answer(
    core: LibraryCore,
    rule: Rule,
    heard: HeardVoice,
    known: Known,
    *,
    path: str,
    calibrated: bool,
    warning: str = "",
) -> Result:
    """The answer for one file.

    The decision is made on the song as a whole. Where several voices sing, there is also a decision on each
    voice, so that both singers of a duet can be named. A voice that is not sure enough is a stranger in the
    timeline.

    Args:
        core: the library.
        rule: how scores become decisions.
        heard: the voice that was heard in the file.
        known: what people said about the file.
        path: name of the file in the answer.
        calibrated: whether the rule comes from a calibration of this library.
        warning: what was wrong with the file.
    """
    contents = core.contents
    result = Result(
        path=path,
        decision="no_voice",
        singers=(),
        voice_seconds=heard.voice_seconds,
        seconds=heard.seconds,
        timeline=(),
        short=heard.short,
        warning=warning,
        calibrated=calibrated,
    )
    if known.nobody:
        return replace(result, voice_seconds=0.0, probability=1.0, said=True)
    if heard.vectors is None:
        return result
    prints = contents.voiceprints
    place = {number: at for at, number in enumerate(contents.singers)}
    refused = frozenset(place[number] for number in known.refused if number in place)
    judged = judge(prints, rule, heard.vectors, heard.voice_seconds, refused)
    names = [contents.names[number] for number in contents.singers]
    result = replace(result, nearest=_nearest(core, heard.vectors, contents.index.get(known.recording or "")))
    if known.singer is not None:
        # The singer whom a person named may have no recording, and so no place among the voiceprints.
        said = place.get(known.singer, len(names))
        names.append(contents.names[known.singer])
        timeline = timeline_of(prints, rule, heard, judged, refused, said)
        return replace(
            result,
            decision="known",
            singers=named_singers(timeline, names, heard, (said, 1.0)),
            timeline=_spans(timeline, names),
            probability=1.0,
            said=True,
        )
    timeline = timeline_of(prints, rule, heard, judged, refused)
    main = None
    if judged.decision == "known" and judged.best is not None:
        main = judged.best, judged.probability
    singers = named_singers(timeline, names, heard, main)
    return replace(
        result,
        decision="known" if singers else judged.decision,
        singers=singers,
        timeline=_spans(timeline, names),
        probability=singers[0].probability if singers else rounded(judged.probability),
        candidates=_candidates(judged, names),
        needs=None if judged.needs is None else rounded(judged.needs),
    )


def named_singers(
    timeline: SongTimeline, names: Sequence[str], heard: HeardVoice, main: tuple[int, float] | None
) -> tuple[Named, ...]:
    """The named singers, the one who sings longest first.

    Args:
        timeline: timeline of the song.
        names: names of the singers by place.
        heard: the voice that was heard in the song.
        main: (place, probability) of the singer that was found for the song as a whole.
    """
    seconds: dict[int, float] = {}
    for turn in timeline.turns:
        for place in turn.who:
            if place >= 0:
                seconds[place] = seconds.get(place, 0.0) + turn.end_s - turn.start_s
    sure = dict(timeline.sure)
    # Where every voice of the song got another singer's name, the main singer is not named.
    if main is not None and (main[0] in seconds or not seconds):
        sure[main[0]] = max(main[1], sure.get(main[0], 0.0))
        seconds.setdefault(main[0], heard.voice_seconds)
    return tuple(
        Named(names[place], rounded(sure[place]), round(seconds[place], 3))
        for place in sorted(seconds, key=lambda place: (-seconds[place], place))
    )


def _spans(timeline: SongTimeline, names: Sequence[str]) -> tuple[Span, ...]:
    """The timeline in the form that answers use."""
    return tuple(
        Span(
            turn.start_s,
            turn.end_s,
            tuple(names[place] for place in turn.who if place >= 0),
            rounded(turn.chance * min(timeline.sure[place] for place in turn.who)),
            tuple(sorted(-place for place in turn.who if place < 0)),
        )
        for turn in timeline.turns
    )


def _candidates(judged: Judgement, names: Sequence[str]) -> tuple[Candidate, ...]:
    """The likeliest singers, best first."""
    # Ties are sorted by score: for a voice far from all singers every probability is zero.
    ranks = np.lexsort((-judged.scores, -judged.probabilities))
    order = [int(at) for at in ranks if not np.isnan(judged.scores[at])]
    return tuple(
        Candidate(names[at], rounded(judged.scores[at]), rounded(judged.probabilities[at]))
        for at in order[:MOST_CANDIDATES]
    )


def _nearest(core: LibraryCore, vectors: FloatArray, own: int | None) -> tuple[Nearest, ...]:
    """The enrolled recordings that sound most like the voice, without the recording itself."""
    return tuple(
        Nearest(path, core.contents.names[singer], score)
        for path, singer, score in similar(core, vectors, own, MOST_NEAREST)
    )
