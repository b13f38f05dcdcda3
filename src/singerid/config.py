"""All numbers of the method, each defined once, with its unit.

The paper: Kuo, Wei and Lin, "Positions, Channels, and Layers: Fully Generalized Non-Local Network
for Singer Identification", AAAI 2021. Where the paper gives no value, it is taken from the authors'
released program or from the defaults of its libraries, and the comment says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from singerid.nn.conv_block import Pool
    from singerid.nn.operation import SoftmaxAxis

PadMode = Literal["reflect", "constant"]
AugmentMode = Literal["none", "equalizer", "masking", "all"]
# "32-true": float32, with exact products on GPUs too; "tf32": float32, multiplied in TF32 on NVIDIA GPUs;
# "bf16-mixed": float32 weights, most products in bfloat16. "32-true" and "bf16-mixed" are Lightning Fabric's
# names.
Precision = Literal["32-true", "tf32", "bf16-mixed"]
CompileChoice = Literal["auto", "yes", "no"]  # "auto": on a GPU, if it saves more time than it costs


@dataclass(frozen=True)
class FeatureConfig:
    """Log-mel spectrogram settings. One frame is `hop_length` samples (32 ms)."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 2048  # samples
    hop_length: int = 512  # samples
    n_mels: int = 128  # bands, Slaney scale and norm, 0 Hz to sample_rate / 2
    # Padding of the first and last window. "reflect" was the default of librosa 0.7, which the authors
    # used; "constant" (zeros) is the default since librosa 0.10.
    pad_mode: PadMode = "reflect"
    # The dB scale is 20 log10 of a *power* spectrogram: 80 on this scale are 40 real decibels.
    amin: float = 1e-5  # smaller powers are raised to this one: -100 on this scale
    top_db: float = 80.0  # cells further below the track's loudest cell are raised to this level

    @property
    def frame_seconds(self) -> float:
        """Duration of one frame in seconds."""
        return self.hop_length / self.sample_rate


FilterBankWindow = Literal["povey", "hanning", "hamming", "rectangular"]


@dataclass(frozen=True)
class FilterBankConfig:
    """Settings of Kaldi's filter bank, the input of speaker networks. The defaults are those of CAM++.

    Frames follow each other every `hop_length` samples (10 ms), and each covers `frame_length` samples. No
    frame extends beyond the ends of the sound.
    """

    sample_rate: int = 16_000  # Hz
    frame_length: int = 400  # samples
    hop_length: int = 160  # samples
    n_mels: int = 80  # bands, from low_hz to sample_rate / 2
    low_hz: float = 20.0
    preemphasis: float = 0.97
    window: FilterBankWindow = "povey"
    scale: float = 1.0  # the value of a full-scale sample: 32,768 for networks trained on 16-bit integers
    remove_mean: bool = True  # subtract each band's mean over the window

    @property
    def n_fft(self) -> int:
        """Length of the Fourier transform in samples: the next power of two from `frame_length`."""
        return 1 << (self.frame_length - 1).bit_length()

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next, in seconds."""
        return self.hop_length / self.sample_rate


Features = FeatureConfig | FilterBankConfig  # how frames are made from sound


AttentionKind = Literal["none", "nl", "fgnl", "se", "cbam", "scse"]
ExcitationKind = Literal["mose", "se", "none"]

CRNN_POOLS: tuple[Pool, ...] = ((2, 2), (4, 2), (4, 2), (4, 2))
# Networks with attention pool less, so that 16 mel bands are left for the attention. The paper does not say
# this, but the authors' program and the published parameter counts show it.
SQUARE_POOLS: tuple[Pool, ...] = (None, (2, 2), (2, 2), (2, 2))


@dataclass(frozen=True)
class ModelConfig:
    """A network of the CRNN family. `models/build.py` tells which option applies to which attention kind."""

    melody: bool = False  # a second branch reads the melody map (CRNNM)
    attention: AttentionKind = "none"  # the block after the last conv block
    layers: tuple[int, ...] = ()  # numbers of the blocks whose maps FGNL reads besides the last
    channels: tuple[int, ...] = (64, 128, 128, 128)  # of the conv blocks
    pools: tuple[Pool, ...] = CRNN_POOLS
    extra_blocks: int = 0  # conv blocks added after block 1 (CRNN_Large)
    width: float = 1.0  # scales the channels and FGNL's reduction alike, so that K does not change
    n_mels: int = 128  # mel bands
    gru_units: int = 32
    dropout: float = 0.1  # after each conv block
    output_dropout: float = 0.3  # before the last layer
    batch_norm_eps: float = 1e-3  # Keras's default
    batch_norm_momentum: float = 0.01  # weight of the new batch; Keras's default, which it calls 0.99
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

    n_mfcc: int = 20  # coefficients per frame, including the first one (the level)
    units: int = 128  # per direction and LSTM; two LSTMs then have about as many parameters as FGNL
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
    skip_channels: int = 128  # of the sum of the skip connections
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # samples
    downsampling: int = 4  # number of down-sampling layers
    downsampling_factor: int = 8  # of each layer
    width: float = 1.0  # scales the channels
    dropout: float = ModelConfig.dropout  # after each down-sampling layer
    output_dropout: float = ModelConfig.output_dropout
    batch_norm_eps: float = ModelConfig.batch_norm_eps
    batch_norm_momentum: float = ModelConfig.batch_norm_momentum


# The values of C (scikit-learn's name) that the probe tries, from strong to weak regularisation. The one with
# the best validation score is used.
PROBE_STRENGTHS = tuple(10.0 ** (power / 2) for power in range(-8, 3))  # 1e-4 to 10


@dataclass(frozen=True)
class HeadConfig:
    """A head that classifies vectors by singer (`singerid.nn.heads`)."""

    size: int = 192  # of the vectors; 192 for CAM++


@dataclass(frozen=True)
class AugmentConfig:
    """Random changes of training clips against the album effect (the paper trains without them).

    Decibels are those of the features: twice the real decibels.
    """

    # Equaliser: standard deviations (dB) of the amplitudes of the first cosines over the mel axis.
    # The first is constant, a gain: loudness is typical of an album's mastering, and the networks do not
    # normalise it. The next ones have rising frequency: a tilt, a bow, ...
    equalizer_db: tuple[float, ...] = (10.0, 8.8, 7.6, 6.4, 5.2, 4.0)
    # Masking (SpecAugment, Park et al. 2019): each mask covers at most this share of its axis.
    time_masks: int = 2
    time_share: float = 0.1  # of the clip's frames
    mel_masks: int = 2
    mel_share: float = 0.1  # of the mel bands


# What is listened to. "both": mixture and vocals side by side; possible only for the vectors of an encoder.
AudioCondition = Literal["mixture", "vocals", "both"]
SplitKind = Literal["album", "track"]
StateName = Literal["best_loss", "best_accuracy", "best_f1", "last"]
REPORTED_STATE: StateName = "best_f1"  # the state used in tables, evaluation and identification


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. The defaults are those of the paper or of the authors' program."""

    clip_seconds: float = 5.0  # the paper uses 3, 5 and 10
    drop_last_clip: bool = False  # leave out the last whole clip of every track, as the authors' program does
    epochs: int = 300
    batch_size: int = 16
    learning_rate: float = 1e-4  # Adam, constant
    adam_epsilon: float = 1e-7  # Keras's default
    seed: int = 0  # of weights, dropout, shuffling and augmentation
    augment: AugmentMode = "none"
    augment_strengths: AugmentConfig = AugmentConfig()
    patience: int | None = None  # epochs without a better validation F1 before stopping; None: never
    precision: Precision = "32-true"
    # Terms added to the training loss: not in the paper, but in the authors' program for CRNN_FGNL.
    output_l2: float = 0.0  # factor of the sum of squares of the last layer's weights
    output_l1: float = 0.0  # factor of the sum of a clip's absolute logits, averaged over the batch


