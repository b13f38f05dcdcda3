"""singerid prepare."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import SeparatorWeights, Workers, one_of
from singerid.cli.printing import warn
from singerid.cli.ray_options import GpusPerWorker, Ray, spread_of
from singerid.config import MIN_SECONDS, FeatureConfig, PadMode
from singerid.data.datasets.registry import DATASETS
from singerid.data.splits import PARTS, Split
from singerid.errors import SingeridError
from singerid.sound.melody.trackers import TRACKERS
from singerid.sound.separation.separators import SEPARATORS
from singerid.system.console import conclude
from singerid.system.files import write_json
from singerid.system.streams import say
from singerid.text import printable


def prepare(
    tree: Annotated[
        Path, typer.Argument(metavar="TREE", help="Folder of recordings, laid out SINGER/ALBUM/TRACK.")
    ],
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Folder for the features; made if missing.")],
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="CSV file with the columns path,singer,album instead of TREE's layout; its paths are "
            "relative to TREE."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        one_of(
            DATASETS,
            "TREE is this known data set: report how it differs from the original, and write its own split "
            "into STORE.",
        ),
    ] = None,
    pad_mode: Annotated[
        PadMode,
        typer.Option(
            help="Padding at the ends of a recording: reflect (its mirror image) or constant (zeros)."
        ),
    ] = FeatureConfig.pad_mode,
    min_seconds: Annotated[
        float, typer.Option(min=0.0, help="Leave out recordings shorter than this many seconds.")
    ] = MIN_SECONDS,
    vocals: Annotated[
        str | None,
        one_of(
            SEPARATORS,
            "Also extract the vocals: with a network, with REPET (repet), or from your own stems (stems).",
        ),
    ] = None,
    stems_dir: Annotated[
        Path | None,
        typer.Option(
            help="For --vocals stems: folder with vocals/ and accompaniment/, each laid out like TREE."
        ),
    ] = None,
    weights: SeparatorWeights = None,
    melody: Annotated[
        str | None,
        one_of(TRACKERS, "Also extract the melody (F0) of the mixture and of the vocals, with this tracker."),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Also store this encoder's vectors of the mixture and of the vocals (`singerid encoders` "
            "lists the names). May be given several times.",
        ),
    ] = None,
    waveform: Annotated[
        bool,
        typer.Option(
            "--waveform",
            help="Also store the waveform; needed by the network wavenet and for audits of vectors.",
        ),
    ] = False,
    check_contents: Annotated[
        bool,
        typer.Option(
            "--check-contents", help="Also read files whose size and time of change are the same as before."
        ),
    ] = False,
    workers: Workers = None,
    ray: Ray = None,
    gpus_per_worker: GpusPerWorker = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Where to compute spectrograms, vocals, melody and vectors: cpu (the default), cuda, cuda:N "
            "or auto."
        ),
    ] = None,
) -> None:
    """Extract features from recordings into a store. If run again, it processes new or changed files only."""
    from singerid.preparation.on_ray import Elsewhere
    from singerid.preparation.prepare import find_tracks, prepare
    from singerid.preparation.tools import Tools
    from singerid.store.reader import Store
    from singerid.system.devices import choose_device

    if (stems_dir is not None) != (vocals is not None and SEPARATORS[vocals].stems):
        raise SingeridError("--vocals stems and --stems-dir go together")
    if weights is not None and vocals is None:
        raise SingeridError("--weights are the weights of a separator; choose one with --vocals")
    found = find_tracks(tree, manifest, dataset)
    spread = spread_of(ray, workers, gpus_per_worker, None, device or "auto")
    where = choose_device((device or "cpu") if spread is None else "cpu")
    tools = Tools(found.root, vocals, stems_dir, weights, melody, tuple(dict.fromkeys(encoder or []))).whole()
    opened = tools.open(where)
    if opened.separator is not None and opened.separator.notice:
        warn(opened.separator.notice)
    report = prepare(
        found.tracks,
        found.root,
        store,
        FeatureConfig(pad_mode=pad_mode),
        workers=workers,
        device=where,
        separator=opened.separator,
        trackers=opened.trackers,
        encoders=opened.encoders,
        waveform=waveform,
        min_seconds=min_seconds,
        check_contents=check_contents,
        unlisted=found.failures,
        show_progress=True,
        elsewhere=None if spread is None else Elsewhere(spread, tools, "cpu" if not spread.gpus else "auto"),
    )
    made = Store.open(store)
    counts = f"{report.done} new, {report.unchanged} unchanged, {report.removed} removed"
    if report.failures:
        counts += f", {len(report.failures):,} left out"
    say(f"{printable(store)}: {made.summary} ({counts})")
    if found.split is not None:
        _write_split(store / "split.json", found.split.within({track.path for track in made.tracks}))
    warnings = [*found.deviations, *report.warnings]
    raise typer.Exit(conclude(len(made.tracks), report.failures, warnings))


def _write_split(file: Path, split: Split) -> None:
    """Write the data set's own split, limited to the tracks in the store, and tell how to use it."""
    parts = {part: len(getattr(split, part)) for part in PARTS}
    if not all(parts.values()):
        warn(f"{printable(file)}: is not written, as the store lacks a whole part of the data set's split")
        return
    write_json(file, split.to_json())
    counts = ", ".join(f"{part} {count:,}" for part, count in parts.items())
    say(f"{printable(file)}: the data set's own split ({counts}), for `train --split-file`")
