"""Tables for the terminal: embeddings and attention."""

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from singerid.analysis.attention import Look, Spot
from singerid.analysis.embedding import Embeddings, Projection
from singerid.system.tables import Table
from singerid.text import clock, decimal_text, printable


def embedding_table(runs: Sequence[Embeddings], projections: Sequence[Projection]) -> Group:
    """One row per run: how many embeddings, and how well they separate the singers."""
    counts, silhouettes = ("clips", "tracks", "size"), ("silhouette: clips", "tracks", "t-SNE of clips")
    table = Table("run", "model", "hears", *counts, *silhouettes, right=range(3, 9))
    for each, projection in zip(runs, projections, strict=True):
        values = (projection.silhouette, projection.track_silhouette, projection.plane_silhouette)
        table.add_row(
            printable(each.run.path),
            each.run.config.model,
            each.run.config.spec.audio,
            *map(str, (len(each.clips), len(each.track_indices), each.clips.shape[1])),
            *("-" if value is None else f"{value:.3f}" for value in values),
        )
    return Group(table, Text("silhouette: 1 singers far apart, 0 mixed, below 0 nearer to another singer"))


def attention_table(look: Look) -> Group:
    """One row per response: its weight in the clip, and for each layer its share and strongest position."""
    columns = [text for layer in look.layers for text in (f"share of {layer.name}", "strongest at")]
    table = Table("response", "weight", *columns, right=range(1, 2 + len(columns)))
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


def _place(spot: Spot) -> str:
    return f"{spot.seconds:.2f} s, {spot.hertz:.0f} Hz"
