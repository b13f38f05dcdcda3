"""Commands that make data: synth, prepare."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from singerid.cli.shared import SeparatorWeights, Workers, warn
from singerid.config import CorpusConfig, FeatureConfig, PadMode, SeparatorName, TrackerName
from singerid.console import conclude
from singerid.errors import SingeridError, printable
from singerid.extract import MIN_SECONDS


def synth(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the corpus; made when missing.")],
    singers: Annotated[int, typer.Option(help="Every fourth has a near twin.")] = CorpusConfig.singers,
    albums: Annotated[int, typer.Option(help="Of each singer.")] = CorpusConfig.albums,
    songs: Annotated[int, typer.Option(help="On each album.")] = CorpusConfig.songs,
    seconds: Annotated[float, typer.Option(help="Length of a song, about.")] = CorpusConfig.seconds,
    seed: Annotated[int, typer.Option(help="Another seed, another cast.")] = CorpusConfig.seed,
    workers: Workers = None,
) -> None:
    """Make a corpus of synthetic singers and bands, with stems and F0. Run again, it goes on."""
    from singerid.data.synthetic import write_corpus

    config = CorpusConfig(singers, albums, songs, seconds, seed)
    made = write_corpus(folder, config, workers, show_progress=True)
    print(f"{printable(folder)}: {singers * albums * songs} songs of {singers} singers ({made} new)")


def prepare(
    tree: Annotated[
        Path, typer.Argument(metavar="TREE", help="Folder of recordings, laid out SINGER/ALBUM/TRACK.")
    ],
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="Folder for the features; made when missing.")
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="CSV file path,singer,album; its paths are relative to TREE.")
    ] = None,
    dataset: Annotated[
        Literal["artist20"] | None, typer.Option(help="A known data set: tell how TREE deviates from it.")
    ] = None,
    pad_mode: Annotated[
        PadMode, typer.Option(help="Beyond the ends of a recording: its mirror image, or zeros.")
    ] = FeatureConfig.pad_mode,
    min_seconds: Annotated[
        float, typer.Option(min=0.0, help="Leave out what is shorter than a clip of this length.")
    ] = MIN_SECONDS,
    vocals: Annotated[
        SeparatorName | None,
        typer.Option(help="Also take the vocals out: by a network, by repetition, or from true stems."),
    ] = None,
    stems_dir: Annotated[
        Path | None,
        typer.Option(
            help="For --vocals stems: folder with vocals/ and accompaniment/, each laid out as TREE."
        ),
    ] = None,
    weights: SeparatorWeights = None,
    melody: Annotated[
        TrackerName | None,
        typer.Option(help="Also follow the melody, of the mixture and of the vocals."),
    ] = None,
    waveform: Annotated[
        bool, typer.Option("--waveform", help="Also keep the waveform, for networks that read it (wavenet).")
    ] = False,
    check_contents: Annotated[
        bool, typer.Option("--check-contents", help="Read also what has the size and time it had.")
    ] = False,
    workers: Workers = None,
    device: Annotated[str, typer.Option(help="Where spectrograms, vocals and melody are made.")] = "cpu",
) -> None:
    """Extract features from recordings into a store. Run again, it does what is new or changed."""
    from singerid.devices import choose_device
    from singerid.extract.prepare import find_tracks, prepare
    from singerid.extract.store import Store

    if (stems_dir is not None) != (vocals == "stems"):
        raise SingeridError("--vocals stems and --stems-dir go together")
    if weights is not None and vocals is None:
        raise SingeridError("--weights are those of a separator; choose one with --vocals")
    found = find_tracks(tree, manifest, dataset)
    where = choose_device(device)
    separator = None
    if vocals is not None:
        from singerid.extract.vocals import open_separator

        separator = open_separator(vocals, tree=found.root, stems=stems_dir, weights=weights, device=where)
        if separator.notice:
            warn(separator.notice)
    trackers = []
    if melody:
        from singerid.extract.melody import open_tracker

        trackers = [open_tracker(melody, where)]
    report = prepare(
        found.tracks,
        found.root,
        store,
        FeatureConfig(pad_mode=pad_mode),
        workers=workers,
        device=where,
        separator=separator,
        trackers=trackers,
        waveform=waveform,
        min_seconds=min_seconds,
        check_contents=check_contents,
        unlisted=found.failures,
        show_progress=True,
    )
    made = Store.open(store)
    counts = f"{report.done} new, {report.unchanged} unchanged, {report.removed} removed"
    print(f"{printable(store)}: {made.summary} ({counts})")
    warnings = [*found.deviations, *report.warnings]
    raise typer.Exit(conclude(len(made.tracks), report.failures, warnings))
