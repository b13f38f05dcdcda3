"""Settings of the demo: its size, and how long it trains."""

from dataclasses import dataclass, field

from singerid.config import CorpusConfig, TrainingConfig


@dataclass(frozen=True)
class DemoConfig:
    """Settings with which networks learn in minutes.

    The batch norm statistics adapt faster than in the paper's 300 epochs.

    Attributes:
        corpus: the synthetic corpus.
        strangers: number of its singers who are not enrolled.
        enrolled_songs: number of songs enrolled from each training album.
        separator: the separator that extracts the vocals from the mixtures.
        width: width of the networks.
        batch_norm_momentum: batch norm momentum of the networks.
        training: training settings of the networks.
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
