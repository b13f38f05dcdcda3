"""The vocals of a recording: separators by name.

The paper's vocal-only condition was made with Open-Unmix. Beside it are a separator that needs no
weights, and true stems.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import torch

from singerid.config import FeatureConfig, SeparatorName
from singerid.errors import SingeridError
from singerid.sound.audio import Samples
from singerid.sound.separation.open_unmix import open_open_unmix
from singerid.sound.separation.open_unmix_weights import RELEASES
from singerid.sound.separation.repet import Repet
from singerid.sound.separation.stems import TrueStems
from singerid.system.devices import CPU


class Separator(Protocol):
    """Takes the vocals out of recordings. It can be pickled: networks are loaded where it is used."""

    @property
    def name(self) -> SeparatorName:
        """The name it was opened by."""

    @property
    def origin(self) -> str:
        """What makes its vocals, with versions and digests: two that differ in it may differ in them."""

    @property
    def notice(self) -> str:
        """What its user should know, one line; "" if nothing."""

    def blocks(self, path: Path, warn: Callable[[str], None]) -> Iterator[tuple[Samples, Samples]]:
        """Yield a recording's (vocals, accompaniment), block by block: its length costs no memory.

        Both are mono float32, shape (samples,), and all blocks together as long as those of
        `audio.read_blocks` at the separator's rate.

        Args:
            path: the recording.
            warn: is called with what is wrong with it (without its name), though it can be used.

        Raises:
            AudioError: it cannot be decoded or separated.
        """


def open_separator(
    name: SeparatorName,
    *,
    tree: Path | None = None,
    stems: Path | None = None,
    weights: Path | None = None,
    device: torch.device = CPU,
    sample_rate: int = FeatureConfig.sample_rate,
) -> Separator:
    """A separator by name, ready: what it needs is there, downloaded first where it must be.

    Args:
        name: "open-unmix" (umxhq) or "umxl", networks; "repet", no network; "stems", no separation.
        tree: folder of the recordings, for "stems".
        stems: folder with vocals/ and, if wished, accompaniment/, each laid out as `tree`, for "stems".
        weights: folder with the weights of "open-unmix" or "umxl"; None: they are downloaded.
        device: where networks compute.
        sample_rate: of what is given, in Hz.

    Raises:
        SingeridError: something that the separator needs is missing, or given to one without use for it.
    """
    if weights is not None and name not in RELEASES:
        raise SingeridError(f"--weights: {name} has none; leave them out, or choose open-unmix or umxl")
    if stems is not None and name != "stems":
        raise SingeridError(f"--stems-dir: {name} separates by itself; leave it out, or choose stems")
    if name == "repet":
        return Repet(sample_rate)
    if name == "stems":
        if tree is None or stems is None:
            raise SingeridError("stems: give the folder that holds vocals/ with --stems-dir")
        return TrueStems(tree, stems, sample_rate)
    return open_open_unmix(name, weights, device, sample_rate)
