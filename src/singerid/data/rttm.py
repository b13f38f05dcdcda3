"""Who sings when, in the format Rich Transcription Time Marked (RTTM): one line per turn.

NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A: ten fields
separated by blanks, so a name cannot hold a blank. Characters that a field cannot hold are percent-encoded as
in URLs (%20 is a blank), so the name can be read back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from singerid.errors import SingeridError
from singerid.text import bytes_of

_EMPTY = "%00"
# Words that pandas, and with it pyannote, reads as "not given".
_NOT_GIVEN = frozenset(
    (
        *("#n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan"),
        *("<na>", "n/a", "na", "null", "nan", "none"),
    )
)


@dataclass(frozen=True)
class Turn:
    """A span of a recording in which one singer sings.

    Attributes:
        recording: name of the recording.
        start_s: start of the turn in seconds.
        end_s: its end in seconds.
        singer: who sings.
    """

    recording: str
    start_s: float
    end_s: float
    singer: str


def field_of(name: str) -> str:
    """A name as a field of RTTM: without blanks, control characters or other characters that end a line.

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
    """The name that `field_of` wrote as this field.

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
    """One line of RTTM for each turn, each with a line end.

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
    """The turns in an RTTM file, in the order of the file.

    Raises:
        SingeridError: the file cannot be read, or a line is not RTTM.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SingeridError(f"{path}: cannot be read as RTTM ({error})") from error
    turns = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith(";;") or fields[0] != "SPEAKER":
            continue
        try:
            start, length = float(fields[3]), float(fields[4])
            turns.append(Turn(name_of_field(fields[1]), start, start + length, name_of_field(fields[7])))
        except (IndexError, ValueError) as error:
            raise SingeridError(f"{path}: line {number} is no line of RTTM") from error
    return turns
