"""Models by name: the only place where names become networks.

`MODELS` holds every network of the paper and of the control experiments; `register_model` adds your own
(`docs/add_a_model.md`).
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from singerid.config import PROBE_STRENGTHS, SQUARE_POOLS, ModelConfig
from singerid.models.build import build_blstm, build_crnn, build_head, build_wavenet
from singerid.models.spec import Input, ModelSpec
from singerid.nn.heads import Centroids, Probe
from singerid.registry import Registry
from singerid.text import near_names

PAPER_SINGERS = 20  # the paper counts parameters for the 20 singers of artist20


@dataclass(frozen=True)
class ModelEntry:
    """What is known about a named model.

    Attributes:
        build: `build(singers, **options)` -> a module whose `forward(*inputs)` gives logits (B, singers)
            and whose `embed(*inputs)` gives embeddings (B, size).
        description: one line about it.
        tables: numbers of its tables: of the paper (1-3), of its authors' repository (4-6), ours (7, 8).
        inputs: what forward takes, see `InputSpec`.
        settings: number of settings for each of which it is fitted (`singerid.training.fitting`), and among
            which validation chooses; 0: it is trained.
    """

    build: Callable[..., nn.Module]
    description: str
    tables: tuple[int, ...] = ()
    inputs: tuple[Input, ...] = ("mel",)
    settings: int = 0


# name -> (what differs from the plain CRNN, description, tables); "crnnm..." follows from it.
_FGNL: dict[str, Any] = {"attention": "fgnl", "pools": SQUARE_POOLS, "layers": (3,)}
_VARIANTS: dict[str, tuple[dict[str, Any], str, tuple[int, ...], tuple[int, ...]]] = {
    # suffix: (options, description, tables as crnn, tables as crnnm)
    "": ({}, "four conv blocks, two GRUs", (1, 2, 6), (1, 4, 6)),
    "_large": ({"extra_blocks": 5}, "five more conv blocks, as many parameters as with FGNL", (6,), (6,)),
    "_square": ({"pools": SQUARE_POOLS}, "control: FGNL's pools, no attention", (7, 8), ()),
    "_nl": ({"pools": SQUARE_POOLS, "attention": "nl"}, "non-local block", (2, 7), (4,)),
    "_fgnl_light": (_FGNL | {"layers": ()}, "FGNL within the last layer only", (2, 7), (4,)),
    "_fgnl": (_FGNL, "FGNL over positions, channels and layers", (1, 2, 3, 6, 7, 8), (1, 4, 5, 6)),
    "_fgnl_no_smoothing": (_FGNL | {"smoothing": False}, "FGNL without Gaussian smoothing", (3,), (5,)),
    "_fgnl_no_mose": (_FGNL | {"excitation": "none"}, "FGNL without MoSE", (3,), (5,)),
    "_fgnl_se": (_FGNL | {"excitation": "se"}, "FGNL with SE in place of MoSE", (3,), (5,)),
}
_BLOCKS: dict[str, str] = {
    "se": "squeeze-and-excitation behind block 4",
    "cbam": "CBAM behind block 4",
    "scse": "concurrent spatial and channel SE behind block 4",
}


def _entries() -> dict[str, ModelEntry]:
    entries = {}
    for melody in (False, True):
        inputs: tuple[Input, ...] = ("mel", "melody") if melody else ("mel",)
        for suffix, (options, description, *tables) in _VARIANTS.items():
            build = partial(build_crnn, ModelConfig(melody=melody, **options))
            text = f"mel and melody: {description}" if melody else description
            entries[("crnnm" if melody else "crnn") + suffix] = ModelEntry(
                build, text, tables[melody], inputs
            )
    for kind, description in _BLOCKS.items():
        config = ModelConfig(attention=kind, pools=SQUARE_POOLS)  # type: ignore[arg-type]
        entries[f"crnn_{kind}"] = ModelEntry(partial(build_crnn, config), description, (7,))
    entries["blstm"] = ModelEntry(build_blstm, "MFCCs, bidirectional LSTM, in the manner of Van et al. 2019")
    text = "raw waveform, gated residual units, in the manner of Zhang et al. 2020"
    entries["wavenet"] = ModelEntry(build_wavenet, text, inputs=("waveform",))
    text = "logistic regression on the vectors of an encoder"
    build = partial(build_head, Probe)
    entries["probe"] = ModelEntry(build, text, (8,), ("vectors",), settings=len(PROBE_STRENGTHS))
    text = "means of the vectors of an encoder, centred and whitened"
    entries["centroids"] = ModelEntry(partial(build_head, Centroids), text, (8,), ("vectors",), settings=1)
    return entries


MODELS: Registry[ModelEntry] = Registry("model", _entries(), remedy="your own need `plugin=FILE.py`")
BUILT_IN = frozenset(MODELS)
"""Names of the models that come with singerid; others are registered by the user."""


def register_model(name: str, entry: ModelEntry) -> None:
    """Make a model known by name to `build_model` and to every command.

    Raises:
        ValueError: the name is taken.
    """
    MODELS.register(name, entry)


def build_model(name: str, singers: int, **overrides: Any) -> nn.Module:
    """Build a network with fresh weights, drawn from torch's global generator.

    Args:
        name: a key of `MODELS`.
        singers: number of classes.
        **overrides: any field of `ModelConfig` (of the model's own options, for a registered one).
            `width` scales the channels and FGNL's reduction together, so K and M keep their values.

    Returns:
        A module: `model(mel)`, or `model(mel, melody)` for crnnm*, gives logits (B, singers) for log-mel
        clips (B, n_mels, W) in dB. `model.spec` says how to build it again.

    Raises:
        SingeridError: unknown name; near names are listed.
        ValueError: an option is unknown, has no effect on this model, or does not fit.
    """
    if singers < 1:
        raise ValueError(f"singers must be at least 1, got {singers}")
    build = MODELS[name].build
    _require_options(build, overrides)
    model = build(singers, **overrides)
    model.spec = ModelSpec(name, singers, overrides)  # type: ignore[assignment]
    return model


def _require_options(build: Callable[..., nn.Module], options: Iterable[str]) -> None:
    """Raise ValueError for options that `build` does not have, unless it looks at all of them itself."""
    try:
        parameters = list(inspect.signature(build, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):  # it does not say what it takes
        return
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [each.name for each in parameters if each.kind in named and each.name != "singers"]
    for option in options:
        if option not in names:
            near = near_names(option, names, "options") if names else "the model has no options"
            raise ValueError(f"unknown option {option!r}; {near}")


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """(all, trainable) parameters; as in the paper, all includes batch-norm statistics and fixed kernels."""
    parameters = list(model.parameters())
    fixed = sum(buffer.numel() for buffer in model.buffers() if buffer.is_floating_point())
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return sum(parameter.numel() for parameter in parameters) + fixed, trainable


def describe_models() -> list[dict[str, Any]]:
    """Name, parameter counts for 20 singers, tables and description of every model."""
    rows = []
    for name, entry in MODELS.items():
        parameters, trainable = count_parameters(build_model(name, PAPER_SINGERS))
        rows.append(
            {
                "name": name,
                "parameters": parameters,
                "trainable_parameters": trainable,
                "tables": list(entry.tables),
                "description": entry.description,
            }
        )
    return rows
