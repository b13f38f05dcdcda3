"""Answers made up for tests of formats: timelines of known voices, under names of every kind."""

import io
from collections.abc import Iterable

from conftest import voice
from singerid.errors import Failure
from singerid.identify.formats import FORMATS, Document
from singerid.identify.result import Named, Result, Span

NAMES = (
    *("Nina Simone", "AC/DC", "椎名\u3000林檎", "two\nlines\tand a tab", "فيروز \u202eabc"),
    *(
        '100 % & <v x> --> "q"',
        "",
        " ",
        "NA",
        "file\udcff",
        "\ud800",
        "A + B",
        "#hash",
        "%20",
        "$x$ and $y$",
        "\x00nul\r",
    ),
)


def answer(path: str, *spans: Span, seconds: float = 30.0) -> Result:
    """The result with this timeline; it names all singers, the one who sings longest first."""
    heard: dict[str, float] = {}
    for span in spans:
        for singer in span.singers:
            heard[singer] = heard.get(singer, 0.0) + span.end_s - span.start_s
    named = tuple(Named(name, 0.8, heard[name]) for name in sorted(heard, key=lambda name: -heard[name]))
    sung = sum(span.end_s - span.start_s for span in spans)
    decision = "known" if named else "unknown" if spans else "no_voice"
    return Result(path, decision, named, sung, seconds, spans, calibrated=True)


def duet(first: str, second: str, path: str = "songs/duet.mp3") -> Result:
    """`first` for 6 s, in the end with `second`, who goes on; a break; a stranger; `first` and another."""
    return answer(
        path,
        Span(1.0, 5.5, (first,), 0.9),
        Span(5.5, 7.0, (first, second), 0.6),
        Span(7.0, 10.25, (second,), 0.8),
        Span(12.0, 15.0, (), 0.7, (1,)),
        Span(20.0, 24.0, (first,), 0.5, (2,)),
    )


# What `duet` says, as turns of voices.
DUET_TURNS = (
    ("first", 1.0, 7.0),
    ("second", 5.5, 10.25),
    ("unknown 1", 12.0, 15.0),
    ("first", 20.0, 24.0),
    ("unknown 2", 20.0, 24.0),
)


def turns(first: str, second: str) -> list[tuple[str, float, float]]:
    """The turns of `duet` with these names."""
    names = {"first": first, "second": second}
    return [(names.get(voice, voice), start, end) for voice, start, end in DUET_TURNS]


def sound(path: str):
    """Stands in for the sound of any recording: 3 s of a buzz."""
    return lambda: iter([voice(200.0, 3.0, 1)])


def written(name: str, outcomes: Iterable[Result | Failure], **options: object) -> str | bytes:
    """A document of a format."""
    form = FORMATS[name]
    file = io.StringIO() if form.is_text else io.BytesIO()
    form.write(outcomes, Document(file, sound=sound if form.needs_sound else None, **options))
    return file.getvalue()
