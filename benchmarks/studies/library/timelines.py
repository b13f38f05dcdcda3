"""How well a library's timelines tell who sings when, on the synthetic corpus and its duets.

    singerid synth CORPUS --seed 11 --duets 40 --overlap 0
    singerid synth CORPUS --seed 11 --duets 40
    python benchmarks/studies/library/timelines.py CORPUS WORK [--kinds vocals separated mixture]

All singers but the last two are enrolled with their solo songs, except for the songs of their last albums:
these test whether a second singer is reported by mistake. The library hears true vocals, vocals separated
from the mixtures by Spleeter, or mixtures, and is asked who sings when in the duets of the same sound. Duets
of two enrolled singers and duets with one or two strangers are scored apart. The library is calibrated only
with --calibrated. Libraries are made in WORK and kept, so a second run enrolls nothing again.
"""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from songs import entrants

from singerid.config import AudioCondition
from singerid.data.rttm import Turn, read_rttm
from singerid.data.synthetic.duet_files import TRUTH
from singerid.data.tracks import scan_tree, singers_of
from singerid.errors import Failure
from singerid.evaluation.diarization import COLLAR, changes_in_time, diarization_errors
from singerid.identifier import Identifier, identify_files
from singerid.identify.result import Result
from singerid.library.enroll import Entrant
from singerid.library.library import Library

STRANGERS = 2  # singers
HEADER = (
    "| sound, duets | n | singing | DER by name | missed | false alarm | confusion | collar ±0.25 s "
    "| DER by voice, collar ±0.25 s "
    "| starts and ends found within 0.5 s, told that are true | changes of singers likewise "
    "|\n|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Kind:
    """What a library hears: which stem of the files, and in which audio condition."""

    tree: str
    audio: AudioCondition = "mixture"
    separator: str | None = None


KINDS = {
    "vocals": Kind("vocals"),
    "separated": Kind("mixture", "vocals", "spleeter"),
    "mixture": Kind("mixture"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that both programs have."""
    parser.add_argument("work", type=Path)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--encoder", help="by default the encoder of a new library")
    parser.add_argument("--calibrated", action="store_true", help="calibrate the libraries on themselves")


def library_of(name: str, known: Sequence[Entrant], options: argparse.Namespace) -> Path:
    """A library in WORK that hears this kind of sound and has these recordings enrolled."""
    kind = KINDS[name]
    folder: Path = options.work / (f"{name}-calibrated" if options.calibrated else name)
    with Library.open(folder, create=True) as library:
        report = library.enroll_all(
            known, audio=kind.audio, separator=kind.separator, encoder=options.encoder
        )
        for failure in report.failures:
            print("  not used:", failure)
        if options.calibrated:
            library.calibrate()
    return folder


def answers(library: Path, files: Sequence[Path]) -> Iterator[Result]:
    for outcome in identify_files(Identifier.load(library), files):
        if isinstance(outcome, Failure):
            raise SystemExit(f"not measured: {outcome}")
        yield outcome


def turns_of(result: Result) -> Iterator[Turn]:
    """A timeline as turns, with the file's name as the recording; strangers are named by their numbers."""
    for span in result.timeline:
        for name in (*span.singers, *(f"unknown {number}" for number in span.unknown)):
            yield Turn(Path(result.path).stem, span.start_s, span.end_s, name)


def in_time(truth: Sequence[Turn], found: Sequence[Turn], pauses: bool) -> str:
    """The share of true changes that are found, and the share of reported changes that are true."""
    both = (changes_in_time(*pair, pauses=pauses) for pair in ((truth, found), (found, truth)))
    return ", ".join(f"{one.share:.1%}" if one.total else "none" for one in both)


def line(name: str, truth: Sequence[Turn], found: Sequence[Turn], known: Sequence[str]) -> str:
    """A row of the table."""
    exact = diarization_errors(truth, found, known)
    lenient = diarization_errors(truth, found, known, COLLAR)
    # Whether voices are told apart, whatever their names: each name stands for the singer it fits best.
    by_voice = (diarization_errors(truth, found, (), collar).rate for collar in (0.0, COLLAR))
    total = exact.total_s or 1.0
    cells = (
        *(name, f"{len({turn.recording for turn in truth})}", f"{exact.total_s:.0f} s", f"{exact.rate:.1%}"),
        *(f"{part / total:.1%}" for part in (exact.missed_s, exact.false_alarm_s, exact.confusion_s)),
        *(f"{lenient.rate:.1%}", ", ".join(f"{rate:.1%}" for rate in by_voice)),
        *(in_time(truth, found, pauses=pauses) for pauses in (True, False)),
    )
    return f"| {' | '.join(cells)} |"


def lines(name: str, library: Path, sounds: Path, truth: Sequence[Turn], known: Sequence[str]) -> list[str]:
    """Rows for a folder of duets: those whose singers are all known, and the others, if there are any."""
    recordings = sorted({turn.recording for turn in truth})
    files = [sounds / f"{recording}.flac" for recording in recordings]
    found = [turn for result in answers(library, files) for turn in turns_of(result)]
    foreign = {turn.recording for turn in truth if turn.singer not in known}
    rows = []
    for which, chosen in (("", set(recordings) - foreign), (", with strangers", foreign)):
        if chosen:
            own = [[turn for turn in turns if turn.recording in chosen] for turns in (truth, found)]
            rows.append(line(f"{name}{which}", *own, known))
    return rows


def names_in(result: Result) -> set[str]:
    """Singers of the library who are reported, for the whole song or for a moment."""
    return {one.singer for one in result.singers} | {
        name for span in result.timeline for name in span.singers
    }


def solo_line(name: str, results: Sequence[Result]) -> str:
    several = sum(len(names_in(result)) > 1 for result in results)
    share = several / len(results)
    return f"{name}: a second known singer in {several} of {len(results)} solo songs ({share:.1%})"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path)
    add_options(parser)
    parser.add_argument("--solo-albums", type=int, default=2, help="albums of each singer left out")
    options = parser.parse_args(words)
    warnings.simplefilter("ignore")
    known = singers_of(scan_tree(options.corpus / "mixture"))[:-STRANGERS]
    solos = []
    print(HEADER)
    for name in options.kinds:
        kind = KINDS[name]
        own = list(entrants(options.corpus / kind.tree, only=tuple(known)))
        albums = sorted({entrant.album for entrant in own})
        kept = albums[: -options.solo_albums]
        enrolled = [entrant for entrant in own if entrant.album in kept]
        library = library_of(name, enrolled, options)
        for folder in sorted((options.corpus / "duets").iterdir()):
            truth = read_rttm(folder / TRUTH)
            for row in lines(f"{name}, {folder.name}", library, folder / kind.tree, truth, known):
                print(row, flush=True)
        others = [entrant.path for entrant in own if entrant.album not in kept]
        solos.append(solo_line(name, list(answers(library, others))))
    print("\n".join(solos))


if __name__ == "__main__":
    main()
