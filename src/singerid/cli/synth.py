"""singerid synth."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Workers
from singerid.config import CorpusConfig, DuetConfig
from singerid.errors import SingeridError
from singerid.system.streams import say
from singerid.text import counted, printable


def synth(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the corpus; made if missing.")],
    singers: Annotated[
        int, typer.Option(help="Number of singers; every fourth has a twin with a similar voice.")
    ] = CorpusConfig.singers,
    albums: Annotated[int, typer.Option(help="Number of albums per singer.")] = CorpusConfig.albums,
    songs: Annotated[int, typer.Option(help="Number of songs per album.")] = CorpusConfig.songs,
    seconds: Annotated[
        float, typer.Option(help="Approximate length of a song in seconds.")
    ] = CorpusConfig.seconds,
    seed: Annotated[
        int, typer.Option(help="Random seed; another seed makes other singers and songs.")
    ] = CorpusConfig.seed,
    duets: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Also make this many songs of two singers in DIR/duets, with RTTM files that say who sings "
            "when.",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="With --duets: share of the sung time in which both sing; by default "
            f"{DuetConfig.overlap:g}; 0: they only take turns.",
        ),
    ] = None,
    workers: Workers = None,
) -> None:
    """Make a corpus of synthetic singers and bands, with stems and F0. If run again, it goes on."""
    from singerid.data.synthetic.corpus import write_corpus
    from singerid.data.synthetic.duet_files import duets_folder, write_duets
    from singerid.data.synthetic.duets import draw_duets

    config = CorpusConfig(singers, albums, songs, seconds, seed)
    if duets is None and overlap is not None:
        raise SingeridError(f"--overlap {overlap:g} is for duets only; give their number with --duets")
    pairs = None
    if duets is not None:
        pairs = DuetConfig(duets, DuetConfig.overlap if overlap is None else overlap)
        draw_duets(config, pairs)  # raises an error for impossible settings before anything is written
    made = write_corpus(folder, config, workers, show_progress=True)
    made_of = f"{counted(singers * albums * songs, 'song')} of {counted(singers, 'singer')}"
    say(f"{printable(folder)}: {made_of} ({made:,} new)")
    if pairs is not None:
        beside = duets_folder(folder, pairs.overlap)
        made = write_duets(beside, config, pairs, workers, show_progress=True)
        say(f"{printable(beside)}: {counted(pairs.duets, 'duet')} ({made:,} new)")
