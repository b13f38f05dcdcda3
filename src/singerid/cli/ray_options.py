"""Options of commands that can hand their work to a Ray cluster."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from singerid.cli.folding import FoldingCommand
from singerid.cli.supervised import is_supervised, supervise
from singerid.errors import SingeridError
from singerid.system.ray_cluster import LOCAL, Spread

if TYPE_CHECKING:
    from singerid.library.on_ray import Elsewhere

_ADDRESS = re.compile(r"(ray://)?[\w.-]+:\d+")

Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="Hand the work to a Ray cluster: local (the default), auto, HOST:PORT. See docs/scale.md.",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(min=0.0, metavar="N", help="With --ray: GPUs of each worker; .5: two share one."),
]
RayWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, metavar="N", help="With --ray: most workers; by default all there is room for."
    ),
]
Parquet = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="With --ray: where what is heard is kept, and found again: a folder, or s3://BUCKET/FOLDER.",
    ),
]


class RayCommand(FoldingCommand):
    """A command with --ray, which may stand without an address: Typer's options cannot."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a --ray that no address follows the one of this machine."""
        given: list[str] = []
        for position, argument in enumerate(args):
            given.append(argument)
            if argument == "--ray" and not _is_address("".join(args[position + 1 : position + 2])):
                given.append(LOCAL)
        return super().parse_args(ctx, given)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; with --ray in a process of its own."""
        if ctx.params.get("ray") is not None and find_spec("ray") is not None and not is_supervised():
            raise typer.Exit(supervise())
        return super().invoke(ctx)


def _is_address(text: str) -> bool:
    """Whether what follows --ray is an address, and not already what the command is about."""
    return text in (LOCAL, "auto") or bool(_ADDRESS.fullmatch(text) and not Path(text).exists())


def spread_of(
    ray: str | None, workers: int | None, gpus: float | None, threads: int | None, device: str
) -> Spread | None:
    """How work is spread; None: it is not.

    Raises:
        SingeridError: options do not go together.
    """
    if ray is None:
        if gpus is not None:
            raise SingeridError("--gpus-per-worker is of a cluster's workers; add --ray, or leave it out")
        return None
    if gpus and device == "cpu":
        raise SingeridError("--gpus-per-worker and --device cpu: choose one")
    if device.startswith("cuda") and not gpus:
        raise SingeridError(
            "--device cuda with --ray: say how much of a GPU a worker has: --gpus-per-worker 1"
        )
    return Spread(ray, workers, threads or 1, gpus or 0.0)


def elsewhere_of(
    ray: str | None,
    parquet: str | None,
    workers: int | None,
    gpus: float | None,
    threads: int | None,
    device: str,
    weights: Path | None,
) -> "Elsewhere | None":
    """Where recordings are heard, and where that is kept; None: here.

    Raises:
        SingeridError: options do not go together.
    """
    from singerid.library.on_ray import Elsewhere

    spread = spread_of(ray, workers, gpus, threads, device)
    if spread is None:
        for value, option in ((parquet, "--parquet"), (workers, "--workers")):
            if value is not None:
                raise SingeridError(f"{option} goes with --ray; add that, or leave it out")
        return None
    if parquet is None:
        raise SingeridError(
            "--ray: say where what is heard is kept: --parquet FOLDER, which all machines see, or s3://BUCKET/FOLDER"
        )
    return Elsewhere(spread, parquet, device, None if weights is None else weights.absolute())
