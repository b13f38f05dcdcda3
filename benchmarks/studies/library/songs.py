"""How good a library's decisions are on real songs, and the coefficients that ship with the package.

    python benchmarks/studies/library/songs.py SONGS VOICES WORK [--write-coefficients FILE]

SONGS: karaoke/mixture/<singer>/<song>/, artists/<singer>/<disc>/, strangers/<name>/, instrumental/ and
karaoke/accompaniment/. VOICES: <singer>/<session>/. Libraries are made in WORK and kept, so a second run
hears nothing again. The mixture is heard as a library hears it; the vocals are separated by Spleeter.
"""

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from singerid.data.tracks import scan_tree
from singerid.errors import Failure
from singerid.identifier import Identifier, identify_files
from singerid.library.calibrate import material_of
from singerid.library.enroll import Entrant, enroll
from singerid.library.fitting import Fitted, fit
from singerid.library.library import Library
from singerid.library.odds import Odds, balanced, cllr, least_cllr
from singerid.library.promise import Usual, make_promise
from singerid.library.rule import Rule
from singerid.library.shipped import shipped_rule
from singerid.library.trials import Material, Trials, make_trials
from singerid.sound.listing import find_audio
from singerid.system.files import write_json

SOUNDS = {"mixture": [0], "vocals": [1], "both": [0, 1]}
# The assumed deviations: terms that vary from set to set rather than from voice to voice (seconds, numbers of
# recordings, the margin) have large ones, so that little is learned about them from two sets.
SCALES = (0.15, 1.0, 4.0, 2.0)
HEADER = (
    "| set, sound | FNIR at FPIR 5 % | at 1 % | calibrated to | FNIR | wrong name | ambiguous "
    "| strangers named (at most) | ambiguous | Cllr (least) |\n|---|---|---|---|---|---|---|---|---|---|"
)
SEVERAL_SESSIONS = ("alys", "hikari-one", "scottpoid")


def entrants(root: Path, only: tuple[str, ...] = (), but: tuple[str, ...] = (), strangers: bool = False):
    """The tracks of a tree SINGER/ALBUM/TRACK."""
    for track in scan_tree(root):
        if (not only or track.singer in only) and track.singer not in but:
            name = {"stranger": track.singer} if strangers else {"singer": track.singer}
            yield Entrant(root / track.path, album=track.album, **name)


def built(folder: Path, known: list[Entrant], strangers: list[Entrant], audio: str) -> Library:
    library = Library.open(folder, create=True)
    separator = {} if audio == "mixture" else {"separator": "spleeter"}
    library.enroll_all(known, audio=audio, **separator)
    with library.core.database.command("calibrate") as entry:
        report = enroll(library.core, strangers, entry)
    for failure in report.failures:
        print("  not used:", failure)
    library.core.changed()
    return library


def of_sounds(material: Material, which: list[int]) -> Material:
    return replace(material, vectors=material.vectors[:, which], strangers=material.strangers[:, which])


def at_equal(trials: Trials, log_odds: np.ndarray, fpir: float) -> float:
    """FNIR at the threshold that names this share of the strangers' songs."""
    strangers = np.sort(log_odds[trials.stranger])[::-1]
    threshold = strangers[int(fpir * len(strangers))]
    named = (log_odds > threshold) & trials.right
    return 1 - float(named[~trials.stranger].mean())


def line(name: str, fitted: Fitted) -> str:
    trials, promise = fitted.trials, fitted.promise
    stranger = trials.stranger
    wrong = (fitted.named & ~trials.right)[~stranger].mean()
    named, ambiguous = fitted.named[stranger].mean(), fitted.ambiguous[stranger].mean()
    five, one = (at_equal(trials, fitted.log_odds, fpir) for fpir in (0.05, 0.01))
    cost = fitted.cost
    cells = (
        *(name, f"{five:.1%}", f"{one:.1%}", f"{promise.wanted:.0%}", f"{fitted.fnir:.1%}", f"{wrong:.1%}"),
        *(f"{fitted.ambiguous[~stranger].mean():.1%}", f"{named:.1%} ({promise.bound:.0%})"),
        *(f"{ambiguous:.1%}", f"{cost[0]:.2f} ({cost[1]:.2f})"),
    )
    return f"| {' | '.join(cells)} |"


