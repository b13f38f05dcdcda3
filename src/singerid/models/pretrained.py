"""Networks that others trained, by name: fetched on first use, checked, and built without running their code.

To add one, write an entry of a few lines: `register_pretrained` (docs/pretrained.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from torch import nn

from singerid.data.datasets.artist20 import ARTISTS
from singerid.errors import SingeridError
from singerid.models.hsieh import load_hsieh_crnn
from singerid.models.spec import InputSpec
from singerid.registry import Registry
from singerid.system.downloads import check_file
from singerid.system.sources import Addresses, PublishedFile
from singerid.system.weights import Published, fetch_files, is_cached
from singerid.text import near_names, shell_word


@dataclass(frozen=True)
class PretrainedEntry:
    """What is known about a pretrained network.

    Attributes:
        build: file of weights -> the network in evaluation mode, with `forward` and `embed` as every model.
        description: one line about it.
        singers: names of the classes, in their order.
        url: address of the file.
        sha256: the first hexadecimal digits of the file's SHA-256, preferably more than eight.
        licence: of the weights, by its SPDX name where it has one.
        source: its makers' page.
        spec: its input: the length of its clips, how its makers made them from sound, and the audio that
            it learned on.

    Raises:
        ValueError: it hears the vocals and has no separator, or it hears the mixture and has one.
    """

    build: Callable[[Path], nn.Module]
    description: str
    singers: tuple[str, ...]
    url: str
    sha256: str
    licence: str
    source: str
    spec: InputSpec

    def __post_init__(self) -> None:
        audio, separator = self.spec.audio, self.spec.separator
        if (audio == "vocals") != (separator is not None):
            raise ValueError(f"audio={audio!r} with separator={separator!r}; vocals go with a separator")


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A pretrained network, ready to use; `model.embed(mel)` gives embeddings.

    Attributes:
        name: its key in `PRETRAINED`.
        entry: what is known about it: its singers, the length of its clips, its features, its licence.
        model: in evaluation mode, on the CPU.
    """

    name: str
    entry: PretrainedEntry
    model: nn.Module


PRETRAINED: Registry[PretrainedEntry] = Registry(
    "pretrained network",
    {
        "hsieh-artist20": PretrainedEntry(
            build=load_hsieh_crnn,
            description="CRNN of Hsieh et al. (ICASSP 2020), trained on artist20",
            singers=ARTISTS,
            url="https://raw.githubusercontent.com/bill317996/Singer-identification-in-artist20/"
            "ec6b8a20528f754722822a74f497715e7fea0920/CRNN2D_elu2_model_state_dict",
            sha256="03c9534573e648f53d02d5cb5055c435f47e2d91d0ea9bd09c49f8471f1a29ba",
            licence="MIT",
            source="https://github.com/bill317996/Singer-identification-in-artist20",
            spec=InputSpec(window_frames=157),
        ),
    },
)


def register_pretrained(name: str, entry: PretrainedEntry) -> None:
    """Make a pretrained network known by name to every command.

    Raises:
        ValueError: the name is taken.
    """
    PRETRAINED.register(name, entry)


def pretrained_entry(name: str) -> PretrainedEntry:
    """The entry of a pretrained network; raises SingeridError with near names for an unknown one."""
    if name not in PRETRAINED:
        raise SingeridError(
            f"{name}: there is no such library, run or pretrained network "
            f"({near_names(name, PRETRAINED, 'networks')}); make a library: "
            f'singerid enroll {shell_word(name)} --as "NAME" FILES'
        )
    return PRETRAINED[name]


def load_pretrained(name: str, weights: Path | str | None = None) -> Pretrained:
    """A pretrained network by name.

    Args:
        name: a key of `PRETRAINED`.
        weights: its file of weights, for machines without a network; None: fetched on first use and kept.

    Raises:
        SingeridError: the name is not known, the file cannot be fetched, or it has another digest or kind.
    """
    entry = pretrained_entry(name)
    if weights is None:
        (path,) = fetch_files(published_weights(name))
    else:
        path = check_file(Path(weights), entry.sha256, f"give the file of {entry.url}")
    return Pretrained(name, entry, entry.build(path))


def describe_pretrained() -> list[dict[str, Any]]:
    """All pretrained networks: name, description, singers, licence, source, whether weights are cached."""
    return [
        {
            "name": name,
            "description": entry.description,
            "singers": list(entry.singers),
            "licence": entry.licence,
            "source": entry.source,
            "url": entry.url,
            "sha256": entry.sha256,
            "cached": is_cached(published_weights(name)),
        }
        for name, entry in sorted(PRETRAINED.items())
    ]


def published_weights(name: str) -> Published:
    """The weights of a pretrained network; raises SingeridError for an unknown one."""
    entry = pretrained_entry(name)
    suffix = PurePosixPath(urlsplit(entry.url).path).suffix
    file = PublishedFile(f"{name}-{entry.sha256[:8]}{suffix}", entry.sha256)
    return Published(
        name,
        files=(file,),
        sources=(Addresses({file.name: entry.url}),),
        licence=entry.licence,
        remedy="fetch it on another machine and give the file: `pretrained_weights=FILE`",
    )
