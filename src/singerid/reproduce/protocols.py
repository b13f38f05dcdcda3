"""From a cell to the run's configuration: what the paper says, or what its authors' program does.

`--protocol authors` differs in points that the paper does not mention or states differently:

- FGNL's softmax is over the queries, not over the keys;
- the last whole clip of every track is left out;
- the last layer of CRNN_FGNL is regularised (not that of CRNNM_FGNL): L2 on the kernel, L1 on the
  logits. Its ablations, for which we have no program, are trained like CRNN_FGNL, so that they differ
  from it in one thing. Validation loss is the cross-entropy alone, whereas Keras adds the penalties;
- features come from librosa 0.7, which pads by reflection: our default, too;
- each number is the best of the four kept states, chosen on the test tracks.
"""

from dataclasses import replace
from typing import Any, get_args

from singerid.config import (
    REPORTED_STATE,
    FeatureConfig,
    Protocol,
    ReproduceConfig,
    StateName,
    TrainingConfig,
)
from singerid.data.splits import Split
from singerid.errors import SingeridError
from singerid.models.registry import MODELS
from singerid.reproduce.tables import Cell
from singerid.runs.config import RunConfig, SplitConfig
from singerid.runs.new import EncoderUsed, configure, make_split
from singerid.store.reader import Store

PENALTY = 0.01  # of both regularisers, authors' program


def states_of(protocol: Protocol) -> tuple[StateName, ...]:
    """The states of a run that are scored; if there are several, the best counts."""
    return get_args(StateName) if protocol == "authors" else (REPORTED_STATE,)


def run_config(
    store: Store, cell: Cell, config: ReproduceConfig, encoder: EncoderUsed | None = None
) -> tuple[RunConfig, Split]:
    """Configuration and split of the run of a cell.

    Args:
        store: what to learn from.
        cell: which run.
        config: the settings that all runs share.
        encoder: the encoder whose vectors it reads, if it reads any (`reads_vectors`).

    Raises:
        SingeridError: the store lacks what the cell needs, or cannot be split.
    """
    split, how = make_split(store, SplitConfig("album", cell.seed))
    run = configure(
        store,
        split,
        how,
        cell.network,
        training_of(cell, config),
        options=options_of(cell, config),
        audio=cell.audio,
        encoder=encoder,
    )
    return run, split


def reads_vectors(cell: Cell) -> bool:
    """Whether the network of a cell reads the vectors of an encoder."""
    return "vectors" in MODELS[cell.network].inputs


def training_of(cell: Cell, config: ReproduceConfig) -> TrainingConfig:
    """How the network of a cell is trained."""
    training = replace(config.training, clip_seconds=cell.clip_seconds, seed=cell.seed)
    if cell.augmented:
        training = replace(training, augment="all")
    if MODELS[cell.network].settings:  # it is fitted: the rest does not apply
        return TrainingConfig(clip_seconds=cell.clip_seconds, seed=cell.seed)
    if cell.protocol == "authors":
        training = replace(training, drop_last_clip=True)
        if _has_fgnl(cell.network, "crnn"):
            training = replace(training, output_l2=PENALTY, output_l1=PENALTY)
    return training


def options_of(cell: Cell, config: ReproduceConfig) -> dict[str, Any]:
    """Options of the network of a cell; a user's own network need not have the option `width`."""
    options: dict[str, Any] = {}
    if config.width != ReproduceConfig.width and not reads_vectors(cell):
        options["width"] = config.width
    if cell.protocol == "authors" and _has_fgnl(cell.network, "crnn", "crnnm"):
        options["softmax"] = "queries"
    return options


def check_protocol(store: Store, protocol: Protocol) -> None:
    """Raise SingeridError if a store's features are not those that the protocol asks for."""
    padding = FeatureConfig.pad_mode
    if protocol == "authors" and store.config.pad_mode != padding:
        raise SingeridError(
            f"{store.path}: was made with `pad_mode={store.config.pad_mode!r}`, but the authors' "
            f"program pads as `pad_mode={padding!r}` does; prepare another store like that, or use "
            "`protocol='paper'`"
        )


def _has_fgnl(model: str, *families: str) -> bool:
    """Whether a model is FGNL in one of the families, or an ablation of that."""
    return any(model == f"{family}_fgnl" or model.startswith(f"{family}_fgnl_") for family in families)
