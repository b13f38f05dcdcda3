"""Duets of real voices, cut from karaoke songs, and how well their timelines are found.

    python benchmarks/studies/library/karaoke_duets.py SONGS WORK [--kinds vocals separated mixture]

SONGS: karaoke/{vocals,accompaniment}/<singer>/<song>/. The last song of each singer is used for duets, the
others for the libraries. Each singer has a duet with the next two singers in the list, over the accompaniment
of a third singer's last song. Turns last 4 to 10 s and begin and end at pauses of the singer (singing without
a pause is cut after 10 s); they go forward through the song and use each second once. Both voices are equally
loud, and as loud as the accompaniment. The duets are in WORK/duets/{mixture,vocals,accompaniment}. The truth,
who really sings when, is in WORK/duets/duets.rttm: where the stem of each voice sounds. The libraries, also
in WORK, hear true vocals, the vocals separated by Spleeter, or mixtures, and are asked who sings when.
"""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
from songs import entrants
from timelines import HEADER, KINDS, add_options, library_of, lines

from singerid.data.rttm import Turn, rttm_lines
from singerid.data.synthetic.cast import SAMPLE_RATE
from singerid.data.tracks import Track, scan_tree
from singerid.sound.audio import load
from singerid.sound.sounding import Stretch, sounding
from singerid.system.files import atomic_write

SHORTEST, LONGEST = 4.0, 10.0  # seconds of a turn
LONGEST_PAUSE = 1.0  # seconds within a turn
LONGEST_GAP = 0.5  # seconds between two turns
FADE = 0.02  # seconds
LEVEL = 0.05  # RMS of a voice where it sounds, and of the accompaniment: -26 dB of full scale
DUETS_EACH = 2  # of each singer, with the next singers in the list


@dataclass(frozen=True)
class KaraokeDuet:
    """Two voices (N,), each silent while the other has its turn, and their accompaniment."""

    name: str
    voices: dict[str, np.ndarray]
    accompaniment: np.ndarray

    @property
    def vocals(self) -> np.ndarray:
        return np.sum(list(self.voices.values()), axis=0)

    @property
    def mixture(self) -> np.ndarray:
        return self.vocals + self.accompaniment

    def turns(self) -> list[Turn]:
        """Who really sings when."""
        found = [
            Turn(self.name, one.start_s, one.end_s, singer)
            for singer, voice in self.voices.items()
            for one in sounding(voice, SAMPLE_RATE)
        ]
        return sorted(found, key=lambda turn: (turn.start_s, turn.singer))


def last_songs(songs: Path) -> dict[str, Track]:
    """The song of each singer whose path comes last; paths are relative to karaoke/vocals."""
    return {track.singer: track for track in scan_tree(songs / "karaoke" / "vocals")}


def excerpts(stretches: list[Stretch], rng: np.random.Generator) -> Iterator[Stretch]:
    """Turns of 4 to 10 s: whole stretches with their pauses, or the first 10 s of a long one."""
    at = 0
    while at < len(stretches):
        start, wanted = stretches[at].start_s, rng.uniform(SHORTEST, LONGEST)
        end = min(stretches[at].end_s, start + LONGEST)
        at += 1
        for one in stretches[at:]:
            if end - start >= wanted or one.end_s - start > LONGEST or one.start_s - end > LONGEST_PAUSE:
                break
            end, at = one.end_s, at + 1
        if end - start >= SHORTEST:
            yield Stretch(start, end)


def laid_out(name: str, voices: dict[str, np.ndarray], band: np.ndarray, seed: int) -> KaraokeDuet:
    """Place turn after turn, until one voice or the accompaniment ends."""
    rng = np.random.default_rng(seed)
    waiting = {}
    for singer, voice in voices.items():
        stretches = sounding(voice, SAMPLE_RATE)
        sung = np.concatenate([voice[slice(*_samples(one))] for one in stretches])
        voices[singer] = voice * (LEVEL / _rms(sung))
        waiting[singer] = list(excerpts(stretches, rng))
    laid = {singer: np.zeros(len(band), np.float32) for singer in voices}
    begin = finish = 0
    for turn in count():
        singer = list(voices)[turn % len(voices)]
        if not waiting[singer]:
            break
        start, end = _samples(waiting[singer].pop(0))
        if begin + end - start > len(band):
            break
        finish = begin + end - start
        laid[singer][begin:finish] = _faded(voices[singer][start:end])
        begin = finish + round(rng.uniform(0, LONGEST_GAP) * SAMPLE_RATE)
    voices = {singer: voice[:finish] for singer, voice in laid.items()}
    return KaraokeDuet(name, voices, band[:finish] * (LEVEL / _rms(band)))


def duets_of(songs: Path) -> Iterator[KaraokeDuet]:
    """All duets, in the order of the singers."""
    last = last_songs(songs)
    singers = sorted(last)

    def sound(kind: str, singer: str) -> np.ndarray:
        return load(songs / "karaoke" / kind / last[singer].path, SAMPLE_RATE)

    for at, first in enumerate(singers):
        for further in range(1, DUETS_EACH + 1):
            second, third = (singers[(at + by) % len(singers)] for by in (further, further + 1))
            voices = {singer: sound("vocals", singer) for singer in (first, second)}
            seed = at * DUETS_EACH + further
            yield laid_out(f"{first}+{second}", voices, sound("accompaniment", third), seed)


def make_duets(songs: Path, folder: Path) -> list[Turn]:
    """Write the duets and their truth, and return the truth; existing files are made again."""
    truth = []
    for duet in duets_of(songs):
        for kind in ("vocals", "accompaniment", "mixture"):
            with atomic_write(folder / kind / f"{duet.name}.flac") as file:
                soundfile.write(file, getattr(duet, kind), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        truth += duet.turns()
    with atomic_write(folder / "duets.rttm", "w") as file:
        file.writelines(rttm_lines(truth))
    return truth


def _samples(stretch: Stretch) -> tuple[int, int]:
    return round(stretch.start_s * SAMPLE_RATE), round(stretch.end_s * SAMPLE_RATE)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _faded(samples: np.ndarray) -> np.ndarray:
    fade = np.minimum(1, np.arange(len(samples)) / (FADE * SAMPLE_RATE))
    return samples * np.minimum(fade, fade[::-1])


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("songs", type=Path)
    add_options(parser)
    options = parser.parse_args(words)
    warnings.simplefilter("ignore")
    folder = options.work / "duets"
    truth = make_duets(options.songs, folder)
    last = {track.path for track in last_songs(options.songs).values()}
    print(HEADER)
    for name in options.kinds:
        kind = KINDS[name]
        root = options.songs / "karaoke" / kind.tree
        others = [
            entrant for entrant in entrants(root) if entrant.path.relative_to(root).as_posix() not in last
        ]
        library = library_of(name, others, options)
        known = sorted({entrant.singer for entrant in others})
        for row in lines(f"{name}, karaoke", library, folder / kind.tree, truth, known):
            print(row, flush=True)


if __name__ == "__main__":
    main()
