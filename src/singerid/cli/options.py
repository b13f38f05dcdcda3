"""Options that several commands share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from singerid.config import AudioCondition


class RegistryName:
    """The parser of an option whose value is a name in a registry: an unknown one is refused by it.

    It looks at the registry when it is called, so the names that a plugin registered are known.
    """

    __name__ = "NAME"  # Typer shows it where there is no metavar

    def __init__(self, registry: Mapping[str, object]) -> None:
        self._registry = registry

    def __call__(self, name: str) -> str:
        """The name, if the registry knows it; raises UnknownNameError."""
        self._registry[name]
        return name


Json = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; by default all.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "--threads", min=1, help="Processes; by default one a CPU.", metavar="N"),
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
    typer.Option("--weights", help="Folder with Open-Unmix's weights; by default they are downloaded."),
]
