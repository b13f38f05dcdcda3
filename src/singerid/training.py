"""Training: one loop on Lightning Fabric, readable from top to bottom.

Kuo, Wei and Lin (AAAI 2021), "Evaluation Protocols", and the authors' program where the paper is
silent. An interrupted run goes on after its last whole epoch and reaches the same weights, bit for bit
on a CPU with as many threads, because the randomness of an epoch depends on (seed, epoch) alone.
"""

import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from singerid.config import StateName, TrainingConfig
from singerid.console import Display, TrainingDisplay
from singerid.data.augment import augment
from singerid.data.clips import Clips
from singerid.data.splits import Split
from singerid.errors import SingeridError
from singerid.evaluation import predict_clips, run_model
from singerid.extract.store import Store
from singerid.features import frames_to_seconds
from singerid.figures import draw_curves, save_figure
from singerid.files import atomic_write, locked
from singerid.models import build_model, model_entry, save_model
from singerid.runs import Part, Run, RunConfig, parts_of


@dataclass(frozen=True)
class Epoch:
    """One line of metrics.csv. Validation is at clip level."""

    epoch: int
    loss: float  # mean training loss, with dropout and augmentation
    valid_loss: float
    valid_accuracy: float
    valid_f1: float  # weighted
    seconds: float


# A state is kept when its measure is better than at every earlier epoch: ties go to the earlier.
_MEASURE: dict[StateName, tuple[str, int]] = {
    "best_loss": ("valid_loss", -1),
    "best_accuracy": ("valid_accuracy", 1),
    "best_f1": ("valid_f1", 1),
}


