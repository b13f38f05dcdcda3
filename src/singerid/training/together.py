"""Training by several processes, each with a device of its own, on one machine or more.

Each process has the whole network and computes its part of every batch. The gradients are averaged (DDP),
weighted by the number of clips of each process, so a step equals that of one device with the whole batch. The
first process writes the states; the process that starts the others (`loop`) has the run's folder and shows
the progress that they report.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from socket import gethostname
from typing import Any

import torch
from torch import distributed, nn

from singerid.config import CompileChoice
from singerid.data.splits import Split
from singerid.errors import SingeridError
from singerid.models.registry import MODELS
from singerid.plugins import LOADED, load_plugin
from singerid.runs.config import RunConfig, config_to_json
from singerid.runs.history import Epoch
from singerid.runs.part import parts_of
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.allocator import memory_kept
from singerid.system.devices import gpu_arithmetic
from singerid.system.launching import Tell, in_ranks
from singerid.system.nodes import Node, meeting
from singerid.system.ranks import Ranks
from singerid.training.epochs import train_epochs
from singerid.training.learner import Learner, adam, fresh_model
from singerid.training.states import keep, pass_on, resume, told


def check_devices(
    devices: int, node: Node, device: torch.device, config: RunConfig, compiling: CompileChoice
) -> None:
    """Raise SingeridError if these devices cannot train a run together."""
    if devices < 1:
        raise SingeridError(f"`devices` must be at least 1, not {devices}")
    count = devices * node.nodes
    if count == 1:
        return
    if MODELS[config.model].settings:
        raise SingeridError(
            f"model {config.model} is fitted, not trained: `devices` and `nodes` would do nothing; leave "
            "them out"
        )
    if not distributed.is_available():
        raise SingeridError("`devices` and `nodes`: this build of PyTorch can only use one device")
    if config.training.batch_size < count:
        raise SingeridError(
            f"`batch_size={config.training.batch_size}`: {count} devices share each batch; make it at least "
            f"{count}, or take fewer devices"
        )
    if compiling == "yes":
        raise SingeridError(
            f"`compiling='yes'`: works on one device, not on {count}; leave it out, or `devices` and `nodes`"
        )
    if device.type != "cuda":
        return
    there = torch.cuda.device_count()
    if devices > there:
        raise SingeridError(
            f"`devices={devices}`: {gethostname()} has {there} CUDA device(s); give `devices={there}`, or "
            "`device='cpu'` for processes on its CPU"
        )
    if device.index:
        raise SingeridError(
            f"`device={str(device)!r}`: is one GPU; {devices} devices are always a machine's first ones; "
            "give `device='cuda'`"
        )


@dataclass(frozen=True)
class _Job:
    """What each process needs to know."""

    store: Path
    run: Run
    split: Split
    kind: str  # of the device
    threads: int
    plugins: tuple[Path, ...]


def train_together(
    run: Run,
    store: Store,
    split: Split,
    device: torch.device,
    devices: int,
    node: Node,
    *,
    on_begin: Callable[[int], None],
    on_step: Callable[[], None],
    on_epoch: Callable[[Epoch], None],
) -> list[Epoch]:
    """Train the network of a run in several processes, from where it stopped; returns its epochs.

    The CPU threads of this process are shared out among the processes that it starts.

    Args:
        run: the run, which was begun.
        store: the store that it learns from.
        split: the split of the store.
        device: its kind ("cpu", "cuda") says where each process computes.
        devices: number of processes on this machine.
        node: which of the machines this one is.
        on_begin: called with the number of epochs that were done before; only on the first machine.
        on_step: called after each batch, likewise.
        on_epoch: called with each epoch, when its states are kept, likewise. Training does not wait for it.

    Raises:
        SingeridError: one of the processes failed or was ended, or the machines did not find each other.
    """
    history: list[Epoch] = []

    def hear(said: Any) -> None:
        what, value = said
        if what == "step":
            on_step()
        elif what == "begin":
            history.extend(value)
            on_begin(len(history))
        else:
            history.append(value)
            on_epoch(value)

    threads = max(1, torch.get_num_threads() // devices)
    begun = Run(run.path.absolute(), run.config)
    job = _Job(store.path.absolute(), begun, split, device.type, threads, tuple(LOADED))
    with meeting(node, _said(run.config, split, devices, node, device)) as met:
        in_ranks(train_rank, job, devices, device, met, hear)
    return history


def _said(config: RunConfig, split: Split, devices: int, node: Node, device: torch.device) -> dict[str, str]:
    """Settings that must be the same on all machines, by what an error calls them."""
    content = config_to_json(config)
    versions = content.pop("versions")
    # The store may be in another place; a resumed run may have more epochs than this call, or other devices.
    for name in ("store", "origins", "devices"):
        content.pop(name, None)
    del content["training"]["epochs"]
    settings = json.dumps([content, split.to_json()], sort_keys=True, default=str)
    return {
        "singerid": str(versions["singerid"]),
        "torch": torch.__version__,
        "`nodes`": str(node.nodes),
        "`devices`": str(devices),
        "`device`": device.type,
        "settings, split and store with the digest": hashlib.sha256(settings.encode()).hexdigest()[:12],
    }


def train_rank(job: _Job, ranks: Ranks, tell: Tell) -> None:
    """The work of one of the processes; the first one reports progress."""
    for plugin in job.plugins:
        load_plugin(plugin)
    config, is_first = job.run.config, ranks.number == 0
    device = torch.device(job.kind, *([ranks.number % ranks.devices] if job.kind == "cuda" else []))
    epochs = int(ranks.of_first(torch.tensor(config.training.epochs, device=device)))
    settings = replace(config.training, epochs=epochs)
    train, valid, _ = parts_of(Store.open(job.store), job.split, config)
    with gpu_arithmetic(tf32=settings.precision == "tf32", fixed_sizes=True), memory_kept():
        model = synchronised(fresh_model(config), device)
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = adam(model, settings, device)
        history = pass_on(
            resume(job.run, model, optimizer) if is_first else [], model, optimizer, device, ranks
        )
        learner = Learner(model, optimizer, settings, device, ranks)
        torch.set_num_threads(job.threads)  # Fabric shares out all threads of the machine

        def after(epoch: Epoch) -> None:
            if is_first:  # the others wait for it at the next batch
                keep(job.run, model, optimizer, history)
                tell(("epoch", epoch))

        def step() -> None:
            if is_first:
                tell(("step", None))

        if is_first:
            tell(("begin", history.copy()))
        try:
            train_epochs(
                learner,
                history,
                train.clips,
                valid.clips,
                settings,
                job.run.path,
                step,
                after,
                agree=lambda epoch: told(epoch, device, ranks),
            )
        except RuntimeError as error:
            if "not used in producing loss" not in str(error):
                raise
            raise SingeridError(
                f"model {config.model}: has weights that its output does not depend on, which several "
                "devices would wait for; freeze them (requires_grad_(False)), or train on one device"
            ) from error
        # No process leaves before all are done.
        ranks.sum_of(torch.zeros((), device=device)).item()


def synchronised(model: nn.Module, device: torch.device) -> nn.Module:
    """The network with batch norm over the clips of all processes, which torch has for GPUs only."""
    if device.type != "cuda":
        return model
    made: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return made
