"""singerid train."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Device, Threads, one_of
from singerid.cli.printing import warn_of
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
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder for the run; made when missing.")],
    model: Annotated[
        str, typer.Option(help="Name of a network; `singerid models` lists them.")
    ] = "crnn_fgnl",
    encoder: Annotated[
        str | None,
        typer.Option(
            help="For --model probe or centroids: whose vectors; `singerid prepare --encoder` keeps them."
        ),
    ] = None,
    clip_seconds: Annotated[float, typer.Option(min=0.1, help="Length of a clip.")] = _TRAINING.clip_seconds,
    split: Annotated[
        SplitKind, typer.Option(help="Keep albums whole (the paper's split), or mix tracks.")
    ] = "album",
    split_file: Annotated[
        Path | None,
        typer.Option(help='Your own split: JSON {"train": [...], "valid": [...], "test": [...]}.'),
    ] = None,
    min_albums: Annotated[
        int | None, typer.Option(min=1, help="Leave out singers with fewer albums.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of all that training draws.")] = 0,
    split_seed: Annotated[
        int | None, typer.Option(min=0, help="Of the split alone; by default as --seed.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = _TRAINING.epochs,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a better validation F1.")
    ] = _TRAINING.patience,
    batch_size: Annotated[int, typer.Option(min=1)] = _TRAINING.batch_size,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = _TRAINING.learning_rate,
    width: Annotated[
        float | None, typer.Option(help="Scale the network's channels; 0.25 trains well on a laptop.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other option of the network.")
    ] = None,
    augment: Annotated[
        AugmentMode, typer.Option(help="Against the album effect; `all` is best for real music.")
    ] = _TRAINING.augment,
    augment_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A strength of --augment: time_share=0.2, for example."),
    ] = None,
    audio: Annotated[
        AudioCondition,
        typer.Option(
            help="What to learn from: all that sounds, the vocals alone, or (vectors) both side by side."
        ),
    ] = "mixture",
    melody: Annotated[
        str | None,
        one_of(TRACKERS, "Whose melody a crnnm network reads; by default the best that the store has."),
    ] = None,
    drop_last_clip: Annotated[
        bool, typer.Option("--drop-last-clip", help="Leave out each track's last clip, as the authors do.")
    ] = _TRAINING.drop_last_clip,
    precision: Annotated[
        Precision,
        typer.Option(help="Of the arithmetic: exact, or on a GPU tf32 or bf16-mixed, which are faster."),
    ] = _TRAINING.precision,
    compiling: Annotated[
        CompileChoice,
        typer.Option("--compile", help="Compile the network first; auto: for long runs on a GPU."),
    ] = "auto",
    device: Device = "auto",
    devices: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="GPUs that share each batch, or processes on the CPU, which share its threads. On GPUs "
            "batch norm is of the whole batch; on a CPU each process normalises its own part.",
        ),
    ] = 1,
    nodes: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="M",
            help="Machines with --devices each: give all the same command, with MASTER_ADDR, MASTER_PORT "
            "and NODE_RANK set, or start it with srun.",
        ),
    ] = 1,
    threads: Threads = None,
) -> None:
    """Train a network. Interrupted, the same command goes on where it stopped."""
    if nodes > 1:  # torch reads it once; its own warnings would stand between our lines
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
        raise SingeridError("--split-file says all of the split; leave out --min-albums and --split-seed")
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
        on_warning=warn_of(run),
        devices=devices,
        nodes=nodes,
    )
    if not (node := this_node(nodes)).is_first:
        say(f"{printable(run)}: is trained; it is kept where the first machine ({node.address}) keeps it")
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
    """Refuse options that have no say where nothing is trained step by step."""
    values, defaults = asdict(training), asdict(_TRAINING)
    given = [name for name, value in values.items() if value != defaults[name] and name != "seed"]
    given += ["width"] * (width is not None) + ["compile"] * (compiling != "auto")
    given += ["devices"] * (devices > 1) + ["nodes"] * (nodes > 1)
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise SingeridError(f"model {model} is fitted, not trained: {options} would do nothing; leave it out")


def _options_of(texts: list[str], width: float | None) -> dict[str, object]:
    """The options of a network."""
    options: dict[str, object] = {} if width is None else {"width": width}
    options |= _pairs("--option", texts, "softmax=queries")
    if width is not None and options["width"] != width:
        raise SingeridError("--width and --option width=...: give one of them")
    return options


def _strengths_of(texts: list[str], mode: AugmentMode) -> AugmentConfig:
    """The strengths of augmentation."""
    if not texts:
        return AugmentConfig()
    if mode == "none":
        raise SingeridError(
            "--augment-option: nothing is changed without --augment; choose equalizer, masking or all"
        )
    from singerid.data.augment import augment_strengths

    try:
        return augment_strengths(_pairs("--augment-option", texts, "time_share=0.2"))
    except ValueError as error:
        raise SingeridError(f"--augment-option: {error}") from error


def _pairs(option: str, texts: list[str], example: str) -> dict[str, object]:
    """NAME=VALUE pairs: values are JSON where they can be, else text."""
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
