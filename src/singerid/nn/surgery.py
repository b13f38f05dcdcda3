"""Insert a block into any network, at named layers, without touching the network's code.

"Such a residual connection allows us to insert a new FGNL module into any pre-trained model, without
breaking its initial behavior (e.g., if W_z is initialized as zero)": Kuo, Wei and Lin, AAAI 2021, below
Eq. 9.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from singerid.nn.layers import shape_text


def insert(
    network: nn.Module,
    block: Callable[..., nn.Module],
    at: str,
    also: str | Sequence[str] = (),
    *,
    example: Tensor | tuple[Any, ...],
    **options: Any,
) -> nn.Module:
    """Insert a block after the layer `at` of a network: the block enhances the output of that layer.

    The network is changed in place. The names of its own weights stay as they are, so its checkpoints
    still load. The block becomes a submodule of the network, named after the layer, such as `layer4_fgnl2d`
    (if the network is a container: a submodule of the first layer around or in `at` that is not one).
    Copying, saving and `DistributedDataParallel` work as for any network; `nn.DataParallel` does not.

    Args:
        network: any network; it is run on `example` a few times, in evaluation mode.
        block: makes the block, called as `block(channels, **options)`, or with `also` as
            `block(channels, other_channels, **options)`: `FGNL2d`, `NonLocal3d`, `CBAM`, ...
        at: name of the layer whose output X_i is enhanced, as in `network.named_modules()`.
        also: name or names of further layers that the block reads (FGNL's X_j); they must run before `at`.
        example: one input of the network, or a tuple of its arguments.
        **options: for the block. `zero_init` is True unless given, if the block has this option.

    Returns:
        The block, on the device and in the floating-point type of the layer.

    Raises:
        ValueError: a name is unknown (near names are listed), a layer does not run, runs more than once
            or after `at`, its output is no tensor, the block does not take these options or layers, shapes do
            not fit, the output changes at zero
            initialisation, or no gradient reaches the block. The network is then as it was.
    """
    names = (at, *([also] if isinstance(also, str) and also else also))
    layers = [_find(network, name) for name in names]
    if len(set(names)) < len(names):
        raise ValueError(f"each layer may be named once, got {', '.join(names)}")
    arguments = example if isinstance(example, tuple) else (example,)
    outputs, before = _observe(network, names, arguments)
    new = _build(block, [outputs[name] for name in names], names, options)
    new.train(network.training)
    undo = _attach(network, new, layers, names)
    try:
        _check_identity(network, new, arguments, before)
        _check_gradients(network, new, arguments)
    except BaseException:
        undo()
        raise
    return new


def _find(network: nn.Module, name: str) -> nn.Module:
    modules: dict[str, nn.Module] = dict(network.named_modules())
    modules.pop("")
    if name in modules:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=5, cutoff=0.4)
    told = f"near names: {', '.join(near)}" if near else f"outermost layers: {', '.join(network._modules)}"
    raise ValueError(f"the network has no layer {name!r}; {told}")


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, so that buffers stay as they are; each module's own mode is restored afterwards."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        # cuDNN cannot run a recurrent layer backwards in evaluation mode.
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _observe(
    network: nn.Module, names: Sequence[str], arguments: tuple[Any, ...]
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Run the network once: the outputs of the named layers, in the order they ran, and of the network."""
    outputs: dict[str, Tensor] = {}

    def recorder(name: str) -> Callable[..., None]:
        def record(module: nn.Module, args: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                raise ValueError(f"layer {name!r} returns {type(output).__name__}, not a tensor")
            if name in outputs:
                raise ValueError(f"layer {name!r} runs more than once in a pass; name one that runs once")
            outputs[name] = output

        return record

    handles = [_find(network, name).register_forward_hook(recorder(name)) for name in names]
    try:
        with _evaluating(network), torch.no_grad():
            result = network(*arguments)
    finally:
        for handle in handles:
            handle.remove()
    at = names[0]
    for name in names:
        if name not in outputs:
            raise ValueError(f"layer {name!r} does not run on the example")
    late = list(outputs)[list(outputs).index(at) + 1 :]
    if late:
        raise ValueError(f"layer {late[0]!r} runs after {at!r}; a block can only read what is there already")
    return outputs, _floating_tensors(result)


def _build(
    block: Callable[..., nn.Module], outputs: Sequence[Tensor], names: Sequence[str], options: dict[str, Any]
) -> nn.Module:
    shapes = ", ".join(f"{name} {shape_text(x.shape)}" for name, x in zip(names, outputs, strict=True))
    x, *others = outputs
    if any(layer.ndim < 3 for layer in outputs):
        raise ValueError(f"layers must return maps (B, C, *positions); here {shapes}")
    channels: list[Any] = [x.shape[1]]
    if others:
        channels.append([other.shape[1] for other in others])
    try:
        new = _made(block, channels, options)
    except TypeError as error:
        raise ValueError(f"the block does not take these layers or options: {shapes}; {error}") from error
    new = new.to(device=x.device, dtype=x.dtype)
    try:
        with torch.no_grad():
            z = new.eval()(*outputs)
    except torch.OutOfMemoryError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"the block does not fit these layers: {shapes}; {error}") from error
    if not isinstance(z, Tensor) or z.shape != x.shape:
        raise ValueError(f"the block must return a map of the shape of its first layer: {shapes}")
    return new


def _made(block: Callable[..., nn.Module], channels: Sequence[Any], options: dict[str, Any]) -> nn.Module:
    """The block, with `zero_init` if it has this option."""
    try:
        return block(*channels, **{"zero_init": True, **options})
    except TypeError as error:
        if "zero_init" in options or "zero_init" not in str(error):
            raise
        return block(*channels, **options)


class _Record:
    """Forward hook: keep a layer's output for the block. An object, so that copies of a network copy it."""

    def __init__(self, kept: dict[str, Tensor], name: str) -> None:
        self.kept = kept
        self.name = name

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> None:
        self.kept[self.name] = output


class _Enhance:
    """Forward hook: replace a layer's output by the block's output for it."""

    def __init__(self, block: nn.Module, kept: dict[str, Tensor], names: Sequence[str]) -> None:
        self.block = block
        self.kept = kept
        self.names = tuple(names)

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        others = [self.kept[name] for name in self.names]
        self.kept.clear()
        z: Tensor = self.block(output, *others)
        return z


def _attach(
    network: nn.Module, block: nn.Module, layers: Sequence[nn.Module], names: Sequence[str]
) -> Callable[[], None]:
    """Make the block a submodule and hook it in; returns a function that undoes this."""
    parent = _home(network, names[0])
    stem = f"{names[0].replace('.', '_')}_{type(block).__name__.lower()}"
    name, count = stem, 1
    while hasattr(parent, name):
        count += 1
        name = f"{stem}_{count}"
    kept: dict[str, Tensor] = {}
    handles = [
        layer.register_forward_hook(_Record(kept, layer_name))
        for layer, layer_name in zip(layers[1:], names[1:], strict=True)
    ]
    handles.append(layers[0].register_forward_hook(_Enhance(block, kept, names[1:])))
    parent.add_module(name, block)

    def undo() -> None:
        for handle in handles:
            handle.remove()
        delattr(parent, name)

    return undo


def _home(network: nn.Module, at: str) -> nn.Module:
    """Where the block is registered: the outermost module around or in `at` that does not run its children.

    A `Sequential` runs whatever is added to it, so the block cannot be its child.
    """
    parts = at.split(".")
    around = [network.get_submodule(".".join(parts[:depth])) for depth in range(len(parts))]
    inside = network.get_submodule(at).modules()
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return next(module for module in [*around, *inside] if not isinstance(module, containers))


@contextmanager
def _projection(block: nn.Module, fill: Callable[[Tensor], object]) -> Iterator[bool]:
    """Fill W_z with other values during a check; yields False for a block without W_z."""
    project = getattr(block, "project", None)
    if not isinstance(project, nn.Module):
        yield False
        return
    saved = [parameter.detach().clone() for parameter in project.parameters()]
    with torch.no_grad():
        for parameter in project.parameters():
            fill(parameter)
    try:
        yield True
    finally:
        with torch.no_grad():
            for parameter, value in zip(project.parameters(), saved, strict=True):
                parameter.copy_(value)


def _check_identity(
    network: nn.Module, block: nn.Module, arguments: tuple[Any, ...], before: Sequence[Tensor]
) -> None:
    with _evaluating(network), torch.no_grad(), _projection(block, nn.init.zeros_) as residual:
        if not residual:
            return
        after = _floating_tensors(network(*arguments))
    for old, new in zip(before, after, strict=True):
        if not torch.allclose(old, new, rtol=1e-5, atol=1e-6, equal_nan=True):
            difference = (old - new).abs().max().item()
            raise ValueError(
                f"the network's output changes by {difference:.2g} although the block's W_z is zero; "
                "does the network use random numbers in evaluation mode?"
            )


def _check_gradients(network: nn.Module, block: nn.Module, arguments: tuple[Any, ...]) -> None:
    # With W_z at zero only W_z itself has a gradient, so the whole block is checked at a W_z of one.
    with _evaluating(network), torch.enable_grad(), _projection(block, nn.init.ones_):
        outputs = [x for x in _floating_tensors(network(*arguments)) if x.requires_grad]
        parameters = [parameter for parameter in block.parameters() if parameter.requires_grad]
        gradients: Sequence[Tensor | None] = [None]
        if outputs:
            loss = torch.stack([x.square().sum() for x in outputs]).sum()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    reached = [gradient for gradient in gradients if gradient is not None]
    if len(reached) < len(gradients):
        raise ValueError("no gradient reaches the block: the network's output does not depend on all of it")
    if not any(bool(gradient.isfinite().all() and gradient.any()) for gradient in reached):
        raise ValueError("no finite, non-zero gradient reaches the block on the example; try another example")


def _floating_tensors(result: Any) -> list[Tensor]:
    """All floating-point tensors of an output, whatever its structure."""
    leaves = pytree.tree_leaves(result)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]
