"""Train the heads that hear whether somebody sings, and whether several do, and write them into the package.

    cd tools; python -m voice.train MATERIAL [--head voice|several] [--out FILE]

The training material is synthetic (`voice.material`, `voice.several`); MATERIAL is the folder that keeps it,
0.5 GB. On one core, training takes about half an hour. The same versions of NumPy and torch give the same
weights.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression

from singerid.listening.predict import ask
from singerid.listening.voice.network import BANK, HEAD, LARGEST, SEVERAL
from singerid.models.campplus import WEIGHTS, load_campplus
from singerid.nn.campplus_folded import FoldedCAMPlusPlus
from singerid.sound.filter_bank import FilterBank
from voice.material import CELL, SAMPLES, examples, songs
from voice.several import windows

SUNG_AT_LEAST, UNSUNG_AT_MOST = 0.5, 0.05  # share of a window; the head learns only from these


@dataclass(frozen=True)
class Recipe:
    """How the head that hears whether somebody sings is made; kept in its metadata.

    Attributes:
        parts: parts of the material: (seed, songs of the synthetic corpus, windows cut from them).
        strength: strength of the regression; smaller values give more even weights (scikit-learn's C).
        campplus: identity of the CAM++ weights that it uses.
    """

    parts: tuple[tuple[int, int, int], ...] = ((1000, 48, 3000), (2000, 40, 1500))
    strength: float = 1e-3
    campplus: str = WEIGHTS.identity


@dataclass(frozen=True)
class SeveralRecipe:
    """How the head that hears whether several people sing is made; kept in its metadata.

    Attributes:
        parts: parts of the material: (seed, duets of the synthetic corpus).
        strength: strength of the regression, as for the other head.
        campplus: identity of the CAM++ weights that it uses.
    """

    parts: tuple[tuple[int, int], ...] = ((4000, 99), (5000, 99), (6000, 99), (7000, 99))
    strength: float = 1e-2
    campplus: str = WEIGHTS.identity


def main() -> None:
    """Make the material, train the heads, and save them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("material", type=Path)
    parser.add_argument("--head", choices=("voice", "several"), help="train only this head; by default both")
    parser.add_argument("--out", type=Path, help="with --head, the file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.head in (None, "voice"):
        recipe = Recipe()
        parts = [part_of(options.material, *part) for part in recipe.parts]
        statistics, shares = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        save(fit(statistics, shares, recipe.strength), recipe, options.out or HEAD)
    if options.head in (None, "several"):
        several = SeveralRecipe()
        parts = [several_of(options.material, *part) for part in several.parts]
        statistics, both = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        save(fit(statistics, both, several.strength), several, options.out or SEVERAL)


def part_of(
    folder: Path, seed: int, singers: int, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Early CAM++ statistics of windows (count, K), and the sung share of each (count,)."""
    sounds, sung = (folder / f"{name}{seed}.npy" for name in "xy")
    heard = folder / f"g{seed}.npy"
    if not sung.exists():
        make(sounds, sung, seed, singers, count)
    if not heard.exists():
        np.save(heard, np.concatenate(list(listened(np.load(sounds, mmap_mode="r")))))
    return np.load(heard), np.load(sung).mean(1)


def several_of(folder: Path, seed: int, duets: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Early CAM++ statistics of windows of duets (count, K), and 1 where both sing, else 0 (count,)."""
    file = folder / f"several{seed}.npz"
    if not file.exists():
        made = list(windows(seed, duets, np.random.default_rng(seed)))
        heard = np.concatenate(list(listened(np.stack([window.sound for window in made]))))
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, heard=heard, both=np.array([window.both for window in made], np.float32))
    with np.load(file) as arrays:
        return arrays["heard"], arrays["both"]


def make(sounds: Path, sung: Path, seed: int, singers: int, count: int) -> None:
    """Write windows (count, N), and the sung share of each of their cells (count, L)."""
    sounds.parent.mkdir(parents=True, exist_ok=True)
    made = np.empty((count, SAMPLES), np.float16), np.empty((count, SAMPLES // CELL), np.float32)
    for row, example in enumerate(examples(songs(singers, seed), count, np.random.default_rng(seed))):
        made[0][row], made[1][row] = example.sound, example.sung
    for file, array in zip((sounds, sung), made, strict=True):
        np.save(file, array)


@torch.inference_mode()
def listened(sounds: NDArray[np.floating]) -> Iterator[NDArray[np.float32]]:
    """Yield early CAM++ statistics of windows (count, N), some windows at a time."""
    network, bank = FoldedCAMPlusPlus(load_campplus()), FilterBank(BANK)
    for first in range(0, len(sounds), 4):
        bands = bank(torch.from_numpy(sounds[first : first + 4].astype(np.float32)))
        yield ask(network.statistics, bands - bands.mean(-1, keepdim=True)).numpy()


def fit(
    statistics: NDArray[np.float32], shares: NDArray[np.float32], strength: float
) -> dict[str, torch.Tensor]:
    """The head that tells windows with a voice (or two) from those without, by their statistics.

    Args:
        statistics: (count, K), early CAM++ statistics of the windows.
        shares: (count,) sung share of each window (sung by two); unclear windows are left out.
        strength: strength of the regression.
    """
    clear = (shares >= SUNG_AT_LEAST) | (shares <= UNSUNG_AT_MOST)
    mean, scale = statistics.mean(0), statistics.std(0) + 1e-6
    usual = np.clip((statistics - mean) / scale, -LARGEST, LARGEST)[clear]
    found = LogisticRegression(C=strength, max_iter=1000).fit(usual, shares[clear] >= SUNG_AT_LEAST)
    return {
        "mean": torch.from_numpy(mean),
        "scale": torch.from_numpy(scale),
        "weight": torch.from_numpy(found.coef_[0].astype(np.float32)),
        "bias": torch.tensor(float(found.intercept_[0])),
    }


def save(head: dict[str, torch.Tensor], recipe: Recipe | SeveralRecipe, path: Path) -> None:
    """Write a head, with its recipe and the versions of the packages that made it."""
    versions = {"torch": torch.__version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    save_file(head, path, {"recipe": json.dumps(asdict(recipe)), "made_with": json.dumps(versions)})
    print(f"{path}: written")


if __name__ == "__main__":
    main()
