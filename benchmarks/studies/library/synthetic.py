"""How good a library's decisions are on the synthetic corpus: six singers enrolled, two strangers.

    singerid synth CORPUS --seed 7
    python benchmarks/studies/library/synthetic.py CORPUS WORK

Each song is tested with its album left out; the strangers are the last two singers of the corpus. Mixture and
true vocals are heard as they are, the separated vocals are by Spleeter.
"""

import argparse
import warnings
from pathlib import Path

from songs import HEADER, SOUNDS, built, entrants, line, of_sounds

from singerid.data.tracks import scan_tree, singers_of
from singerid.library.calibrate import material_of
from singerid.library.fitting import fit
from singerid.library.shipped import shipped_rule
from singerid.library.trials import make_trials

STRANGERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = singers_of(scan_tree(options.corpus / "mixture"))
    known, unknown = names[:-STRANGERS], names[-STRANGERS:]
    print(HEADER)
    closed = []
    for name, tree, audio, which in (
        ("mixture", "mixture", "mixture", SOUNDS["mixture"]),
        ("separated vocals", "mixture", "both", SOUNDS["vocals"]),
        ("mixture and separated vocals", "mixture", "both", SOUNDS["both"]),
        ("true vocals", "vocals", "mixture", SOUNDS["mixture"]),
    ):
        root = options.corpus / tree
        library = built(
            options.work / f"{tree}-{audio}",
            list(entrants(root, only=known)),
            list(entrants(root, only=unknown, strangers=True)),
            audio,
        )
        material = of_sounds(material_of(library.core.contents), which)
        trials = make_trials(material)
        sound = {(0,): "mixture", (1,): "vocals", (0, 1): "both"}[tuple(which)]
        print(line(name, fit(trials, 0.05, shipped_rule("", sound))), flush=True)
        own = trials.right[~trials.stranger]
        closed.append(f"closed set, {name}: {own.sum()} of {len(own)} songs, {own.mean():.3f}")
    print("\n".join(closed))


if __name__ == "__main__":
    main()
