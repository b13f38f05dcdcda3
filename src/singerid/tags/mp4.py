"""MP4 tags (m4a). There is no agreed field for performers, so a free-form atom holds the Vorbis text.

It is `----:com.apple.iTunes:PERFORMER`, which TagLib, foobar2000 and similar programs read.
"""

import base64
from pathlib import Path
from typing import Any

from mutagen.mp4 import MP4, AtomDataType, MP4FreeForm

from singerid.tags.fields import Fields, TextTags


class Mp4Tags(TextTags):
    """Free-form atoms of several values."""

    performers_key = "----:com.apple.iTunes:PERFORMER"
    own_key = "----:singerid:{}"

    def __init__(self, path: Path) -> None:
        self._file = MP4(path)
        if self._file.tags is None:
            self._file.add_tags()
        self._tags = self._file.tags

    def texts(self, key: str) -> list[str]:
        """The texts of a field."""
        return [bytes(value).decode("utf-8", "surrogateescape") for value in self._tags.get(key, [])]

    def set_texts(self, key: str, texts: list[str]) -> None:
        """Set a field; values that stay keep their type."""
        before = {bytes(value): value for value in self._tags.get(key, [])}
        contents = [text.encode("utf-8", "surrogateescape") for text in texts]
        self._set(
            key, [before.get(content) or MP4FreeForm(content, AtomDataType.UTF8) for content in contents]
        )

    def fields(self) -> Fields:
        """Values as they are in the file: type, version and bytes."""
        return {
            key: [
                f"{int(value.dataformat)}:{value.version}:{base64.b64encode(value).decode('ascii')}"
                for value in self._tags[key]
            ]
            for key in self.keys
            if key in self._tags
        }

    def restore(self, fields: Fields) -> None:
        """Set the fields to earlier values."""
        for key in self.keys:
            parts = [value.split(":") for value in fields.get(key, [])]
            self._set(
                key,
                [
                    MP4FreeForm(base64.b64decode(content), AtomDataType(int(kind)), int(version))
                    for kind, version, content in parts
                ],
            )

    def others(self) -> Any:
        """All other fields."""
        return {key: value for key, value in self._tags.items() if key not in self.keys}

    def save(self, original: Path, copy: Path) -> None:
        """Write the atoms."""
        self._file.save(copy)

    def _set(self, key: str, values: list[MP4FreeForm]) -> None:
        if values:
            self._tags[key] = values
        else:
            self._tags.pop(key, None)
