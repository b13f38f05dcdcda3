"""From the results of runs to the numbers of a table: average, spread, best, interval, difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

from singerid.config import ReproduceConfig
from singerid.evaluation.counts import Interval
from singerid.evaluation.significance import Paired, SeedMean, average, compare
from singerid.models.registry import MODELS, PAPER_SINGERS, build_model, count_parameters
from singerid.reproduce.protocols import options_of
from singerid.reproduce.results import CellResult
from singerid.reproduce.tables import (
    TABLES,
    Cell,
    Column,
    PublishedF1,
    Subject,
    Table,
    network_of,
    published_f1,
    published_parameters,
)

Results = Mapping[Cell, CellResult]


@dataclass(frozen=True)
class Ours:
    """Weighted F1 of an experiment, over the seeds that were run.

    Attributes:
        values: the value of each seed.
        interval: 95 % interval of the average, resampling test albums over all seeds.
    """

    values: tuple[float, ...]
    interval: Interval

    @property
    def average(self) -> float:
        """Mean over seeds."""
        return fmean(self.values)

    @property
    def std(self) -> float | None:
        """Sample standard deviation over seeds; None for a single one."""
        return stdev(self.values) if len(self.values) > 1 else None

    @property
    def best(self) -> float:
        """The best seed."""
        return max(self.values)


@dataclass(frozen=True)
class Entry:
    """One network in one column.

    Attributes:
        ours: our numbers; None if it was not run.
        published: the published numbers; None if there are none.
        comparable: whether the singers are those of the published values.
        against: our network minus the table's control; None if there is no control or one was not run.
        verdicts: the verdicts of the audits, one per seed, if the table asks for them; "" for no verdict.
    """

    ours: Ours | None
    published: PublishedF1 | None
    comparable: bool
    against: SeedMean | None = None
    verdicts: tuple[str, ...] = ()

    def difference(self, statistic: str) -> float | None:
        """Ours minus the published "average" or "best"; None if one is missing or they are not comparable."""
        if self.ours is None or self.published is None or not self.comparable:
            return None
        difference: float = getattr(self.ours, statistic) - getattr(self.published, statistic)
        return difference


@dataclass(frozen=True)
class Row:
    """One network of a table.

    Attributes:
        model: its name.
        description: what it is.
        parameters: counted as the paper does, for 20 singers at full width.
        parameters_run: parameters of the network that was run.
        parameters_published: the published number; None if there is none.
        entries: its numbers.
    """

    model: str
    description: str
    parameters: int
    parameters_run: int | None
    parameters_published: int | None
    entries: Mapping[Column, Entry]


@dataclass(frozen=True)
class Summary:
    """A table with its numbers."""

    table: Table
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def summarise(results: Results, config: ReproduceConfig, data: Subject) -> tuple[Summary, ...]:
    """The tables asked for, filled with the results so far: cells that were not run are None."""
    return tuple(_summary(TABLES[number], results, config, data) for number in config.tables)


def _summary(table: Table, results: Results, config: ReproduceConfig, data: Subject) -> Summary:
    shown = table.columns(config)
    rows = []
    for model in table.rows:
        parameters, parameters_run = _parameters(model, config, len(data.singers))
        entries = {column: _entry(table, model, column, results, config, data) for column in shown}
        rows.append(
            Row(
                model,
                _description(model),
                parameters,
                parameters_run,
                published_parameters(model),
                entries,
            )
        )
    return Summary(table, shown, tuple(rows))


def _entry(
    table: Table, model: str, column: Column, results: Results, config: ReproduceConfig, data: Subject
) -> Entry:
    found = _of_seeds(results, model, column, config)
    return Entry(
        _ours(found, column),
        published_f1(table.number, model, column),
        data.has_artist20_singers,
        _against(table, model, column, results, config),
        tuple(result.verdict for result in found.values()) if table.audited else (),
    )


def _description(row: str) -> str:
    network = network_of(row)
    return MODELS[network].description + (", trained with augmentation" if network != row else "")


def _of_seeds(results: Results, model: str, column: Column, config: ReproduceConfig) -> dict[int, CellResult]:
    """The results of an experiment by seed."""
    by_seed = {
        seed: results.get(Cell(model, column.audio, column.clip_seconds, seed, config.protocol))
        for seed in config.seeds
    }
    return {seed: result for seed, result in by_seed.items() if result is not None}


def _ours(by_seed: Mapping[int, CellResult], column: Column) -> Ours | None:
    if not by_seed:
        return None
    level = column.level
    states = [(result, result.best_state(level)) for result in by_seed.values()]
    named = [result.named(level, state) for result, state in states]
    return Ours(tuple(result.f1[state][level] for result, state in states), average(named).interval)


def _against(
    table: Table, model: str, column: Column, results: Results, config: ReproduceConfig
) -> SeedMean | None:
    """The network minus the control on the seeds that both have, paired by clip or by track."""
    if table.control is None or model == table.control:
        return None
    first, second = (_of_seeds(results, name, column, config) for name in (model, table.control))
    pairs = [
        _paired(first[seed], second[seed], column)
        for seed in config.seeds
        if seed in first and seed in second
    ]
    return compare(pairs) if pairs else None


def _paired(first: CellResult, second: CellResult, column: Column) -> Paired:
    level = column.level
    one, other = (result.named(level, result.best_state(level)) for result in (first, second))
    return Paired(one.truth, one.named, other.named, one.albums)


@cache
def _full_parameters(model: str) -> int:
    return count_parameters(build_model(model, PAPER_SINGERS))[0]


def _parameters(model: str, config: ReproduceConfig, singers: int) -> tuple[int, int | None]:
    """(for 20 singers at full width, as run); None if the network cannot be built as asked for."""
    network = network_of(model)
    full = _full_parameters(network)
    options = options_of(Cell(model, "mixture", config.clip_seconds[0], 0, config.protocol), config)
    try:
        return full, count_parameters(build_model(network, singers, **options))[0]
    except (TypeError, ValueError):
        return full, None  # its runs are listed as failed, with the reason
