"""The voices of a timeline, and when each of them sings."""

from collections.abc import Iterator
from dataclasses import dataclass

from singerid.identify.result import Result, Span

_TOUCHING = 1e-6  # seconds between spans that follow each other


@dataclass(frozen=True)
class Voice:
    """A voice in a song: a singer with a name, or a stranger with a number.

    >>> str(Voice("Nina Simone")), str(Voice(unknown=2))
    ('Nina Simone', 'unknown 2')
    """

    name: str = ""
    unknown: int = 0

    def __str__(self) -> str:
        return f"unknown {self.unknown}" if self.unknown else self.name


@dataclass(frozen=True)
class Turn:
    """A stretch in which one voice sings without a break, alone or with others.

    Attributes:
        voice: the voice.
        start_s: where it begins, in seconds.
        end_s: where it ends, in seconds.
        probability: how sure this is, 0 to 1.
    """

    voice: Voice
    start_s: float
    end_s: float
    probability: float


def voices_of(span: Span) -> tuple[Voice, ...]:
    """Who sings in a span: singers first, then strangers.

    >>> [str(voice) for voice in voices_of(Span(0, 4, ("Ann",), 0.9, unknown=(1,)))]
    ['Ann', 'unknown 1']
    """
    return (*map(Voice, span.singers), *(Voice(unknown=number) for number in span.unknown))


def turns_of(result: Result) -> list[Turn]:
    """The turns of all voices, sorted by start; adjacent spans with the same voice are one turn of it.

    >>> duet = Span(4, 6, ("Ann", "Bob"), 0.6)
    >>> song = Result("a.mp3", "known", (), 8, 8, (Span(0, 4, ("Ann",), 0.9), duet))
    >>> [(str(turn.voice), turn.start_s, turn.end_s, turn.probability) for turn in turns_of(song)]
    [('Ann', 0, 6, 0.8), ('Bob', 4, 6, 0.6)]
    """
    found = [turn for voice in _voices(result) for turn in _turns(result, voice)]
    return sorted(found, key=lambda turn: turn.start_s)


def voices(result: Result) -> tuple[Voice, ...]:
    """All voices of a song: `result.singers` in their order, other singers, then strangers by number."""
    return tuple(_voices(result))


def _voices(result: Result) -> dict[Voice, None]:
    heard = {voice: None for span in result.timeline for voice in voices_of(span)}
    named = {Voice(one.singer): None for one in result.singers if Voice(one.singer) in heard}
    others = {voice: None for voice in heard if not voice.unknown}
    strangers = sorted((voice for voice in heard if voice.unknown), key=lambda voice: voice.unknown)
    return named | others | dict.fromkeys(strangers)


def _turns(result: Result, voice: Voice) -> Iterator[Turn]:
    run: list[Span] = []
    for span in sorted(result.timeline, key=lambda span: span.start_s):
        if voice not in voices_of(span):
            continue
        if run and span.start_s - run[-1].end_s > _TOUCHING:
            yield _turn(voice, run)
            run = []
        run.append(span)
    if run:
        yield _turn(voice, run)


def _turn(voice: Voice, run: list[Span]) -> Turn:
    lengths = [span.end_s - span.start_s for span in run]
    total = sum(length * span.probability for length, span in zip(lengths, run, strict=True))
    share = total / sum(lengths) if any(lengths) else run[0].probability
    return Turn(voice, run[0].start_s, run[-1].end_s, round(share, 6))
