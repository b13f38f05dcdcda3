"""singerid synth."""

from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Workers
from singerid.config import CorpusConfig
from singerid.system.streams import say
from singerid.text import counted, printable


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
    from singerid.data.synthetic.corpus import write_corpus

    config = CorpusConfig(singers, albums, songs, seconds, seed)
    made = write_corpus(folder, config, workers, show_progress=True)
    made_of = f"{counted(singers * albums * songs, 'song')} of {counted(singers, 'singer')}"
    say(f"{printable(folder)}: {made_of} ({made:,} new)")
