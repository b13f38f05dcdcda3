"""The tables that `singerid identify` shows to a person.

They are apart from the tables of metrics: showing a result needs none of the libraries that compute metrics.
"""

from collections.abc import Sequence
from functools import partial

from rich.text import Text

from singerid.identify.result import Result, Span
from singerid.identify.voices import voices_of
from singerid.system.tables import Picture, Table
from singerid.text import clock, decimal_text, printable

BAR_CELLS = 30  # at most
_LEAST_CELLS = 10
NO_VOICE = "(no voice)"
_WORTH_TELLING = 0.1  # least probability of a candidate that is mentioned


def identification_table(results: Sequence[Result]) -> Table:
    """A table of one row per file: who sings, how sure this is, and, if known, when the winner sings."""
    has_bars = any(result.timeline for result in results)
    heads = ("file", "singer", "votes", "confidence", "clips")
    table = Table(*heads, *(["from start to end"] if has_bars else []))
    for result in results:
        remark = " (short)" if result.short else ""
        sure = (f"{result.vote_share:.0%}", f"{result.confidence:.0%}") if result.singers else ("", "")
        table.add_row(
            printable(result.path),
            NO_VOICE if result.singer is None else printable(result.singer),
            *sure,
            f"{result.clips}{remark}",
            *([Picture(partial(timeline_bar, result), _LEAST_CELLS, BAR_CELLS)] if has_bars else []),
        )
    return table


def decision_table(results: Sequence[Result]) -> Table:
    """A table of one row per file: whom a library names or what it decides, how sure it is, and why."""
    table = Table("file", "decision", "sure", "why", "voice", right=(2, 4))
    for result in results:
        remark = " (short)" if result.short else ""
        sure = "" if result.probability is None else f"{result.probability:.0%}"
        named = printable(", ".join(one.singer for one in result.singers))
        table.add_row(
            printable(result.path),
            NO_VOICE if result.decision == "no_voice" else named or result.decision,
            sure,
            evidence_text(result),
            f"{result.voice_seconds:.0f} s of {clock(result.seconds)}{remark}",
        )
    return table


def evidence_text(result: Result) -> str:
    """The reason for a library's decision, in one line."""
    if result.said:
        return "a person said so"
    if not result.candidates:
        return ""
    best = result.candidates[0]
    needs = "" if result.needs is None else f", needs {decimal_text(result.needs)}"
    score = f"{printable(best.singer)} {decimal_text(best.score)}{needs}"
    if result.decision == "known":
        near = result.nearest[0].path if result.nearest else ""
        return f"score {decimal_text(best.score)}{needs}" + (f"; most like {printable(near)}" if near else "")
    if result.decision == "ambiguous":
        likely = [one for one in result.candidates if one.probability >= _WORTH_TELLING]
        told = " or ".join(
            f"{printable(one.singer)} ({decimal_text(one.probability)})" for one in likely or [best]
        )
        return f"probably {told}; {score}"
    return f"closest: {score}"


def timeline_table(result: Result) -> Table:
    """The timeline of one file, one row per span: "Ann", "Ann + unknown 1"."""
    table = Table("from", "to", "singer", "confidence")
    for span in result.timeline:
        style = "bold" if result.singer in span.singers else ""
        name = Text(printable(" + ".join(map(str, voices_of(span)))), style=style)
        table.add_row(clock(span.start_s), clock(span.end_s), name, f"{span.probability:.0%}")
    return table


def timeline_bar(result: Result, cells: int = BAR_CELLS) -> str:
    """A file from start to end: full cells where the winner is named, dots for others, blanks for nobody."""
    centres = ((cell + 0.5) * result.seconds / cells for cell in range(cells))
    return "".join(_cell(_at(result.timeline, seconds), result.singer) for seconds in centres)


def _cell(span: Span | None, named: str | None) -> str:
    return " " if span is None else "█" if named in span.singers else "·"


def _at(timeline: Sequence[Span], seconds: float) -> Span | None:
    """The span that contains a time; None if nobody sings then."""
    return next((span for span in timeline if span.start_s <= seconds < span.end_s), None)
