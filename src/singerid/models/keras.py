"""Weights of the authors' Keras program."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from singerid.errors import SingeridError
from singerid.nn.crnn import CRNN
from singerid.nn.excitation import MoSE
from singerid.nn.fgnl import FGNL2d
from singerid.nn.layers import shape_text

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Layout:
    """How one kind of Keras array is laid out, compared with torch's tensor of the same weights."""

    to_torch: Callable[[Array], Array]
    keras_shape: Callable[[Sequence[int]], tuple[int, ...]]  # of torch's shape


def _reorder_gates(kernel: Array) -> Array:
    """Keras orders a GRU's gates z, r, h along the last axis; torch orders them r, z, n."""
    z, r, h = np.split(kernel, 3, axis=-1)
    return np.concatenate([r, z, h], axis=-1)


_VECTOR = _Layout(lambda array: array, tuple)
_CONVOLUTION = _Layout(lambda array: array.transpose(3, 2, 0, 1), lambda s: (s[2], s[3], s[1], s[0]))
_CONVOLUTION_1D = _Layout(lambda array: array[0].transpose(2, 1, 0), lambda s: (1, s[2], s[1], s[0]))
_DEPTHWISE = _Layout(lambda array: array.transpose(2, 3, 0, 1), lambda s: (s[2], s[3], s[0], s[1]))
_DENSE = _Layout(lambda array: array.T, lambda s: (s[1], s[0]))
_GRU_KERNEL = _Layout(lambda array: _reorder_gates(array).T, lambda s: (s[1], s[0]))
# reset_after: row 0 is the input's bias, row 1 the recurrent one.
_GRU_BIAS = _Layout(_reorder_gates, lambda s: (2, s[0]))


@dataclass(frozen=True)
class _Weight:
    """One Keras array ("layer/array") and the entries of torch's state dict that it fills."""

    name: str
    keys: tuple[str, ...]
    layout: _Layout


def _convolution(layer: str, key: str, layout: _Layout = _CONVOLUTION) -> Iterator[_Weight]:
    yield _Weight(f"{layer}/kernel", (f"{key}.weight",), layout)
    yield _Weight(f"{layer}/bias", (f"{key}.bias",), _VECTOR)


def _batch_norm(layer: str, key: str) -> Iterator[_Weight]:
    names = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    for name, attribute in names.items():
        yield _Weight(f"{layer}/{name}", (f"{key}.{attribute}",), _VECTOR)


def _branch(layer: str, norm: str, key: str, blocks: int) -> Iterator[_Weight]:
    yield from _batch_norm(norm, f"{key}.norm")
    for index in range(blocks):
        yield from _convolution(f"{layer}_Conv_{index + 1}_Conv", f"{key}.blocks.{index}.conv")
        yield from _batch_norm(f"{layer}_Conv_{index + 1}_BN", f"{key}.blocks.{index}.norm")


def _fgnl(layers: int) -> Iterator[_Weight]:
    """Keras numbers layers by kind: theta, phi of each layer, g of each layer, MoSE, W_z."""
    embeddings = ["theta", *(f"{part}.{index}" for part in ("phi", "g") for index in range(layers))]
    for number, embedding in enumerate(embeddings):
        yield from _convolution(_numbered("conv2d", number), f"attention.{embedding}.0")
        kernel = f"{_numbered('depthwise_conv2d', number)}/depthwise_kernel"
        yield _Weight(kernel, (f"attention.{embedding}.1.kernel",), _DEPTHWISE)
    number = len(embeddings)
    yield from _convolution(f"conv2d_{number}", "attention.excitation.squeeze", _CONVOLUTION_1D)
    yield from _convolution(f"conv2d_{number + 1}", "attention.excitation.expand", _CONVOLUTION_1D)
    yield from _convolution(f"conv2d_{number + 2}", "attention.project")


