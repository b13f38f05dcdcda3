"""Whose weights something needs, what they learned on, where they come from and whether they are here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singerid.system.weights import Published, Read, fetch_files, has_tensors, is_cached, load_tensors


@dataclass(frozen=True)
class Provenance:
    """What a person wants to know of the weights of others before they use them.

    Attributes:
        learned_on: what sound, by how many people.
        published: the weights; several where they come one by one.
        read: makes tensors of the published files, which are kept; None: the files are kept themselves.
        code_licence: of the code that runs them.
    """

    learned_on: str
    published: tuple[Published, ...]
    read: Read | None = None
    code_licence: str = "MIT"  # singerid's own

    @property
    def licence(self) -> str:
        """Of the weights."""
        return ", ".join(dict.fromkeys(each.licence for each in self.published))

    @property
    def bytes(self) -> int | None:
        """Of the published files; None where one does not say."""
        sizes = [file.size for each in self.published for file in each.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def sources(self) -> list[str]:
        """Where they may be had, in the order in which they are tried."""
        return [source.text for each in self.published for source in each.sources]

    def are_here(self) -> bool:
        """Whether all of them are in the cache folder, whole."""
        return all(is_cached(each) if self.read is None else has_tensors(each) for each in self.published)

    def fetch(self, given: Path | None = None) -> None:
        """Put them into the cache folder, where they are not there already.

        Args:
            given: where they are, see `load_tensors`; None: from their sources.

        Raises:
            SingeridError: they cannot be fetched or kept, or what is given is another file.
        """
        for each in self.published:
            if self.read is None:
                fetch_files(each, given)
            else:
                load_tensors(each, self.read, given, keep=True)

    def to_json(self) -> dict[str, Any]:
        """All of it, for a list."""
        return {
            "code_licence": self.code_licence,
            "licence": self.licence,
            "bytes": self.bytes,
            "learned_on": self.learned_on,
            "sources": self.sources,
            "cached": self.are_here(),
        }
