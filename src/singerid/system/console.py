"""What a person sees of a command: a progress bar, and at the end what failed, on standard error."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Literal, TextIO, TypeVar

from singerid.errors import ExitCode, Failure

T = TypeVar("T")


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if total is None and isinstance(items, Sized):
        total = len(items)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not (show and console.is_terminal)) as bar:
        yield from bar.track(items, total=total, description=description)


@contextmanager
def bytes_progress(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error for bytes; gives what is called with the number of those that were added.

    Args:
        description: what is being done.
        total: bytes, where they are known.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


def print_rich(renderable: object, file: TextIO | None = None) -> None:
    """Print for a person on a file, by default standard output; where that is no terminal, wide enough."""
    from rich.console import Console

    file = file or sys.stdout
    Console(file=file, highlight=False, width=None if file.isatty() else 200).print(renderable)


def conclude(usable: int, failures: Iterable[Failure], warnings: Iterable[Failure] = ()) -> ExitCode:
    """List what failed and what was used with a warning, sorted, and give the command's exit code.

    Args:
        usable: number of inputs that were of use.
        failures: those that were not.
        warnings: those that were, but not as they should be.
    """
    for warning in sorted(warnings):
        print(f"singerid: warning: {warning}", file=sys.stderr)
    failed = sorted(failures)
    for failure in failed:
        print(f"singerid: {failure}", file=sys.stderr)
    if not usable:
        print("singerid: nothing of that can be used", file=sys.stderr)
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
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._name = title
        self._epochs = epochs
        self._lines = display == "lines" or (display == "auto" and not console.is_terminal)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[measures]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._bar = Progress(*columns, console=console, disable=self._lines or display == "none")
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
            print(f"{self._name}: epoch {number}/{self._epochs}  {measures}", file=sys.stderr, flush=True)

    def _title(self, number: int) -> str:
        return f"{self._name}: epoch {min(number, self._epochs)}/{self._epochs}"
