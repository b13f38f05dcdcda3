"""Commands about the program itself: models, doctor."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from singerid.cli.shared import Json, print_json, print_rich
from singerid.errors import ExitCode

if TYPE_CHECKING:
    from rich.table import Table


def models(
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="List networks that others trained, ready for `identify`.")
    ] = False,
    json_output: Json = False,
) -> None:
    """List the networks: parameters as the paper counts them (20 singers), and the tables they are in."""
    from singerid.models import describe_models
    from singerid.pretrained import describe_pretrained

    rows = describe_pretrained() if pretrained else describe_models()
    if json_output:
        print_json(rows)
    else:
        print_rich(_pretrained_table(rows) if pretrained else _models_table(rows))


def _pretrained_table(rows: list[dict[str, Any]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "what it is", "singers", "licence", "source", "fetched")
    for row in rows:
        cells = (row["name"], row["description"], str(len(row["singers"])), row["licence"], row["source"])
        table.add_row(*map(Text, cells), "yes" if row["cached"] else "no")
    return table


def _models_table(rows: list[dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("model", "parameters", "trainable", "tables", "what it is")
    for column in table.columns[1:3]:
        column.justify = "right"
    for row in rows:
        counts = (f"{row[key]:,}" for key in ("parameters", "trainable_parameters"))
        table.add_row(row["name"], *counts, " ".join(map(str, row["tables"])), row["description"])
    return table


def doctor(
    store: Annotated[
        Path | None, typer.Argument(metavar="STORE", help="Check this store in place of the machine.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Check this machine (versions, devices, sound formats, extras), or whether a store is whole."""
    from singerid import doctor as check

    if store is None:
        findings = check.check_machine()
        whole = all(finding.state != "broken" for finding in findings)
        value: object = [asdict(finding) for finding in findings]
        table = check.machine_table(findings)
    else:
        report = check.check_store(store, show_progress=True)
        whole, value, table = not report.problems, report.to_json(), check.store_table(report)
    print_json(value) if json_output else print_rich(table)
    raise typer.Exit(ExitCode.DONE if whole else ExitCode.SOME_FAILED)
