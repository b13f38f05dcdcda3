"""What a person sees of a command: a progress bar, and at the end what failed, on standard error."""

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
_NO_TERMINAL = 200  # columns of what is printed on no terminal
_NARROWEST = 20  # a terminal of fewer columns breaks lines by itself


def progress(
    items: Iterable[T], description: str, total: int | None = None, show: bool = True
) -> Iterator[T]:
    """Yield `items` while a progress bar with the time left is drawn on standard error.

    Args:
        items: what to go through.
        description: what is being done, for example "Extracting features".
        total: number of items where `len(items)` does not tell.
        show: draw the bar; it is never drawn when standard error is no terminal.
    """
    from rich.progress import MofNCompleteColumn

    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_bar(MofNCompleteColumn(), show=show) as bar:
        yield from bar.track(items, total=total, description=description)


@contextmanager
def stepping(description: str, total: int | None = None, show: bool = True) -> Iterator[Callable[[], None]]:
    """A bar on standard error, as `progress`; gives what is called for each that is done."""
    from rich.progress import MofNCompleteColumn

    with progress_bar(MofNCompleteColumn(), show=show) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def bytes_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error for bytes; gives what is called with the number of those that were added.

    Args:
        description: what is being done.
        total: bytes, where they are known.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn

    console = Console(stderr=True)
    columns = (folding_text("description"), BarColumn(), TaskProgressColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


def progress_bar(measures: "ProgressColumn", show: bool, time_left: bool = True) -> "Progress":
    """A bar on standard error, with a description before it and measures behind; its texts fold.

    Args:
        measures: what stands behind the bar.
        show: draw it; it is never drawn when standard error is no terminal.
        time_left: the time that is left stands at the end, as the bar finds it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = [folding_text("description"), BarColumn(), measures]
    if time_left:
        columns.append(TimeRemainingColumn(elapsed_when_finished=True))
    return Progress(*columns, console=console, disable=not (show and console.is_terminal))


def folding_text(field: str) -> "ProgressColumn":
    """A text of a bar, `{task.FIELD}`, that folds where it has no room."""
    from rich.progress import TextColumn
    from rich.table import Column

    return TextColumn(f"{{task.{field}}}", markup=False, table_column=Column(overflow="fold"))


def print_rich(renderable: object, file: IO[str] | None = None) -> None:
    """Print for a person on a file, by default standard output.

    It is as wide as the terminal or, where it is none, as COLUMNS says, else wide enough for most.
    """
    from rich.console import Console

    file = file or sys.stdout
    width = None if file.isatty() or os.environ.get("COLUMNS", "").isdigit() else _NO_TERMINAL
    console = Console(file=file, highlight=False, width=width)
    console.width = max(console.width, _NARROWEST)
    console.print(renderable)


def conclude(usable: int, failures: Iterable[Failure], warnings: Iterable[Failure] = ()) -> ExitCode:
    """List what failed and what was used with a warning, sorted, and give the command's exit code.

    Args:
        usable: number of inputs that were of use.
        failures: those that were not.
        warnings: those that were, but not as they should be.
    """
    for warning in sorted(warnings):
        complain(f"warning: {warning}")
    failed = sorted(failures)
    for failure in failed:
        complain(str(failure))
    if not usable:
        complain("nothing of that can be used")
        return ExitCode.UNUSABLE
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE


Display = Literal["auto", "lines", "none"]


class TrainingDisplay:
    """What training shows: a bar on a terminal, else a line an epoch; on standard error.

    Args:
        title: what is trained.
        epochs: epochs of the whole run.
        steps: batches of an epoch.
        done: epochs done by an earlier call.
        display: "lines" also on a terminal, or nothing at all.
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
        """A batch is done."""
        self._bar.advance(self._task)

    def epoch(self, number: int, loss: float, valid_loss: float, valid_f1: float) -> None:
        """An epoch is done."""
        measures = f"loss {loss:.3f}  validation: loss {valid_loss:.3f}, F1 {valid_f1:.3f}"
        self._bar.update(self._task, description=self._title(number + 1), measures=measures)
        if self._lines:
            tell(f"{self._name}: epoch {number}/{self._epochs}  {measures}")

    def _title(self, number: int) -> str:
        return f"{self._name}: epoch {min(number, self._epochs)}/{self._epochs}"
