"""Vorbis comments (FLAC; Vorbis, Opus and FLAC in Ogg): PERFORMER=Name (vocals), as MusicBrainz writes it."""

import re
from pathlib import Path
from typing import Any

from mutagen.flac import FLAC
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from singerid.tags.fields import Fields, TagError, TextTags

# What mutagen gives for comments without a name, and for bytes that are not UTF-8.
_NAMELESS, _UNREADABLE = re.compile(r"unknown\d+"), "\N{REPLACEMENT CHARACTER}"


class Comments(TextTags):
    """A list of (name, text) pairs; a name may occur several times, and names are case-insensitive."""

    file_type: Any = FLAC

    def __init__(self, path: Path) -> None:
        self._file = self.file_type(path)
        if self._file.tags is None:
            self._file.add_tags()
        self._tags = self._file.tags
        if any(_NAMELESS.fullmatch(name) or _UNREADABLE in text for name, text in self._tags):
            raise TagError("holds comments that are not UTF-8 or have no name; repair them with a tag editor")

    def texts(self, key: str) -> list[str]:
        """The texts of a field."""
        return [text for name, text in self._tags if name.lower() == key.lower()]

    def set_texts(self, key: str, texts: list[str]) -> None:
        """Set a field; comments that stay keep their place and the spelling of their name."""
        self._replace(key, [(None, text) for text in texts])

    def fields(self) -> Fields:
        """Comments as they are in the file: NAME=TEXT."""
        found = {
            key: [f"{name}={text}" for name, text in self._tags if name.lower() == key.lower()]
            for key in self.keys
        }
        return {key: values for key, values in found.items() if values}

    def restore(self, fields: Fields) -> None:
        """Set the fields to earlier comments."""
        for key in self.keys:
            pairs = [value.partition("=") for value in fields.get(key, [])]
            self._replace(key, [(name, text) for name, _, text in pairs])

    def others(self) -> Any:
        """All other comments in their order, and pictures."""
        keys = {key.lower() for key in self.keys}
        comments = [(name, text) for name, text in self._tags if name.lower() not in keys]
        return comments, [picture.data for picture in getattr(self._file, "pictures", ())]

    def save(self, original: Path, copy: Path) -> None:
        """Write the comments."""
        self._file.save(copy)

    def _replace(self, key: str, values: list[tuple[str | None, str]]) -> None:
        left = list(values)
        found: list[tuple[str, str]] = []
        for name, text in self._tags:
            if name.lower() != key.lower():
                found.append((name, text))
            elif left:
                new, value = left.pop(0)
                found.append((new or name, value))
        self._tags[:] = found + [(name or key, value) for name, value in left]


class VorbisComments(Comments):
    """Comments of Ogg Vorbis."""

    file_type = OggVorbis


class OpusComments(Comments):
    """Comments of Ogg Opus."""

    file_type = OggOpus


class OggFlacComments(Comments):
    """Comments of FLAC in Ogg."""

    file_type = OggFLAC
