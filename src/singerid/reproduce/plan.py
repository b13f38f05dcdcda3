"""The plan: before anything is trained, unusable settings are refused and finished cells are found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from singerid.config import ReproduceConfig
from singerid.data.splits import Split
from singerid.encoders.encoder import Encoder
from singerid.encoders.registry import open_encoder
from singerid.errors import Failure, SingeridError
from singerid.reproduce.protocols import check_protocol, reads_vectors, run_config, states_of
from singerid.reproduce.results import CellResult, read_result
from singerid.reproduce.tables import Cell, audited, cells
from singerid.runs.config import RunConfig
from singerid.runs.history import read_history
from singerid.runs.new import run_differences
from singerid.runs.run import Run
from singerid.sound.features import frames_to_seconds, seconds_to_frames
from singerid.store.arrays import f0_of, features_of
from singerid.store.reader import Store

_LARGEST_SEED = 2**64 - 1  # the largest that torch takes


def require_usable(config: ReproduceConfig) -> None:
    """Raise SingeridError if seeds or width cannot be used with any store."""
    for seed in config.seeds:
        if not 0 <= seed <= _LARGEST_SEED:
            raise SingeridError(f"`seeds={seed}`: choose from 0 to {_LARGEST_SEED}")
    if not (math.isfinite(config.width) and config.width > 0):
        raise SingeridError(f"`width` must be a positive number, not {config.width:g}")


def check_clips(store: Store, config: ReproduceConfig) -> None:
    """Raise SingeridError if clips are longer than every track, or two lengths cannot be told apart."""
    frame = frames_to_seconds(1, store.config)
    # The columns of the paper are always shown, so their names are already in use.
    for one, other in combinations(sorted({*ReproduceConfig().clip_seconds, *config.clip_seconds}), 2):
        both_run = {one, other} <= set(config.clip_seconds)
        if f"{one:g}" == f"{other:g}" or (both_run and other - one < frame):
            raise SingeridError(
                f"`clip_seconds`: {one!r} and {other!r} are too close to tell apart; give only one of them"
            )
    dropped = config.protocol == "authors"  # the last whole clip of each track
    longest = max((track.frames for track in store.tracks), default=0)
    for seconds in dict.fromkeys(cell.clip_seconds for cell in cells(config)):
        if seconds_to_frames(seconds, store.config) * (1 + dropped) > longest:
            clips = "two clips" if dropped else "a clip"
            raise SingeridError(
                f"`clip_seconds={seconds:g}`: no track of {store.path} is as long as {clips}, the "
                f"longest has {frames_to_seconds(longest, store.config):.1f} s; choose shorter clips"
            )


class OnDemand:
    """An encoder that is opened once, when a cell first needs it.

    Args:
        name: name of the encoder.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._opened: Encoder | None = None

    def of(self, cell: Cell) -> Encoder | None:
        """The encoder whose vectors a cell's network reads; raises SingeridError as `open_encoder`."""
        if not reads_vectors(cell):
            return None
        if self._opened is None:
            self._opened = open_encoder(self._name)
        return self._opened


@dataclass(frozen=True)
class Plan:
    """The cells of some tables.

    Attributes:
        done: cells that are trained and scored, with their results.
        waiting: cells to be run, in this order, with the number of epochs left for each.
        skipped: cells for which the store lacks something.
    """

    done: Mapping[Cell, CellResult]
    waiting: Mapping[Cell, int]
    skipped: tuple[Failure, ...]


def run_folder(out: Path, cell: Cell) -> Path:
    """The folder of a cell's run."""
    return out / "runs" / cell.name


def make_plan(store: Store, out: Path, config: ReproduceConfig) -> Plan:
    """Look at every cell before anything is trained.

    Raises:
        SingeridError: nothing can be run, the store does not suit the protocol or the clip lengths, or
            `out` holds runs with other settings or with more epochs.
    """
    check_protocol(store, config.protocol)
    check_clips(store, config)
    done: dict[Cell, CellResult] = {}
    waiting: dict[Cell, int] = {}
    reasons: dict[str, list[Cell]] = {}
    encoder = OnDemand(config.encoder)
    for cell in cells(config):
        try:
            wanted, split = run_config(store, cell, config, encoder.of(cell))
            _check_whole(store, wanted)
        except SingeridError as error:
            reasons.setdefault(str(error), []).append(cell)
            continue
        left = _epochs_left(run_folder(out, cell), wanted, split)
        states = states_of(cell.protocol)
        result = None if left else read_result(run_folder(out, cell), states, audited(cell, config))
        if result is not None:
            done[cell] = result
        else:
            waiting[cell] = left
    skipped = tuple(Failure(_names(own), reason) for reason, own in reasons.items())
    if not (done or waiting):
        raise SingeridError("; ".join(reasons))
    return Plan(done, waiting, skipped)


def _check_whole(store: Store, config: RunConfig) -> None:
    """Raise SingeridError unless every track has what the run reads."""
    audio, melody = config.spec.audio, config.spec.melody
    if config.spec.encoder is not None:
        return  # making its parts reports missing vectors
    needed = {features_of(audio)} | ({f0_of(audio, melody)} if melody is not None else set())
    lacking = [track.path for track in store.tracks if not needed <= track.arrays.keys()]
    if lacking:
        what = f"{melody} melody of the {audio}" if melody else audio
        raise SingeridError(
            f"{store.path}: lacks the {what} of {len(lacking)} of {len(store.tracks)} tracks, the "
            f"first is {lacking[0]!r}; run `singerid prepare` again to make what is missing, or prepare a "
            "store without these tracks"
        )


def _epochs_left(folder: Path, wanted: RunConfig, split: Split) -> int:
    """Epochs that a run still needs; SingeridError if its folder holds a run that cannot become this one."""
    epochs = wanted.training.epochs
    if not (folder / "config.json").exists():
        return epochs
    try:
        run = Run.open(folder)
        same_split = run.split == split
        done = len(read_history(run)) if (folder / "metrics.csv").exists() else 0
    except SingeridError:
        return epochs  # damaged: training reports it, and the other runs go on
    different = run_differences(run.config, wanted)
    if different or not same_split:
        what = ", ".join(different) or "another split"
        raise SingeridError(
            f"{folder}: holds a run with other settings ({what}); give the same settings to go "
            "on, or another folder as OUT"
        )
    if run.config.training.epochs > epochs:
        raise SingeridError(
            f"{folder}: is a run of {run.config.training.epochs} epochs, more than the {epochs} "
            f"asked for; give `epochs={run.config.training.epochs}` or more, or another folder as OUT"
        )
    return max(0, epochs - done)


def _names(own: list[Cell]) -> str:
    """The skipped cells in a few words: there may be hundreds."""
    models = list(dict.fromkeys(cell.model for cell in own))
    named = ", ".join(models[:3]) + (f" and {len(models) - 3} more networks" if len(models) > 3 else "")
    heard = " and ".join(dict.fromkeys(cell.audio for cell in own))
    return f"{len(own)} runs of {named} on {heard} skipped"
