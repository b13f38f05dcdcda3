"""singerid models."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from singerid.cli.options import Json
from singerid.cli.printing import print_json
from singerid.system.console import print_rich

if TYPE_CHECKING:
    from singerid.system.tables import Table


def models(
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="List pretrained networks, ready for `singerid identify`.")
    ] = False,
    json_output: Json = False,
) -> None:
    """List the networks to train, with their parameters (for 20 singers, as in the paper) and tables."""
    from singerid.models.pretrained import describe_pretrained
    from singerid.models.registry import describe_models

    rows = describe_pretrained() if pretrained else describe_models()
    if json_output:
        print_json(rows)
    else:
        print_rich(_pretrained_table(rows) if pretrained else _models_table(rows))


def _pretrained_table(rows: list[dict[str, Any]]) -> "Table":
    from singerid.system.tables import Table

    table = Table("name", "what it is", "singers", "licence", "source", "downloaded")
    for row in rows:
        cells = (row["name"], row["description"], str(len(row["singers"])), row["licence"], row["source"])
        table.add_row(*cells, "yes" if row["cached"] else "no")
    return table


def _models_table(rows: list[dict[str, Any]]) -> "Table":
    from singerid.system.tables import Table

    table = Table("model", "parameters", "trainable", "tables", "what it is", right=(1, 2))
    for row in rows:
        counts = (f"{row[key]:,}" for key in ("parameters", "trainable_parameters"))
        table.add_row(row["name"], *counts, " ".join(map(str, row["tables"])), row["description"])
    return table
