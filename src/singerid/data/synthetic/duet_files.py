"""Duets on disk, beside their corpus: DIR/duets/overlap-34/{mixture,vocals,accompaniment}/duet-01.flac.

Each singer's own voice is DIR/duets/overlap-34/voices/duet-01/SINGER.flac, and who really sings when is
DIR/duets/overlap-34/duets.rttm.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from singerid.config import CorpusConfig, DuetConfig
from singerid.data.rttm import Turn, rttm_lines
from singerid.data.synthetic.cast import SAMPLE_RATE
from singerid.data.synthetic.corpus import CONDITIONS, claim, settings_of, write_all, write_flac
from singerid.data.synthetic.duets import Duet, draw_duets, render_duet
from singerid.sound.audio import load
from singerid.sound.sounding import sounding
from singerid.system.files import atomic_write

DESCRIPTION = "duets.json"
TRUTH = "duets.rttm"


def duets_folder(corpus: Path, overlap: float) -> Path:
    """Where a corpus's duets of this share of overlap lie, so that several shares have room.

    >>> duets_folder(Path("corpus"), 0.34).as_posix()
    'corpus/duets/overlap-34'
    """
    return corpus / "duets" / f"overlap-{100 * overlap:g}"


def write_duets(
    folder: Path,
    corpus: CorpusConfig,
    config: DuetConfig,
    workers: int | None = None,
    *,
    show_progress: bool = False,
) -> int:
    """Render duets by the singers of a corpus into `folder`, or what is missing of them.

    The files are the same whatever the number of workers. `folder/duets.rttm` is true: each singer has a turn
    where that singer's stem sounds, by the rule of `sounding`.

    Args:
        folder: made when missing; it must be empty or hold these very duets. See `duets_folder`.
        corpus: whose singers; its seconds are how long a duet is.
        config: how many duets, and which.
        workers: processes; by default one for each usable core.
        show_progress: draw a bar on a terminal.

    Returns:
        How many duets were rendered now.

    Raises:
        SingeridError: no duets can be made of these settings; `folder` holds something else or cannot be
            written.
    """
    duets = draw_duets(corpus, config)
    # Of the corpus what a duet depends on, so that a larger one of the same cast has the same duets.
    settings = settings_of(corpus) | asdict(config)
    del settings["albums"], settings["songs"]
    claim(folder / DESCRIPTION, "set of duets", settings, {"duets": [duet.describe() for duet in duets]})
    missing = [duet for duet in duets if not _file(folder, "mixture", duet).exists()]
    write_all(folder, partial(_write_duet, folder), missing, workers, show_progress=show_progress)
    if not (folder / TRUTH).exists():
        with atomic_write(folder / TRUTH, "w") as file:
            for duet in duets:
                file.writelines(rttm_lines(_true_turns(folder, duet)))
    return len(missing)


def _file(folder: Path, kind: str, duet: Duet) -> Path:
    return folder / kind / f"{duet.path}.flac"


def _voice_file(folder: Path, duet: Duet, singer: str) -> Path:
    return folder / "voices" / duet.path / f"{singer}.flac"


def _write_duet(folder: Path, duet: Duet) -> None:
    """Write the voices and stems, and the mixture last: where that exists the duet is whole."""
    stems = render_duet(duet)
    for singer, voice in zip(duet.singers, stems.voices, strict=True):
        write_flac(_voice_file(folder, duet, singer.name), voice)
    for condition in CONDITIONS:
        write_flac(_file(folder, condition, duet), getattr(stems, condition))


def _true_turns(folder: Path, duet: Duet) -> Iterator[Turn]:
    turns = []
    for singer in duet.singers:
        voice = load(_voice_file(folder, duet, singer.name), SAMPLE_RATE)
        turns += [
            Turn(duet.name, one.start_s, one.end_s, singer.name) for one in sounding(voice, SAMPLE_RATE)
        ]
    yield from sorted(turns, key=lambda turn: (turn.start_s, turn.singer))
