"""CAM++ with random weights, as it is and as a file of ONNX: it says nothing, and is there at once."""

import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from singerid.nn.campplus import CAMPlusPlus, FrozenNorm1d, FrozenNorm2d


def scattered(seed: int = 0) -> CAMPlusPlus:
    """The network with random weights and statistics; some batch norms turn a sign round, or give zero."""
    torch.manual_seed(seed)
    network = CAMPlusPlus()
    for layer in network.modules():
        if isinstance(layer, FrozenNorm1d | FrozenNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
            if layer.affine:
                layer.weight.normal_(1, 0.5)
                layer.weight[:2] = torch.tensor([-0.7, 0.0])
                layer.bias.normal_(0, 0.3)
    return network


class FramesFirst(nn.Module):
    """Reads (B, frames, bands), as published graphs do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        return self.network(frames.transpose(1, 2))


def write_onnx(
    module: nn.Module,
    example: Tensor,
    path: Path,
    metadata: dict[str, str] | None = None,
    beside: object = None,
    varying: tuple[int, ...] = (0, 1),
) -> Path:
    """Export a module that reads one tensor, with metadata, and with a JSON beside it."""
    import onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's older exporter, which needs no other package
        torch.onnx.export(
            module.eval(),
            (example,),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["feats"],
            output_names=["embs"],
            dynamic_axes={"feats": {axis: f"axis{axis}" for axis in varying}},
        )
    if metadata is not None:
        graph = onnx.load(path)
        onnx.helper.set_model_props(graph, metadata)
        onnx.save(graph, path)
    if beside is not None:
        path.with_suffix(".json").write_text(json.dumps(beside))
    return path