def train(
    store: Store,
    path: Path,
    config: RunConfig,
    split: Split,
    device: torch.device,
    display: Display = "none",
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Run:
    """Train a network and keep its four states in a run folder; go on where an earlier call stopped.

    Args:
        store: features of the tracks.
        path: the run's folder: new, empty, or of the same run. More epochs than before prolong it.
        config: model, split and training settings.
        split: what to learn from and what to validate on.
        device: where to compute.
        display: show loss and validation F1 on standard error: a bar or, where that is no terminal, a
            line an epoch ("auto"); always lines; or nothing.
        on_epoch: called after each epoch, when its states are kept.

    Raises:
        SingeridError: the folder holds another run, the store does not have what the run needs, or
            the loss is not finite any more (the states of the epochs before are kept).
    """
    settings = config.training
    _check_settings(settings)
    model = _fresh_model(config)
    train_part, valid_part, _ = parts_of(store, split, config)
    _require_run_or_nothing(path)
    with locked(path, "is being trained by another process; wait for it or stop it"):
        run = _begin(path, config, split)
        _train_epochs(run, model, train_part, valid_part, device, display, on_epoch or (lambda epoch: None))
    return run


def _train_epochs(
    run: Run,
    model: nn.Module,
    train_part: Part,
    valid_part: Part,
    device: torch.device,
    display: Display,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """The loop."""
    config, settings = run.config, run.config.training
    # Channels last suits convolutions on CPU and GPU alike. Adam takes its state where the weights are.
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    fabric = _fabric(device, settings)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, eps=settings.adam_epsilon)
    history = _resume(run, model, optimizer)
    network, optimizer = fabric.setup(model, optimizer)
    steps = math.ceil(len(train_part.clips) / settings.batch_size)
    with TrainingDisplay(config.model, settings.epochs, steps, len(history), display) as shown:
        for number in range(len(history) + 1, settings.epochs + 1):
            if _out_of_patience(history, settings.patience):
                break
            began = time.perf_counter()
            _seed_epoch(settings.seed, number)
            network.train()
            total = torch.zeros((), device=device)
            generator = _generator(settings.seed, number, device)
            order = (settings.seed, number)
            for batch in train_part.clips.batches(settings.batch_size, device, shuffle=order):
                batch = replace(batch, mel=augment(batch.mel, settings.augment, generator))
                logits = run_model(network, batch)
                loss = cross_entropy(logits, batch.labels) + _penalty(model, logits, settings)
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                total += loss.detach() * len(batch.labels)
                shown.step()
            network.eval()
            valid = _validate(network, valid_part.clips, device)
            mean = float(total) / len(train_part.clips)
            epoch = Epoch(number, mean, *valid, seconds=time.perf_counter() - began)
            if not (math.isfinite(epoch.loss) and math.isfinite(epoch.valid_loss)):
                kept = f"the states up to epoch {number - 1} are kept" if history else "there is no state yet"
                raise SingeridError(
                    f"{run.path}: the loss is not finite in epoch {number}; {kept}: "
                    "train anew, in another folder, with a lower --learning-rate"
                )
            history.append(epoch)
            _keep(run, model, optimizer, history)
            shown.epoch(number, epoch.loss, epoch.valid_loss, epoch.valid_f1)
            on_epoch(epoch)
    curves = draw_curves([asdict(epoch) for epoch in history], best_epoch(history).epoch)
    save_figure(curves, run.path / "curves.svg")


def _penalty(model: nn.Module, logits: Tensor, settings: TrainingConfig) -> Tensor | float:
    """What Keras's regularisers of the last layer add to the loss (`TrainingConfig.output_l2`, `output_l1`).

    The layer's output is taken to be the logits: of probabilities the absolute sum is always 1.
    """
    if not (settings.output_l2 or settings.output_l1):
        return 0.0
    kernel: Tensor = model.get_submodule("output").weight  # type: ignore[assignment]
    return settings.output_l2 * kernel.square().sum() + settings.output_l1 * logits.abs().sum() / len(logits)


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The epoch whose state is reported: best validation F1, of equals the earliest."""
    return max(history, key=lambda epoch: (epoch.valid_f1, -epoch.epoch))


def read_history(run: Run) -> list[Epoch]:
    """The finished epochs of a run, from its metrics.csv; raises SingeridError if that is damaged."""
    path = run.path / "metrics.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Epoch(int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SingeridError(f"{path}: cannot be read ({error}); run `singerid train` again") from error


def _fresh_model(config: RunConfig) -> nn.Module:
    """The network with the weights that its seed draws."""
    if ("melody" in model_entry(config.model).inputs) != (config.melody is not None):
        needs = "reads no melody" if config.melody else "needs a melody"
        raise SingeridError(f"model {config.model} {needs}; see --melody, or choose another --model")
    if "mel" not in model_entry(config.model).inputs and config.training.augment != "none":
        raise SingeridError(
            f"--augment changes spectrograms, which {config.model} does not read; leave it out"
        )
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config.model, len(config.singers), **config.options)
    except (TypeError, ValueError) as error:
        raise SingeridError(f"model {config.model}: {error}; mend --width or --option") from error
    smallest, n_mels = getattr(model, "smallest_frames", 1), getattr(model, "n_mels", config.features.n_mels)
    if config.clip_frames < smallest:
        seconds = frames_to_seconds(smallest, config.features)
        raise SingeridError(
            f"model {config.model} takes clips of {seconds:.2f} s at least; raise --clip-seconds"
        )
    if n_mels != config.features.n_mels:
        has = config.features.n_mels
        raise SingeridError(f"model {config.model} reads {n_mels} mel bands, the store has {has}")
    return model


def _check_settings(settings: TrainingConfig) -> None:
    for name in ("clip_seconds", "learning_rate"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value > 0):
            raise SingeridError(f"--{name.replace('_', '-')} must be a positive number, not {value}")
    if settings.epochs < 1 or settings.batch_size < 1:
        raise SingeridError("--epochs and --batch-size must be at least 1")


def _require_run_or_nothing(path: Path) -> None:
    """Refuse a folder of other things before anything is written there."""
    if path.is_dir() and not (path / "config.json").exists():
        # What a kill leaves behind that came before the configuration does not count.
        others = {entry.name for entry in path.iterdir()} - {"split.json", ".lock"}
        if any(not name.startswith(".tmp-") for name in others):
            raise SingeridError(f"{path}: is no run and not empty; give a new or empty folder as RUN")


def _begin(path: Path, config: RunConfig, split: Split) -> Run:
    """Open the run in a folder, or make a new one there; another run is refused."""
    for folder in (path, path / "states"):  # of a writer that was killed
        for leftover in folder.glob(".tmp-*"):
            leftover.unlink(missing_ok=True)
    if not (path / "config.json").exists():
        return Run.create(path, config, split)
    run = Run.open(path)
    different = run_differences(run.config, config)
    if run.split() != split:
        different.append("the tracks of the split")
    if different:
        raise SingeridError(
            f"{path}: holds a run with other settings: {', '.join(different)}; "
            "give the same settings to go on with it, or another folder"
        )
    epochs = max(config.training.epochs, run.config.training.epochs)
    training = replace(config.training, epochs=epochs)
    return Run.create(path, replace(config, versions=run.config.versions, training=training), split)


def run_differences(old: RunConfig, new: RunConfig) -> list[str]:
    """What makes two runs two, as text; a run may be prolonged, moved, and continued by a newer singerid."""
    different = [
        f"{item.name} {getattr(old, item.name)!r} instead of {getattr(new, item.name)!r}"
        for item in fields(RunConfig)
        if item.name not in ("training", "versions", "store", "singers", "store_identity")
        and _plain(getattr(old, item.name)) != _plain(getattr(new, item.name))
    ]
    different += [
        f"{item.name} {getattr(old.training, item.name)!r} instead of {getattr(new.training, item.name)!r}"
        for item in fields(TrainingConfig)
        if item.name not in ("epochs", "patience")
        and getattr(old.training, item.name) != getattr(new.training, item.name)
    ]
    for maker in filter(None, (old.separator, old.melody)):
        if old.versions.get(maker) != new.versions.get(maker):
            different.append(f"{maker} {old.versions.get(maker)} instead of {new.versions.get(maker)}")
    if (old.store_identity, old.singers) != (new.store_identity, new.singers):
        different.append("the store's recordings")
    return different


def _plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples are lists there."""
    return json.loads(json.dumps(value, default=asdict))


def _fabric(device: torch.device, settings: TrainingConfig) -> Any:
    from lightning_fabric import Fabric

    where = [device.index] if device.type == "cuda" else 1
    fabric = Fabric(accelerator=device.type, devices=where, precision=settings.precision)
    fabric.launch()
    return fabric


def _sequence(seed: int, epoch: int, purpose: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, purpose)).generate_state(1, np.uint64)[0] >> 1)


