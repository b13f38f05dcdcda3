"""Progress bars, and the list of failures at a command's end; both on standard error."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Literal, TypeVar

from singerid.errors import ExitCode, Failure
from singerid.system.streams import complain, tell

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")
_NO_TERMINAL = 200  # columns where the output is not a terminal
_NARROWEST = 20  # a terminal of fewer columns breaks lines by itself


def progress(
    items: Iterable[T], description: str, total: int | None = None, show: bool = True
) -> Iterator[T]:
    """Yield `items` and show a progress bar with the remaining time on standard error.

    Args:
        items: what to iterate over.
        description: what is being done, for example "Extracting features".
        total: number of items, if `items` has no length.
        show: draw the bar; it is never drawn if standard error is not a terminal.
    """
    from rich.progress import MofNCompleteColumn

    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_bar(MofNCompleteColumn(), show=show) as bar:
        yield from bar.track(items, total=total, description=description)


@contextmanager
def stepping(description: str, total: int | None = None, show: bool = True) -> Iterator[Callable[[], None]]:
    """A bar on standard error, as in `progress`; yields a function to call after each finished item."""
    from rich.progress import MofNCompleteColumn

    with progress_bar(MofNCompleteColumn(), show=show) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def bytes_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error that counts bytes; yields a function to call with the number of new bytes.

    Args:
        description: what is being done.
        total: number of bytes, or None if unknown.
    """
    from rich.progress import DownloadColumn

    with progress_bar(DownloadColumn(), show=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


def progress_bar(measures: "ProgressColumn", show: bool, time_left: bool = True) -> "Progress":
    """A bar on standard error, with a description to its left and measures to its right; its texts fold.

    Args:
        measures: the column to the right of the bar.
        show: draw the bar; it is never drawn if standard error is not a terminal.
        time_left: show the estimated remaining time at the end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = [folding_text("description"), BarColumn(), measures]
    if time_left:
        columns.append(TimeRemainingColumn(elapsed_when_finished=True))
    return Progress(*columns, console=console, disable=not (show and console.is_terminal))


def folding_text(field: str) -> "ProgressColumn":
    """A text column of a bar, `{task.FIELD}`, that folds if it is too long."""
    from rich.progress import TextColumn
    from rich.table import Column

    return TextColumn(f"{{task.{field}}}", markup=False, table_column=Column(overflow="fold"))


def print_rich(renderable: object, file: IO[str] | None = None) -> None:
    """Print with Rich to a file, by default standard output.

    The width is that of the terminal; without a terminal it is COLUMNS, or else 200 columns.
    """
    from rich.console import Console

    file = file or sys.stdout
    width = None if file.isatty() or os.environ.get("COLUMNS", "").isdigit() else _NO_TERMINAL
    console = Console(file=file, highlight=False, width=width)
    console.width = max(console.width, _NARROWEST)
    console.print(renderable)


def conclude(usable: int, failures: Iterable[Failure], warnings: Iterable[Failure] = ()) -> ExitCode:
    """List warnings and failures, sorted, on standard error, and return the command's exit code.

    Args:
        usable: number of inputs that could be used.
        failures: inputs that could not be used.
        warnings: inputs that were used although something is wrong with them.
    """
    for warning in sorted(warnings):
        complain(f"warning: {warning}")
    failed = sorted(failures)
    for failure in failed:
        complain(str(failure))
    if not usable:
        complain("none of the inputs can be used")
        return ExitCode.UNUSABLE
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE


Display = Literal["auto", "lines", "none"]


class TrainingDisplay:
    """Shows the progress of training on standard error: a bar on a terminal, else one line per epoch.

    Args:
        title: what is trained.
        epochs: number of epochs of the whole run.
        steps: number of batches per epoch.
        done: number of epochs done by an earlier call.
        display: "auto"; "lines": one line per epoch on a terminal too; or "none".
    """

    def __init__(self, title: str, epochs: int, steps: int, done: int, display: Display) -> None:
        self._name = title
        self._epochs = epochs
        self._bar = progress_bar(folding_text("fields[measures]"), show=display == "auto")
        self._lines = display == "lines" or (display == "auto" and self._bar.disable)
        self._task = self._bar.add_task(
            self._title(done + 1), total=epochs * steps, completed=done * steps, measures=""
        )

    def __enter__(self) -> "TrainingDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self) -> None:
        """Record that a batch is done."""
        self._bar.advance(self._task)

    def epoch(self, number: int, loss: float, valid_loss: float, valid_f1: float) -> None:
        """Record that an epoch is done, and show its measures."""
        measures = f"loss {loss:.3f}  validation: loss {valid_loss:.3f}, F1 {valid_f1:.3f}"
        self._bar.update(self._task, description=self._title(number + 1), measures=measures)
        if self._lines:
            tell(f"{self._name}: epoch {number}/{self._epochs}  {measures}")

    def _title(self, number: int) -> str:
        return f"{self._name}: epoch {min(number, self._epochs)}/{self._epochs}"