def coefficients(trials: list[Trials]) -> tuple[Rule, str]:
    """The rule that ships, fitted to all trials together with equal weight for each set."""
    features = np.concatenate([one.features for one in trials])
    right = np.concatenate([one.right & ~one.stranger for one in trials])
    stranger = np.concatenate([one.stranger for one in trials])
    unit = np.concatenate([one.unit + 10_000 * at for at, one in enumerate(trials)])
    weights = np.concatenate(
        [own * 100 / own.sum() for own in (balanced(one.stranger, one.unit) for one in trials)]
    )
    used = right | stranger
    means = tuple(round(float(value), 3) for value in np.nanmean(features[used], axis=0))
    odds = Odds(means, SCALES, (0.0,) * 4, 0.0).fitted(features, right, weights)
    # A negative weight for the margin would come from these sets, not from voices.
    rounded = [round(weight, 3) for weight in odds.weights]
    odds = Odds(means, SCALES, (rounded[0], max(0.0, rounded[1]), *rounded[2:]), round(odds.bias, 3))
    log_odds = odds(features)
    promise = make_promise(log_odds[stranger], unit[stranger], 0.05)
    _, index, counts = np.unique(unit[stranger], return_inverse=True, return_counts=True)
    share = 1 / counts[index] / len(counts)
    mean = float(share @ log_odds[stranger])
    spread = float(np.sqrt(share @ (log_odds[stranger] - mean) ** 2))
    cost, least = cllr(log_odds[used], right[used]), least_cllr(log_odds[used], right[used])
    told = f"Cllr {cost:.3f} ({least:.3f} at best)"
    return Rule(odds, round(promise.threshold, 3), usual=Usual(round(mean, 3), round(spread, 3))), told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("voices", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--write-coefficients", type=Path, metavar="FILE")
    parser.add_argument("--mixture-only", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    songs = [*entrants(options.songs / "karaoke" / "mixture"), *entrants(options.songs / "artists")]
    strangers = [*entrants(options.songs / "strangers", strangers=True)]
    voices = [*entrants(options.voices, only=SEVERAL_SESSIONS)]
    others = [*entrants(options.voices, but=SEVERAL_SESSIONS, strangers=True)]
    libraries = {}
    for audio in ("mixture",) if options.mixture_only else ("mixture", "both"):
        libraries["songs", audio] = built(options.work / f"songs-{audio}", songs, strangers, audio)
        libraries["voices", audio] = built(options.work / f"voices-{audio}", voices, others, audio)
    print(HEADER)
    trials: dict[tuple[str, str], Trials] = {}
    for name in ("songs", "voices"):
        for sound, which in SOUNDS.items():
            heard = "mixture" if sound == "mixture" else "both"
            if (name, heard) not in libraries:
                continue
            material = material_of(libraries[name, heard].core.contents)
            material = material if heard == "mixture" else of_sounds(material, which)
            trials[name, sound] = make_trials(material)
            for wanted in (0.05, 0.01):
                fitted = fit(trials[name, sound], wanted, shipped_rule("", sound))
                print(line(f"{name}, {sound}", fitted), flush=True)
    for sound in SOUNDS:
        if ("voices", sound) in trials:
            smoke(trials["voices", sound], shipped_rule("", sound), sound)
    if options.write_coefficients:
        found = {}
        for sound in SOUNDS:
            rule, told = coefficients([trials["songs", sound], trials["voices", sound]])
            print(f"coefficients for {sound}: {told}")
            found[sound] = rule.to_json()
        write_json(options.write_coefficients, {"any other": found})
    bands(options.songs, libraries["songs", "mixture"])


def smoke(trials: Trials, rule: Rule, sound: str) -> None:
    """Test the rule that ships on VOICES: three singers by session, three others as strangers."""
    log_odds = rule.odds(trials.features)
    named = log_odds >= rule.needed
    outside = trials.stranger & ~trials.reduced
    right = (named & trials.right)[~trials.stranger]
    print(
        f"voices, {sound}, not calibrated: {int(right.sum())} of {len(right)} named right, "
        f"{int(named[outside].sum())} of {int(outside.sum())} strangers' tracks named"
    )


def bands(songs: Path, library: Library) -> None:
    """Ask the calibrated library of songs about music in which nobody sings."""
    library.calibrate()
    folders = [songs / "instrumental", songs / "karaoke" / "accompaniment"]
    files = [folder / name for folder in folders for name in find_audio(folder).audio]
    decisions: dict[str, int] = {}
    for outcome in identify_files(Identifier.load(library.path), files):
        what = "failed" if isinstance(outcome, Failure) else outcome.decision
        decisions[what] = decisions.get(what, 0) + 1
    print(f"{len(files)} without a voice: {json.dumps(decisions)}")


if __name__ == "__main__":
    main()
