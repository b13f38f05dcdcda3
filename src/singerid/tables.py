"""Tables for the terminal: embeddings, attention, and two runs side by side."""

from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from singerid.attention import Look, Spot
from singerid.comparison import Disagreement, RunComparison
from singerid.embedding import Embeddings, Projection
from singerid.errors import printable
from singerid.identification_report import clock
from singerid.report import MEASURE_NAMES, decimal_text, score_text
from singerid.significance import Comparison


def embedding_table(runs: Sequence[Embeddings], projections: Sequence[Projection]) -> Group:
    """One row a run: how many embeddings, and how well the singers keep apart."""
    table = Table(
        "run", "model", "hears", "clips", "tracks", "size", "silhouette: clips", "tracks", "t-SNE of clips"
    )
    _align_right(table, first=3)
    for each, projection in zip(runs, projections, strict=True):
        silhouettes = (projection.silhouette, projection.track_silhouette, projection.plane_silhouette)
        table.add_row(
            Text(printable(each.run.path), overflow="fold"),
            each.run.config.model,
            each.run.config.audio,
            *map(str, (len(each.clips), len(each.track_indices), each.clips.shape[1])),
            *("-" if value is None else f"{value:.3f}" for value in silhouettes),
        )
    return Group(table, Text("silhouette: 1 singers far apart, 0 mixed, below 0 nearer to another singer"))


def attention_table(look: Look) -> Group:
    """One row a response: its weight in the clip, and for each layer its share and strongest position."""
    columns = [text for layer in look.layers for text in (f"share of {layer.name}", "strongest at")]
    table = Table("response", "weight", *columns)
    _align_right(table, first=1)
    for response in range(look.responses):
        cells = []
        for layer, shares in zip(look.layers, look.shares, strict=True):
            cells += [decimal_text(float(shares[response])), _place(look.strongest(layer, response))]
        weight = "-" if look.excitation is None else decimal_text(float(look.excitation[look.clip, response]))
        table.add_row(str(response + 1), weight, *cells)
    text = (
        f"{printable(look.track)}, clip {look.clip} from {clock(look.start_s)}; seen from {_place(look.spot)}"
    )
    return Group(Text(text), table)


def comparison_tables(comparison: RunComparison) -> Group:
    """Scores of both runs, their difference with its interval, F1 by singer, and where they disagree."""
    names = [printable(name) for name in comparison.names]
    levels = [("clips", "clip", comparison.clip), ("tracks", "track", comparison.track)]
    scores = Table(
        "", *(f"{escape(name)}: {plural}" for plural, _, _ in levels for name in (*names, "difference"))
    )
    for index, (measure, title) in enumerate(MEASURE_NAMES.items()):
        cells = []
        for _, level, differences in levels:
            cells += [score_text(getattr(each, level), measure) for each in comparison.scores]
            cells += [_difference(differences[index]) if differences else "-"]
        scores.add_row(title, *cells)
    note = f"difference: {names[0]} less {names[1]}; in brackets 95 % intervals, of differences over albums"
    if not comparison.clip:
        note += "; their clips differ in length, so only tracks are compared"
    return Group(scores, Text(note), _singers(comparison), *_disagreements(comparison, names))


def _singers(comparison: RunComparison) -> Table:
    table = Table(
        "singer",
        *(
            f"{escape(printable(name))}: {level} F1"
            for level in ("clip", "track")
            for name in comparison.names
        ),
    )
    _align_right(table, first=1)
    columns = [
        [row.f1 for row in getattr(each, level).singers]
        for level in ("clip", "track")
        for each in comparison.scores
    ]
    for singer, *values in zip(comparison.singers, *columns, strict=True):
        table.add_row(Text(printable(singer)), *map(decimal_text, values))
    return table


def _disagreements(comparison: RunComparison, names: Sequence[str]) -> list[Table | Text]:
    found = comparison.disagreements
    right = [sum(getattr(each, who) == each.truth for each in found) for who in ("first", "second")]
    summary = Text(
        f"they name different singers for {len(found)} of {comparison.tracks} tracks: "
        f"right is {names[0]} for {right[0]}, {names[1]} for {right[1]}, "
        f"neither for {len(found) - sum(right)}"
    )
    if not found:
        return [summary]
    table = Table("track", "truth", *(f"{escape(name)} says" for name in names))
    for each in found:
        first = _said(each, each.first, each.first_confidence)
        second = _said(each, each.second, each.second_confidence)
        table.add_row(Text(printable(each.path), overflow="fold"), Text(printable(each.truth)), first, second)
    return [summary, table]


def _said(disagreement: Disagreement, singer: str, confidence: float) -> Text:
    right = singer == disagreement.truth
    return Text(f"{printable(singer)} {confidence:.0%}{' ✓' if right else ''}", style="bold" if right else "")


def _difference(comparison: Comparison) -> str:
    low, high = comparison.interval.low, comparison.interval.high
    return f"{comparison.difference:+.2f} ({low:+.2f} to {high:+.2f})"


def _place(spot: Spot) -> str:
    return f"{spot.seconds:.2f} s, {spot.hertz:.0f} Hz"


def _align_right(table: Table, first: int) -> None:
    for column in table.columns[first:]:
        column.justify = "right"
