"""The randomness of a run: that of epoch e depends on (seed, e) alone."""

import numpy as np
import torch


def sequence(seed: int, epoch: int, purpose: int) -> int:
    """A seed of its own for every purpose of every epoch of every run, in [0, 2**63)."""
    return int(np.random.SeedSequence((seed, epoch, purpose)).generate_state(1, np.uint64)[0] >> 1)


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed torch's global generators, from which dropout draws."""
    torch.manual_seed(sequence(seed, epoch, 0))


def generator_of(seed: int, epoch: int, device: torch.device) -> torch.Generator:
    """What augmentation draws from."""
    return torch.Generator(device).manual_seed(sequence(seed, epoch, 1))
