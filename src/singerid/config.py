"""Every number of the method, once, with its unit.

The paper: Kuo, Wei and Lin, "Positions, Channels, and Layers: Fully Generalized Non-Local Network
for Singer Identification", AAAI 2021. Where the paper is silent, the value is that of the authors'
released program or of its libraries' defaults, and the comment says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from singerid.nn.conv_block import Pool
    from singerid.nn.operation import SoftmaxAxis

PadMode = Literal["reflect", "constant"]
AugmentMode = Literal["none", "equalizer", "masking", "all"]
# "32-true": float32, exact products on a GPU too; "tf32": float32, on NVIDIA GPUs multiplied in TF32;
# "bf16-mixed": weights float32, most products bfloat16. The first and last as Lightning Fabric calls them.
Precision = Literal["32-true", "tf32", "bf16-mixed"]
CompileChoice = Literal["auto", "yes", "no"]  # "auto": on a GPU, where it saves more time than it takes


@dataclass(frozen=True)
class FeatureConfig:
    """Log-mel spectrogram settings. One frame is `hop_length` samples (32 ms)."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 2048  # samples
    hop_length: int = 512  # samples
    n_mels: int = 128  # bands, Slaney scale and norm, 0 Hz to sample_rate / 2
    # Padding of the first and last window. "reflect" is what librosa 0.7 did, which the authors
    # used; "constant" (zeros) is librosa's default since 0.10.
    pad_mode: PadMode = "reflect"
    # The dB scale is 20 log10 of a *power* spectrogram: 80 on this scale are 40 real decibels.
    amin: float = 1e-5  # smallest power told apart: -100 on this scale
    top_db: float = 80.0  # everything further below the track's loudest cell is raised to this floor

    @property
    def frame_seconds(self) -> float:
        """Duration of one frame in seconds."""
        return self.hop_length / self.sample_rate


FilterBankWindow = Literal["povey", "hanning", "hamming", "rectangular"]


@dataclass(frozen=True)
class FilterBankConfig:
    """Settings of Kaldi's filter bank, which speaker networks read. The defaults are those of CAM++.

    One frame is `hop_length` samples (10 ms); it hears `frame_length` of them. None reaches beyond the sound.
    """

    sample_rate: int = 16_000  # Hz
    frame_length: int = 400  # samples
    hop_length: int = 160  # samples
    n_mels: int = 80  # bands, from low_hz to sample_rate / 2
    low_hz: float = 20.0
    preemphasis: float = 0.97
    window: FilterBankWindow = "povey"
    scale: float = 1.0  # what full scale is to the network: 32,768 where it learned from 16-bit numbers
    remove_mean: bool = True  # of each band, over what the network hears at once

    @property
    def n_fft(self) -> int:
        """Length of the spectrum's transform: the next power of two, in samples."""
        return 1 << (self.frame_length - 1).bit_length()

    @property
    def frame_seconds(self) -> float:
        """From one frame to the next, in seconds."""
        return self.hop_length / self.sample_rate


Features = FeatureConfig | FilterBankConfig  # how frames are made from sound


AttentionKind = Literal["none", "nl", "fgnl", "se", "cbam", "scse"]
ExcitationKind = Literal["mose", "se", "none"]

CRNN_POOLS: tuple[Pool, ...] = ((2, 2), (4, 2), (4, 2), (4, 2))
# Networks with attention pool less, so that 16 mel bands are left to look at. The paper does not say
# so; the authors' program and the parameter counts do.
SQUARE_POOLS: tuple[Pool, ...] = (None, (2, 2), (2, 2), (2, 2))


@dataclass(frozen=True)
class ModelConfig:
    """A network of the CRNN family. Which option applies to which kind of attention: `models/build.py`."""

    melody: bool = False  # a second branch reads the melody map (CRNNM)
    attention: AttentionKind = "none"  # the block behind the last conv block
    layers: tuple[int, ...] = ()  # numbers of the blocks whose maps FGNL reads besides the last
    channels: tuple[int, ...] = (64, 128, 128, 128)  # of the conv blocks
    pools: tuple[Pool, ...] = CRNN_POOLS
    extra_blocks: int = 0  # conv blocks added after block 1 (CRNN_Large)
    width: float = 1.0  # scales the channels, and FGNL's reduction with them, so that K stays
    n_mels: int = 128  # mel bands
    gru_units: int = 32
    dropout: float = 0.1  # after each conv block
    output_dropout: float = 0.3  # before the last layer
    batch_norm_eps: float = 1e-3  # Keras's default
    batch_norm_momentum: float = 0.01  # share of the new batch; Keras's default, there called 0.99
    # FGNL
    reduction: int = 32  # m
    smoothing: bool = True
    sigma: float = 0.707  # of the Gaussian, in positions
    kernel_size: int = 5  # of the Gaussian, in positions
    excitation: ExcitationKind = "mose"
    softmax: SoftmaxAxis = "keys"
    # NL
    nl_reduction: int = 2  # m of Wang et al. 2018
    # SE, MoSE, CBAM, scSE
    hidden: int = 16  # units between their two layers


@dataclass(frozen=True)
class BLSTMConfig:
    """A bidirectional LSTM over MFCCs (`singerid.nn.recurrent`); the sizes are our own."""

    n_mfcc: int = 20  # coefficients a frame, the first (the level) included
    units: int = 128  # of each direction of each LSTM: with two of them about FGNL's parameters
    layers: int = 2
    width: float = 1.0  # scales the units
    n_mels: int = ModelConfig.n_mels
    dropout: float = ModelConfig.dropout  # between the LSTMs
    output_dropout: float = ModelConfig.output_dropout
    batch_norm_eps: float = ModelConfig.batch_norm_eps
    batch_norm_momentum: float = ModelConfig.batch_norm_momentum


