"""Options of the commands that can run on a Ray cluster."""

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
        help="Run on a Ray cluster: local (a new one on this machine; the default), auto (one that runs here "
        "already), or HOST:PORT. See docs/scale.md.",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(
        min=0.0, metavar="N", help="With --ray: number of GPUs per worker; with .5 two workers share a GPU."
    ),
]
RayWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="With --ray: largest number of workers; by default as many as the cluster has room for.",
    ),
]
Parquet = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="With --ray: where the results are kept as Parquet files, and reused: a folder that all "
        "machines see, or s3://BUCKET/FOLDER.",
    ),
]


class RayCommand(FoldingCommand):
    """A command whose option --ray may be given without an address, which Typer does not support."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the address "local" after a --ray that is not followed by an address."""
        given: list[str] = []
        for position, argument in enumerate(args):
            given.append(argument)
            if argument == "--ray" and not _is_address("".join(args[position + 1 : position + 2])):
                given.append(LOCAL)
        return super().parse_args(ctx, given)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; with --ray, run it in a separate process."""
        if ctx.params.get("ray") is not None and find_spec("ray") is not None and not is_supervised():
            raise typer.Exit(supervise())
        return super().invoke(ctx)


def _is_address(text: str) -> bool:
    """Whether the word after --ray is an address, not an argument of the command."""
    return text in (LOCAL, "auto") or bool(_ADDRESS.fullmatch(text) and not Path(text).exists())


def spread_of(
    ray: str | None, workers: int | None, gpus: float | None, threads: int | None, device: str
) -> Spread | None:
    """How the work is spread over a cluster; None without --ray.

    Raises:
        SingeridError: the options contradict each other.
    """
    if ray is None:
        if gpus is not None:
            raise SingeridError("--gpus-per-worker works with --ray only; add --ray, or leave it out")
        return None
    if gpus and device == "cpu":
        raise SingeridError("--gpus-per-worker and --device cpu: choose one")
    if device.startswith("cuda") and not gpus:
        raise SingeridError(
            "--device cuda with --ray: give the number of GPUs per worker, for example --gpus-per-worker 1"
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
    """The cluster that processes the recordings, and where its results are kept; None without --ray.

    Raises:
        SingeridError: the options contradict each other.
    """
    from singerid.library.on_ray import Elsewhere

    spread = spread_of(ray, workers, gpus, threads, device)
    if spread is None:
        for value, option in ((parquet, "--parquet"), (workers, "--workers")):
            if value is not None:
                raise SingeridError(f"{option} works with --ray only; add --ray, or leave it out")
        return None
    if parquet is None:
        raise SingeridError(
            "--ray needs a place for its results: --parquet FOLDER, which all machines see, or "
            "--parquet s3://BUCKET/FOLDER"
        )
    return Elsewhere(spread, parquet, device, None if weights is None else weights.absolute())
