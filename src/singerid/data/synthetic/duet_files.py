"""Duets on disk, beside their corpus: DIR/duets/overlap-34/{mixture,vocals,accompaniment}/duet-01.flac.

Each singer's voice alone is in DIR/duets/overlap-34/voices/duet-01/SINGER.flac; the ground truth, who sings
when, is in DIR/duets/overlap-34/duets.rttm.
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
    """Folder of a corpus's duets with this share of overlap; each share has a folder of its own.

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
    """Render duets by the singers of a corpus into `folder`; duets that are there already are kept.

    The files are the same whatever the number of workers. `folder/duets.rttm` is the ground truth: each
    singer has a turn where that singer's stem sounds, by the rule of `sounding`.

    Args:
        folder: made when missing; it must be empty or hold these same duets. See `duets_folder`.
        corpus: the corpus whose singers sing; its `seconds` are the length of a duet.
        config: number of duets and their share of overlap.
        workers: processes; by default one for each usable core.
        show_progress: draw a bar on a terminal.

    Returns:
        Number of duets that this call rendered.

    Raises:
        SingeridError: no duets can be made with these settings; `folder` holds something else or cannot be
            written.
    """
    duets = draw_duets(corpus, config)
    # Only what a duet depends on, so that a larger corpus with the same cast has the same duets.
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
    """Write the voices, the stems and, last, the mixture: if that exists, the duet is complete."""
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
