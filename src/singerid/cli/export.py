"""singerid export."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.errors import SingeridError
from singerid.system.streams import say
from singerid.text import printable, shell_word, size_text


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder of a run; for ONNX also hf:ORG/NAME, a run on a model hub."
        ),
    ],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.onnx", help="File to write; an existing file is replaced.")
    ] = None,
    hub: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Instead of FILE.onnx, write a folder to upload to a model hub: card, weights (safetensors) "
            "and configuration. `identify` takes the folder as a run, and hf:ORG/NAME after the upload.",
        ),
    ] = None,
    licence: Annotated[
        str,
        typer.Option(
            "--license",
            "--licence",
            metavar="NAME",
            help="With --hub: licence of the weights, by the hub's name for it, such as cc-by-4.0; by "
            "default none is stated.",
        ),
    ] = "",
) -> None:
    """Write a run's network for others: as one ONNX file, from sound to singers, or for a model hub."""
    if (file is None) == (hub is None):
        raise SingeridError(
            "name either the file to write, FILE.onnx, or a folder for a model hub, --hub FOLDER"
        )
    if file is not None:
        if licence:
            raise SingeridError("--license goes with --hub; leave it out")
        _export_onnx(run, file)
    elif hub is not None:
        _export_hub(run, hub, licence)


def _export_onnx(run: Path, file: Path) -> None:
    from singerid.export import export

    exported = export(run, file)
    say(
        f"{printable(file)}: {size_text(exported.size)}; ONNX Runtime and torch differ by "
        f"{exported.difference:.0e} at most"
    )


def _export_hub(run: Path, folder: Path, licence: str) -> None:
    from singerid.export_hub import export_hub

    written = export_hub(run, folder, licence)
    size = size_text(written.size)
    say(f"{printable(folder)}: {size}; to upload: hf upload ORG/NAME {shell_word(folder)}")
