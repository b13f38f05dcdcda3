"""How good the synthetic corpus is: the figures and pictures of docs/results.md.

    python benchmarks/studies/corpus.py                       # the default corpus, seed 0: prints the tables
    python benchmarks/studies/corpus.py --seed 1 --songs 2    # another corpus
    python benchmarks/studies/corpus.py --pictures docs/images

Everything is measured with leave-one-album-out: fold k tests each singer's k-th album. The track split is
the control: the same number of folds over shuffled tracks, so that test and training share albums.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import librosa
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from singerid.config import FeatureConfig
from singerid.data.clips import clip_starts
from singerid.data.synthetic import CorpusConfig, Song, draw_corpus
from singerid.data.synthetic.cast import SAMPLE_RATE, Purpose
from singerid.data.synthetic.corpus import write_corpus
from singerid.data.synthetic.score import compose
from singerid.data.synthetic.studio import render
from singerid.data.synthetic.voice import HOP, articulate
from singerid.evaluation.baseline import Baseline
from singerid.evaluation.voting import vote
from singerid.sound import audio
from singerid.sound.features import LogMel

CLIP_FRAMES = 94  # 3 s
CONDITIONS = ("vocals", "mixture", "accompaniment")
SHOWN = ("vocals", "accompaniment", "mixture")
SECONDS_SHOWN = (2.0, 10.0)
FEATURES = FeatureConfig()


@dataclass(frozen=True)
class Rendered:
    """One song, read back from the corpus on disk."""

    song: Song
    samples: dict[str, np.ndarray]  # condition -> (N,)
    mel: dict[str, np.ndarray]  # condition -> (H, W) in dB
    f0: np.ndarray  # (W,) Hz


@dataclass(frozen=True)
class Folds:
    """One number for each track: its singer, and which fold tests it."""

    singer: np.ndarray
    album: np.ndarray  # leave-one-album-out
    track: np.ndarray  # shuffled within each singer


def read(folder: Path, config: CorpusConfig) -> list[Rendered]:
    """Read a corpus that `write_corpus` wrote, in the order of its paths."""
    found = []
    for song in draw_corpus(config).songs:
        samples = {c: audio.load(folder / c / f"{song.path}.flac") for c in CONDITIONS}
        mel = {c: log_mel(x) for c, x in samples.items()}
        found.append(Rendered(song, samples, mel, np.load(folder / "f0" / f"{song.path}.npy")))
    return found


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(H, W) in dB, as the networks see it."""
    return LogMel(FEATURES)(torch.as_tensor(samples)).numpy()


def folds(tracks: list[Rendered]) -> Folds:
    singer, album = np.array([track.song.album.key for track in tracks]).T
    rng = np.random.default_rng(0)
    shuffled = np.zeros_like(album)
    for k in range(singer.max() + 1):
        own = np.flatnonzero(singer == k)
        shuffled[rng.permutation(own)] = np.arange(len(own)) % (album.max() + 1)
    return Folds(singer, album, shuffled)


def cut(mel: np.ndarray) -> np.ndarray:
    """(H, W) to (clips, H, 94): from the start, without overlap."""
    return np.stack([mel[:, start : start + CLIP_FRAMES] for start in clip_starts(mel.shape[1], CLIP_FRAMES)])


