"""The networks that the benchmarks train: a quarter of the width, with settings that learn in minutes."""

from pathlib import Path

import torch

from singerid.config import AudioCondition, AugmentConfig, AugmentMode, Precision, TrainingConfig
from singerid.data.splits import Split
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure
from singerid.store.reader import Store
from singerid.training.loop import train

CPU = torch.device("cpu")


def train_small(
    store: Store,
    path: Path,
    split: Split,
    how: SplitConfig,
    model: str,
    epochs: int,
    augment: AugmentMode,
    seed: int,
    audio: AudioCondition = "mixture",
    precision: Precision = "32-true",
    strengths: AugmentConfig = TrainingConfig.augment_strengths,
) -> None:
    """Train on one thread; an interrupted or finished run continues from its state."""
    torch.set_num_threads(1)
    training = TrainingConfig(
        clip_seconds=3.0,
        epochs=epochs,
        batch_size=8,
        learning_rate=2e-3,
        augment=augment,
        augment_strengths=strengths,
        seed=seed,
        precision=precision,
    )
    options = {"width": 0.25, "batch_norm_momentum": 0.1}
    config = configure(store, split, how, model, training, options=options, audio=audio)
    train(store, path, config, split, CPU, display="lines")
