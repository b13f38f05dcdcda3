"""ASF tags (wma). There is no agreed field for performers: an attribute PERFORMER holds the Vorbis text."""

import base64
import json
from pathlib import Path
from typing import Any

from mutagen.asf import ASF, UNICODE, ASFValue

from singerid.tags.fields import Fields, TextTags


class AsfTags(TextTags):
    """A list of (name, value) pairs; a name may occur several times."""

    own_key = "singerid/{}"

    def __init__(self, path: Path) -> None:
        self._file = ASF(path)
        self._tags = self._file.tags

    def texts(self, key: str) -> list[str]:
        """The texts of a field."""
        return [str(value) for value in self._tags.get(key, [])]

    def set_texts(self, key: str, texts: list[str]) -> None:
        """Set a field; values that stay keep their type."""
        before = {str(value): value for value in self._tags.get(key, [])}
        self._set(key, [before[text] if text in before else ASFValue(text, UNICODE) for text in texts])

    def fields(self) -> Fields:
        """Values as they are in the file: type, language, stream and content."""
        return {key: [_written(value) for value in self._tags[key]] for key in self.keys if key in self._tags}

    def restore(self, fields: Fields) -> None:
        """Set the fields to earlier values."""
        for key in self.keys:
            self._set(key, [_read(value) for value in fields.get(key, [])])

    def others(self) -> Any:
        """All other fields."""
        # If a name has several values, mutagen sets language and stream of all but one to 0, and moves them.
        found = [
            (name, value.TYPE, value.language or 0, value.stream or 0, bytes(value))
            for name, value in self._tags
            if name not in self.keys
        ]
        return sorted(found)

    def save(self, original: Path, copy: Path) -> None:
        """Write the attributes."""
        self._file.save(copy)

    def _set(self, key: str, values: list[Any]) -> None:
        if values:
            self._tags[key] = values
        elif key in self._tags:
            del self._tags[key]


def _written(attribute: Any) -> str:
    value = attribute.value
    content = {"bytes": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value
    return json.dumps(
        [attribute.TYPE, attribute.language or None, attribute.stream or None, content], ensure_ascii=False
    )


def _read(written: str) -> Any:
    kind, language, stream, content = json.loads(written)
    value = base64.b64decode(content["bytes"]) if isinstance(content, dict) else content
    return ASFValue(value, kind, language=language, stream=stream)
