"""Where other people's weights come from: licence, training data, sources; whether they are in the cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singerid.system.weights import Published, Read, fetch_files, has_tensors, is_cached, load_tensors


@dataclass(frozen=True)
class Provenance:
    """Facts about other people's weights that a user wants to know before using them.

    Attributes:
        learned_on: the training data: what sound, by how many people.
        published: the weights; several entries if they are published separately.
        read: converts the published files to tensors, which are then cached; None: the files are cached.
        code_licence: licence of the code that runs the weights.
    """

    learned_on: str
    published: tuple[Published, ...]
    read: Read | None = None
    code_licence: str = "MIT"  # singerid's own

    @property
    def licence(self) -> str:
        """The licences of the weights."""
        return ", ".join(dict.fromkeys(each.licence for each in self.published))

    @property
    def bytes(self) -> int | None:
        """Total size of the published files in bytes; None if the size of a file is unknown."""
        sizes = [file.size for each in self.published for file in each.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def sources(self) -> list[str]:
        """The sources of the weights, in the order in which they are tried."""
        return [source.text for each in self.published for source in each.sources]

    def are_here(self) -> bool:
        """Whether all of the weights are in the cache folder, undamaged."""
        return all(is_cached(each) if self.read is None else has_tensors(each) for each in self.published)

    def fetch(self, given: Path | None = None) -> None:
        """Put the weights into the cache folder, unless they are there already.

        Args:
            given: a local file or folder with the weights, see `load_tensors`; None: fetch from the sources.

        Raises:
            SingeridError: the weights cannot be fetched or stored, or `given` is another file.
        """
        for each in self.published:
            if self.read is None:
                fetch_files(each, given)
            else:
                load_tensors(each, self.read, given, keep=True)

    def to_json(self) -> dict[str, Any]:
        """All facts as a dict for JSON."""
        return {
            "code_licence": self.code_licence,
            "licence": self.licence,
            "bytes": self.bytes,
            "learned_on": self.learned_on,
            "sources": self.sources,
            "cached": self.are_here(),
        }
