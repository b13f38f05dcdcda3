"""Weights of the network that Hsieh et al. (2020) published."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from singerid.errors import SingeridError
from singerid.nn.hsieh import HsiehCRNN
from singerid.system.torch_files import read_torch_file
from singerid.text import one_line

_HSIEH_BLOCKS = range(1, 5)
_HSIEH_LAYERS = (  # their layers and ours
    {"Bn0": "norm", "gru1": "gru_first", "gru2": "gru_second", "linear1": "output"}
    | {f"Conv{number}": f"blocks.{number - 1}.first" for number in _HSIEH_BLOCKS}
    | {f"Conv{number}_1": f"blocks.{number - 1}.second" for number in _HSIEH_BLOCKS}
    | {f"Bn{number}": f"blocks.{number - 1}.norm" for number in _HSIEH_BLOCKS}
)
# Their program defines these batch norms and never calls them.
_HSIEH_UNUSED = {f"Bn{number}_1" for number in _HSIEH_BLOCKS}


def load_hsieh_crnn(path: Path | str) -> HsiehCRNN:
    """The network of Hsieh et al. (2020) with the weights of a file of their program.

    Args:
        path: a file that their program wrote, of any number of classes.

    Returns:
        The network in evaluation mode, on the CPU.

    Raises:
        SingeridError: the file cannot be read, or holds other weights.
    """
    state = read_torch_file(path)
    tensors = state.get("Classifier_state_dict") if isinstance(state, Mapping) else None
    remedy = "give CRNN2D_elu2_model_state_dict of their repository, or a file that their program wrote"
    if not isinstance(tensors, Mapping) or not isinstance(tensors.get("linear1.bias"), Tensor):
        raise SingeridError(f"{path}: holds no network of Hsieh et al.; {remedy}")
    model = HsiehCRNN(singers=tensors["linear1.bias"].numel())
    renamed = {}
    for key, tensor in tensors.items():
        layer, _, name = key.partition(".")
        if layer not in _HSIEH_UNUSED:
            renamed[f"{_HSIEH_LAYERS.get(layer, layer)}.{name}"] = tensor
    try:
        model.load_state_dict(renamed)
    except RuntimeError as error:
        raise SingeridError(f"{path}: weights do not fit ({one_line(error)}); {remedy}") from error
    return model.eval()
