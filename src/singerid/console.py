"""What a person sees while a command works: one progress bar, on standard error."""

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

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
