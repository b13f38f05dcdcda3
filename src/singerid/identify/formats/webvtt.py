"""WebVTT cues, which audio and video players show: one cue per span, one line per voice.

W3C, "WebVTT: The Web Video Text Tracks Format", https://www.w3.org/TR/webvtt1/. A name is in the tag and in
the text of a line, because players show only the text.
"""

from collections.abc import Iterable
from html import escape

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.voices import Voice, voices_of
from singerid.text import printable

NO_NAME = "(no name)"  # the tag of a voice needs a name


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    to.file.write("WEBVTT\n")
    for result in results_of(outcomes):
        for span in result.timeline:
            to.file.write(f"\n{_time(span.start_s)} --> {_time(span.end_s)}\n")
            to.file.writelines(map(_line, voices_of(span)))


def _line(voice: Voice) -> str:
    name = escape(printable(str(voice)).strip() or NO_NAME, quote=False)
    kind = ".unknown" if voice.unknown else ""
    return f"<v{kind} {name}>{name}</v>\n"


def _time(seconds: float) -> str:
    """Seconds as 00:01:05.250."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


WEBVTT = Format(_write, ".vtt", about="song", needs_timeline=True)
