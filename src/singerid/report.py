"""Tables for the terminal: what an evaluation found."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from singerid.config import REPORTED_STATE
from singerid.counts import MEASURES, Interval
from singerid.errors import printable
from singerid.evaluation import Evaluation, LevelScores
from singerid.metrics import Scores

MEASURE_NAMES = {"f1_weighted": "weighted F1", "f1_macro": "macro F1", "accuracy": "accuracy"}


def evaluation_tables(evaluation: Evaluation) -> Group:
    """Scores of every evaluated state and of the baseline, and the reported state singer by singer."""
    rows: list[tuple[str, LevelScores]] = list(evaluation.states.items())
    if evaluation.baseline:
        rows.append(("baseline", evaluation.baseline))
    scores = Table("", *(f"{name}: {level}" for name, _ in rows for level in ("clips", "tracks")))
    for measure in MEASURES:
        cells = (score_text(level, measure) for _, levels in rows for level in (levels.clip, levels.track))
        scores.add_row(MEASURE_NAMES[measure], *cells)
    shown = evaluation.states.get(REPORTED_STATE) or next(iter(evaluation.states.values()))
    return Group(scores, singer_table(shown), Text(_counts_text(shown, evaluation.short)))


def score_text(scores: Scores, measure: str) -> str:
    """A measure with its interval: .83 (.71-.92)."""
    interval: Interval = scores.intervals[measure]  # type: ignore[index]
    value = getattr(scores, measure)
    return interval_text(value, interval.low, interval.high)


def interval_text(value: float, low: float, high: float) -> str:
    """A value with its interval: .83 (.71-.92)."""
    return f"{decimal_text(value)} ({decimal_text(low)}-{decimal_text(high)})"


def singer_table(levels: LevelScores) -> Table:
    """Precision, recall and F1 of every singer."""
    table = Table("singer", "clips", "precision", "recall", "F1", "tracks", "precision", "recall", "F1")
    for column in table.columns[1:]:
        column.justify = "right"
    for clip, track in zip(levels.clip.singers, levels.track.singers, strict=True):
        cells = []
        for row in (clip, track):
            cells += [str(row.count), *(decimal_text(value) for value in (row.precision, row.recall, row.f1))]
        table.add_row(Text(printable(clip.singer)), *cells)
    return table


def _counts_text(levels: LevelScores, short: int) -> str:
    text = f"{levels.clip.count} clips of {levels.track.count} tracks; in brackets 95 % intervals over tracks"
    return text + (f"; {short} tracks are shorter than a clip and left out" if short else "")


def decimal_text(value: float) -> str:
    """A share between 0 and 1 with two decimals: .83, 1.00."""
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.2f}"
