"""The lines under a network in a table, as text: what every form of the report prints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from singerid.counts import Interval
from singerid.experiments.summary import Entry, Row, Summary
from singerid.experiments.tables import Column

Kind = Literal["ours", "published", "difference", "against"]
_WINNERS = ("average", "best")  # the best network of a column is told by these, as in the paper


@dataclass(frozen=True)
class TextCell:
    """A number as text, "" where there is none."""

    text: str
    wins: bool = False  # the highest of its column, of our numbers


@dataclass(frozen=True)
class Line:
    """One line under a network.

    Attributes:
        kind: whose numbers: ours, the published ones, ours minus these, ours minus the control's.
        label: which statistic.
        cells: one a column.
    """

    kind: Kind
    label: str
    cells: tuple[TextCell, ...]

    @property
    def title(self) -> str:
        """Kind and label in words."""
        return self.label if self.kind in ("ours", "against") else f"{self.kind} {self.label}"


def lines(summary: Summary, row: Row) -> tuple[Line, ...]:
    """The lines of a network; those of the published values only in a table that was published."""
    return tuple(_lines(summary, row))


def _lines(summary: Summary, row: Row) -> Iterator[Line]:
    def line(kind: Kind, label: str, text: Callable[[Entry], str]) -> Line:
        cells = (
            TextCell(text(row.entries[column]), kind == "ours" and _wins(summary, row, column, label))
            for column in summary.columns
        )
        return Line(kind, label, tuple(cells))

    yield line("ours", "average", lambda entry: number(_of(entry.ours, "average")))
    yield line("ours", "std", lambda entry: number(_of(entry.ours, "std")))
    yield line("ours", "best", lambda entry: number(_of(entry.ours, "best")))
    yield line("ours", "95 %", lambda entry: interval(_of(entry.ours, "interval")))
    published = [row.entries[column].published for column in summary.columns]
    if any(published):
        yield line("published", "average", lambda entry: number(_of(entry.published, "average")))
        if any(value and value.std is not None for value in published):
            yield line("published", "std", lambda entry: number(_of(entry.published, "std")))
        yield line("published", "best", lambda entry: number(_of(entry.published, "best")))
        yield line("difference", "average", lambda entry: number(entry.difference("average"), "+"))
        yield line("difference", "best", lambda entry: number(entry.difference("best"), "+"))
    control = summary.table.control
    if control is not None and row.model != control:
        label = f"minus {control}"
        yield line("against", label, lambda entry: number(_of(entry.against, "difference"), "+"))
        yield line("against", "95 %", lambda entry: interval(_of(entry.against, "interval"), "+"))


def _of(what: object, name: str) -> Any:
    """An attribute of something that may be missing."""
    return None if what is None else getattr(what, name)


def number(value: float | None, sign: str = "") -> str:
    """A value to two decimals, as the paper gives it; "" for none."""
    return "" if value is None else f"{value:{sign}.2f}".replace("-0.00", "+0.00" if sign else "0.00")


def interval(value: Interval | None, sign: str = "") -> str:
    """An interval from low to high; "" for none."""
    return "" if value is None else f"{number(value.low, sign)} to {number(value.high, sign)}"


def _wins(summary: Summary, row: Row, column: Column, statistic: str) -> bool:
    """Whether our number is the highest of the column, to two decimals; with one network there is no race."""
    if statistic not in _WINNERS:
        return False
    ours = {other.model: other.entries[column].ours for other in summary.rows}
    values = {model: number(getattr(own, statistic)) for model, own in ours.items() if own is not None}
    return len(values) > 1 and values.get(row.model) == max(values.values())
