"""singerid train."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, Threads, one_of
from singerid.config import (
    AudioCondition,
    AugmentConfig,
    AugmentMode,
    CompileChoice,
    Precision,
    SplitKind,
    TrainingConfig,
)
from singerid.errors import SingeridError
from singerid.sound.melody.trackers import TRACKERS
from singerid.system.streams import say
from singerid.text import printable, shell_word

_TRAINING = TrainingConfig()


def train(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Store made by `singerid prepare`.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder for the run; made if missing.")],
    model: Annotated[
        str, typer.Option(help="Name of the network; `singerid models` lists them.")
    ] = "crnn_fgnl",
    encoder: Annotated[
        str | None,
        typer.Option(
            help="For --model probe or centroids: the encoder whose vectors are read; `singerid prepare "
            "--encoder` stores them."
        ),
    ] = None,
    clip_seconds: Annotated[
        float, typer.Option(min=0.1, help="Length of a clip in seconds.")
    ] = _TRAINING.clip_seconds,
    split: Annotated[
        SplitKind,
        typer.Option(
            help="Split the tracks by album (an album is never in two parts, as in the paper), or by track."
        ),
    ] = "album",
    split_file: Annotated[
        Path | None,
        typer.Option(
            help='Your own split: a JSON file with lists of track paths, {"train": [...], "valid": [...], '
            '"test": [...]}.'
        ),
    ] = None,
    min_albums: Annotated[
        int | None, typer.Option(min=1, help="Leave out singers with fewer albums than this.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the split and of the training.")] = 0,
    split_seed: Annotated[
        int | None, typer.Option(min=0, help="Random seed of the split; by default the same as --seed.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Number of epochs.")] = _TRAINING.epochs,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop after this many epochs without a better validation F1; by default never stop early.",
        ),
    ] = _TRAINING.patience,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Number of clips per training step.")
    ] = _TRAINING.batch_size,
    learning_rate: Annotated[
        float, typer.Option(min=0.0, help="Learning rate of Adam.")
    ] = _TRAINING.learning_rate,
    width: Annotated[
        float | None,
        typer.Option(
            help="Factor for the number of channels of the network; a network of 0.25 can be trained on a "
            "laptop."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Any other option of the network. May be given several times."
        ),
    ] = None,
    augment: Annotated[
        AugmentMode,
        typer.Option(
            help="Augmentation of training clips, against the album effect; `all` is best for real music."
        ),
    ] = _TRAINING.augment,
    augment_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A strength of the augmentation, for example time_share=0.2. May be given several times.",
        ),
    ] = None,
    audio: Annotated[
        AudioCondition,
        typer.Option(
            help="Train on the mixture, on the vocals, or (probe and centroids only) on both side by side."
        ),
    ] = "mixture",
    melody: Annotated[
        str | None,
        one_of(
            TRACKERS,
            "For networks that read a melody (crnnm...): its tracker; by default the best one in the store.",
        ),
    ] = None,
    drop_last_clip: Annotated[
        bool,
        typer.Option(
            "--drop-last-clip", help="Leave out the last clip of each track, as the authors' program does."
        ),
    ] = _TRAINING.drop_last_clip,
    precision: Annotated[
        Precision,
        typer.Option(
            help="Precision of the arithmetic: 32-true is exact; tf32 and bf16-mixed are faster on GPUs."
        ),
    ] = _TRAINING.precision,
    compiling: Annotated[
        CompileChoice,
        typer.Option(
            "--compile", help="Compile the network before the training; auto: for long runs on a GPU."
        ),
    ] = "auto",
    device: Device = "auto",
    devices: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Number of GPUs that share each batch; on a CPU, number of processes that share its "
            "threads. On GPUs batch norm uses the whole batch; on a CPU each process normalises its part.",
        ),
    ] = 1,
    nodes: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="M",
            help="Number of machines, each with --devices processes. Start the same command on all of them, "
            "with MASTER_ADDR, MASTER_PORT and NODE_RANK set, or with srun.",
        ),
    ] = 1,
    threads: Threads = None,
) -> None:
    """Train a network on a store. After an interruption, run the same command again to go on."""
    if nodes > 1:  # torch reads it once; its warnings would mix with our messages
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from singerid.encoders.registry import open_encoder
    from singerid.models.registry import MODELS
    from singerid.runs.config import SplitConfig
    from singerid.runs.history import best_epoch, read_history
    from singerid.runs.new import configure, make_split
    from singerid.store.reader import Store
    from singerid.system.devices import choose_device, use_threads
    from singerid.system.nodes import this_node
    from singerid.training.loop import train

    use_threads(threads)
    if split_file and (min_albums is not None or split_seed is not None):
        raise SingeridError("--split-file already sets the split; leave out --min-albums and --split-seed")
    opened = Store.open(store)
    by = SplitConfig(split, seed if split_seed is None else split_seed, min_albums)
    parts, how = make_split(opened, by, split_file)
    training = TrainingConfig(
        clip_seconds=clip_seconds,
        drop_last_clip=drop_last_clip,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        augment=augment,
        augment_strengths=_strengths_of(augment_option or [], augment),
        patience=patience,
        precision=precision,
    )
    if MODELS[model].settings:
        _require_defaults(model, training, width, compiling, devices, nodes)
    config = configure(
        opened,
        parts,
        how,
        model,
        training,
        options=_options_of(option or [], width),
        audio=audio,
        melody=melody,
        encoder=None if encoder is None else open_encoder(encoder),
    )
    trained = train(
        opened,
        run,
        config,
        parts,
        choose_device(device),
        display="auto",
        compiling=compiling,
        devices=devices,
        nodes=nodes,
    )
    if not (node := this_node(nodes)).is_first:
        say(f"{printable(run)}: is trained; the run is saved on the first machine ({node.address})")
        return
    history = read_history(trained)
    best = best_epoch(history)
    what = "setting" if MODELS[model].settings else "epoch"
    say(
        f"{printable(run)}: best validation F1 {best.valid_f1:.3f} in {what} {best.epoch} of {len(history)}. "
        f"Next: singerid evaluate {shell_word(run)}"
    )


def _require_defaults(
    model: str,
    training: TrainingConfig,
    width: float | None,
    compiling: CompileChoice,
    devices: int,
    nodes: int,
) -> None:
    """Refuse options that have no effect on a model that is fitted, not trained step by step."""
    values, defaults = asdict(training), asdict(_TRAINING)
    given = [name for name, value in values.items() if value != defaults[name] and name != "seed"]
    given += ["width"] * (width is not None) + ["compile"] * (compiling != "auto")
    given += ["devices"] * (devices > 1) + ["nodes"] * (nodes > 1)
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        effect = "has no effect; leave it out" if len(given) == 1 else "have no effect; leave them out"
        raise SingeridError(f"model {model} is fitted, not trained: {options} {effect}")


def _options_of(texts: list[str], width: float | None) -> dict[str, object]:
    """The options of a network."""
    options: dict[str, object] = {} if width is None else {"width": width}
    options |= _pairs("--option", texts, "softmax=queries")
    if width is not None and options["width"] != width:
        raise SingeridError("--width and --option width=...: give one of them")
    return options


def _strengths_of(texts: list[str], mode: AugmentMode) -> AugmentConfig:
    """The strengths of the augmentation."""
    if not texts:
        return AugmentConfig()
    if mode == "none":
        raise SingeridError(
            "--augment-option has no effect without --augment; choose equalizer, masking or all"
        )
    from singerid.data.augment import augment_strengths

    try:
        return augment_strengths(_pairs("--augment-option", texts, "time_share=0.2"))
    except ValueError as error:
        raise SingeridError(f"--augment-option: {error}") from error


def _pairs(option: str, texts: list[str], example: str) -> dict[str, object]:
    """The NAME=VALUE pairs of an option; values are parsed as JSON if possible, else they are text."""
    pairs: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise SingeridError(f"{option} {text!r}: write NAME=VALUE, for example {example}")
        try:
            pairs[name] = json.loads(value)
        except ValueError:
            pairs[name] = value
    return pairs
