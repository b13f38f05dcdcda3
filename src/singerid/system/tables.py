"""Tables for the terminal that never cut text: long text folds, however narrow the terminal is.

A table is drawn in the first form that fits: with rules between its columns, with blanks between them, or as
a list, in which every row is a block of lines "head  cell".
"""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.box import HEAVY_HEAD, Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from singerid.text import carried

FOLDED = 12
"""Least width of a column of names, in cells: names up to this length are never broken."""


@dataclass(frozen=True)
class Picture:
    """A table cell that is drawn as wide as there is room for.

    Attributes:
        draw: takes a width in cells, returns a line of that width.
        least: least useful width.
        most: largest useful width.
    """

    draw: Callable[[int], str]
    least: int
    most: int


Cell = str | Text | Picture


@dataclass(frozen=True)
class _Row:
    cells: tuple[Cell, ...]
    style: str
    ends_section: bool = False


class Table:
    """Rows of cells under heads, for `print_rich`.

    Cells are plain text without markup. Widths are counted in cells of the terminal; a Chinese character
    takes two.

    Args:
        heads: the column heads; none: the table has no heads.
        right: indices of the columns of numbers: they are aligned right and fold between words only.
        box: the rules, drawn if there is room for them.
    """

    def __init__(self, *heads: str, right: Container[int] = (), box: Box = HEAVY_HEAD) -> None:
        self._heads = heads
        self._right = right
        self._box = box
        self._rows: list[_Row] = []

    def add_row(self, *cells: Cell, style: str = "") -> None:
        """Add a row; missing cells at its end are empty."""
        self._rows.append(_Row(cells, style))

    def add_section(self) -> None:
        """Draw a line below the last row."""
        if self._rows:
            self._rows[-1] = replace(self._rows[-1], ends_section=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Render the table; called by Rich."""
        heads = [carried(head, options.encoding) for head in self._heads]
        rows = [self._carried(row, options.encoding) for row in self._rows]
        count = max([len(heads), *(len(row.cells) for row in rows)], default=0)
        cells = [[row.cells[number] for row in rows if number < len(row.cells)] for number in range(count)]
        for ruled, between in ((True, 3 * count + 1), (False, 2 * (count - 1))):
            for longest in (options.max_width, FOLDED):  # first try without breaking names
                columns = [self._column(number, heads, cells[number], longest) for number in range(count)]
                widths = shared_out(options.max_width - between, columns)
                if widths is not None:
                    yield self._grid(heads, rows, widths, ruled)
                    return
        yield from self._list(heads, rows, options.max_width)

    def _carried(self, row: _Row, encoding: str) -> _Row:
        def cell_carried(cell: Cell) -> Cell:
            if isinstance(cell, Picture):
                return replace(cell, draw=lambda cells: carried(cell.draw(cells), encoding))
            return Text(carried(str(cell), encoding), cell.style if isinstance(cell, Text) else "")

        return replace(row, cells=tuple(map(cell_carried, row.cells)))

    def _column(
        self, number: int, heads: Sequence[str], cells: Sequence[Cell], longest: int
    ) -> tuple[int, int]:
        """Least and largest useful width of a column; words longer than `longest` may be broken."""
        least, most = 1, 1
        if number < len(heads):
            least, most = _longest_word(heads[number]), _longest_line(heads[number])
        for cell in cells:
            if isinstance(cell, Picture):
                least, most = max(least, cell.least), max(most, cell.most)
                continue
            word = _longest_word(str(cell))
            least = max(least, word if number in self._right else min(word, longest))
            most = max(most, _longest_line(str(cell)))
        return least, most

    def _grid(
        self, heads: Sequence[str], rows: Sequence[_Row], widths: Sequence[int], ruled: bool
    ) -> RenderableType:
        grid = Grid(box=self._box if ruled else None, pad_edge=ruled, show_header=bool(heads))
        for number, width in enumerate(widths):
            grid.add_column(
                Text(heads[number]) if heads else "",
                justify="right" if number in self._right else "left",
                overflow="fold",
                width=width,
            )
        for index, row in enumerate(rows):
            cells = [_drawn(cell, width) for cell, width in zip(row.cells, widths, strict=False)]
            grid.add_row(*cells, style=row.style, end_section=row.ends_section)
            if row.ends_section and not ruled and index < len(rows) - 1:
                grid.add_row()
        return grid

    def _list(self, heads: Sequence[str], rows: Sequence[_Row], width: int) -> Iterator[RenderableType]:
        label = min(max(map(_longest_line, heads), default=0), max(FOLDED, width // 3))
        rest = width - label - 2 if heads else width
        for index, row in enumerate(rows):
            grid = Grid.grid(padding=(0, 2, 0, 0), pad_edge=False)
            if heads:
                grid.add_column(overflow="fold", width=label, style="bold")
            grid.add_column(overflow="fold", width=rest)
            for number, cell in enumerate(row.cells):
                drawn = _drawn(cell, rest)
                if drawn.plain.strip():
                    grid.add_row(*([Text(heads[number])] if heads else []), drawn, style=row.style)
            yield Padding(grid, (0, 0, 1 if heads and index < len(rows) - 1 else 0, 0))


def shared_out(width: int, columns: Sequence[tuple[int, int]]) -> list[int] | None:
    """Column widths whose sum is at most `width`; None if that is too little.

    Each column gets its least width. The rest goes, cell by cell, to the narrowest column that can use more,
    so that one long column does not squeeze the others.

    Args:
        width: cells for all columns together.
        columns: least and largest useful width of each column.

    >>> shared_out(30, [(3, 5), (8, 60), (4, 4)])
    [5, 21, 4]
    """
    widths = [least for least, _ in columns]
    left = width - sum(widths)
    if left < 0:
        return None
    while left:
        wanting = [number for number, (_, most) in enumerate(columns) if widths[number] < most]
        if not wanting:
            break
        widths[min(wanting, key=lambda number: widths[number])] += 1
        left -= 1
    return widths


def _drawn(cell: Cell, width: int) -> Text:
    if isinstance(cell, Picture):
        return Text(cell.draw(min(width, cell.most)))
    return cell if isinstance(cell, Text) else Text(cell)


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)
