"""Whether a calibration keeps its promise, on simulated libraries with new strangers.

    python benchmarks/studies/library/simulated.py [--libraries 200] [--seed 0] [--fpir 0.05]

The model of vectors is drawn again for each library: a direction that all singers share; a normal deviation
for each singer, one for each album, and one for each recording, which shrinks with its seconds of voice. The
spectra of the deviations fall as powers of the dimension; exponents and sizes are drawn. A library has 5 to
200 singers (log-uniform), 3 to 30 tracks each (log-uniform), about five tracks per album, and 6 to 300 s of
voice per track. Its true FPIR is measured with 400 new strangers, six songs each.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from singerid.encoders.back_end import unit
from singerid.library.fitting import fit
from singerid.library.shipped import shipped_rule
from singerid.library.trials import Material, evidence, make_trials, voiceprints

SIZE = 48  # of a vector: about as many of the 192 dimensions of whitened vectors matter
STRANGERS, SONGS = 400, 6


@dataclass(frozen=True)
class World:
    """The distributions of voices and recordings."""

    common: np.ndarray
    singers: np.ndarray  # standard deviations, by dimension
    recordings: np.ndarray
    turn: np.ndarray
    albums: float
    tracks: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "World":
        spectra = [np.arange(1, SIZE + 1.0) ** -rng.uniform(0.3, 0.8) for _ in range(2)]
        turn = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0]
        common = rng.standard_normal(SIZE) * np.sqrt(spectra[0])
        deviations = [np.sqrt(spectrum / spectrum.sum()) for spectrum in spectra]
        common /= np.linalg.norm(common)
        return cls(common, *deviations, turn, rng.uniform(0.2, 0.9), rng.uniform(0.3, 1.0))

    def singer(self, rng: np.random.Generator) -> np.ndarray:
        return self.common + self.singers * rng.standard_normal(SIZE)

    def songs(self, rng: np.random.Generator, singer: np.ndarray, tracks: int, albums: int):
        """Vectors (tracks, SIZE), albums and seconds of voice of a singer's songs."""

        def deviation() -> np.ndarray:
            return (self.recordings * rng.standard_normal(SIZE)) @ self.turn

        of_album = [self.albums * deviation() for _ in range(albums)]
        seconds = np.exp(rng.normal(4, 0.6, tracks)).clip(6, 300)
        which = np.arange(tracks) % albums
        vectors = [
            singer + of_album[album] + self.tracks * np.sqrt(1 / 3 + 20 / length) * deviation()
            for album, length in zip(which, seconds, strict=True)
        ]
        return unit(np.array(vectors)), which, seconds.astype(np.float32)


def log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def trial(seed: int, wanted: float) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    world = World.draw(rng)
    singers = log_uniform(rng, 5, 200)
    vectors, owners, albums, seconds, used = [], [], [], [], 0
    for singer in range(singers):
        tracks = log_uniform(rng, 3, 30)
        own, which, lengths = world.songs(rng, world.singer(rng), tracks, max(1, round(tracks / 5)))
        vectors.append(own)
        owners += [singer] * tracks
        albums += list(which + used)
        seconds.append(lengths)
        used += int(which.max()) + 1
    material = Material(
        np.concatenate(vectors)[:, None],
        np.array(owners),
        np.array(albums),
        np.concatenate(seconds),
        np.zeros((0, 1, SIZE), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.float32),
    )
    fitted = fit(make_trials(material), wanted, shipped_rule("", "mixture"))
    prints = voiceprints(material.vectors, material.owners)
    named = []
    for _ in range(STRANGERS):
        own, _, lengths = world.songs(rng, world.singer(rng), SONGS, 2)
        scores = prints.scores(prints.asked(own[:, None]))
        best = [
            evidence(one, prints.counts, length)[one.argmax()]
            for one, length in zip(scores, lengths.tolist(), strict=True)
        ]
        named.append(float((fitted.rule.odds(np.array(best)) >= fitted.promise.threshold).mean()))
    cost = fitted.cost
    return {
        "singers": singers,
        "trials": len(fitted.trials),
        "true": float(np.mean(named)),
        "bound": fitted.promise.bound,
        "kept": fitted.promise.is_kept,
        "fnir": fitted.fnir,
        "gap": cost[0] - cost[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--libraries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fpir", type=float, default=0.05)
    options = parser.parse_args()
    with threadpool_limits(1):
        rows = [trial(options.seed + at, options.fpir) for at in range(options.libraries)]
    table = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    broken = table["true"] > table["bound"]
    print(f"true FPIR above the printed bound: {broken.sum()} of {len(rows)} libraries")
    print("| singers | libraries | true FPIR, mean | bound, mean | above it | promise kept | FNIR |")
    print("|---|---|---|---|---|---|---|")
    for low, high in ((5, 10), (10, 30), (30, 60), (60, 201)):
        own = (table["singers"] >= low) & (table["singers"] < high)
        if own.any():
            mean = {key: values[own].mean() for key, values in table.items()}
            print(
                f"| {low} to {high - 1} | {own.sum()} | {mean['true']:.1%} | {mean['bound']:.1%} "
                f"| {broken[own].sum()} | {table['kept'][own].sum()} | {mean['fnir']:.1%} |"
            )
    many = table["gap"][table["trials"] >= 1000]
    if len(many):
        print(
            f"Cllr minus its least, {len(many)} libraries of 1,000 trials and more: mean {many.mean():.3f}, "
            f"largest {many.max():.3f}"
        )


if __name__ == "__main__":
    main()
