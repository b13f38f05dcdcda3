"""The tools that make a store: separator, melody trackers and encoders, opened by name where they work."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from singerid.encoders.encoder import Encoder
from singerid.encoders.registry import open_encoder
from singerid.sound.melody.contour import Tracker
from singerid.sound.melody.trackers import open_tracker
from singerid.sound.separation.separators import Separator, open_separator
from singerid.system.file_names import absolute
from singerid.system.hub import is_hub


@dataclass(frozen=True)
class Opened:
    """Tools that are open.

    Attributes:
        separator: takes the vocals out; None: vocals are not wanted.
        trackers: follow the melody.
        encoders: make vectors.
    """

    separator: Separator | None
    trackers: tuple[Tracker, ...]
    encoders: tuple[Encoder, ...]

    @property
    def origins(self) -> tuple[str, ...]:
        """Versions and weights of the tools: if machines differ in them, so do the arrays they make."""
        separator = () if self.separator is None else (f"{self.separator.name}: {self.separator.origin}",)
        trackers = (f"{tracker.name}: {tracker.origin}" for tracker in self.trackers)
        encoders = (f"{encoder.address}: {encoder.identity}" for encoder in self.encoders)
        return (*separator, *trackers, *encoders)


@dataclass(frozen=True)
class Tools:
    """Names of tools that are to be opened.

    Attributes:
        tree: folder of the recordings.
        separator: name of the separator; None: vocals are not wanted.
        stems: folder of the true stems, for the separator that reads those.
        weights: of the separator; None: the published ones.
        melody: name of the tracker; None: the melody is not wanted.
        encoders: names or addresses of the encoders.
    """

    tree: Path
    separator: str | None = None
    stems: Path | None = None
    weights: Path | None = None
    melody: str | None = None
    encoders: tuple[str, ...] = ()

    def whole(self) -> "Tools":
        """The same with absolute paths, for machines whose programs start in other folders."""
        return replace(
            self,
            tree=absolute(self.tree),
            stems=None if self.stems is None else absolute(self.stems),
            weights=None if self.weights is None else absolute(self.weights),
            encoders=tuple(_whole(name) for name in self.encoders),
        )

    def open(self, device: torch.device) -> Opened:
        """Open all tools; raises SingeridError if one cannot be opened."""
        separator = None
        if self.separator is not None:
            separator = open_separator(
                self.separator, tree=self.tree, stems=self.stems, weights=self.weights, device=device
            )
        return Opened(
            separator,
            (open_tracker(self.melody, device),) if self.melody else (),
            tuple(open_encoder(name, device) for name in self.encoders),
        )


def _whole(encoder: str) -> str:
    """A name by which an encoder is found from any folder."""
    if is_hub(encoder):
        return encoder
    kind, colon, file = encoder.partition(":")
    if colon:
        return f"{kind}:{absolute(file)}"
    return str(absolute(encoder)) if Path(encoder).exists() else encoder