@dataclass(frozen=True)
class WaveNetConfig:
    """A WaveNet over the raw waveform (`singerid.nn.wavenet`); the sizes are our own."""

    channels: int = 32  # of the gated residual units
    skip_channels: int = 128  # of what they add up to
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # samples
    downsampling: int = 4  # layers
    downsampling_factor: int = 8  # of each
    width: float = 1.0  # scales the channels
    dropout: float = ModelConfig.dropout  # after each down-sampling layer
    output_dropout: float = ModelConfig.output_dropout
    batch_norm_eps: float = ModelConfig.batch_norm_eps
    batch_norm_momentum: float = ModelConfig.batch_norm_momentum


# C of the probe's settings, as scikit-learn calls it: from strong regularisation to weak. Validation chooses.
PROBE_STRENGTHS = tuple(10.0 ** (power / 2) for power in range(-8, 3))  # 1e-4 to 10


@dataclass(frozen=True)
class HeadConfig:
    """What names singers by vectors (`singerid.nn.heads`)."""

    size: int = 192  # of the vectors; those of CAM++


@dataclass(frozen=True)
class AugmentConfig:
    """Random changes of training clips against the album effect (the paper trains without).

    Decibels are those of the features: twice the real ones.
    """

    # Equaliser: standard deviations (dB) of the amplitudes of the first cosines over the mel axis.
    # The first is the constant, a gain: loudness is a trait of an album's mastering, and nothing in
    # the networks takes it out. The next are slower to faster: a tilt, a bow, ...
    equalizer_db: tuple[float, ...] = (10.0, 8.8, 7.6, 6.4, 5.2, 4.0)
    # Masking (SpecAugment, Park et al. 2019): bands of this share of the axis at most.
    time_masks: int = 2
    time_share: float = 0.1  # of the clip's frames
    mel_masks: int = 2
    mel_share: float = 0.1  # of the mel bands


# What is heard; "both" are the two side by side, which only vectors of an encoder can be.
AudioCondition = Literal["mixture", "vocals", "both"]
SplitKind = Literal["album", "track"]
StateName = Literal["best_loss", "best_accuracy", "best_f1", "last"]
REPORTED_STATE: StateName = "best_f1"  # the state that tables, evaluation and identification report


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. The defaults are the paper's, or its authors' program's."""

    clip_seconds: float = 5.0  # the paper: 3, 5 and 10
    drop_last_clip: bool = False  # the program leaves out the last whole clip of every track
    epochs: int = 300
    batch_size: int = 16
    learning_rate: float = 1e-4  # Adam, constant
    adam_epsilon: float = 1e-7  # Keras's default
    seed: int = 0  # of weights, dropout, shuffling and augmentation
    augment: AugmentMode = "none"
    augment_strengths: AugmentConfig = AugmentConfig()
    patience: int | None = None  # epochs without a better validation F1 before stopping; None: never
    precision: Precision = "32-true"
    # Added to the training loss; the paper has neither, the authors' program has them for CRNN_FGNL.
    output_l2: float = 0.0  # times the sum of the squares of the last layer's kernel
    output_l1: float = 0.0  # times the sum of the absolute logits of a clip, mean over the batch


@dataclass(frozen=True)
class CorpusConfig:
    """How large a synthetic corpus, and which (`singerid.data.synthetic`)."""

    singers: int = 8
    albums: int = 5  # of each singer
    songs: int = 4  # on each album
    seconds: float = 30.0  # length of a song, give or take 10 % and the rounding to whole bars
    seed: int = 0


@dataclass(frozen=True)
class DuetConfig:
    """How many synthetic duets, and how often both sing (`singerid.data.synthetic.duets`)."""

    duets: int = 20
    overlap: float = 0.34  # of the sung time, in which both sing: as in a published corpus of idol songs


Protocol = Literal["paper", "authors"]  # what the paper says, or what its authors' program does


ALL_TABLES = (1, 2, 3, 4, 5, 6, 7, 8)


@dataclass(frozen=True)
class ReproduceConfig:
    """Which cells of the paper's tables are run, and how (`singerid.reproduce`)."""

    # 1-3 the paper's, 4-6 its repository's, 7 ours; 8, ours too, needs vectors of an encoder in the store
    tables: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    audio: tuple[AudioCondition, ...] = ("mixture", "vocals")
    clip_seconds: tuple[float, ...] = (3.0, 5.0, 10.0)
    seeds: tuple[int, ...] = (0, 21, 42)  # each is also a split
    protocol: Protocol = "paper"
    width: float = 1.0  # of the networks
    encoder: str = "campplus"  # of table 8
    # Clip length and seed are those of the cell, and the protocol has its say.
    training: TrainingConfig = TrainingConfig()


SMOKE = ReproduceConfig(
    clip_seconds=(3.0,), seeds=(0,), width=0.25, training=TrainingConfig(epochs=2)
)  # checks the plumbing: it says nothing about the networks
SMOKE_CORPUS = CorpusConfig(singers=4, albums=3, songs=2, seconds=15.0)


MIN_SECONDS = 3.0
"""Recordings shorter than this are left out: the length of the paper's shortest clip."""
MIXTURE, VOCALS, ACCOMPANIMENT = "mixture", "vocals", "accompaniment"
