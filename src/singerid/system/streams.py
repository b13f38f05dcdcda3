"""Safe standard streams, even if they are closed, full, no longer read, or in any encoding.

If standard output is closed when a program starts, Python sets `sys.stdout` to None, and the next file that
is opened gets the stream's number. `guard_streams` corrects both, and remembers errors of standard output.
"""

import errno
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from singerid.errors import SingeridError
from singerid.text import PLAIN, one_line

_CLOSED = OSError(errno.EBADF, "it is closed")


class _Guarded(io.RawIOBase):
    """The raw layer below a standard stream.

    Args:
        raw: the stream to write to; None if it is closed.
        quiet: drop output that cannot be written; otherwise raise the error at each write.
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


_output: _Guarded | None = None  # raw layer of standard output, after `guard_streams` was called


def guard_streams() -> None:
    """Make the standard streams safe to write to, for the rest of the program.

    Output that standard error cannot take is dropped. If standard output cannot be written, the write raises
    OSError, and the error is not repeated when the program ends. Characters that the encoding lacks are
    written as plain characters or escapes. Warnings that singerid logs, and Python warnings, also those of
    other libraries, become lines of the form "singerid: warning: ...".
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
    logger = logging.getLogger("singerid")
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines())
    logger.setLevel(logging.WARNING)
    logging.getLogger("singerid.system").setLevel(logging.INFO)  # says what is downloaded
    logger.propagate = False  # a library that logs to the root would print them once more


def _open_number(number: int) -> None:
    """Occupy the number of a closed standard stream, so that no file gets it and receives the output."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)


def _guarded(stream: Any, quiet: bool) -> tuple[io.TextIOWrapper, _Guarded] | None:
    """A guarded replacement for a standard stream, and its raw layer; None if it is not a standard stream."""
    if stream is None:
        below = _Guarded(None, quiet)
        return io.TextIOWrapper(io.BufferedWriter(below), "utf-8", PLAIN, line_buffering=quiet), below
    if not isinstance(stream, io.TextIOWrapper):  # replaced by a program that embeds this one
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


class _Lines(logging.Handler):
    """Prints what singerid logs on standard error: warnings, and the steps that a command shows (INFO)."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = one_line(record.getMessage())
        except Exception:  # the message does not fit its arguments
            self.handleError(record)
            return
        complain(f"warning: {line}" if record.levelno >= logging.WARNING else line)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain(f"warning: {one_line(message)}")


def output_failure() -> OSError | None:
    """The error of standard output; None if there was none, or if nothing was written."""
    return None if _output is None else _output.failure


def require_output() -> None:
    """Raise SingeridError if standard output is closed; called before long work that only prints."""
    if output_failure() is _CLOSED:
        raise SingeridError(output_message(_CLOSED))


def output_message(failure: OSError) -> str:
    """The message for a person if standard output cannot be written."""
    if failure is _CLOSED:
        return "standard output is closed, so nothing can be printed; open it, for example: > FILE"
    return (
        f"standard output cannot be written ({failure.strerror or failure}); free some space, or print "
        "elsewhere: > FILE"
    )


def drop_output() -> None:
    """After an error, drop all further standard output: else buffered text would fail again at the end."""
    if _output is not None:
        _output.quiet = _output.quiet or _output.failure is not None


@contextmanager
def closing(message: str) -> Iterator[None]:
    """Context for printing about work whose results are saved: an error of printing does not fail the work.

    Instead the message goes to standard error, except if the reader has closed the pipe, as in
    `singerid ... | head`.
    """
    try:
        yield
    except (OSError, SystemExit):  # SystemExit: Rich ends the program if the reader is gone
        if output_failure() is None:
            raise
    failure = output_failure()
    if failure is not None:
        drop_output()
        if not isinstance(failure, BrokenPipeError):
            complain(message)


def say(message: str) -> None:
    """Print the last line about work whose results are saved, see `closing`."""
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
    """Print a line that begins with "singerid:" on standard error."""
    tell(f"singerid: {_worded(message)}")


def tell(line: str) -> None:
    """Print a line on standard error, if that is possible."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(line, file=sys.stderr, flush=True)
