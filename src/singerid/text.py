"""Text for people: names on one line, similar names, numbers, times, and characters an output lacks."""

import codecs
import difflib
import os
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import PurePath

# Control characters, line and paragraph separators, and lone surrogates (bytes that are not UTF-8).
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(name: str | PurePath) -> str:
    r"""`name` on one line, printable in UTF-8: line breaks, control characters and surrogates are escaped.

    >>> print(printable("two\nlines"))
    two\nlines
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(name))


def in_utf8(text: str) -> str:
    r"""`text` with lone surrogates written as escapes, so that UTF-8 can encode it; JSON reads the escapes.

    >>> print(in_utf8("caf\udce9"))
    caf\udce9
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shell_word(path: str | PurePath) -> str:
    """A path as typed on a command line: quoted if needed, and with "./" if it would look like an option.

    >>> print("singerid evaluate", shell_word("my run (1)"))
    singerid evaluate 'my run (1)'
    """
    text = str(path)
    if text.startswith("-"):
        text = f".{os.sep}{text}"
    if os.name == "nt":
        from subprocess import list2cmdline

        return list2cmdline([text])
    if printable(text) == text:
        return shlex.quote(text)
    # The $'...' quotes of bash and zsh allow escapes. Lone surrogates stand for bytes that are not UTF-8.
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return "$'" + _UNPRINTABLE.sub(lambda found: _bytes_escaped(found[0]), escaped) + "'"


def bytes_of(character: str) -> bytes:
    r"""A character's bytes in UTF-8; for a lone surrogate of PEP 383, the byte that it stands for.

    >>> bytes_of("é").hex(), bytes_of("\udce9").hex()
    ('c3a9', 'e9')
    """
    is_byte = "\udc80" <= character <= "\udcff"
    return character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")


def _bytes_escaped(character: str) -> str:
    # Three octal digits: a hexadecimal escape could swallow the characters after it.
    return "".join(f"\\{byte:03o}" for byte in bytes_of(character))


PLAIN = "singerid-plain"
"""Name of the error handler that replaces characters the encoding lacks by plain ones, or else by escapes."""

_PLAIN = {"█": "#", "·": ".", "✓": "+", "…": "~", "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " "}


def _in_plain_characters(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, _escaped(character)) for character in found), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(PLAIN, _in_plain_characters)


def carried(text: str, encoding: str) -> str:
    r"""A text as an output with this encoding shows it.

    >>> carried("Beyoncé █", "ascii")
    'Beyonc\\xe9 #'
    """
    return text.encode(encoding, PLAIN).decode(encoding)


def near_names(name: str, known: Iterable[str], noun: str = "names") -> str:
    """The known names similar to `name`, the most similar first, for an error; if none is, the known names.

    >>> near_names("crn", ["crnn", "wavenet"])
    'near names: crnn'
    >>> near_names("x", ["crnn", "wavenet"], "models")
    'known models: crnn, wavenet'
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    return f"near {noun}: {names_text(near)}" if near else f"known {noun}: {names_text(known, most=20)}"


_SETTING = re.compile("`([a-z][a-z0-9_]*)(?:=([^`]*))?`")


def settings_as(text: str, word: Callable[[str, str | None], str | None]) -> str:
    """A message of the library, which names settings in backticks, with each setting in another form.

    Args:
        text: the message.
        word: from a setting's name and value, without quotes, to its other form. The value is None if the
            message has none; a result of None leaves the setting as it is.

    >>> settings_as("see `device='cpu'` or `force`", lambda name, value: f"--{name} {value or ''}".strip())
    'see --device cpu or --force'
    """

    def changed(found: re.Match[str]) -> str:
        name, value = found.groups()
        if value is not None and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        worded = word(name, value)
        return found[0] if worded is None else worded

    return _SETTING.sub(changed, text)


def names_text(names: Iterable[str], most: int = 5) -> str:
    """Names on one line; if there are many, the first few: "a, b, c and 7 more".

    >>> names_text("abcdefgh", most=3)
    'a, b, c and 5 more'
    """
    shown = [printable(name) for name in names]
    more = f" and {len(shown) - most:,} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def size_text(size: int) -> str:
    """A number of bytes for people.

    >>> size_text(82_340), size_text(2_310_000)
    ('82 kB', '2.3 MB')
    """
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the singular or plural.

    >>> counted(1, "track"), counted(1234, "track")
    ('1 track', '1,234 tracks')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:00:07.

    >>> clock(65.9), clock(7207)
    ('1:05', '2:00:07')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def interval_text(value: float, low: float, high: float) -> str:
    """A value with its interval, for example ".83 (.71-.92)".

    >>> interval_text(0.826, 0.71, 1)
    '.83 (.71-1.00)'
    """
    return f"{decimal_text(value)} ({decimal_text(low)}-{decimal_text(high)})"


def decimal_text(value: float) -> str:
    """A share between 0 and 1 with two decimals: ".83", "1.00".

    >>> decimal_text(0.826), decimal_text(0.996)
    ('.83', '1.00')
    """
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.2f}"


def one_line(message: BaseException | str) -> str:
    r"""The message of an error or a warning on one line, fit for any output.

    >>> one_line("cannot be read:\n  no such file")
    'cannot be read: no such file'
    """
    return printable(" ".join(str(message).split()))
