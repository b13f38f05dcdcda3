"""Who speaks, or sings, when, as Rich Transcription Time Marked (RTTM): a line a turn.

NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A: ten fields
with blanks between, so a name can hold none. What a field cannot hold is written as in addresses (%20 is a
blank), which can be undone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from singerid.errors import SingeridError
from singerid.text import bytes_of, printable

_EMPTY = "%00"
# What pandas, and with it pyannote, reads as "not given".
_NOT_GIVEN = frozenset(
    (
        *("#n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan"),
        *("<na>", "n/a", "na", "null", "nan", "none"),
    )
)


@dataclass(frozen=True)
class Turn:
    """Somebody sings for a while.

    Attributes:
        recording: what the recording is called.
        start_s: where the turn starts, in seconds.
        end_s: where it ends.
        singer: who.
    """

    recording: str
    start_s: float
    end_s: float
    singer: str


def field_of(name: str) -> str:
    """A name as a field of RTTM: without blanks, control characters or any other that ends a line.

    >>> field_of("Nina Simone"), field_of("100 %"), field_of("椎名 林檎")
    ('Nina%20Simone', '100%20%25', '椎名%20林檎')
    """
    first = 1 if name.casefold() in _NOT_GIVEN else 0
    escaped = (
        _escaped(char) if place < first or char in '%" ' or not char.isprintable() else char
        for place, char in enumerate(name)
    )
    return "".join(escaped) or _EMPTY


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in bytes_of(char))


def name_of_field(field: str) -> str:
    """What `field_of` was given.

    >>> name_of_field("a%20b")
    'a b'
    """
    if field == _EMPTY:
        return ""
    try:
        return unquote(field, errors="surrogatepass")
    except UnicodeDecodeError:
        return unquote(field, errors="surrogateescape")


def rttm_lines(turns: Iterable[Turn]) -> Iterator[str]:
    """A line for each turn, with its end of line.

    >>> print(*rttm_lines([Turn("a song.mp3", 1, 3.5, "Nina Simone")]), end="")
    SPEAKER a%20song.mp3 1 1.000 2.500 <NA> <NA> Nina%20Simone <NA> <NA>
    """
    for turn in turns:
        length = turn.end_s - turn.start_s
        yield (
            f"SPEAKER {field_of(turn.recording)} 1 {turn.start_s:.3f} {length:.3f} "
            f"<NA> <NA> {field_of(turn.singer)} <NA> <NA>\n"
        )


def read_rttm(path: Path) -> list[Turn]:
    """The turns of a file of RTTM, in its order.

    Raises:
        SingeridError: it cannot be read, or a line is none of RTTM.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SingeridError(f"{printable(path)}: cannot be read as RTTM ({error})") from error
    turns = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith(";;") or fields[0] != "SPEAKER":
            continue
        try:
            start, length = float(fields[3]), float(fields[4])
            turns.append(Turn(name_of_field(fields[1]), start, start + length, name_of_field(fields[7])))
        except (IndexError, ValueError) as error:
            raise SingeridError(f"{printable(path)}: line {number} is no line of RTTM") from error
    return turns
