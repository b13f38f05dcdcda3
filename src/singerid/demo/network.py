"""The trained part of the demo: networks that are trained on the same songs and tested on other albums."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from singerid.data.synthetic import CorpusConfig, draw_corpus
from singerid.demo.config import DemoConfig
from singerid.demo.players import mp3
from singerid.errors import SingeridError
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.comparison import paired
from singerid.evaluation.confusion import Confusion
from singerid.evaluation.outcome import LevelScores, score_part
from singerid.evaluation.report import score_text
from singerid.evaluation.significance import SeedMean, compare
from singerid.figures import draw_confusions, draw_curves, draw_timeline, figure_svg
from singerid.identifier import Identifier
from singerid.identify.scores import hear
from singerid.models.registry import count_parameters
from singerid.runs.config import SplitConfig
from singerid.runs.history import best_epoch, read_history
from singerid.runs.new import configure, make_split
from singerid.runs.part import Part
from singerid.runs.run import Run
from singerid.sound.audio import load
from singerid.sound.features import LogMel
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.system.console import Display
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.text import clock
from singerid.training.loop import train

BASELINE = "baseline"
CONTROL = "crnn_square"
FGNL = "crnn_fgnl"
WHAT = {
    BASELINE: "statistics of MFCCs, logistic regression",
    CONTROL: "the control: FGNL's pooling, no attention",
    FGNL: "the paper's network",
}


@dataclass(frozen=True, eq=False)
class _Outcome:
    """Results of one system on the test clips."""

    probabilities: NDArray[np.floating[Any]]  # (clips, singers)
    scores: LevelScores


def train_networks(
    store: Path, runs: Path, config: DemoConfig, device: torch.device, full: bool, show_progress: bool
) -> dict[str, Run]:
    """Train the paper's network and, if `full`, its control.

    On a CPU they are trained at the same time with half the threads each, which is faster than in turn.
    """
    threads = torch.get_num_threads()
    names = (CONTROL, FGNL) if full else (FGNL,)
    workers = len(names) if device.type == "cpu" and threads > 1 else 1
    work = partial(
        _train,
        store=store,
        folder=runs,
        config=config,
        device=device,
        threads=threads // workers,
        display="lines" if show_progress else "none",
    )
    for name, outcome in each_in_processes(work, names, workers):
        if isinstance(outcome, WorkerDied):
            raise SingeridError(f"the training of {name} died without a message; is there enough memory?")
    return {name: Run.open(runs / name) for name in names}


def _train(
    name: str,
    store: Path,
    folder: Path,
    config: DemoConfig,
    device: torch.device,
    threads: int,
    display: Display,
) -> None:
    torch.set_num_threads(threads)
    opened = Store.open(store)
    split, how = make_split(opened, SplitConfig("album", config.training.seed))
    options = {"width": config.width, "batch_norm_momentum": config.batch_norm_momentum}
    run = configure(opened, split, how, name, config.training, options=options)
    train(opened, folder / name, run, split, device, display)


def _outcome(probabilities: NDArray[np.floating[Any]], part: Part) -> _Outcome:
    return _Outcome(probabilities, score_part(probabilities, part))


@dataclass(frozen=True)
class NetworkPart:
    """The part of the page about the networks.

    Attributes:
        seconds: training time of the paper's network.
        findings: the results in sentences.
        values: values for the template.
    """

    seconds: float
    findings: tuple[str, ...]
    values: dict[str, Any]


def network_part(
    config: DemoConfig, corpus: Path, runs: dict[str, Run], device: torch.device, full: bool
) -> NetworkPart:
    """Test the networks on albums that they were not trained on.

    Args:
        config: settings of the demo.
        corpus: folder of the songs.
        runs: runs of the networks by name.
        device: where the networks run.
        full: compare the networks with a classical system, too.
    """
    test = runs[FGNL].part("test")
    outcomes = {}
    if full:
        learned = runs[FGNL].part("train")
        outcomes[BASELINE] = _outcome(baseline_probabilities(learned, test), test)
    for name, run in runs.items():
        outcomes[name] = _outcome(run.predict(test, device), test)
    # All clips vote, as in the paper; so the network that finds voices need not be fetched.
    identifier = Identifier.load(runs[FGNL].path, device, all_clips=True)
    findings = _findings(outcomes, test)
    split = runs[FGNL].split
    values = {
        "split": {"train": len(split.train), "test": len(split.test)},
        "training": config.training,
        "rows": [_result_row(name, outcomes, runs) for name in outcomes],
        "findings": findings,
        "song": _song(identifier, corpus, test),
        "songs": [_song_row(identifier, corpus, track) for track in _one_song_of_each(test.tracks)],
        "confusions": [
            figure_svg(draw_confusions(_confusion(o, "clip"), _confusion(o, "track"), test.singers, name))
            for name, o in outcomes.items()
        ],
        "twins": _twins(config.corpus),
        "curves": [_curves(name, run) for name, run in runs.items()],
        "settings": _settings(config),
    }
    return NetworkPart(_seconds(runs[FGNL]), tuple(findings), values)


def _seconds(run: Run) -> float:
    return sum(epoch.seconds for epoch in read_history(run))


def _curves(name: str, run: Run) -> str:
    history = read_history(run)
    rows = [asdict(epoch) for epoch in history]
    return figure_svg(draw_curves(rows, best_epoch(history).epoch, name))


def _confusion(outcome: _Outcome, level: str) -> NDArray[np.int64]:
    return np.asarray(getattr(outcome.scores, level).confusion)


def _result_row(name: str, outcomes: dict[str, _Outcome], runs: dict[str, Run]) -> dict[str, Any]:
    scores = outcomes[name].scores
    best = max(outcomes.values(), key=lambda outcome: outcome.scores.track.f1_weighted)
    right = round(scores.track.accuracy * scores.track.count)
    row = {
        "name": name,
        "what": WHAT[name],
        "clip": score_text(scores.clip, "f1_weighted"),
        "track": score_text(scores.track, "f1_weighted"),
        "right": f"{right} of {scores.track.count}",
        "best": outcomes[name] is best,
        "parameters": "",
        "time": "",
    }
    if name in runs:
        row["parameters"] = f"{count_parameters(runs[name].network())[0]:,}"
        row["time"] = clock(_seconds(runs[name]))
    return row


def _findings(outcomes: dict[str, _Outcome], test: Part) -> list[str]:
    """The results in sentences; a difference that may be chance is called so."""
    chance = 1 / len(test.singers)
    fgnl = outcomes[FGNL].scores.track
    right = round(fgnl.accuracy * fgnl.count)
    sentences = [
        f"{FGNL} names the right singer for {right} of {fgnl.count} songs from other albums "
        f"({fgnl.accuracy:.0%}; guessing would name {chance:.0%})."
    ]
    for other, purpose in (
        (BASELINE, "a classical system"),
        (CONTROL, "the same network without the attention block"),
    ):
        if other not in outcomes:
            continue
        difference = _compare(outcomes[FGNL], outcomes[other], test)
        sentences.append(f"Against {purpose} ({other}), its clip F1 is {_in_words(difference)}.")
    wrong = _worst_pair(fgnl.confusion)
    if wrong is not None:
        truth, named, count = wrong
        times = {1: "once", 2: "twice"}.get(count, f"{count} times")
        sentences.append(
            f"Its most frequent mistake: {test.singers[truth]} is taken for {test.singers[named]}, {times}."
        )
    return sentences


def _compare(first: _Outcome, second: _Outcome, test: Part) -> SeedMean:
    """Difference in weighted clip F1, resampled by test album."""
    ours, theirs = first.probabilities.argmax(1), second.probabilities.argmax(1)
    return compare([paired(test, test.clips.track, ours, theirs)])


def _in_words(comparison: SeedMean) -> str:
    low, high = comparison.interval.low, comparison.interval.high
    interval = f"95 % interval over albums {low:+.2f} to {high:+.2f}"
    words = f"{abs(comparison.value):.2f} {'higher' if comparison.value >= 0 else 'lower'}"
    if low <= 0 <= high:
        words += ", too little to tell from so few albums"
    return f"{words} ({interval})"


def _worst_pair(confusion: Confusion) -> tuple[int, int, int] | None:
    """The most frequent confusion: true singer, named singer, count; None if there was no mistake."""
    mistakes = np.where(confusion.true != confusion.named, confusion.count, 0)
    if not mistakes.any():
        return None
    worst = mistakes.argmax()
    return int(confusion.true[worst]), int(confusion.named[worst]), int(confusion.count[worst])


def _one_song_of_each(tracks: Sequence[StoredTrack]) -> list[StoredTrack]:
    """The first test song of every singer."""
    first: dict[str, StoredTrack] = {}
    for track in tracks:
        first.setdefault(track.singer, track)
    return list(first.values())


def _title(track: StoredTrack) -> str:
    return " / ".join(Path(track.path).with_suffix("").parts)


def _song_row(identifier: Identifier, corpus: Path, track: StoredTrack) -> dict[str, Any]:
    result = identifier.identify(corpus / "mixture" / track.path)
    return {
        "title": _title(track),
        "truth": track.singer,
        "named": result.singer,
        "correct": result.singer == track.singer,
        "share": f"{result.vote_share:.0%}",
        "confidence": f"{result.confidence:.0%}",
    }


def _song(identifier: Identifier, corpus: Path, test: Part) -> dict[str, Any]:
    """The song shown in detail: the one with median confidence, so neither the best nor the worst."""
    songs = _one_song_of_each(test.tracks)
    path = {track: corpus / "mixture" / track.path for track in songs}
    by_confidence = sorted(songs, key=lambda track: identifier.identify(path[track]).confidence)
    track = by_confidence[len(songs) // 2]
    listener, spec = identifier.listener, identifier.listener.spec
    samples = load(path[track], listener.sample_rate)
    heard = hear(listener, identifier.scorer, samples)
    figure = draw_timeline(
        LogMel(spec.log_mel)(torch.from_numpy(samples)).numpy(),
        heard.scores,
        spec.window_frames,
        spec.features.frame_seconds,
        heard.singers,
        truth=track.singer,
    )
    row = _song_row(identifier, corpus, track)
    return row | {"figure": figure_svg(figure), "audio": mp3(samples, listener.sample_rate)}


def _twins(config: CorpusConfig) -> str:
    singers = [song.singer for song in draw_corpus(config).songs]
    pairs = {tuple(sorted((s.name, s.near_twin))) for s in singers if s.near_twin}
    return ", ".join(f"{first} and {second}" for first, second in sorted(pairs)) or "none"


def _settings(config: DemoConfig) -> dict[str, object]:
    own = {"width": config.width, "batch_norm_momentum": config.batch_norm_momentum, "split": "album"}
    training: dict[str, object] = asdict(config.training)
    strengths = asdict(config.training.augment_strengths)
    del training["augment_strengths"]
    return own | training | strengths | {f"corpus {k}": v for k, v in asdict(config.corpus).items()}
