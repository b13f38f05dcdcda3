"""Active learning: which song to ask a person about next, and which singer to ask for.

Every unnamed song gets a worth: the number of unnamed songs that would get a name if this song were enrolled
as its likeliest singer, and if it were enrolled as a new singer. The two numbers are weighted by the
probability of the likeliest singer. The few most promising songs are then enrolled on trial, with all effects
on the other songs (`trying`), because some songs can lose their names. As a result, large groups of one voice
come first, each with its most central song. Then come songs that lie between two singers or near the
threshold, and at last the named songs that are least sure.

Letters in shapes: N songs without a name, K sounds, D size of a vector, S singers.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from singerid.identify.result import Decision, Span
from singerid.library.decide import Judgement, judge_scores, rounded
from singerid.library.discover import comparable
from singerid.library.odds import probability
from singerid.library.records import Contents, Recording
from singerid.library.rule import Rule
from singerid.library.trials import log_seconds
from singerid.library.trying import Trying
from singerid.library.voiceprints import FloatArray, behind
from singerid.text import counted, printable

CLIP_SECONDS = 5.0
SURE = 0.9
"""A name with at least this probability needs no question."""
_WORTH_NAMING = 0.2  # a less probable singer is not suggested: "who is it?" is the better question
_MOST = 1000  # songs that are compared with each other; of more songs, this many are taken at equal distances
_MOST_CANDIDATES = 3
_TRIED = 12  # number of most promising songs that are enrolled on trial
_MANY = 2000  # with more enrolled recordings, one more changes only its singer, so there are no trials
_UNLIKELY = 0.1  # a less probable answer is not tried

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """A question to a person about a song.

    Attributes:
        recording: id of the recording.
        singer: the question is "is it this singer?"; None: the question is "who is it?".
        candidates: (singer, probability) of the likeliest singers, best first.
        decision: the library's current decision.
        worth: estimated number of songs that the answer gives a name to.
        group: number of the unnamed voice that it belongs to; None: it was not grouped.
        group_size: number of recordings of that voice.
        why: why the question is worth asking, in words.
    """

    recording: str
    singer: str | None
    candidates: tuple[tuple[str, float], ...]
    decision: Decision
    worth: float
    group: int | None
    group_size: int
    why: str


def open_songs(contents: Contents, rule: Rule, sure: float = SURE) -> list[tuple[Recording, Judgement]]:
    """Recordings without a singer, and the library's decisions on them; sure decisions are left out.

    Args:
        contents: contents of the library.
        rule: how scores become decisions.
        sure: a name with at least this probability needs no question.
    """
    heard = [at for at, one in enumerate(contents.recordings) if contents.is_open(one)]
    nobody = np.zeros(0, np.float32)
    if not contents.singers:
        stranger = Judgement("unknown", 1.0, None, nobody, nobody, None)
        return [(contents.recordings[at], stranger) for at in heard]
    if not heard:
        return []
    prints = contents.voiceprints
    place = {number: at for at, number in enumerate(contents.singers)}
    scores = prints.scores(prints.asked(contents.vectors[heard]))
    found = []
    for at, own in zip(heard, scores, strict=True):
        one = contents.recordings[at]
        said = contents.statements.get(one.id, {})
        refused = frozenset(place[who] for who, is_them in said.items() if not is_them and who in place)
        judged = judge_scores(own, prints.counts, rule, one.voice_seconds, refused)
        if judged.decision != "known" or judged.probability < sure:
            found.append((one, judged))
    return found


def next_question(
    contents: Contents,
    rule: Rule,
    skipped: Collection[str] = (),
    keeps_back_end: bool = False,
    wanted: str | None = None,
) -> tuple[Question | None, int]:
    """The question with the greatest worth, and the number of songs to ask about.

    Args:
        contents: contents of the library.
        rule: how scores become decisions.
        skipped: ids of recordings that were skipped, the latest last; they come last, in that order.
        keeps_back_end: whether the library is calibrated, so that its back end stays as it is.
        wanted: id of a recording to ask about; ignored if that recording has a singer now.
    """
    songs = open_songs(contents, rule)
    if any(one.id == wanted for one, _ in songs):
        others = set(skipped) - {wanted}
        known = [song for song in songs if song[0].id not in others]
        return _about(contents, rule, known, wanted or ""), len(songs)
    put_off = {recording: turn for turn, recording in enumerate(skipped)}
    fresh = [song for song in songs if song[0].id not in put_off]
    if not songs:
        return None, 0
    if not fresh:
        song = min(songs, key=lambda song: put_off[song[0].id])
        return _question(contents, song, 1.0, 0), len(songs)
    unnamed = [song for song in fresh if song[1].decision != "known"]
    if not unnamed:
        song = min(fresh, key=lambda song: song[1].probability)
        return _question(contents, song, 1 - song[1].probability, 0), len(songs)
    weighed = unnamed[:: -(-len(unnamed) // _MOST)]
    worth, alike = _worth(contents, rule, weighed)
    best = _best(contents, rule, weighed, worth, keeps_back_end)
    share = len(unnamed) / len(weighed)
    return (
        _question(contents, weighed[best], float(worth[best]) * share, round(alike[best] * share)),
        len(songs),
    )


def _about(
    contents: Contents, rule: Rule, songs: Sequence[tuple[Recording, Judgement]], wanted: str
) -> Question:
    """The question about one of the songs."""
    unnamed = [song for song in songs if song[1].decision != "known"]
    song = next(song for song in songs if song[0].id == wanted)
    if song[1].decision == "known":
        return _question(contents, song, 1 - song[1].probability, 0)
    # The same other songs as in `next_question`, so that the words of the question are the same.
    step = -(-len(unnamed) // _MOST)
    weighed = [song, *(other for other in unnamed[::step] if other is not song)]
    worth, alike = _worth(contents, rule, weighed)
    share = len(unnamed) / len(weighed)
    return _question(contents, song, float(worth[0]) * share, round(alike[0] * share))


def _best(
    contents: Contents,
    rule: Rule,
    songs: Sequence[tuple[Recording, Judgement]],
    worth: Floats,
    keeps_back_end: bool,
) -> int:
    """Among the most promising songs, the place of the one after which most songs have a name."""
    order = np.argsort(-worth, kind="stable")[:_TRIED]
    if not contents.singers or len(order) < 2 or len(contents.enrolled) > _MANY:
        return int(order[0])
    trying = Trying(contents, rule, keeps_back_end)
    found = []
    for at in order:
        one, judged = songs[at]
        recording = contents.index[one.id]
        likely = 0.0 if judged.best is None else float(judged.probabilities[judged.best])
        named = 0.0
        if judged.best is not None and likely > _UNLIKELY:
            named += likely * trying.named(recording, judged.best)
        if likely < 1 - _UNLIKELY:
            named += (1 - likely) * trying.named(recording, len(contents.singers))
        found.append(named)
    return int(order[int(np.argmax(found))])


def _worth(
    contents: Contents, rule: Rule, songs: Sequence[tuple[Recording, Judgement]]
) -> tuple[Floats, NDArray[np.int64]]:
    """How many songs get a name if each song is enrolled, (N,), and how many songs sound like it, (N,)."""
    which = [contents.index[one.id] for one, _ in songs]
    seconds = np.array([one.voice_seconds for one, _ in songs])
    vectors = comparable(contents, which)
    as_new = _named(rule, vectors @ vectors.T, seconds, np.ones(len(songs), np.int64))
    np.fill_diagonal(as_new, 1.0)
    alike = (as_new >= 0.5).sum(1) - 1
    best = np.array([-1 if judged.best is None else judged.best for _, judged in songs])
    likely = np.array(
        [0.0 if judged.best is None else judged.probabilities[judged.best] for _, judged in songs]
    )
    worth = (1 - likely) * as_new.sum(1)
    if contents.singers:
        worth += likely * _as_its_best(contents, rule, which, best, seconds)
    # A person has already ruled out singers of these songs, so the answer may be "nobody knows".
    refusals = [
        sum(not is_them for is_them in contents.statements.get(one.id, {}).values()) for one, _ in songs
    ]
    return worth / (1 + np.array(refusals)), alike


def _as_its_best(
    contents: Contents, rule: Rule, which: Sequence[int], best: NDArray[np.int64], seconds: Floats
) -> Floats:
    """How many more songs are named (N,) if each song is enrolled as its likeliest singer.

    The mean of that singer moves a little towards the song; the back end is assumed to stay the same.
    """
    prints = contents.voiceprints
    sums = np.zeros((len(prints.counts), *contents.vectors.shape[1:]), np.float64)
    np.add.at(sums, prints.owners, prints.vectors)
    usable = np.where(best < 0, 0, best)  # below 0 all singers are ruled out; the caller's weight is 0 then
    counts = prints.counts[usable]
    moved = (sums[usable] + contents.vectors[which]) / (counts + 1)[:, None, None]
    asked = prints.asked(contents.vectors[which])
    after = _named(rule, behind(prints.back_ends, moved.astype(np.float32)) @ asked.T, seconds, counts + 1)
    before = _named(rule, prints.singers[usable] @ asked.T, seconds, counts)
    gained = after - before  # negative for songs that lose their name
    np.fill_diagonal(gained, 1.0)
    found: Floats = gained.sum(1)
    return found


def _named(rule: Rule, scores: FloatArray, seconds: Floats, counts: NDArray[np.int64]) -> Floats:
    """How likely it is that a score names a song, as a smooth function around the threshold; like `scores`.

    Args:
        rule: how scores become decisions.
        scores: (..., N) scores of the songs.
        seconds: (N,) seconds of voice in each song.
        counts: (...,) number of recordings of the singer of each score.
    """
    shape = scores.shape
    features = np.stack(
        (
            scores.astype(np.float64),
            np.full(shape, np.nan),  # the margin is not known, as a new singer has no runner-up yet
            np.broadcast_to(log_seconds(seconds), shape),
            np.broadcast_to(np.log(counts)[:, None], shape),
        ),
        axis=-1,
    )
    return probability(rule.odds(features.reshape(-1, 4)) - rule.needed).reshape(shape)


def _question(contents: Contents, song: tuple[Recording, Judgement], worth: float, alike: int) -> Question:
    one, judged = song
    names = [contents.names[number] for number in contents.singers]
    order = np.argsort(-judged.probabilities, kind="stable")[:_MOST_CANDIDATES]
    candidates = tuple(
        (names[at], rounded(judged.probabilities[at])) for at in order if judged.probabilities[at] > 0
    )
    singer = candidates[0][0] if candidates and candidates[0][1] >= _WORTH_NAMING else None
    sizes = Counter(other.voice for other in contents.recordings)
    return Question(
        one.id,
        singer,
        candidates,
        judged.decision,
        worth,
        one.voice,
        0 if one.voice is None else sizes[one.voice],
        _why(judged.decision, candidates, alike),
    )


def _why(decision: Decision, candidates: Sequence[tuple[str, float]], alike: int) -> str:
    likely = [printable(name) for name, chance in candidates if chance >= _WORTH_NAMING]
    if decision == "known":
        return f"It is named {printable(candidates[0][0])}, but less surely than the other songs."
    if alike > 1:
        return f"{counted(alike, 'unnamed song')} may have the same voice."
    if len(likely) > 1:
        return f"It may be {likely[0]} or {likely[1]}."
    if likely:
        return f"It may be {likely[0]}, but that is not sure enough for a name."
    return "It sounds like none of the library's singers."


def clearest(timeline: Sequence[Span], seconds: float, singer: str | None = None) -> tuple[float, float]:
    """The part of a song with the clearest voice, as (start, end) in seconds, at most `CLIP_SECONDS` long.

    Args:
        timeline: timeline of the song's answer; if it is empty, the middle of the song is taken.
        seconds: length of the song.
        singer: the singer in question; if the timeline names this singer, only these spans are used.

    >>> clearest([], seconds=20.0), clearest([Span(12, 16, ("Ann",), 0.9)], seconds=20.0)
    ((7.5, 12.5), (11.5, 16.5))
    """
    alone = [span for span in timeline if len(span.singers) + len(span.unknown) == 1] or list(timeline)
    asked = [span for span in alone if singer in span.singers] or alone
    middle = seconds / 2
    if asked:
        best = max(
            asked,
            key=lambda span: (
                min(span.end_s - span.start_s, CLIP_SECONDS) * span.probability,
                span.end_s - span.start_s,
            ),
        )
        middle = (best.start_s + best.end_s) / 2
    start = max(0.0, min(middle - CLIP_SECONDS / 2, seconds - CLIP_SECONDS))
    return round(start, 3), round(min(start + CLIP_SECONDS, seconds), 3)
