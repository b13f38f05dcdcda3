"""The fields that are written into music files, and the interface of all kinds of tags.

Performers are written where other programs read them (MusicBrainz Picard's table of tags): "Name (vocals)",
or a pair of part and name. singerid also writes fields of its own.
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
"""Singerid's own fields: the names that it wrote, each singer's probability, the library, the version.

A performer that `ENTRIES` does not list was written by somebody else, and stays.
"""

Fields = dict[str, list[str]]
"""Fields as they are in a file, by name; each value in a form from which it can be restored exactly."""

_WITH_PART = re.compile(r"(.*) \(([^()]*)\)", re.DOTALL)


@dataclass(frozen=True)
class Performer:
    """A performer of a recording.

    Attributes:
        name: the name.
        part: an instrument or "vocals"; "" if the file does not tell.
    """

    name: str
    part: str = VOCALS

    @classmethod
    def read(cls, text: str) -> "Performer":
        """The performer from a text in the form of Vorbis comments.

        >>> Performer.read("Nina Simone (lead vocals)")
        Performer(name='Nina Simone', part='lead vocals')
        """
        found = _WITH_PART.fullmatch(text)
        return cls(found[1], found[2]) if found and found[2] else cls(text, "")

    def __str__(self) -> str:
        return f"{self.name} ({self.part})" if self.part else self.name

    def sings_as(self, name: str) -> bool:
        """Whether this entry already says that somebody of this name sings, in any vocal part.

        >>> [Performer("Nina Simone", part).sings_as("nina simone") for part in ("lead vocals", "piano")]
        [True, False]
        """
        return folded_name(self.name) == folded_name(name) and (not self.part or "vocal" in self.part.lower())


class TagError(SingeridError):
    """A file whose tags cannot be read or written; the message is the reason, without the file's name."""


class Tagged(ABC):
    """The tags of one file, in memory until they are saved.

    Attributes:
        note: what saving changes besides the fields, as a text for a person; "" if nothing.
    """

    note = ""

    @abstractmethod
    def performers(self) -> list[Performer]:
        """All performers, in their order."""

    @abstractmethod
    def set_performers(self, performers: list[Performer]) -> None:
        """Set the performers; entries that stay are not touched."""

    @abstractmethod
    def own(self, field: str) -> list[str]:
        """The values of a field of `OWN_FIELDS`; empty if it is missing."""

    @abstractmethod
    def set_own(self, field: str, values: list[str]) -> None:
        """Set a field of `OWN_FIELDS`; no values remove it."""

    @abstractmethod
    def fields(self) -> Fields:
        """All fields that singerid may change, as they are in the file; missing fields are left out."""

    @abstractmethod
    def restore(self, fields: Fields) -> None:
        """Set all fields that singerid may change to an earlier result of `fields`."""

    @abstractmethod
    def others(self) -> Any:
        """All other fields, in a form that can be compared: they must be the same after saving."""

    @abstractmethod
    def save(self, original: Path, copy: Path) -> None:
        """Write the tags into a copy of the file they were read from; raises mutagen's errors and OSError."""


class TextTags(Tagged):
    """Tags whose fields are texts with a key: all kinds except ID3.

    Attributes:
        performers_key: key of the performers' field.
        own_key: pattern for the keys of singerid's own fields, with {} for the name.
    """

    performers_key = "PERFORMER"
    own_key = "{}"

    @abstractmethod
    def texts(self, key: str) -> list[str]:
        """The texts of a field; empty if it is missing."""

    @abstractmethod
    def set_texts(self, key: str, texts: list[str]) -> None:
        """Set a field; no texts remove it."""

    def performers(self) -> list[Performer]:
        """All performers."""
        return [Performer.read(text) for text in self.texts(self.performers_key)]

    def set_performers(self, performers: list[Performer]) -> None:
        """Set the performers."""
        self.set_texts(self.performers_key, [str(one) for one in performers])

    def own(self, field: str) -> list[str]:
        """The values of a field of singerid's own."""
        return self.texts(self.own_key.format(field))

    def set_own(self, field: str, values: list[str]) -> None:
        """Set a field of singerid's own."""
        self.set_texts(self.own_key.format(field), values)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all fields that singerid may change."""
        return (self.performers_key, *(self.own_key.format(field) for field in OWN_FIELDS))
