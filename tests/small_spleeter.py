"""Spleeter's networks, small, with weights that say nothing: every number of batch norm is another."""

from pathlib import Path

import torch

from singerid.nn.spleeter import SpleeterUNet
from singerid.system.files import file_hash
from singerid.system.sources import PublishedFile, Wheel
from singerid.system.weights import Published
from tensorflow_writer import write_checkpoint


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


def write_small_spleeter(folder: Path) -> Published:
    """A checkpoint of `small_unet(0)` for the vocals and `small_unet(1)` for the rest, as if published."""
    folder.mkdir(parents=True)
    variables = {"global_step": torch.tensor(7)}

    def add(name: str, number: int, layer: torch.nn.Module) -> None:
        name += f"_{number}" if number else ""
        if isinstance(layer, torch.nn.BatchNorm2d):
            variables[f"{name}/gamma"], variables[f"{name}/beta"] = layer.weight, layer.bias
            variables[f"{name}/moving_mean"] = layer.running_mean
            variables[f"{name}/moving_variance"] = layer.running_var
        else:
            variables[f"{name}/kernel"] = layer.weight.permute(2, 3, 1, 0)
            variables[f"{name}/bias"] = layer.bias

    for stem in range(2):
        network = small_unet(stem)
        for number, layer in enumerate([*network.down, network.mask]):
            add("conv2d", 7 * stem + number, layer)
        for number, layer in enumerate(network.up):
            add("conv2d_transpose", 6 * stem + number, layer)
        for number, layer in enumerate([*network.down_norms, torch.nn.BatchNorm2d(9), *network.up_norms]):
            add("batch_normalization", 12 * stem + number, layer)
    arrays = {name: value.detach().numpy() for name, value in variables.items()}
    files = write_checkpoint(folder, arrays)
    return Published(
        "small-spleeter",
        tuple(PublishedFile(file.name, file_hash(file)) for file in files),
        (Wheel("singerid-test-weights", "1.0", {file.name: f"model/{file.name}" for file in files}),),
        licence="CC0-1.0",
    )
