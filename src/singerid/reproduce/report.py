"""The texts of a report of the tables: its titles, its lines, and how to read the numbers."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from singerid.config import SMOKE, ReproduceConfig, TrainingConfig
from singerid.errors import Failure
from singerid.evaluation.counts import Interval
from singerid.reproduce.summary import Entry, Row, Summary
from singerid.reproduce.tables import Column, Subject, Table


@dataclass(frozen=True)
class Report:
    """The tables, and what a reader must know about them.

    Attributes:
        summaries: the tables.
        data: the recordings they are about.
        config: how they were made.
        failures: what was skipped or failed.
        done: number of finished runs.
        runs: number of runs in all.
        plumbing: the numbers mean nothing (`--smoke`).
        versions: versions of the software that computed them.
    """

    summaries: tuple[Summary, ...]
    data: Subject
    config: ReproduceConfig
    failures: tuple[Failure, ...]
    done: int
    runs: int
    plumbing: bool
    versions: Mapping[str, str]

    @property
    def title(self) -> str:
        """What the report is, and on which data."""
        return f"{'Plumbing only: the' if self.plumbing else 'The'} paper's tables on {self.data.text}"

    def table_title(self, table: Table) -> str:
        """Number, subject and data of a table."""
        start = "Plumbing only. " if self.plumbing else ""
        return f"{start}Table {table.number}: {table.title} (on {self.data.text})"

    @property
    def command(self) -> str:
        """A command that makes this report; STORE and OUT stand for folders."""
        return "singerid reproduce " + " ".join(_arguments(self))

    @property
    def notes(self) -> tuple[str, ...]:
        """How to read the numbers."""
        return tuple(_notes(self))


def _notes(report: Report) -> Iterator[str]:
    config = report.config
    if report.plumbing:
        yield "These numbers show that every step works; they say nothing about the networks."
    if report.done < report.runs:
        yield f"{report.done} of {report.runs} runs are done; what was not run is empty."
    if not report.data.has_artist20_singers:
        yield (
            "The published values are those of artist20. These are other singers, so the differences are "
            "left empty."
        )
    different = _different_settings(config)
    if different:
        yield f"Not the paper's settings: {', '.join(different)}."
    if config.protocol == "authors":
        yield (
            "Protocol of the authors' program. Each number is the maximum over the four kept states, chosen "
            "on test, so it is too high. CRNN_FGNL and its ablations have a regularised output, the other "
            "networks do not, so a comparison of attention blocks (table 7) needs the protocol of the paper."
        )
    else:
        yield "Each number is that of the state with the best validation F1: nothing is chosen on test."
    yield (
        "Weighted F1 of clips and of tracks, which their clips vote on: average, sample standard deviation "
        f"and best over the seeds ({', '.join(map(str, config.seeds))}), each an album split of its "
        "own. 95 %: bootstrap interval of the average, resampling test albums over all seeds."
    )


def _arguments(report: Report) -> Iterator[str]:
    config, default = report.config, SMOKE if report.plumbing else ReproduceConfig()
    yield "OUT --smoke" if report.plumbing else "STORE OUT"
    yield f"--table {','.join(map(str, config.tables)) if config.tables != default.tables else 'all'}"
    if config.audio != default.audio:
        yield f"--audio {config.audio[0]}"
    if config.clip_seconds != default.clip_seconds:
        yield f"--clip-seconds {','.join(f'{seconds:g}' for seconds in config.clip_seconds)}"
    if config.seeds != default.seeds:
        yield f"--seeds {','.join(map(str, config.seeds))}"
    if config.protocol != default.protocol:
        yield f"--protocol {config.protocol}"
    if config.width != default.width:
        yield f"--width {config.width:g}"
    for name in ("epochs", "batch_size", "learning_rate", "augment"):
        value = getattr(config.training, name)
        if value != getattr(default.training, name):
            yield f"--{name.replace('_', '-')} {_text(value)}"


def _different_settings(config: ReproduceConfig) -> list[str]:
    """Settings that are not the paper's, as text."""
    ours, paper = asdict(config), asdict(ReproduceConfig())
    names = [item.name for item in fields(TrainingConfig) if item.name not in ("clip_seconds", "seed")]
    pairs = [("width", ours["width"], paper["width"]), ("seeds", ours["seeds"], paper["seeds"])]
    pairs += [(name, ours["training"][name], paper["training"][name]) for name in names]
    return [f"{name.replace('_', ' ')} {_text(own)}" for name, own, theirs in pairs if own != theirs]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


Kind = Literal["ours", "published", "difference", "against", "audit"]
_WINNERS = ("average", "best")  # in these statistics the best network of a column is marked, as in the paper


@dataclass(frozen=True)
class TextCell:
    """A number as text, "" where there is none."""

    text: str
    wins: bool = False  # the highest of our numbers in its column


@dataclass(frozen=True)
class Line:
    """One line under a network.

    Attributes:
        kind: ours, the published numbers, ours minus the published ones, ours minus the control's; or the
            verdicts of audits.
        label: which statistic.
        cells: one per column.
    """

    kind: Kind
    label: str
    cells: tuple[TextCell, ...]

    @property
    def title(self) -> str:
        """Kind and label in words."""
        return self.label if self.kind in ("ours", "against", "audit") else f"{self.kind} {self.label}"


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
        yield line("against", label, lambda entry: number(_of(entry.against, "value"), "+"))
        yield line("against", "95 %", lambda entry: interval(_of(entry.against, "interval"), "+"))
    if summary.table.audited:
        yield line("audit", "goes by", lambda entry: verdicts(entry.verdicts))


def _of(what: object, name: str) -> Any:
    """An attribute of an object that may be None."""
    return None if what is None else getattr(what, name)


def number(value: float | None, sign: str = "") -> str:
    """A value to two decimals, as the paper gives it; "" for none.

    >>> number(0.826), number(0.1, "+"), number(-0.001), number(None)
    ('0.83', '+0.10', '0.00', '')
    """
    return "" if value is None else f"{value:{sign}.2f}".replace("-0.00", "+0.00" if sign else "0.00")


def verdicts(of_seeds: Sequence[str]) -> str:
    """The verdicts of audits, the most frequent first, with their counts if they differ.

    >>> verdicts(["voice", "voice", "open"]), verdicts(["voice"]), verdicts([""])
    ('voice 2, open 1', 'voice', 'no verdict')
    """
    counts = Counter(verdict or "no verdict" for verdict in of_seeds)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{verdict} {count}" for verdict, count in counts.most_common())


def interval(value: Interval | None, sign: str = "") -> str:
    """An interval from low to high; "" for none.

    >>> interval(Interval(-0.01, 0.2), "+")
    '-0.01 to +0.20'
    """
    return "" if value is None else f"{number(value.low, sign)} to {number(value.high, sign)}"


def _wins(summary: Summary, row: Row, column: Column, statistic: str) -> bool:
    """Whether our number is the highest of the column, to two decimals; False if only one network was run."""
    if statistic not in _WINNERS:
        return False
    ours = {other.model: other.entries[column].ours for other in summary.rows}
    values = {model: number(getattr(own, statistic)) for model, own in ours.items() if own is not None}
    return len(values) > 1 and values.get(row.model) == max(values.values())
