"""What the benchmarks train: networks of a quarter of the width, at settings that learn in minutes."""

from pathlib import Path

import torch

from singerid.config import TrainingConfig
from singerid.data.splits import Split
from singerid.extract.store import Store
from singerid.runs import RunConfig, SplitConfig, current_versions, singers_in
from singerid.training import train

CPU = torch.device("cpu")


def train_small(
    store: Store, path: Path, split: Split, how: SplitConfig, model: str, epochs: int, augment: str, seed: int
) -> None:
    """Train on one thread; an interrupted or finished run goes on from where it is."""
    torch.set_num_threads(1)
    config = RunConfig(
        model=model,
        options={"width": 0.25, "batch_norm_momentum": 0.1},
        singers=singers_in(store, split),
        features=store.config,
        split=how,
        training=TrainingConfig(
            clip_seconds=3.0, epochs=epochs, batch_size=8, learning_rate=2e-3, augment=augment, seed=seed
        ),
        store=str(store.path.resolve()),
        store_identity=store.identity,
        versions=current_versions(),
    )
    train(store, path, config, split, CPU, display="lines")
