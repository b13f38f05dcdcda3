"""How large the demo is, and how long it trains."""

from dataclasses import dataclass, field

from singerid.config import CorpusConfig, TrainingConfig


@dataclass(frozen=True)
class DemoConfig:
    """Settings that learn in minutes. Batch norm's statistics follow faster than in 300 epochs.

    Attributes:
        corpus: the songs that are made.
        strangers: singers of it who are not enrolled.
        enrolled_songs: of each album by which a singer is enrolled.
        separator: takes the vocals out of the mixtures.
        width: of the networks.
        batch_norm_momentum: of the networks.
        training: how they learn.
    """

    corpus: CorpusConfig = field(default_factory=lambda: CorpusConfig(songs=3))
    strangers: int = 2
    enrolled_songs: int = 2
    separator: str = "spleeter"
    width: float = 0.25
    batch_norm_momentum: float = 0.1
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(
            clip_seconds=3.0, epochs=6, batch_size=8, learning_rate=2e-3, augment="all"
        )
    )
