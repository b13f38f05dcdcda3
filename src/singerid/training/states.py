"""What a run keeps: the weights of its states, and the point from which training resumes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import get_args

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from singerid.config import StateName
from singerid.errors import SingeridError
from singerid.models.weights import save_model
from singerid.runs.history import Epoch, write_history
from singerid.runs.run import Run
from singerid.system.files import atomic_write
from singerid.system.ranks import Ranks
from singerid.text import one_line

_MEASURE: dict[StateName, tuple[str, int]] = {
    "best_loss": ("valid_loss", -1),
    "best_accuracy": ("valid_accuracy", 1),
    "best_f1": ("valid_f1", 1),
}


def keep(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[Epoch]) -> None:
    """Write the states, the metrics and, last, the point to resume from.

    A kill in between does no harm: the epoch is then repeated and writes the same states.
    """
    for state, epoch in chosen(history).items():
        if epoch is history[-1]:
            save_model(model, run.state_path(state))
    write_history(run, history)
    tensors = dict(_flat_state(model, optimizer))
    metadata = {"history": json.dumps([asdict(epoch) for epoch in history])}
    with atomic_write(run.path / "resume.safetensors") as file:
        file.write(safetensors.torch.save(tensors, metadata))


def chosen(history: Sequence[Epoch]) -> dict[StateName, Epoch]:
    """The epoch of each state; if several are equally good, the earliest."""
    best = {
        state: max(history, key=lambda epoch: (sign * getattr(epoch, measure), -epoch.epoch))
        for state, (measure, sign) in _MEASURE.items()
    }
    return {**best, "last": history[-1]}


def _flat_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in model.state_dict().items():
        yield f"model/{name}", tensor.detach().cpu().contiguous()
    for index, state in optimizer.state_dict()["state"].items():
        for name, tensor in state.items():
            yield f"optimizer/{index}/{name}", tensor.detach().cpu().contiguous()


def resume(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Epoch]:
    """Restore model and optimizer of an interrupted run; returns the epochs done so far."""
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
        _restore(safetensors.torch.load_file(path), model, optimizer)
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise SingeridError(f"{path}: is damaged ({one_line(error)}); {anew}") from error
    write_history(run, history)
    return history


def _restore(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Restore model and optimizer from the tensors of `_flat_state`."""
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


def pass_on(
    history: Sequence[Epoch],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    ranks: Ranks,
) -> list[Epoch]:
    """Copy model and optimizer of the first process to all processes, and return its epochs in each.

    Only the first process needs access to the run's folder.
    """
    count = int(ranks.of_first(torch.tensor(len(history), device=device)))
    if not count:
        return []
    content = safetensors.torch.save(dict(_flat_state(model, optimizer))) if ranks.number == 0 else b""
    size = int(ranks.of_first(torch.tensor(len(content), device=device)))
    sent = torch.frombuffer(bytearray(content or bytes(size)), dtype=torch.uint8).to(device)
    received = ranks.of_first(sent)
    if ranks.number:
        _restore(safetensors.torch.load(received.cpu().numpy().tobytes()), model, optimizer)
    return [told(history[number] if history else None, device, ranks) for number in range(count)]


def told(epoch: Epoch | None, device: torch.device, ranks: Ranks) -> Epoch:
    """An epoch with the values of the first process, so that all processes decide alike."""
    names = [item.name for item in fields(Epoch)]
    own = [getattr(epoch, name) for name in names] if epoch else [0.0] * len(names)
    number, *values = ranks.of_first(torch.tensor(own, dtype=torch.float64, device=device)).tolist()
    return Epoch(int(number), *values)
