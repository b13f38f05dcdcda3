"""What is written into music files, and what every kind of tag can do.

The performers' field is that which other programs read (MusicBrainz Picard's table of tags): "Name (vocals)",
or a pair of part and name. Beside it stand fields of singerid's own.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singerid.data.names import folded_name
from singerid.errors import SingeridError

VOCALS = "vocals"
"""The part that is written; "lead vocals" would say more than is known."""

ENTRIES, PROBABILITY, LIBRARY, VERSION = (
    "SINGERID_PERFORMERS",
    "SINGERID_PROBABILITY",
    "SINGERID_LIBRARY",
    "SINGERID_VERSION",
)
OWN_FIELDS = (ENTRIES, PROBABILITY, LIBRARY, VERSION)
"""Singerid's own fields: the names that it wrote, how sure each singer is, by which library, which version.

A performer that `ENTRIES` does not name is somebody else's, and stays.
"""

Fields = dict[str, list[str]]
"""Fields as they stand in a file, by name: each value in a form that its kind of tag gives back exactly."""

_WITH_PART = re.compile(r"(.*) \(([^()]*)\)", re.DOTALL)


@dataclass(frozen=True)
class Performer:
    """Somebody who is heard.

    Attributes:
        name: who.
        part: an instrument or "vocals"; "" where that is not told.
    """

    name: str
    part: str = VOCALS

    @classmethod
    def read(cls, text: str) -> "Performer":
        """The performer of a text as Vorbis comments hold it.

        >>> Performer.read("Nina Simone (lead vocals)")
        Performer(name='Nina Simone', part='lead vocals')
        """
        found = _WITH_PART.fullmatch(text)
        return cls(found[1], found[2]) if found and found[2] else cls(text, "")

    def __str__(self) -> str:
        return f"{self.name} ({self.part})" if self.part else self.name

    def sings_as(self, name: str) -> bool:
        """Whether this says already that somebody of the name sings, in whatever words."""
        return folded_name(self.name) == folded_name(name) and (not self.part or "vocal" in self.part.lower())


class TagError(SingeridError):
    """A file whose tags cannot be read or written; the message is the reason, without the file's name."""


class Tagged(ABC):
    """The tags of one file, in memory until they are saved.

    Attributes:
        note: what saving changes beside the fields, for a person; "" if nothing.
    """

    note = ""

    @abstractmethod
    def performers(self) -> list[Performer]:
        """All who are named as performers, in their order."""

    @abstractmethod
    def set_performers(self, performers: list[Performer]) -> None:
        """Name these; entries that stay are not touched."""

    @abstractmethod
    def own(self, field: str) -> list[str]:
        """The values of a field of `OWN_FIELDS`; empty where it is missing."""

    @abstractmethod
    def set_own(self, field: str, values: list[str]) -> None:
        """Set a field of `OWN_FIELDS`; no values take it out."""

    @abstractmethod
    def fields(self) -> Fields:
        """All that singerid may change, as it stands in the file; what is missing is left out."""

    @abstractmethod
    def restore(self, fields: Fields) -> None:
        """Set all that singerid may change to what `fields` gave before."""

    @abstractmethod
    def others(self) -> Any:
        """All other fields, in a form that can be compared: these must be the same after saving."""

    @abstractmethod
    def save(self, original: Path, copy: Path) -> None:
        """Write into a copy of the file that these were read from; raises mutagen's errors and OSError."""


class TextTags(Tagged):
    """Tags whose fields are texts by a key: all kinds but ID3.

    Attributes:
        performers_key: of the performers' field.
        own_key: of singerid's own fields, with {} for their name.
    """

    performers_key = "PERFORMER"
    own_key = "{}"

    @abstractmethod
    def texts(self, key: str) -> list[str]:
        """The texts of a field; empty where it is missing."""

    @abstractmethod
    def set_texts(self, key: str, texts: list[str]) -> None:
        """Set a field; no texts take it out."""

    def performers(self) -> list[Performer]:
        """All who are named as performers."""
        return [Performer.read(text) for text in self.texts(self.performers_key)]

    def set_performers(self, performers: list[Performer]) -> None:
        """Name these."""
        self.set_texts(self.performers_key, [str(one) for one in performers])

    def own(self, field: str) -> list[str]:
        """The values of a field of singerid's own."""
        return self.texts(self.own_key.format(field))

    def set_own(self, field: str, values: list[str]) -> None:
        """Set a field of singerid's own."""
        self.set_texts(self.own_key.format(field), values)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all that singerid may change."""
        return (self.performers_key, *(self.own_key.format(field) for field in OWN_FIELDS))
