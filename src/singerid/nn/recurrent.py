"""MFCCs into a bidirectional LSTM, in the manner of Van et al.

Van, Quang and Thanh, "Deep Learning Approach for Singer Voice Classification of Vietnamese Popular Music",
SoICT 2019: vocals are separated from the mixture, and their MFCCs are read by a bidirectional LSTM. Their
hyper-parameters are not known here: all sizes are our own, so scores may differ from theirs. For the first
half of their system, train on separated vocals (`singerid train --audio vocals`).

Letters in shapes: B batch, H mel bands, W frames, K coefficients.
"""

import math

import torch
from torch import Tensor, nn

from singerid.nn.layers import initialize_as_keras, shape_text


class MFCC(nn.Module):
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II over the mel axis, its first K values.

    The coefficients are those of `librosa.feature.mfcc(S=mel)`.

    Args:
        n_mels: H.
        n_mfcc: K, the first (the level) included.
    """

    basis: Tensor

    def __init__(self, n_mels: int, n_mfcc: int) -> None:
        super().__init__()
        if not 1 <= n_mfcc <= n_mels:
            raise ValueError(f"n_mfcc must be 1 to {n_mels}, the number of mel bands, not {n_mfcc}")
        order = torch.arange(n_mfcc, dtype=torch.float64)[:, None]
        band = torch.arange(n_mels, dtype=torch.float64)
        basis = math.sqrt(2 / n_mels) * torch.cos(math.pi / n_mels * order * (band + 0.5))
        basis[0] /= math.sqrt(2)
        # Not part of a saved state: the sizes determine it.
        self.register_buffer("basis", basis.to(torch.float32), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, H, W) in dB -> (B, K, W)."""
        return self.basis @ mel


class BLSTM(nn.Module):
    """MFCCs, batch norm, a stack of bidirectional LSTMs, dropout, a linear layer.

    Args:
        singers: number of classes.
        n_mels: H.
        n_mfcc: coefficients per frame.
        units: of each direction of each LSTM.
        layers: number of LSTMs.
        dropout: between the LSTMs.
        output_dropout: before the last layer.
        eps: added to variances by batch norm.
        momentum: of batch norm, in torch's convention.
    """

    smallest_frames = 1

    def __init__(
        self,
        singers: int,
        *,
        n_mels: int,
        n_mfcc: int,
        units: int,
        layers: int,
        dropout: float,
        output_dropout: float,
        eps: float,
        momentum: float,
    ) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.mfcc = MFCC(n_mels, n_mfcc)
        self.norm = nn.BatchNorm1d(n_mfcc, eps=eps, momentum=momentum)
        self.lstm = nn.LSTM(
            n_mfcc,
            units,
            num_layers=layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(output_dropout)
        self.output = nn.Linear(2 * units, singers)
        initialize_as_keras(self.lstm)
        initialize_as_keras(self.output)

    def embed(self, mel: Tensor) -> Tensor:
        """Embedding of clips, the last layer's states at both ends of the clip.

        Args:
            mel: log-mel clips in dB, (B, H, W), any number of frames.

        Returns:
            (B, 2 * units): the forward LSTM's state after the last frame, then the backward one's after
            the first.

        Raises:
            ValueError: the shape is wrong; the message names the expected and the given one.
        """
        if mel.ndim != 3 or mel.shape[1] != self.n_mels or mel.shape[2] < self.smallest_frames:
            raise ValueError(f"mel must be (B, {self.n_mels}, W), got {shape_text(mel.shape)}")
        _, (states, _) = self.lstm(self.norm(self.mfcc(mel)).transpose(1, 2))
        return torch.cat((states[-2], states[-1]), dim=-1)

    def forward(self, mel: Tensor) -> Tensor:
        """Logits of clips: mel (B, H, W) in dB -> (B, singers); raises ValueError as `embed`."""
        logits: Tensor = self.output(self.dropout(self.embed(mel)))
        return logits
