"""How many answers by a person it takes to name 500 unnamed songs by ten singers.

    python benchmarks/studies/library/review.py [--worlds 20] [--seed 0] [--most 60] [--songs 50]
    singerid synth CORPUS --singers 10 --albums 4 --songs 3 --seconds 20
    python benchmarks/studies/library/review.py --corpus CORPUS --work WORK

At first the library knows nobody. The person knows all ten singers, gets the questions of
`singerid.library.review`, and says who sings: "yes" to a right name, otherwise the right name. Each answer is
about one song only. All other songs get their name from the library's own decision, with the coefficients
that come with the package; nothing is calibrated.

The vectors follow the model of `simulated.py`, a new one for each world: ten singers, each with 50 songs on
ten albums. With --corpus the vectors are those of the true vocals of a synthetic corpus.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simulated import World
from threadpoolctl import threadpool_limits

from singerid.data.tracks import scan_tree
from singerid.library.enroll import Entrant, enroll_heard
from singerid.library.finding import FoundFile
from singerid.library.hearing import HeardVoice
from singerid.library.library import Library
from singerid.library.records import Settings
from singerid.library.review import next_question, open_songs
from singerid.library.rule import Rule

SINGERS, ALBUMS = 10, 10


@dataclass(frozen=True)
class Standing:
    """How many songs are named: by the person, rightly or wrongly by the library, or not at all."""

    said: int
    right: int
    wrong: int
    unnamed: int

    def __str__(self) -> str:
        right = self.said + self.right
        return f"{right} right ({self.said} of them said), {self.wrong} wrong, {self.unnamed} not named"


def standing(library: Library, rule: Rule, truth: dict[str, str]) -> Standing:
    """Count what the library says about each song now."""
    contents = library.core.contents
    said = len(contents.enrolled)
    known = {
        one.id: contents.names[contents.singers[judged.best]]
        for one, judged in open_songs(contents, rule, sure=2.0)
        if judged.decision == "known" and judged.best is not None
    }
    right = sum(truth[one] == name for one, name in known.items())
    return Standing(said, right, len(known) - right, len(truth) - said - len(known))


def play(library: Library, truth: dict[str, str], most: int) -> tuple[int, list[Standing]]:
    """Answer until all songs are named right; return the number of "yes" and the counts after each answer."""
    rule, _ = library.rule()
    stood = [standing(library, rule, truth)]
    yes = 0
    while len(stood) <= most and stood[-1].said + stood[-1].right < len(truth):
        question, _ = next_question(library.core.contents, rule)
        if question is None:
            break
        name = truth[question.recording]
        yes += question.singer == name
        library.say(question.recording, singer=name)
        stood.append(standing(library, rule, truth))
    return yes, stood


def simulated(folder: Path, seed: int, songs: int) -> tuple[Library, dict[str, str]]:
    """A library of unnamed songs, and the singer of each."""
    rng = np.random.default_rng(seed)
    world = World.draw(rng)
    library = Library.open(folder, create=True)
    library.core.keep_settings(Settings("simulated", "", "mixture"))
    heard, singers = [], []
    for singer in range(SINGERS):
        vectors, _, seconds = world.songs(rng, world.singer(rng), songs, min(ALBUMS, songs))
        for number, (vector, length) in enumerate(
            zip(vectors.astype(np.float32), seconds.tolist(), strict=True)
        ):
            mark = f"{singer}-{number}"
            voice = HeardVoice(vector[None], length * 1.2 + rng.uniform(1, 9), length, False, ())
            heard.append((Entrant(Path(mark)), FoundFile("", 0, 0, mark), voice))
            singers.append(f"Singer {singer}")
    with library.core.database.command("discover") as entry:
        report = enroll_heard(library.core, heard, entry)
    return library, dict(zip((one for _, one in report.recordings), singers, strict=True))


def of_corpus(corpus: Path, folder: Path) -> tuple[Library, dict[str, str]]:
    """A library of the true vocals of a corpus, unnamed, and the singer of each."""
    tracks = scan_tree(corpus / "vocals")
    library = Library.open(folder, create=True)
    with library.core.database.command("discover") as entry:
        library.core.settle(entry)
    report = library.enroll_all([Entrant(corpus / "vocals" / track.path) for track in tracks])
    for failure in report.refused:
        print(f"left out: {failure}")
    singer = {corpus / "vocals" / track.path: track.singer for track in tracks}
    return library, {recording: singer[path] for path, recording in report.recordings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--songs", type=int, default=50, help="songs of each singer")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--work", type=Path, help="a new folder for the library of the corpus")
    options = parser.parse_args()
    with threadpool_limits(1):
        if options.corpus:
            if options.work is None:
                parser.error("--corpus needs --work")
            library, truth = of_corpus(options.corpus, options.work)
            yes, stood = play(library, truth, options.most)
            print(f"{len(truth)} songs by {len(set(truth.values()))} singers: ", end="")
            print(f"{len(stood) - 1} answers, {yes} of them yes")
            for number in range(0, len(stood), 10):
                print(f"after {number}: {stood[number]}")
            print(f"at the end: {stood[-1]}")
            return
        counts, at_end = [], []
        for seed in range(options.seed, options.seed + options.worlds):
            with tempfile.TemporaryDirectory() as work:
                library, truth = simulated(Path(work) / "library", seed, options.songs)
                with library:
                    yes, stood = play(library, truth, options.most)
            counts.append(len(stood) - 1)
            at_end.append(stood[-1])
            print(f"world {seed}: {len(stood) - 1} answers, {yes} of them yes: {stood[-1]}", flush=True)
        whole = sum(one.said + one.right == SINGERS * options.songs for one in at_end)
        print(
            f"all songs named right within {options.most} answers: {whole} of {len(counts)} worlds; answers: "
            f"median {np.median(counts):.0f}, most {max(counts)}; left unnamed in all: "
            f"{sum(one.unnamed for one in at_end)}, named wrongly: {sum(one.wrong for one in at_end)}"
        )


if __name__ == "__main__":
    main()
