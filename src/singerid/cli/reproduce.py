"""singerid reproduce."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from singerid.cli.options import Device, Threads
from singerid.cli.printing import print_kept
from singerid.cli.ray_options import Ray
from singerid.config import ALL_TABLES, SMOKE, AudioCondition, AugmentMode, Protocol, ReproduceConfig
from singerid.errors import SingeridError
from singerid.system.console import conclude
from singerid.text import printable

_DEFAULT = ReproduceConfig()
_AUDIO: dict[str, tuple[AudioCondition, ...]] = {
    "mixture": ("mixture",),
    "vocals": ("vocals",),
    "both": ("mixture", "vocals"),
}

Number = TypeVar("Number", int, float)


def reproduce(
    store: Annotated[
        Path | None,
        typer.Argument(metavar="STORE", help="Store made by `singerid prepare`; with --smoke leave it out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="Folder for runs and tables; made if missing.")
    ] = None,
    table: Annotated[
        str,
        typer.Option(
            help="Numbers of tables, separated by commas. 1-3 are in the paper, 4-6 in its repository, 7 and "
            "8 are ours. all: 1 to 7, because 8 needs vectors and waveforms in STORE."
        ),
    ] = "all",
    audio: Annotated[
        Literal["mixture", "vocals", "both"],
        typer.Option(help="Train on the mixture, on the vocals, or on each of them in turn (both)."),
    ] = "both",
    clip_seconds: Annotated[
        str | None,
        typer.Option(
            help="Clip lengths in seconds, separated by commas; by default 3,5,10, as in the paper."
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="Random seeds, separated by commas; by default 0,21,42, as in the paper."),
    ] = None,
    protocol: Annotated[
        Protocol,
        typer.Option(help="Train and score as the paper says, or as its authors' program does."),
    ] = _DEFAULT.protocol,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Epochs of training; by default 300, as in the paper. A larger number continues the "
            "runs in OUT.",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Number of clips per training step.")
    ] = _DEFAULT.training.batch_size,
    learning_rate: Annotated[
        float, typer.Option(min=1e-12, help="Learning rate of Adam.")
    ] = _DEFAULT.training.learning_rate,
    width: Annotated[
        float | None,
        typer.Option(help="Factor for the number of channels of the networks; 1 is the paper's size."),
    ] = None,
    augment: Annotated[
        AugmentMode, typer.Option(help="Augmentation of training clips, against the album effect.")
    ] = (_DEFAULT.training.augment),
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke", help="Only check that everything runs: on a tiny synthetic corpus, in minutes."
        ),
    ] = False,
    ray: Ray = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Reproduce the paper's tables, and compare them with the published values.

    After an interruption, run the same command again to go on.
    """
    start = SMOKE if smoke else _DEFAULT
    config = ReproduceConfig(
        tables=_tables(table),
        audio=_AUDIO[audio],
        clip_seconds=_numbers("--clip-seconds", clip_seconds, start.clip_seconds, float, 0.1),
        seeds=_numbers("--seeds", seeds, start.seeds, int, 0),
        protocol=protocol,
        width=start.width if width is None else width,
        training=replace(
            start.training,
            epochs=epochs or start.training.epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            augment=augment,
        ),
    )
    store, out = _places(store, out, smoke)
    from singerid.reproduce.rendering import terminal_tables
    from singerid.reproduce.run import reproduce
    from singerid.reproduce.smoke import make_smoke_store

    made = reproduce(
        store or make_smoke_store(out, config, show_progress=True),
        out,
        config,
        device=device,
        threads=threads,
        ray=ray,
        plumbing=smoke,
        show_progress=True,
    )
    pages = f"{printable(made.page)}: open it in a browser; the same tables are beside it as .md and .csv"
    print_kept(terminal_tables(made.report), False, pages)
    raise typer.Exit(conclude(len(made.results), made.report.failures))


def _places(store: Path | None, out: Path | None, smoke: bool) -> tuple[Path | None, Path]:
    """The folders STORE (None with --smoke) and OUT."""
    if smoke and store is not None and out is None:
        return None, store
    if smoke or store is None or out is None:
        usage = (
            "--smoke makes its own store: give OUT alone" if smoke else "give STORE and OUT, or OUT --smoke"
        )
        raise SingeridError(f"singerid reproduce: {usage}")
    return store, out


def _tables(text: str) -> tuple[int, ...]:
    if text == "all":
        return _DEFAULT.tables
    chosen = _parsed("--table", text, int)
    if not set(chosen) <= set(ALL_TABLES):
        raise SingeridError(f"--table {text}: choose from {', '.join(map(str, ALL_TABLES))}, or all")
    return tuple(sorted(chosen))


def _numbers(
    option: str, text: str | None, default: tuple[Number, ...], kind: Callable[[str], Number], least: Number
) -> tuple[Number, ...]:
    """The numbers of an option, or its default; raises SingeridError if one is less than `least`."""
    if text is None:
        return default
    numbers = _parsed(option, text, kind)
    if not all(math.isfinite(number) and number >= least for number in numbers):
        raise SingeridError(f"{option} {text!r}: the numbers must be at least {least:g}")
    return numbers


def _parsed(option: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """Numbers separated by commas, without duplicates."""
    try:
        return tuple(dict.fromkeys(kind(part) for part in text.split(",")))
    except ValueError as error:
        raise SingeridError(f"{option} {text!r}: separate numbers by commas, for example 3,5,10") from error
