"""The convolutional recurrent networks of the paper (Figure 3): CRNN, CRNNM, and both with attention.

CRNN: Nasrullah and Zhao, "Music Artist Classification with Convolutional Recurrent Neural Networks",
IJCNN 2019. CRNNM: Hsieh et al., "Addressing the Confounds of Accompaniments in Singer Identification",
ICASSP 2020. Numbers that the papers do not give are those of the FGNL authors' released program.

Letters in shapes: B batch, C channels, H mel bands, W frames.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from singerid.nn.conv_block import ConvBlock, Pool
from singerid.nn.inference import run_clips
from singerid.nn.layers import initialize_as_keras, is_hooked, is_plain, shape_text


class Branch(nn.Module):
    """Batch norm over the mel axis, then the stack of conv blocks, with Keras's initial weights.

    Args:
        n_mels: H.
        channels: output channels of block 1, 2, ...
        pools: max pool of each block.
        extra_blocks: further blocks after block 1, with its channels and without pooling (CRNN_Large).
        dropout: of each block.
        eps: added to variances by batch norm.
        momentum: share of a batch in batch norm's running statistics (torch's convention: 0.01 here is
            Keras's 0.99).

    Attributes:
        bands: mel bands of the last map.
        smallest_frames: frames that the pools need at least.
    """

    def __init__(
        self,
        n_mels: int,
        channels: Sequence[int],
        pools: Sequence[Pool],
        extra_blocks: int,
        dropout: float,
        eps: float,
        momentum: float,
    ) -> None:
        super().__init__()
        if len(channels) != len(pools):
            raise ValueError(f"{len(channels)} blocks need as many pools, got {len(pools)}")
        self.n_mels, self.channels = n_mels, tuple(channels)
        self.smallest_frames = math.prod(pool[1] for pool in pools if pool)
        self.bands = n_mels // math.prod(pool[0] for pool in pools if pool)
        if self.bands < 1:
            raise ValueError(f"pools {tuple(pools)} leave nothing of {n_mels} mel bands")
        self.norm = nn.BatchNorm1d(n_mels, eps=eps, momentum=momentum)
        self.blocks = nn.ModuleList()
        in_channels = 1
        for out_channels, pool in zip(channels, pools, strict=True):
            self.blocks.append(ConvBlock(in_channels, out_channels, pool, dropout, eps, momentum))
            in_channels = out_channels
        self.extra = nn.Sequential(
            *(ConvBlock(channels[0], channels[0], None, dropout, eps, momentum) for _ in range(extra_blocks))
        )
        self.apply(initialize_as_keras)

    def forward(self, spectrogram: Tensor, keep: Sequence[int]) -> list[Tensor]:
        """Maps of chosen blocks: (B, H, W) -> for each block number in `keep` (1 is the first) its map."""
        x = self.norm(spectrogram).unsqueeze(1)
        kept = {}
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number == 1:
                x = self.extra(x)
            if number in keep:
                kept[number] = x
        return [kept[number] for number in keep]


class CRNN(nn.Module):
    """Conv blocks over the log-mel clip (and the melody map), an optional attention block, two GRUs.

    The last block's map is enhanced by `attention`, read frame by frame as one vector (mel-major: index
    h * C + c), and summed up by two GRUs; the last state is the clip's embedding. With melody, both
    inputs have a branch, and the branches' maps are concatenated on channels, mel before melody.

    Args:
        singers: number of classes.
        mel_branch: reads the mel spectrogram.
        melody_branch: reads the melody map (CRNNM), with maps of the same sizes; None: no melody (CRNN).
        attention: block applied to the last map as `attention(x_i, *others)`, for example
            `FGNL2d(128, [128])`; its channels are twice as many with melody.
        layers: numbers of the blocks whose maps are `others`, for example (3,).
        gru_units: units of each GRU, the size of the embedding.
        output_dropout: before the last layer.
    """

    def __init__(
        self,
        singers: int,
        mel_branch: Branch,
        melody_branch: Branch | None = None,
        *,
        attention: nn.Module | None = None,
        layers: Sequence[int] = (),
        gru_units: int,
        output_dropout: float,
    ) -> None:
        super().__init__()
        blocks = len(mel_branch.channels)
        outside = [number for number in layers if not 1 <= number < blocks]
        if outside:
            raise ValueError(f"layers names blocks {outside}; there are 1 to {blocks - 1} before the last")
        self.n_mels = mel_branch.n_mels
        self.keep = (blocks, *layers)
        self.smallest_frames = mel_branch.smallest_frames
        self.mel_branch = mel_branch
        self.melody_branch = melody_branch
        self.attention = attention
        features = mel_branch.bands * mel_branch.channels[-1] * (1 if melody_branch is None else 2)
        self.gru = nn.GRU(features, gru_units, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(output_dropout)
        self.output = nn.Linear(gru_units, singers)
        initialize_as_keras(self.gru)
        initialize_as_keras(self.output)

    def maps(self, mel: Tensor, melody: Tensor | None = None) -> list[Tensor]:
        """X_i and the further layers that the attention block reads, each (B, C, bands, frames)."""
        self._check(mel, melody)
        maps: list[Tensor] = self.mel_branch(mel, self.keep)
        if self.melody_branch is None:
            return maps
        return [
            torch.cat(pair, dim=1) for pair in zip(maps, self.melody_branch(melody, self.keep), strict=True)
        ]

    def strides(self) -> list[tuple[int, int]]:
        """For each of `maps`, the mel bands and frames of the input that one position stands for."""
        pools = [getattr(block, "pool", None) for block in self.mel_branch.blocks]
        sizes = [pool.kernel_size if pool is not None else (1, 1) for pool in pools]
        return [
            (math.prod(size[0] for size in sizes[:number]), math.prod(size[1] for size in sizes[:number]))
            for number in self.keep
        ]

    def embed(self, mel: Tensor, melody: Tensor | None = None) -> Tensor:
        """Embedding of clips, the last GRU state: mel (B, H, W) in dB -> (B, gru_units)."""
        self._check(mel, melody)
        inputs = (mel,) if melody is None else (mel, melody)
        # Without batch statistics clips are independent. On a CPU they run one by one: a clip's maps fit the
        # cache.
        evaluating = not any(module.training for module in self.modules())
        if not evaluating or not is_plain(mel) or is_hooked(self):
            frames = self._frames(*inputs)
        elif torch.is_grad_enabled():
            frames = torch.cat(
                [self._frames(*clip) for clip in zip(*(x.split(1) for x in inputs), strict=True)]
            )
        else:
            frames = run_clips(self._frames, *inputs)
        _, states = self.gru(frames)
        last: Tensor = states[-1]
        return last

    def _frames(self, mel: Tensor, melody: Tensor | None = None) -> Tensor:
        """The input of the GRUs: (B, W, H * C), one vector per frame of X_i, index h * C + c."""
        x, *others = self.maps(mel, melody)
        if self.attention is not None:
            x = self.attention(x, *others)
        return x.permute(0, 3, 2, 1).flatten(2)

    def forward(self, mel: Tensor, melody: Tensor | None = None) -> Tensor:
        """Logits of clips.

        Args:
            mel: log-mel clips in dB, (B, H, W); any number of frames W that the pools allow.
            melody: one-hot melody maps (B, H, W), for networks with a melody branch.

        Returns:
            (B, singers); their softmax gives the probabilities.

        Raises:
            ValueError: the shape is wrong; the message names the expected and the given one.
        """
        logits: Tensor = self.output(self.dropout(self.embed(mel, melody)))
        return logits

    def _check(self, mel: Tensor, melody: Tensor | None) -> None:
        shape = f"(B, {self.n_mels}, W) with at least {self.smallest_frames} frames"
        if mel.ndim != 3 or mel.shape[1] != self.n_mels or mel.shape[2] < self.smallest_frames:
            raise ValueError(f"mel must be {shape}, got {shape_text(mel.shape)}")
        if self.melody_branch is None and melody is not None:
            raise ValueError("this network takes no melody; use one of the crnnm models")
        if self.melody_branch is not None and melody is None:
            raise ValueError(
                f"this network also takes a melody map of the shape of mel, {shape_text(mel.shape)}"
            )
        if melody is not None and melody.shape != mel.shape:
            raise ValueError(
                f"melody must have the shape of mel, {shape_text(mel.shape)}, got {shape_text(melody.shape)}"
            )