def baseline_accuracy(
    mels: list[np.ndarray], singer: np.ndarray, fold: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Accuracy of clips, accuracy of tracks by vote, and the confusion matrix of the clips."""
    clips = [cut(mel) for mel in mels]
    confusion = np.zeros((singer.max() + 1, singer.max() + 1), dtype=int)
    right = 0
    for k in range(fold.max() + 1):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        labels = np.repeat(singer[train], [len(clips[i]) for i in train])
        fitted = Baseline().fit(np.concatenate([clips[i] for i in train]), labels)
        for i in test:
            probabilities = fitted.probabilities(clips[i])
            np.add.at(confusion, (singer[i], probabilities.argmax(axis=1)), 1)
            right += vote(probabilities).singer == singer[i]
    return float(np.trace(confusion) / confusion.sum()), right / len(mels), confusion


def table_accuracy(values: np.ndarray, singer: np.ndarray, fold: np.ndarray) -> float:
    """Accuracy of a logistic regression on one row of numbers a track."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(np.mean(cross_val_predict(classifier, values, singer, cv=PredefinedSplit(fold)) == singer))


def f0_statistics(f0: np.ndarray) -> np.ndarray:
    """Ten numbers: the height of the melody, its range, and its movement from frame to frame."""
    semitones = 12 * np.log2(f0[f0 > 0] / 440)
    both = (f0[1:] > 0) & (f0[:-1] > 0)
    steps = np.abs(12 * np.log2(f0[1:][both] / f0[:-1][both]))
    spread = [
        semitones.mean(),
        semitones.std(),
        semitones.min(),
        semitones.max(),
        *np.percentile(semitones, [25, 50, 75]),
    ]
    return np.array([*spread, steps.mean(), steps.std(), np.median(steps)])


def level_statistics(track: Rendered) -> np.ndarray:
    """Ten numbers: level of vocals and mixture, duration, and the silences of the voice."""
    numbers = [len(track.samples["mixture"])]
    for condition in ("vocals", "mixture"):
        samples = track.samples[condition]
        level = librosa.amplitude_to_db(
            librosa.feature.rms(y=samples, hop_length=512)[0], amin=1e-5, top_db=None
        )
        numbers += [level.mean(), level.std(), 20 * np.log10(np.abs(samples).max())]
    edges = np.flatnonzero(np.diff(np.r_[0, track.f0 == 0, 0]))
    lengths = edges[1::2] - edges[::2]
    return np.array([*numbers, np.mean(track.f0 == 0), len(lengths), lengths.mean()])


def formant_levels(track: Rendered) -> np.ndarray:
    """Real decibels of F1 to F5 below the mixture's loudest mel cell: medians over the sung vowels."""
    song = track.song
    controls = articulate(
        song.singer, compose(song).notes, song.samples // HOP + 2, song.stream(Purpose.VOICE)
    )
    centres = librosa.mel_frequencies(FEATURES.n_mels + 2, fmax=SAMPLE_RATE / 2)[1:-1]
    power = librosa.feature.melspectrogram(y=track.samples["vocals"], sr=SAMPLE_RATE, pad_mode="reflect")
    level = 10 * np.log10(np.maximum(power, 1e-12))
    frames = np.arange(len(track.f0))
    at = np.minimum(np.round(frames * FEATURES.hop_length / HOP).astype(int), len(controls.f0) - 1)
    vowels = frames[(track.f0 > 0) & (controls.voice[at] > 0.5)]
    medians = []
    for formant in controls.formants[at[vowels], :5].T:
        # A formant's level is that of the nearest harmonics.
        near = np.abs(centres[:, None] - formant) <= np.maximum(track.f0[vowels] / 2, 80)
        medians.append(np.median(np.where(near, level[:, vowels], -np.inf).max(axis=0)))
    return np.array(medians) - track.mel["mixture"].max() / 2  # its decibels are twice real decibels


def band_below_peak(track: Rendered) -> float:
    """Real decibels between the mixture's loudest cell and that of kick and bass (below 160 Hz)."""
    return float(track.mel["mixture"].max() - track.mel["accompaniment"][:5].max()) / 2


def near(chance: float, tracks: int) -> tuple[float, float]:
    """The accuracies that guessing reaches with 95 % probability."""
    low, high = binom.interval(0.95, tracks, chance)
    return low / tracks, high / tracks


def report(tracks: list[Rendered]) -> str:
    fold = folds(tracks)
    lines = [
        "| condition | clip, album split | track, album split | clip, track split | track, track split |"
    ]
    lines.append("|---|---|---|---|---|")
    for condition in CONDITIONS:
        mels = [track.mel[condition] for track in tracks]
        clip, voted, confusion = baseline_accuracy(mels, fold.singer, fold.album)
        control, control_voted, _ = baseline_accuracy(mels, fold.singer, fold.track)
        lines.append(f"| {condition} | {clip:.3f} | {voted:.3f} | {control:.3f} | {control_voted:.3f} |")
        if condition == "vocals":
            vocals = confusion
    names = sorted({track.song.singer.name for track in tracks})
    twins = [
        (names.index(t.song.singer.near_twin), t.song.album.key[0]) for t in tracks if t.song.singer.near_twin
    ]
    errors = vocals.sum() - np.trace(vocals)
    confused = sum(vocals[a, b] for a, b in set(twins))
    lines.append(f"\nErrors on vocals between near twins: {confused} of {errors}")

    chance = 1 / len(names)
    low, high = near(chance, len(tracks))
    of_f0 = table_accuracy(np.stack([f0_statistics(t.f0) for t in tracks]), fold.singer, fold.album)
    of_level = table_accuracy(np.stack([level_statistics(t) for t in tracks]), fold.singer, fold.album)
    lines.append(f"F0 statistics alone: {of_f0:.3f}; level, duration and silences alone: {of_level:.3f}")
    lines.append(f"(tracks, album split; chance {chance:.3f}, 95 % of guessing {low:.3f} to {high:.3f})")

    levels = np.stack([formant_levels(track) for track in tracks])
    lines.append("\n| | F1 | F2 | F3 | F4 |\n|---|---|---|---|---|")
    for k, name in enumerate(names):
        lines.append(
            f"| {name} | " + " | ".join(f"{x:.1f}" for x in levels[fold.singer == k, :4].mean(axis=0)) + " |"
        )
    lines.append(f"\nSongs with F1 to F4 within 35 dB: {np.mean(levels[:, :4].min(axis=1) >= -35):.1%}")
    silent = [np.mean(track.f0 == 0) for track in tracks]
    lines.append(f"Without voice: {min(silent):.1%} to {max(silent):.1%} of a song")
    low_peaks = [band_below_peak(track) for track in tracks]
    lines.append(
        f"Kick and bass below the loudest cell: at least {min(low_peaks):.1f} dB, "
        f"median {np.median(low_peaks):.1f} dB"
    )
    return "\n".join(lines)


def pictures(tracks: list[Rendered], folder: Path) -> None:
    """Three pictures: a song and its stems; a song sung by near twins; one singer on two albums."""
    by_path = {track.song.path: track for track in tracks}
    stems = by_path["singer-02/album-01/song-02"]
    draw(folder / "synthetic-stems.png", {f"{stems.song.path}: {c}": stems.mel[c] for c in SHOWN})

    singers = {track.song.singer.name: track.song.singer for track in tracks}
    one = next(singer for singer in singers.values() if singer.near_twin)
    song = next(track.song for track in tracks if track.song.singer == one)
    twins = (one, singers[one.near_twin])
    sung = {s.name: render(replace(song, singer=s)).vocals for s in twins}
    draw(
        folder / "synthetic-twins.png",
        {f"{song.path} as {name} sings it": log_mel(samples) for name, samples in sung.items()},
    )

    paths = [f"singer-01/album-0{k}/song-01" for k in (1, 2)]
    draw(
        folder / "synthetic-albums.png", {f"{path}: mixture": by_path[path].mel["mixture"] for path in paths}
    )


def draw(path: Path, panels: dict[str, np.ndarray]) -> None:
    """Draw log-mel spectrograms one below the other, for the seconds in SECONDS_SHOWN."""
    first, last = (round(t / FEATURES.frame_seconds) for t in SECONDS_SHOWN)
    kilohertz = [0.5, 1, 2, 4]
    centres = librosa.mel_frequencies(FEATURES.n_mels, fmax=SAMPLE_RATE / 2)
    figure = Figure(figsize=(8, 2.1 * len(panels)), dpi=80, layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True)
    for axis, (title, mel) in zip(axes, panels.items(), strict=True):
        extent = (*SECONDS_SHOWN, 0, len(mel))
        axis.imshow(mel[:, first:last], origin="lower", aspect="auto", cmap="magma", extent=extent)
        axis.set_title(title, fontsize=9)
        axis.set_yticks(np.searchsorted(centres, np.multiply(kilohertz, 1000)), kilohertz)
        axis.set_ylabel("kHz")
    axes[-1].set_xlabel("seconds")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # 64 colours instead of 16 million: a third of the bytes.
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(64)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("singers", "albums", "songs", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(CorpusConfig, name))
    parser.add_argument("--seconds", type=float, default=CorpusConfig.seconds)
    parser.add_argument("--corpus", type=Path, help="folder that keeps the corpus, or holds it already")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the three spectrograms there")
    options = parser.parse_args()
    config = CorpusConfig(options.singers, options.albums, options.songs, options.seconds, options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.corpus or Path(temporary) / "corpus"
        write_corpus(folder, config, show_progress=True)
        tracks = read(folder, config)
    if options.pictures:
        pictures(tracks, options.pictures)
    print(report(tracks))


if __name__ == "__main__":
    main()
