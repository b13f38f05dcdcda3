"""Spleeter's networks, small, with weights that say nothing: every number of batch norm is another."""

import torch

from singerid.nn.spleeter import SpleeterUNet


def small_unet(seed: int, widths: tuple[int, ...] = (2, 3, 4, 3, 4, 5)) -> SpleeterUNet:
    """In evaluation mode; some of batch norm's factors are negative, and one is zero."""
    network = SpleeterUNet(widths).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator) / max(1, value[0].numel()) ** 0.5)
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    network.up_norms[0].weight[0] = 0
    return network
