"""The standard streams, whatever they are: closed, full, read no more, of any encoding.

Python gives a program whose standard output is closed None for it, and the number of the stream to the next
file that is opened. `guard_streams` mends both, and remembers what went wrong with standard output.
"""

import errno
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from singerid.errors import SingeridError
from singerid.text import PLAIN, printable

_CLOSED = OSError(errno.EBADF, "it is closed")


class _Guarded(io.RawIOBase):
    """What is below a standard stream.

    Args:
        raw: where it writes; None: nowhere, for the stream is closed.
        quiet: what cannot be written is dropped; else that is raised each time.
    """

    def __init__(self, raw: Any, quiet: bool) -> None:
        self.raw = raw
        self.quiet = quiet
        self.failure = _CLOSED if raw is None else None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self.raw is None:
            raise io.UnsupportedOperation("fileno")
        number: int = self.raw.fileno()
        return number

    def isatty(self) -> bool:
        return self.raw is not None and bool(self.raw.isatty())

    def write(self, data: Any) -> int | None:
        if self.failure is None:
            try:
                written: int | None = self.raw.write(data)
                return written
            except OSError as error:
                self.failure = error
        if self.quiet:
            return len(data)
        raise self.failure


_output: _Guarded | None = None  # below standard output, once `guard_streams` was called


def guard_streams() -> None:
    """Make the standard streams safe to write to, for the rest of the program.

    What standard error cannot take is dropped. What standard output cannot take raises OSError where it is
    written, and not once more when the program ends. What their encoding cannot carry, they write in plain
    characters and escapes. What is warned of, by libraries too, is one line of the program's own.
    """
    global _output
    for number in range(3):
        _open_number(number)
    output = _guarded(sys.stdout, quiet=False)
    if output is not None:
        sys.stdout, _output = output
    error = _guarded(sys.stderr, quiet=True)
    if error is not None:
        sys.stderr, _ = error
    warnings.showwarning = _show_warning


def _open_number(number: int) -> None:
    """Let the number of a closed standard stream not fall to a file, which others would write into."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)


def _guarded(stream: Any, quiet: bool) -> tuple[io.TextIOWrapper, _Guarded] | None:
    """A guarded stream in place of a standard one, and what is below it; None for anything else."""
    if stream is None:
        below = _Guarded(None, quiet)
        return io.TextIOWrapper(io.BufferedWriter(below), "utf-8", PLAIN, line_buffering=quiet), below
    if not isinstance(stream, io.TextIOWrapper):  # another program's, which has this one in it
        return None
    stream.flush()
    unbuffered = isinstance(stream.buffer, io.RawIOBase)  # python -u
    below = _Guarded(stream.buffer if unbuffered else getattr(stream.buffer, "raw", stream.buffer), quiet)
    return (
        io.TextIOWrapper(
            below if unbuffered else io.BufferedWriter(below),  # type: ignore[arg-type]
            stream.encoding,
            PLAIN,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        ),
        below,
    )


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain(f"warning: {printable(' '.join(str(message).split()))}")


def output_failure() -> OSError | None:
    """Why standard output could not be written; None where it could be, or was not tried."""
    return None if _output is None else _output.failure


def require_output() -> None:
    """Raise SingeridError where standard output is closed, before long work for nothing else."""
    if output_failure() is _CLOSED:
        raise SingeridError(output_message(_CLOSED))


def output_message(failure: OSError) -> str:
    """What to say to a person of standard output that cannot be written."""
    if failure is _CLOSED:
        return "standard output is closed, so nothing can be printed; open it, for example: > FILE"
    return (
        f"standard output cannot be written ({failure.strerror or failure}); free some space, or print "
        "elsewhere: > FILE"
    )


def drop_output() -> None:
    """Drop what standard output could not take: what is left of it would fail again at the very end."""
    if _output is not None:
        _output.quiet = _output.quiet or _output.failure is not None


@contextmanager
def closing(message: str) -> Iterator[None]:
    """Around what is printed of work that is done, and kept: it stays done where that cannot be printed.

    Then the message goes to standard error. Whoever reads no more, as in `singerid ... | head`, wants no
    more.
    """
    try:
        yield
    except (OSError, SystemExit):  # Rich ends the program where nobody reads
        if output_failure() is None:
            raise
    failure = output_failure()
    if failure is not None:
        drop_output()
        if not isinstance(failure, BrokenPipeError):
            complain(message)


def say(message: str) -> None:
    """Print the closing line of work that is done, see `closing`."""
    with closing(message):
        print(message, flush=True)


_worded: Callable[[str], str] = str


def word_by(worded: Callable[[str], str]) -> None:
    """Set how messages are worded on standard error, for the rest of the program.

    Args:
        worded: from a message of the library, which names settings, to what a person reads.
    """
    global _worded
    _worded = worded


def complain(message: str) -> None:
    """Print a line of the program's own on standard error."""
    tell(f"singerid: {_worded(message)}")


def tell(line: str) -> None:
    """Print a line on standard error, where there is one that takes it."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(line, file=sys.stderr, flush=True)
