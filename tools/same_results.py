"""Are the results of this checkout those of an earlier commit, bit for bit, except for intended changes?

    python tools/same_results.py                         everything, against a8bc23e
    python tools/same_results.py --only features train   some groups of results
    python tools/same_results.py --smoke-tables all      all tables of `reproduce --smoke`, which takes long

The first time, the commit gets a worktree and an environment of its own and runs all steps of
`golden/steps.py` (features, training, evaluation, identification and more, on a small synthetic corpus); the
results are kept. Then the checkout runs the same steps in its current state, with the Python that runs this
program, and also reads the run folders of the commit. With one thread on one CPU, equal programs give equal
bits. After an interruption, the same command goes on. A step is repeated only if the code or a package has
changed, or with --fresh.

The exit code is 0 if nothing differs, else 1. Messages to people are compared too, but do not count. With
SINGERID_TEST_DATA, the folder of outside test data, the network `hsieh-artist20` is tested as well.
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from golden.comparing import Comparison
from golden.intended import Intended, intended_for
from golden.pairs import GROUPS, Both, Pair, outside
from golden.places import CHECKOUT, Side, alone, in_words, make_base, this_checkout

from singerid.system.processors import usable_processors

BASE = "a8bc23e"

# A commit that changes a result on purpose adds an entry here: the name of the result as it is printed, or a
# pattern, and what may change. For example:
#     "train/wavenet/weights": Intended("its sums are in another order", tolerance=1e-6),
#     "identify/*": Intended("a new decision", renamed={"singer": "name"}, added=("decision",)),


def _identified_before(results: Any) -> Any:
    """Results of `identify --json` in the form that they had before there were decisions."""
    if isinstance(results, list):
        return [_identified_before(result) for result in results]
    if "error" in results:
        return results
    (named,) = results["singers"]
    spans = [
        {"start_s": span["start_s"], "end_s": span["end_s"]}
        | {"singer": span["singers"][0], "confidence": span["probability"]}
        for span in results["timeline"]
    ]
    same = {name: results[name] for name in ("path", "vote_share", "clips")}
    told = {name: results[name] for name in ("short", "warning") if name in results}
    named = {"singer": named["singer"], "confidence": named["probability"]}
    return same | named | {"timeline": spans} | told


INTENDED: dict[str, Intended] = {
    "identify/*": Intended(
        "only clips in which somebody sings vote; --all-clips gives the earlier vote, in another format",
        arguments={"identify": "identify --all-clips"},
        translate=_identified_before,
        tolerance=1e-3,  # a span ends where the file does
    ),
    "attention/recording": Intended(
        "a file that is in no store is heard in float32, as by identify, and not rounded as in a store",
        tolerance=1e-3,
    ),
    "doctor/*": Intended(
        "tracks are counted by the names of their arrays, which replaced conditions",
        added=("arrays",),
        removed=("conditions",),
    ),
}

MESSAGE_LINES = 8  # shown of a difference between messages


def main() -> int:
    """Compare both versions and print the result."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work = arguments.work.resolve()
    with alone(work):
        base, checkout = make_base(work, arguments.base), this_checkout(work)
        if arguments.fresh:
            shutil.rmtree(checkout.folder.parent, ignore_errors=True)
        _tell_sides(base, checkout)
        pairs = Both(base, checkout, INTENDED, arguments.jobs).pairs(arguments.only, arguments.smoke_tables)
        return _tell(pairs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", default=BASE, help=f"the commit to compare with; {BASE}")
    parser.add_argument(
        "--work", type=Path, default=CHECKOUT / "scratch" / "same_results", help="folder for all that is made"
    )
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="groups of results")
    parser.add_argument(
        "--smoke-tables", default="7", help='as `reproduce --table` takes them; "all" for all'
    )
    parser.add_argument("--jobs", type=int, default=usable_processors(), help="processes at a time")
    parser.add_argument("--fresh", action="store_true", help="let the checkout repeat steps that are done")
    return parser.parse_args()


def _tell_sides(base: Side, checkout: Side) -> None:
    print(f"base:     {in_words(base)}\ncheckout: {in_words(checkout)}")
    theirs, ours = base.versions(), checkout.versions()
    for name in sorted({*theirs, *ours} - {"singerid", "pip", "setuptools"}):
        if name in theirs and theirs[name] != ours.get(name):
            print(f"environments differ: {name} {ours.get(name, 'is missing')} instead of {theirs[name]}")
    if outside()[0] is None:
        print("not compared: hsieh-artist20 (SINGERID_TEST_DATA names no folder with its weights)")


def _tell(pairs: Sequence[Pair]) -> int:
    """Print a line per result, then the messages, then the counts; return 1 if a result differs."""
    comparisons: list[Comparison] = []
    for pair in pairs:
        for comparison in pair.results(INTENDED):
            comparisons.append(comparison)
            print(comparison, flush=True)
    _tell_messages(pairs)
    _tell_unused(comparisons)
    verdicts = [comparison.verdict for comparison in comparisons]
    counts = [verdicts.count(verdict) for verdict in ("equal", "within", "differs")]
    print("{} equal, {} within tolerance, {} differ".format(*counts))
    return int(counts[2] > 0)


def _tell_messages(pairs: Sequence[Pair]) -> None:
    different = {pair.name: lines for pair in pairs if (lines := pair.messages())}
    print(f"messages: {len(pairs) - len(different)} equal, {len(different)} differ (shown, not counted)")
    for name, lines in different.items():
        more = [f"and {len(lines) - MESSAGE_LINES} more"] if len(lines) > MESSAGE_LINES else []
        print("\n    ".join([f"  {name}", *lines[:MESSAGE_LINES], *more]))


def _tell_unused(comparisons: Sequence[Comparison]) -> None:
    """Name the entries of INTENDED that match no result: they may be misspelled."""
    for pattern in INTENDED:
        if not any(intended_for(comparison.name, {pattern: INTENDED[pattern]}) for comparison in comparisons):
            print(f"INTENDED {pattern!r}: matches no result that was compared")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