def _seed_epoch(seed: int, epoch: int) -> None:
    """Dropout draws from torch's global generators."""
    torch.manual_seed(_sequence(seed, epoch, 0))


def _generator(seed: int, epoch: int, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(_sequence(seed, epoch, 1))


def _validate(network: nn.Module, clips: Clips, device: torch.device) -> tuple[float, float, float]:
    """Loss, accuracy and weighted F1 of clips."""
    probabilities = predict_clips(network, clips, device)
    named = probabilities.argmax(1)
    right = probabilities[np.arange(len(clips)), clips.labels]
    loss = -np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()
    f1 = f1_score(clips.labels, named, average="weighted", zero_division=0)
    return float(loss), float((named == clips.labels).mean()), float(f1)


def _out_of_patience(history: list[Epoch], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    return len(history) - best_epoch(history).epoch >= patience


def _keep(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[Epoch]) -> None:
    """Write the states, the metrics and, last, the point to go on from.

    A kill in between does no harm: the epoch is then done again and writes the same states.
    """
    newest, earlier = history[-1], history[:-1]
    save_model(model, run.state_path("last"))
    for state, (measure, sign) in _MEASURE.items():
        value = sign * getattr(newest, measure)
        if all(value > sign * getattr(epoch, measure) for epoch in earlier):
            save_model(model, run.state_path(state))
    _write_history(run, history)
    tensors = dict(_flat_state(model, optimizer))
    metadata = {"history": json.dumps([asdict(epoch) for epoch in history])}
    with atomic_write(run.path / "resume.safetensors") as file:
        file.write(safetensors.torch.save(tensors, metadata))


def _write_history(run: Run, history: Sequence[Epoch]) -> None:
    with atomic_write(run.path / "metrics.csv", "w") as file:
        writer = csv.DictWriter(file, [item.name for item in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in history)


def _flat_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in model.state_dict().items():
        yield f"model/{name}", tensor.detach().cpu().contiguous()
    for index, state in optimizer.state_dict()["state"].items():
        for name, tensor in state.items():
            yield f"optimizer/{index}/{name}", tensor.detach().cpu().contiguous()


def _resume(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Epoch]:
    """Put model and optimizer where an interrupted run left them; the epochs done so far."""
    path = run.path / "resume.safetensors"
    if not path.exists():
        return []
    anew = f"delete {path} to train this run from its start"
    for state in get_args(StateName):
        if not run.state_path(state).exists():
            raise SingeridError(f"{run.state_path(state)}: is missing; {anew}")
    try:
        with safe_open(path, framework="pt") as file:
            history = [Epoch(**epoch) for epoch in json.loads(file.metadata()["history"])]
        tensors = safetensors.torch.load_file(path)
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer/"):
                _, index, key = name.split("/")
                states.setdefault(int(index), {})[key] = tensor
        model.load_state_dict(
            {name.removeprefix("model/"): t for name, t in tensors.items() if name.startswith("model/")}
        )
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": states, "param_groups": groups})
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise SingeridError(f"{path}: is damaged ({' '.join(str(error).split())}); {anew}") from error
    _write_history(run, history)
    return history
