"""Tables for the terminal: what an evaluation found."""

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from singerid.config import REPORTED_STATE
from singerid.evaluation.comparison import Disagreement, RunComparison
from singerid.evaluation.confusion import WHOLE_SINGERS, drawn_singers
from singerid.evaluation.counts import MEASURES, Interval
from singerid.evaluation.outcome import Evaluation, LevelScores
from singerid.evaluation.scores import Scores
from singerid.evaluation.significance import SeedMean
from singerid.system.tables import Table
from singerid.text import counted, decimal_text, interval_text, printable

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
    note = _counts_text(shown, evaluation.short) + _left_out([shown.clip])
    return Group(scores, singer_table(shown), Text(note))


def score_text(scores: Scores, measure: str) -> str:
    """A measure with its interval: .83 (.71-.92)."""
    interval: Interval = scores.intervals[measure]  # type: ignore[index]
    value = getattr(scores, measure)
    return interval_text(value, interval.low, interval.high)


def singer_table(levels: LevelScores) -> Table:
    """Precision, recall and F1 of every singer; with very many, only of those mistaken most often."""
    measures = ("precision", "recall", "F1")
    table = Table("singer", "clips", *measures, "tracks", *measures, right=range(1, 9))
    for number in _listed([levels.clip]):
        clip, track = levels.clip.singers[number], levels.track.singers[number]
        cells = []
        for row in (clip, track):
            cells += [str(row.count), *(decimal_text(value) for value in (row.precision, row.recall, row.f1))]
        table.add_row(printable(clip.singer), *cells)
    return table


def _listed(scores: Sequence[Scores]) -> Sequence[int]:
    """Classes of the singers in a table: nobody reads 20,000 rows, and printing them takes half a minute."""
    everyone = range(len(scores[0].singers))
    if len(everyone) <= WHOLE_SINGERS:
        return everyone
    return drawn_singers([each.confusion for each in scores]) or everyone


def _left_out(scores: Sequence[Scores]) -> str:
    """A note on the singers that a table leaves out; "" if there are none."""
    listed, singers = len(_listed(scores)), len(scores[0].singers)
    if listed == singers:
        return ""
    return (
        f"; the table lists the {listed} of {singers:,} singers that are mistaken most often, "
        "the JSON output has all"
    )


def _counts_text(levels: LevelScores, short: int) -> str:
    heard = f"{counted(levels.clip.count, 'clip')} of {counted(levels.track.count, 'track')}"
    left_out = f"; left out as shorter than a clip: {counted(short, 'track')}" if short else ""
    return f"{heard}; in brackets 95 % intervals over tracks{left_out}"


def comparison_tables(comparison: RunComparison) -> Group:
    """Scores of both runs, their difference with its interval, F1 by singer, and where they disagree."""
    names = [printable(name) for name in comparison.names]
    levels = [("clips", "clip", comparison.clip), ("tracks", "track", comparison.track)]
    scores = Table("", *(f"{name}: {plural}" for plural, _, _ in levels for name in (*names, "difference")))
    for index, (measure, title) in enumerate(MEASURE_NAMES.items()):
        cells = []
        for _, level, differences in levels:
            cells += [score_text(getattr(each, level), measure) for each in comparison.scores]
            cells += [_difference(differences[index]) if differences else "-"]
        scores.add_row(title, *cells)
    note = f"difference: {names[0]} minus {names[1]}; in brackets 95 % intervals, of differences over albums"
    if not comparison.clip:
        note += "; their clips differ in length, so only tracks are compared"
    note += _left_out([each.clip for each in comparison.scores])
    return Group(scores, Text(note), _singers(comparison), *_disagreements(comparison, names))


def _singers(comparison: RunComparison) -> Table:
    table = Table(
        "singer",
        *(f"{printable(name)}: {level} F1" for level in ("clip", "track") for name in comparison.names),
        right=range(1, 5),
    )
    columns = [
        [row.f1 for row in getattr(each, level).singers]
        for level in ("clip", "track")
        for each in comparison.scores
    ]
    for number in _listed([each.clip for each in comparison.scores]):
        values = (decimal_text(column[number]) for column in columns)
        table.add_row(printable(comparison.singers[number]), *values)
    return table


def _disagreements(comparison: RunComparison, names: Sequence[str]) -> list[Table | Text]:
    found = comparison.disagreements
    right = [sum(getattr(each, who) == each.truth for each in found) for who in ("first", "second")]
    summary = Text(
        f"they name different singers for {len(found)} of {counted(comparison.tracks, 'track')}: "
        f"{names[0]} is right for {right[0]}, {names[1]} for {right[1]}, "
        f"neither for {len(found) - sum(right)}"
    )
    if not found:
        return [summary]
    table = Table("track", "truth", *(f"{name} says" for name in names))
    for each in found:
        first = _said(each, each.first, each.first_confidence)
        second = _said(each, each.second, each.second_confidence)
        table.add_row(printable(each.path), printable(each.truth), first, second)
    return [summary, table]


def _said(disagreement: Disagreement, singer: str, confidence: float) -> Text:
    right = singer == disagreement.truth
    return Text(f"{printable(singer)} {confidence:.0%}{' ✓' if right else ''}", style="bold" if right else "")


def _difference(comparison: SeedMean) -> str:
    low, high = comparison.interval.low, comparison.interval.high
    return f"{comparison.value:+.2f} ({low:+.2f} to {high:+.2f})"
