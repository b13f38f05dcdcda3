"""Training a run: the checks before it, the loop (`epochs`), and the files written at the end."""

import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
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
from singerid.runs.history import Epoch, best_epoch
from singerid.runs.new import open_run, require_run_or_nothing
from singerid.runs.part import clips_notice, parts_of, require_clips_of_everyone
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.allocator import memory_kept
from singerid.system.console import Display, TrainingDisplay
from singerid.system.devices import CPU, gpu_arithmetic, lacks_bf16
from singerid.system.files import locked
from singerid.system.nodes import Node, this_node
from singerid.text import printable
from singerid.training.epochs import train_epochs
from singerid.training.fitting import fit
from singerid.training.learner import Learner, adam, check_training, compiling_pays, fresh_model
from singerid.training.states import keep, resume
from singerid.training.together import check_devices, train_together

_log = logging.getLogger(__name__)


def train(
    store: Store,
    path: Path | str,
    config: RunConfig,
    split: Split,
    device: torch.device = CPU,
    display: Display = "none",
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    compiling: CompileChoice = "auto",
    devices: int = 1,
    nodes: int = 1,
) -> Run:
    """Train a network, keep its four states in a run folder, write its card; resume an interrupted call.

    A head on vectors is fitted (`singerid.training.fitting`): an epoch is then one of its settings. A network
    that cannot be compiled, and singers without a clip in the parts to validate and test on, are logged as
    warnings.

    Args:
        store: features of the tracks.
        path: the run's folder: new, empty, or with the same run; a larger number of epochs continues it.
        config: model, split and training settings.
        split: what to learn from and what to validate on.
        device: where to compute.
        display: how to show loss and validation F1 on standard error: "auto" (a bar on a terminal, else
            one line per epoch), "lines" (always lines) or "none".
        on_epoch: called after each epoch, when its states are kept.
        compiling: whether the network is compiled (`torch.compile`) before it is trained: "yes", "no", or
            "auto": on a GPU, if there are enough steps to make up for it. A compiled network rounds sums in
            another order and draws other numbers for dropout. A network that cannot be compiled is trained
            as it is.
        devices: number of devices of this machine that train together: the first GPUs, or processes on the
            CPU, which share the threads that torch has here. Each computes its part of every batch; a batch
            has the same size and the same clips as on one device. Each process starts from scratch and
            imports the main module: call this under `if __name__ == "__main__"`, and register models of
            your own in a file that `singerid.plugins.load_plugin` loaded.
        nodes: number of machines that train together; make the same call on each, with MASTER_ADDR,
            MASTER_PORT and NODE_RANK in the environment (or those of SLURM, or torchrun). The first machine
            has the run's folder, and only there `on_epoch` is called; on the others the returned run may have
            no folder.

    Raises:
        SingeridError: the folder holds another run, the store does not have what the run needs, the devices
            do not exist, one of the processes ended, or the loss is no longer finite (the states of earlier
            epochs are kept).
    """
    path = Path(path)
    check_training(config.training, device)
    node = this_node(nodes)
    check_devices(devices, node, device, config, compiling)
    config = replace(config, devices=devices * nodes)
    model = fresh_model(config)
    train_part, valid_part, test_part = parts_of(store, split, config)
    require_clips_of_everyone(train_part, config, store)
    if not node.is_first:
        run = Run(path, config)
        _trained_by_several(
            run, store, split, len(train_part.clips), device, devices, node, "none", lambda _: None
        )
        return run
    require_run_or_nothing(path)
    with (
        locked(path, "is being trained by another process; wait for it or stop it"),
        gpu_arithmetic(tf32=config.training.precision == "tf32", fixed_sizes=True),
        memory_kept(),
    ):
        run = open_run(path, config, split, store)
        for part, name in ((valid_part, "valid"), (test_part, "test")):
            if notice := clips_notice(part, name):
                _log.warning(f"{printable(path)}: {notice}")
        if config.training.precision == "bf16-mixed" and lacks_bf16(device):
            _log.warning(
                f"{printable(path)}: `precision='bf16-mixed'`: this processor has no bf16; '32-true' is "
                "several times faster"
            )
        if MODELS[config.model].settings:
            history = fit(run, store, train_part, valid_part, on_epoch)
        elif config.devices > 1:
            history = _trained_by_several(
                run, store, split, len(train_part.clips), device, devices, node, display, on_epoch
            )
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
            )
    what = "setting" if MODELS[config.model].settings else "epoch"
    curves = draw_curves([asdict(epoch) for epoch in history], best_epoch(history).epoch, what=what)
    save_figure(curves, run.path / "curves.svg")
    try:
        write_card(run)
    except SingeridError as error:  # the network is trained nevertheless
        _log.warning(f"{printable(path)}: its model card cannot be written: {error}")
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
) -> list[Epoch]:
    """Train the network of a run from where it stopped to its last epoch; returns its epochs."""
    settings = run.config.training
    # Channels last suits convolutions on CPU and GPU alike. Adam takes its state where the weights are.
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = adam(model, settings, device)
    history = resume(run, model, optimizer)
    learner = Learner(model, optimizer, settings, device)
    steps = math.ceil(len(train) / settings.batch_size)
    # The steps of the whole run decide, so that an interrupted run goes on as it began.
    if compiling_pays(compiling, device, steps * settings.epochs):
        _compile(learner, train, run)
    with TrainingDisplay(run.config.model, settings.epochs, steps, len(history), display) as shown:

        def after(epoch: Epoch) -> None:
            keep(run, model, optimizer, history)
            shown.epoch(epoch.epoch, epoch.loss, epoch.valid_loss, epoch.valid_f1)
            on_epoch(epoch)

        train_epochs(learner, history, train, valid, settings, run.path, shown.step, after)
    return history


def _trained_by_several(
    run: Run,
    store: Store,
    split: Split,
    clips: int,
    device: torch.device,
    devices: int,
    node: Node,
    display: Display,
    on_epoch: Callable[[Epoch], None],
) -> list[Epoch]:
    """Like `_trained`, on several devices, which report their progress; `clips` are those to learn from."""
    settings = run.config.training
    steps = math.ceil(clips / settings.batch_size)
    with ExitStack() as open_:
        shown: TrainingDisplay | None = None

        def begin(done: int) -> None:
            nonlocal shown
            shown = TrainingDisplay(run.config.model, settings.epochs, steps, done, display)
            open_.enter_context(shown)

        def step() -> None:
            assert shown is not None
            shown.step()

        def after(epoch: Epoch) -> None:
            assert shown is not None
            shown.epoch(epoch.epoch, epoch.loss, epoch.valid_loss, epoch.valid_f1)
            on_epoch(epoch)

        return train_together(
            run, store, split, device, devices, node, on_begin=begin, on_step=step, on_epoch=after
        )


def _compile(learner: Learner, clips: Clips, run: Run) -> None:
    try:
        learner.compile(clips)
    except Exception as error:  # whatever the compiler raises: compiling only saves time
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        _log.warning(
            f"{printable(run.path)}: {run.config.model} is trained without compiling it, which failed: "
            f"{reason}"
        )
