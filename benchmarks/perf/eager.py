"""The yardstick: a first, simple port of CRNN_FGNL to PyTorch. Do not make it faster.

A literal loop over rolls that builds every affinity, NCHW, float32, torch's own layers, nothing fused or
compiled. It needs only torch, and its parameters have the names of `build_model("crnn_fgnl", singers)`,
so that `load_state_dict` gives both the same weights.
"""

import torch
from torch import Tensor, nn


def loop(theta: Tensor, phi: Tensor, g: Tensor, axis: int = -1) -> Tensor:
    """Eq. 7: theta (B, P, K), phi and g (B, Q, K) -> (B, M, P, K); axis -1 normalises the keys."""
    responses = []
    for k in range(theta.shape[-1]):
        logits = torch.matmul(theta, torch.roll(phi, k, dims=-1).transpose(1, 2))
        responses.append(torch.matmul(torch.softmax(logits, dim=axis), g))
    return torch.stack(responses, dim=1)


class Block(nn.Sequential):
    def __init__(self, channels_in: int, channels: int, pool: bool) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(channels_in, channels, 3, padding=1))
        self.add_module("elu", nn.ELU())
        self.add_module("norm", nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01))
        if pool:
            self.add_module("pool", nn.MaxPool2d(2))
        self.add_module("dropout", nn.Dropout(0.1))


class Smooth(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / (2 * 0.707**2))
        kernel = torch.outer(line, line) / torch.outer(line, line).sum()
        self.register_buffer("kernel", kernel.repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.kernel, padding=2, groups=x.shape[1])


def embedding() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(128, 4, 1), Smooth(4))


class MoSE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv1d(1, 16, 1)
        self.expand = nn.Conv1d(16, 1, 1)

    def forward(self, r: Tensor) -> Tensor:
        hidden = torch.relu(self.squeeze(r.mean((2, 3)).unsqueeze(1)))
        return r * torch.softmax(self.expand(hidden).squeeze(1), dim=-1)[:, :, None, None]


class FGNL(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.theta = embedding()
        self.phi = nn.ModuleList([embedding(), embedding()])
        self.g = nn.ModuleList([embedding(), embedding()])
        self.excitation = MoSE()
        self.project = nn.Conv2d(16, 128, 1)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        def positions(maps: list[Tensor]) -> Tensor:
            return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)

        theta = positions([self.theta(x)])
        phi = positions([self.phi[0](x), self.phi[1](other)])
        g = positions([self.g[0](x), self.g[1](other)])
        r = self.excitation(loop(theta, phi, g))  # (B, M, P, K)
        r = r.permute(0, 3, 1, 2).reshape(len(x), 16, *x.shape[2:])  # index c * M + k
        return x + self.project(r)


class EagerCRNNFGNL(nn.Module):
    """Log-mel clips (B, 128, W) -> logits (B, singers)."""

    def __init__(self, singers: int) -> None:
        super().__init__()
        self.mel_branch = nn.Module()
        self.mel_branch.norm = nn.BatchNorm1d(128, eps=1e-3, momentum=0.01)
        self.mel_branch.blocks = nn.ModuleList(
            [Block(1, 64, False), Block(64, 128, True), Block(128, 128, True), Block(128, 128, True)]
        )
        self.attention = FGNL()
        self.gru = nn.GRU(2048, 32, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(32, singers)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.mel_branch.norm(mel).unsqueeze(1)
        maps = []
        for block in self.mel_branch.blocks:
            x = block(x)
            maps.append(x)
        x = self.attention(maps[3], maps[2])
        _, states = self.gru(x.permute(0, 3, 2, 1).flatten(2))
        return self.output(self.dropout(states[-1]))
