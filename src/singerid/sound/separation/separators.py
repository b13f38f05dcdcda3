"""The vocals of a recording: separators by name.

The paper's vocal-only condition was made with Open-Unmix. Beside it are a separator that needs no
weights, and true stems. A new one is one file that defines a `SeparatorEntry`, and one line of `SEPARATORS`.
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
    """Takes the vocals out of recordings. It can be pickled: networks are loaded where it is used."""

    @property
    def name(self) -> str:
        """The name it was opened by."""

    @property
    def origin(self) -> str:
        """What makes its vocals, with versions and digests: two that differ in it may differ in them."""

    @property
    def notice(self) -> str:
        """What its user should know, one line; "" if nothing."""

    @property
    def sample_rate(self) -> int:
        """Of the mixture that it is given and of the parts that it gives, in Hz."""

    def blocks(
        self, path: Path, mixture: Read, warn: Callable[[str], None]
    ) -> Iterator[tuple[Samples, Samples]]:
        """Yield a recording's (vocals, accompaniment), block by block: its length costs no memory.

        Both are mono float32, shape (samples,), and all blocks together as long as the mixture's.

        Args:
            path: the recording, for a separator that reads more than its mixture.
            mixture: its sound, mono at the separator's rate, as `audio.read_blocks` gives it; it may be
                read several times.
            warn: is called with what is wrong with anything that is read besides (without the
                recording's name), though it can be used; of the mixture that was said when it was decoded.

        Raises:
            AudioError: it cannot be decoded or separated.
        """


@dataclass(frozen=True)
class SeparatorOptions:
    """What separators are opened with; each takes what it has a use for.

    Attributes:
        tree: folder of the recordings.
        stems: folder with vocals/ and, if wished, accompaniment/, each laid out as `tree`.
        weights: where the weights of a network are, a folder or a file; None: they are fetched.
        device: where networks compute; None: the CPU.
        sample_rate: of the mixture that is given, and of the parts, in Hz.
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
        open: opens it; what it needs is there then, downloaded first where it must be.
        weights: whether it is a network, with weights that may be given.
        stems: whether it reads stems, which must be given.
        knows_voices: its vocals are voices, and silent where nobody sings.
        provenance: of its weights; None: it has none.
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
    """Whether the vocals that it takes out are voices, see `SeparatorEntry`; so are those of one's own."""
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
    """A separator by name, ready: what it needs is there, downloaded first where it must be.

    Args:
        name: one of `SEPARATORS`.
        tree: see `SeparatorOptions`, as for the rest.
        stems: only for a separator that reads them.
        weights: only for a separator that has some.
        device: where networks compute; None: the CPU.
        sample_rate: of the mixture that is given, and of the parts, in Hz.

    Raises:
        SingeridError: the name is unknown, or something that the separator needs is missing, or given to
            one without use for it.
    """
    entry = SEPARATORS[name]
    if weights is not None and not entry.weights:
        others = " or ".join(other for other in SEPARATORS if SEPARATORS[other].weights)
        raise SingeridError(f"--weights: {name} has none; leave them out, or choose {others}")
    if stems is not None and not entry.stems:
        others = " or ".join(other for other in SEPARATORS if SEPARATORS[other].stems)
        raise SingeridError(f"--stems-dir: {name} separates by itself; leave it out, or choose {others}")
    if entry.stems and (tree is None or stems is None):
        raise SingeridError(f"{name}: give the folder that holds vocals/ with --stems-dir")
    return entry.open(SeparatorOptions(tree, stems, weights, device, sample_rate))


def describe_separators() -> list[dict[str, Any]]:
    """Of every separator: name, description, and what `Provenance` tells of its weights."""
    return [
        {"name": name, "description": entry.description}
        | (entry.provenance.to_json() if entry.provenance else {})
        for name, entry in SEPARATORS.items()
    ]