@dataclass(frozen=True)
class CorpusConfig:
    """Size and seed of a synthetic corpus (`singerid.data.synthetic`)."""

    singers: int = 8
    albums: int = 5  # per singer
    songs: int = 4  # per album
    seconds: float = 30.0  # length of a song, plus or minus 10 % and rounded to whole bars
    seed: int = 0


@dataclass(frozen=True)
class DuetConfig:
    """Number of synthetic duets, and how often both voices sing (`singerid.data.synthetic.duets`)."""

    duets: int = 20
    overlap: float = 0.34  # share of the sung time in which both sing; as in a published corpus of idol songs


Protocol = Literal["paper", "authors"]  # as the paper says, or as its authors' program does


ALL_TABLES = (1, 2, 3, 4, 5, 6, 7, 8)


@dataclass(frozen=True)
class ReproduceConfig:
    """Which cells of the paper's tables are run, and how (`singerid.reproduce`)."""

    # 1-3 are in the paper, 4-6 in its repository, 7 and 8 are ours; 8 needs an encoder's vectors in the store
    tables: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    audio: tuple[AudioCondition, ...] = ("mixture", "vocals")
    clip_seconds: tuple[float, ...] = (3.0, 5.0, 10.0)
    seeds: tuple[int, ...] = (0, 21, 42)  # each seed also draws a split
    protocol: Protocol = "paper"
    width: float = 1.0  # of the networks
    encoder: str = "campplus"  # of table 8
    # Each cell sets its own clip length and seed, and the protocol "authors" changes more settings.
    training: TrainingConfig = TrainingConfig()


SMOKE = ReproduceConfig(
    clip_seconds=(3.0,), seeds=(0,), width=0.25, training=TrainingConfig(epochs=2)
)  # checks that everything runs; its scores mean nothing
SMOKE_CORPUS = CorpusConfig(singers=4, albums=3, songs=2, seconds=15.0)


MIN_SECONDS = 3.0
"""Recordings shorter than this are left out: the length of the paper's shortest clip."""
MIXTURE, VOCALS, ACCOMPANIMENT = "mixture", "vocals", "accompaniment"