def _head(gru_layers: int) -> Iterator[_Weight]:
    for index in range(gru_layers):
        cell = f"{_numbered('gru', index)}/gru_cell"
        yield _Weight(f"{cell}/kernel", (f"gru.weight_ih_l{index}",), _GRU_KERNEL)
        yield _Weight(f"{cell}/recurrent_kernel", (f"gru.weight_hh_l{index}",), _GRU_KERNEL)
        yield _Weight(f"{cell}/bias", (f"gru.bias_ih_l{index}", f"gru.bias_hh_l{index}"), _GRU_BIAS)
    yield _Weight("dense/kernel", ("output.weight",), _DENSE)
    yield _Weight("dense/bias", ("output.bias",), _VECTOR)


def _numbered(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


def _layout_of(model: nn.Module) -> Iterator[_Weight]:
    fgnl = model.attention if isinstance(model, CRNN) else None
    if not (isinstance(model, CRNN) and isinstance(fgnl, FGNL2d) and isinstance(fgnl.excitation, MoSE)):
        raise ValueError("the Keras layout is known for crnn_fgnl and crnnm_fgnl alone")
    if len(fgnl.theta) != 2:
        raise ValueError("the Keras layout is known for FGNL with Gaussian smoothing alone")
    blocks = len(model.mel_branch.blocks)
    yield from _branch("MelBranch", "batch_normalization", "mel_branch", blocks)
    if model.melody_branch is not None:
        yield from _branch("MelodyBranch", "batch_normalization_1", "melody_branch", blocks)
    yield from _fgnl(len(fgnl.phi))
    yield from _head(model.gru.num_layers)


def _read_arrays(source: Path | str | Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Arrays by "layer/array": order numbers ("weight/012/") and Keras's ":0" are removed."""
    if isinstance(source, Mapping):
        arrays = {name: np.asarray(array, np.float32) for name, array in source.items()}
    else:
        try:
            with np.load(source, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise SingeridError(f"{source}: is no readable .npz file of Keras weights ({error})") from error
    if any(name.startswith("weight/") for name in arrays):  # the file holds other arrays beside the weights
        arrays = {name: array for name, array in arrays.items() if name.startswith("weight/")}
    return {re.sub(r"^weight/\d+/|:\d+$", "", name): array for name, array in arrays.items()}


def load_keras_weights(model: nn.Module, source: Path | str | Mapping[str, ArrayLike]) -> None:
    """Fill a CRNN_FGNL or CRNNM_FGNL with the weights of the authors' Keras program, in place.

    Args:
        model: `build_model("crnn_fgnl", singers)` or "crnnm_fgnl", of the size of the weights.
        source: an .npz file or a mapping from Keras's names ("conv2d_1/kernel:0", "gru/gru_cell/bias:0",
            ...; an order number "weight/012/" may stand before them) to arrays in Keras's layouts.

    Raises:
        SingeridError: the file cannot be read, or entries are unknown, missing or of the wrong shape: all
            of them are named, and the model is left as it was.
        ValueError: the model is of another kind.
    """
    weights = list(_layout_of(model))
    arrays = _read_arrays(source)
    state = model.state_dict()
    problems = [f"unknown {name}" for name in arrays.keys() - {weight.name for weight in weights}]
    tensors: dict[str, Tensor] = {}
    for weight in weights:
        expected = weight.layout.keras_shape(state[weight.keys[0]].shape)
        array = arrays.get(weight.name)
        if array is None:
            problems.append(f"missing {weight.name}")
        elif array.shape != expected:
            problems.append(
                f"{weight.name} has shape {shape_text(array.shape)}, expected {shape_text(expected)}"
            )
        else:
            converted = np.ascontiguousarray(weight.layout.to_torch(array))
            parts = [converted] if len(weight.keys) == 1 else list(converted)
            tensors |= {key: torch.from_numpy(part) for key, part in zip(weight.keys, parts, strict=True)}
    if problems:
        where = "the mapping" if isinstance(source, Mapping) else source
        raise SingeridError(f"{where}: {'; '.join(sorted(problems))}")
    model.load_state_dict(state | tensors)
