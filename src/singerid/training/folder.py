"""The folder of a run: opened, made anew, or refused because it holds something else."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from singerid.config import TrainingConfig
from singerid.data.splits import Split
from singerid.errors import SingeridError
from singerid.runs import Run, RunConfig


def require_run_or_nothing(path: Path) -> None:
    """Refuse a folder of other things before anything is written there."""
    if path.is_dir() and not (path / "config.json").exists():
        # What a kill leaves behind that came before the configuration does not count.
        others = {entry.name for entry in path.iterdir()} - {"split.json", ".lock"}
        if any(not name.startswith(".tmp-") for name in others):
            raise SingeridError(f"{path}: is no run and not empty; give a new or empty folder as RUN")


def open_run(path: Path, config: RunConfig, split: Split) -> Run:
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
