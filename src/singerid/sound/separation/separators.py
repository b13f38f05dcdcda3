"""The vocals of a recording: separators by name.

The paper's vocal-only condition was made with Open-Unmix. Another one
needs no weights, and true stems may take the place of a separator. To add one, write a file that defines a
`SeparatorEntry`, and add a line to `SEPARATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.registry import Registry

if TYPE_CHECKING:  # the command line lists the names: nothing heavy is imported for that
    import torch

    from singerid.sound.audio import Read
    from singerid.sound.decoding.pieces import Samples
    from singerid.system.provenance import Provenance


class Separator(Protocol):
    """Separates the vocals of recordings. It can be pickled: each process loads its networks itself."""

    @property
    def name(self) -> str:
        """The name by which it was opened."""

    @property
    def origin(self) -> str:
        """How its vocals are made, with versions and digests: another origin may give other vocals."""

    @property
    def notice(self) -> str:
        """Notice for its user, one line; "" if there is none."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of the mixture that it takes and of the parts that it gives, in Hz."""

    def blocks(
        self, path: Path, mixture: Read, warn: Callable[[str], None]
    ) -> Iterator[tuple[Samples, Samples]]:
        """Yield a recording's (vocals, accompaniment) block by block; memory does not grow with its length.

        Both are mono float32, shape (samples,), and all blocks together are as long as the mixture.

        Args:
            path: the recording, for a separator that reads more than its mixture.
            mixture: its sound, mono at the separator's rate, as `audio.read_blocks` gives it; it may be
                read several times.
            warn: is called with each problem (without the recording's name) of any other file that is read
                and can still be used. Problems of the mixture were reported when it was decoded.

        Raises:
            AudioError: the recording cannot be decoded or separated.
        """


@dataclass(frozen=True)
class SeparatorOptions:
    """Options for opening a separator; each separator uses those that it needs.

    Attributes:
        tree: folder of the recordings.
        stems: folder with vocals/ and, optionally, accompaniment/, each laid out as `tree`.
        weights: where the weights of a network are, a folder or a file; None: they are fetched.
        device: where networks compute; None: the CPU.
        sample_rate: sample rate of the mixture and of the parts, in Hz.
    """

    tree: Path | None = None
    stems: Path | None = None
    weights: Path | None = None
    device: torch.device | None = None
    sample_rate: int = FeatureConfig.sample_rate


@dataclass(frozen=True)
class SeparatorEntry:
    """What is known of a separator before it is opened.

    Attributes:
        description: one line.
        open: opens it, and downloads missing weights first.
        weights: whether it is a network, whose weights may be given.
        stems: whether it reads stems, which must be given.
        knows_voices: whether its vocals are only voices, and silent where nobody sings.
        provenance: provenance of its weights; None: it has no weights.
    """

    description: str
    open: Callable[[SeparatorOptions], Separator]
    weights: bool = False
    stems: bool = False
    knows_voices: bool = True
    provenance: Provenance | None = None


SEPARATORS: Registry[SeparatorEntry] = Registry(
    "separator",
    {
        "open-unmix": "singerid.sound.separation.open_unmix:OPEN_UNMIX",
        "umxl": "singerid.sound.separation.open_unmix:UMXL",
        "spleeter": "singerid.sound.separation.spleeter:SPLEETER",
        "repet": "singerid.sound.separation.repet:REPET",
        "stems": "singerid.sound.separation.stems:STEMS",
    },
)


def knows_voices(separator: Separator) -> bool:
    """Whether its vocals are only voices, see `SeparatorEntry`; assumed of separators that have no entry."""
    return separator.name not in SEPARATORS or SEPARATORS[separator.name].knows_voices


def open_separator(
    name: str,
    *,
    tree: Path | None = None,
    stems: Path | None = None,
    weights: Path | None = None,
    device: torch.device | None = None,
    sample_rate: int = FeatureConfig.sample_rate,
) -> Separator:
    """Open a separator by name; missing weights are downloaded first.

    Args:
        name: one of `SEPARATORS`.
        tree: see `SeparatorOptions`, also for the other arguments.
        stems: only for a separator that reads them.
        weights: only for a separator that has some.
        device: where networks compute; None: the CPU.
        sample_rate: sample rate of the mixture and of the parts, in Hz.

    Raises:
        SingeridError: the name is unknown, something that the separator needs is missing, or it is given
            stems or weights that it does not use.
    """
    entry = SEPARATORS[name]
    if weights is not None and not entry.weights:
        others = " or ".join(other for other in SEPARATORS if SEPARATORS[other].weights)
        raise SingeridError(f"`weights`: {name} has none; leave them out, or choose {others}")
    if stems is not None and not entry.stems:
        others = " or ".join(other for other in SEPARATORS if SEPARATORS[other].stems)
        raise SingeridError(f"`stems_dir`: {name} reads no stems; leave it out, or choose {others}")
    if entry.stems and (tree is None or stems is None):
        raise SingeridError(f"{name}: give the folder that holds vocals/ as `stems_dir`")
    return entry.open(SeparatorOptions(tree, stems, weights, device, sample_rate))


def describe_separators() -> list[dict[str, Any]]:
    """Name, description and provenance of the weights (`Provenance`) of every separator."""
    return [
        {"name": name, "description": entry.description}
        | (entry.provenance.to_json() if entry.provenance else {})
        for name, entry in SEPARATORS.items()
    ]
