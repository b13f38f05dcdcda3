"""The same system on a split that keeps albums whole and on one that mixes them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from singerid.analysis.audit.estimate import Estimate, named_clips, named_tracks
from singerid.analysis.audit.remix import album_of
from singerid.config import SplitKind
from singerid.data.splits import Split
from singerid.errors import Failure, SingeridError
from singerid.evaluation.baseline import baseline_probabilities
from singerid.evaluation.significance import average
from singerid.runs.config import SplitConfig
from singerid.runs.new import make_split, singers_in
from singerid.runs.part import Part, part_of, paths_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.console import Display
from singerid.training.loop import train

SHUFFLES = 5  # shuffles of the albums' singers; scores are their mean

Probabilities = NDArray[np.floating[Any]]
System = Literal["baseline", "baseline, albums shuffled", "network"]


@dataclass(frozen=True)
class SplitScores:
    """How well a system does on a split.

    Attributes:
        system: the classical baseline; the same after the albums have exchanged their singers, so that
            only recognising albums helps; or the run's network, trained again where the split is not its own.
        split: "album", "track", or "file" if the run has a split of the user's own.
        clip: weighted F1 of clips.
        track: weighted F1 of tracks, by voting.
    """

    system: System
    split: str
    clip: Estimate
    track: Estimate


def baselines(run: Run, on_failure: Callable[[Failure], None]) -> list[SplitScores]:
    """Scores of the classical baseline on an album split and a track split, and with albums shuffled.

    Args:
        run: the run whose tracks, clips and audio condition are used.
        on_failure: called for each split that the tracks do not allow.
    """
    own = _own_tracks(run)
    found = []
    for kind in get_args(SplitKind):
        try:
            split, _ = make_split(own, _how(run, kind))
            found.append(scores_on(kind, "baseline", [_baseline(run, own, split)]))
            if kind == "track":
                shuffled = [_baseline(run, shuffle_albums(own, seed), split) for seed in range(SHUFFLES)]
                found.append(scores_on(kind, "baseline, albums shuffled", shuffled))
        except SingeridError as error:
            on_failure(Failure(f"{kind} split", str(error)))
    return found


def retrained(
    run: Run, device: torch.device, display: Display, on_failure: Callable[[Failure], None]
) -> list[SplitScores]:
    """Scores of the run's network, trained again on the kinds of split that are not its own.

    The new runs are RUN/album-split and RUN/track-split. After an interruption, the next call goes on.

    Args:
        run: the run whose settings are used.
        device: where to train.
        display: shows the progress of the training.
        on_failure: called for each split that the tracks do not allow.
    """
    found = []
    for kind in get_args(SplitKind):
        if kind == run.config.split.kind:
            continue
        try:
            split, how = make_split(_own_tracks(run), _how(run, kind))
        except SingeridError as error:
            on_failure(Failure(f"{kind} split", str(error)))
            continue
        config = replace(
            run.config, split=how, singers=singers_in(run.store, split), store_identity=run.store.identity
        )
        other = train(run.store, run.path / f"{kind}-split", config, split, device, display)
        part = other.part()
        found.append(scores_on(kind, "network", [(part, other.predict(part, device))]))
    return found


def shuffle_albums(store: Store, seed: int) -> Store:
    """The store with its albums' singers exchanged at random; each singer has as many albums as before."""
    albums = sorted({album_of(track) for track in store.tracks})
    singers = [singer for singer, _ in albums]
    random.Random(seed).shuffle(singers)
    singer_of = dict(zip(albums, singers, strict=True))
    # Two albums of the same name may now get the same singer: they stay two albums.
    tracks = (
        replace(track, singer=singer_of[album_of(track)], album="/".join(album_of(track)))
        for track in store.tracks
    )
    return replace(store, tracks=tuple(tracks))


def scores_on(split: str, system: System, named: Sequence[tuple[Part, Probabilities]]) -> SplitScores:
    """Scores of a system; the mean if it was tested several times.

    Args:
        split: the kind of split.
        system: which system.
        named: for each test, the test part and probabilities (clips, singers).
    """
    return SplitScores(
        system,
        split,
        Estimate.of(average([named_clips(part, given) for part, given in named])),
        Estimate.of(average([named_tracks(part, given) for part, given in named])),
    )


def _baseline(run: Run, store: Store, split: Split) -> tuple[Part, Probabilities]:
    config = run.config
    train, test = (
        part_of(store, paths, config, config.spec.sounds[0]) for paths in (split.train, split.test)
    )
    return test, baseline_probabilities(train, test)


def _own_tracks(run: Run) -> Store:
    """The store with the tracks of the run's split only."""
    paths = set(paths_of(run.split, "all"))
    return replace(run.store, tracks=tuple(track for track in run.store.tracks if track.path in paths))


def _how(run: Run, kind: SplitKind) -> SplitConfig:
    return SplitConfig(kind, run.config.split.seed)
