"""Heads on the vectors of a frozen encoder: fitted in seconds, without steps, epochs or a GPU.

A head is fitted once for each of a few settings, from the strongest regularisation to the weakest; the
validation part chooses among them as it chooses among the epochs of a network, and each is a line of
metrics.csv. With the chosen setting the head is then fitted once more, to the validation part as well, so
that all of the few recordings are used. Windows without voice say nothing about a singer: they are left out,
unless the singer has no others.

Letters in shapes: N windows, D size of a vector, S singers.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from singerid.config import PROBE_STRENGTHS
from singerid.data.clips import Clips
from singerid.encoders.back_end import fit_back_end, unit
from singerid.listening.voice.cells import SUNG
from singerid.models.registry import MODELS, build_model
from singerid.models.weights import save_model
from singerid.nn.heads import Centroids, Probe
from singerid.runs.config import RunConfig
from singerid.runs.history import Epoch, write_history
from singerid.runs.part import Part, voice_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.devices import CPU
from singerid.training.learner import measures
from singerid.training.states import chosen

_STEPS = 1000  # of the optimiser, at most


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors that a head learns from.

    Attributes:
        vectors: (N, D) float32.
        labels: (N,) class of each vector.
        track: (N,) number of the track of each vector.
        singers: S.
    """

    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]
    track: NDArray[np.int64]
    singers: int


Fit = Callable[[RunConfig, Vectors, Sequence[int]], Iterator[nn.Module]]
"""Yields a fitted head for each of some settings, which are given by their numbers from 1."""


def fit_probe(config: RunConfig, learned: Vectors, settings: Sequence[int]) -> Iterator[nn.Module]:
    """Multinomial logistic regression on standardised vectors; the settings are `PROBE_STRENGTHS`.

    The standardisation becomes a part of the linear layer.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, deviation = learned.vectors.mean(0), learned.vectors.std(0)
    deviation = np.where(deviation > 0, deviation, 1)
    standard = (learned.vectors - mean) / deviation
    regression = LogisticRegression(max_iter=_STEPS, warm_start=True)
    for setting in settings:
        regression.set_params(C=PROBE_STRENGTHS[setting - 1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the validation part judges the result
            regression.fit(standard, learned.labels)
        weight, bias = _two_rows(regression.coef_, regression.intercept_)
        head = _built(config)
        assert isinstance(head, Probe)
        weight = weight / deviation
        with torch.no_grad():
            head.output.weight.copy_(torch.from_numpy(weight))
            head.output.bias.copy_(torch.from_numpy(bias - weight @ mean))
        yield head


def _two_rows(weight: NDArray[np.float64], bias: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """One row for each singer; if there are two, scikit-learn gives only the row of the second."""
    if len(weight) > 1:
        return weight, bias
    return np.concatenate((np.zeros_like(weight), weight)), np.concatenate((np.zeros_like(bias), bias))


def fit_centroids(config: RunConfig, learned: Vectors, _: Sequence[int]) -> Iterator[nn.Module]:
    """Means of each singer's vectors, after a back end that is fitted on the same recordings; one setting.

    Cosines are multiplied by the scale with the least cross-entropy over the windows of the recordings. For
    this, each window is compared with means that leave out its own recording.
    """
    tracks = np.unique(learned.track)
    recordings = np.stack([learned.vectors[learned.track == track].mean(0) for track in tracks])
    singers = np.array([learned.labels[learned.track == track][0] for track in tracks])
    back_end = fit_back_end(recordings, singers.tolist())
    seen = back_end(learned.vectors)
    sums = np.stack([seen[learned.labels == singer].sum(0) for singer in range(learned.singers)])
    head = _built(config)
    assert isinstance(head, Centroids)
    head.mean.copy_(torch.from_numpy(back_end.mean))
    head.whitening.copy_(torch.from_numpy(back_end.whitening))
    head.centroids.copy_(torch.from_numpy(unit(sums)))
    head.scale.copy_(torch.tensor(_scale(seen, sums, learned)))
    yield head


SCALES: tuple[float, ...] = tuple(2.0 ** (power / 2) for power in range(0, 15))  # 1 to 128


def _scale(seen: NDArray[np.float32], sums: NDArray[np.float32], learned: Vectors) -> float:
    cosines = np.empty((len(seen), learned.singers), np.float32)
    for track in np.unique(learned.track):
        own = learned.track == track
        others = sums.copy()
        others[learned.labels[own][0]] -= seen[own].sum(0)
        cosines[own] = seen[own] @ unit(others).T
    labels = torch.from_numpy(learned.labels)
    losses = [
        float(nn.functional.cross_entropy(scale * torch.from_numpy(cosines), labels)) for scale in SCALES
    ]
    return SCALES[int(np.argmin(losses))]


FITS: Mapping[str, Fit] = {"probe": fit_probe, "centroids": fit_centroids}
"""The function that fits each model with `ModelEntry.settings`."""


def fit(
    run: Run,
    store: Store,
    train: Part,
    valid: Part,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> list[Epoch]:
    """Fit the head of a run, and keep its states and metrics: one epoch for each setting.

    This takes seconds; after an interruption it starts from the beginning.
    """
    config, kind = run.config, FITS[run.config.model]
    learned = _voiced(store, train, config)
    settings = range(1, MODELS[config.model].settings + 1)
    history: list[Epoch] = []
    began = time.perf_counter()
    for setting, head in zip(settings, kind(config, learned, settings), strict=True):
        loss, found = _loss(head.eval(), learned), measures(head, valid.clips, CPU)
        ended = time.perf_counter()
        history.append(Epoch(setting, loss, *found, seconds=ended - began))
        began = ended
        on_epoch(history[-1])
    everything = _joined(learned, _voiced(store, valid, config))
    states = chosen(history)
    for setting in {epoch.epoch for epoch in states.values()}:
        (head,) = kind(config, everything, [setting])
        for state, epoch in states.items():
            if epoch.epoch == setting:
                save_model(head, run.state_path(state))
    write_history(run, history)
    return history


def _joined(one: Vectors, other: Vectors) -> Vectors:
    return Vectors(
        np.concatenate((one.vectors, other.vectors)),
        np.concatenate((one.labels, other.labels)),
        np.concatenate((one.track, other.track + one.track.max() + 1)),
        one.singers,
    )


def _built(config: RunConfig) -> nn.Module:
    return build_model(config.model, len(config.singers), **config.options)


def _voiced(store: Store, part: Part, config: RunConfig) -> Vectors:
    """The vectors of windows with voice; for a singer who has no such window, all vectors."""
    clips = part.clips
    voiced = voice_of(store, part, config) >= SUNG
    for label in np.unique(clips.labels):
        if not voiced[clips.labels == label].any():
            voiced |= clips.labels == label
    vectors = _all(clips)[voiced]
    return Vectors(vectors, clips.labels[voiced], clips.track[voiced], len(part.singers))


def _all(clips: Clips) -> NDArray[np.float32]:
    read: Tensor = torch.cat([batch.inputs[0].flatten(1) for batch in clips.batches(4096)])
    vectors: NDArray[np.float32] = read.numpy()
    return vectors


@torch.inference_mode()
def _loss(head: nn.Module, learned: Vectors) -> float:
    logits = head(torch.from_numpy(learned.vectors))
    return float(nn.functional.cross_entropy(logits, torch.from_numpy(learned.labels)))
