"""A command whose help cuts no name and whose messages name its flags.

The tables of `--help` fold, however narrow the terminal is.
"""

from functools import partial
from typing import Any

from typer.core import TyperCommand, TyperGroup

from singerid.cli.flags import as_flags
from singerid.system.streams import word_by


class FoldingCommand(TyperCommand):
    """A command whose help folds, and whose messages name settings as its flags."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        _fold()
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; from here on messages name this command's flags."""
        word_by(partial(as_flags, context=ctx))
        return super().parse_args(ctx, args)


class FoldingGroup(TyperGroup):
    """A program, or a group of commands, whose help folds, and whose messages name settings as flags."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        _fold()
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; from here on messages name flags."""
        word_by(partial(as_flags, context=ctx))
        return super().parse_args(ctx, args)


def _fold() -> None:
    """Make the columns of Typer's tables fold; by default they cut names with an ellipsis."""
    from rich.columns import Columns
    from rich.table import Table
    from typer import rich_utils

    def folded(table: Any) -> Any:
        for column in table.columns:
            column.overflow = "fold"
        return table

    class FoldingTable(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*cells, **options)
            folded(self)

    class FoldingColumns(Columns):
        def __rich_console__(self, console: Any, options: Any) -> Any:
            yield from map(folded, super().__rich_console__(console, options))

    rich_utils.Table = FoldingTable  # type: ignore[attr-defined]
    rich_utils.Columns = FoldingColumns  # type: ignore[attr-defined]
