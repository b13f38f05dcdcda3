"""The loop over epochs, readable from top to bottom."""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from singerid.config import CompileChoice
from singerid.data.clips import Clips
from singerid.data.splits import Split
from singerid.errors import SingeridError
from singerid.evaluation.card import write_card
from singerid.figures import draw_curves, save_figure
from singerid.models.registry import MODELS
from singerid.runs.config import RunConfig
from singerid.runs.history import Epoch, best_epoch, out_of_patience
from singerid.runs.new import open_run, require_run_or_nothing
from singerid.runs.part import clips_notice, parts_of, require_clips_of_everyone
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.allocator import memory_kept
from singerid.system.console import Display, TrainingDisplay
from singerid.system.devices import CPU, gpu_arithmetic
from singerid.system.files import locked
from singerid.training.fitting import fit
from singerid.training.learner import Learner, adam, check_training, compiling_pays, fresh_model
from singerid.training.states import keep, resume


def train(
    store: Store,
    path: Path | str,
    config: RunConfig,
    split: Split,
    device: torch.device = CPU,
    display: Display = "none",
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    compiling: CompileChoice = "auto",
    on_warning: Callable[[str], None] = warnings.warn,
) -> Run:
    """Train a network, keep its four states in a run folder, write its card; go on where a call stopped.

    A head on vectors is fitted (`singerid.training.fitting`): an epoch is then a setting of it.

    Args:
        store: features of the tracks.
        path: the run's folder: new, empty, or of the same run. More epochs than before prolong it.
        config: model, split and training settings.
        split: what to learn from and what to validate on.
        device: where to compute.
        display: show loss and validation F1 on standard error: a bar or, where that is no terminal, a
            line an epoch ("auto"); always lines; or nothing.
        on_epoch: called after each epoch, when its states are kept.
        compiling: whether the network is compiled (`torch.compile`) before it is trained: "yes", "no", or
            "auto", on a GPU where there are steps enough to repay it. Sums are then rounded in another order,
            and dropout draws other numbers. A network that cannot be compiled is trained as it is.
        on_warning: told of a network that cannot be compiled, and of singers without a clip in the parts to
            validate and test on, in one line each.

    Raises:
        SingeridError: the folder holds another run, the store does not have what the run needs, or
            the loss is not finite any more (the states of the epochs before are kept).
    """
    path = Path(path)
    check_training(config.training, device)
    model = fresh_model(config)
    train_part, valid_part, test_part = parts_of(store, split, config)
    require_clips_of_everyone(train_part, config, store)
    require_run_or_nothing(path)
    with (
        locked(path, "is being trained by another process; wait for it or stop it"),
        gpu_arithmetic(tf32=config.training.precision == "tf32", fixed_sizes=True),
        memory_kept(),
    ):
        run = open_run(path, config, split, store)
        for part, name in ((valid_part, "valid"), (test_part, "test")):
            if notice := clips_notice(part, name):
                on_warning(notice)
        if MODELS[config.model].settings:
            history = fit(run, store, train_part, valid_part, on_epoch)
        else:
            history = _trained(
                run,
                model,
                train_part.clips,
                valid_part.clips,
                device,
                display=display,
                on_epoch=on_epoch,
                compiling=compiling,
                on_warning=on_warning,
            )
    what = "setting" if MODELS[config.model].settings else "epoch"
    curves = draw_curves([asdict(epoch) for epoch in history], best_epoch(history).epoch, what=what)
    save_figure(curves, run.path / "curves.svg")
    try:
        write_card(run)
    except SingeridError as error:  # the network is trained all the same
        on_warning(f"its model card cannot be written: {error}")
    return run


def _trained(
    run: Run,
    model: nn.Module,
    train: Clips,
    valid: Clips,
    device: torch.device,
    *,
    display: Display,
    on_epoch: Callable[[Epoch], None],
    compiling: CompileChoice,
    on_warning: Callable[[str], None],
) -> list[Epoch]:
    """Train the network of a run from where it stopped to its last epoch; its epochs."""
    settings = run.config.training
    # Channels last suits convolutions on CPU and GPU alike. Adam takes its state where the weights are.
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = adam(model, settings, device)
    history = resume(run, model, optimizer)
    learner = Learner(model, optimizer, settings, device)
    steps = math.ceil(len(train) / settings.batch_size)
    # Of the whole run, so that one that was interrupted goes on as it began.
    if compiling_pays(compiling, device, steps * settings.epochs):
        _compile(learner, train, run.config.model, on_warning)
    with TrainingDisplay(run.config.model, settings.epochs, steps, len(history), display) as shown:
        while len(history) < settings.epochs and not out_of_patience(history, settings.patience):
            epoch = _epoch(learner, len(history) + 1, train, valid, shown.step)
            _require_finite(epoch, run)
            history.append(epoch)
            keep(run, model, optimizer, history)
            shown.epoch(epoch.epoch, epoch.loss, epoch.valid_loss, epoch.valid_f1)
            on_epoch(epoch)
    return history


def _epoch(learner: Learner, number: int, train: Clips, valid: Clips, on_step: Callable[[], None]) -> Epoch:
    began = time.perf_counter()
    total = learner.epoch(train, number, on_step)
    measures = learner.validate(valid)
    return Epoch(number, float(total) / len(train), *measures, seconds=time.perf_counter() - began)


def _require_finite(epoch: Epoch, run: Run) -> None:
    if not (math.isfinite(epoch.loss) and math.isfinite(epoch.valid_loss)):
        before = epoch.epoch - 1
        kept = f"the states up to epoch {before} are kept" if before else "there is no state yet"
        raise SingeridError(
            f"{run.path}: the loss is not finite in epoch {epoch.epoch}; {kept}: "
            "train anew, in another folder, with a lower --learning-rate"
        )


def _compile(learner: Learner, clips: Clips, model: str, on_warning: Callable[[str], None]) -> None:
    try:
        learner.compile(clips)
    except Exception as error:  # whatever a compiler may raise: it is only there to save time
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        on_warning(f"{model} is trained without compiling it, which failed: {reason}")
