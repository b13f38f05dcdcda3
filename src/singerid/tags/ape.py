"""APEv2 tags, of WavPack: Performer=Name (vocals), as MusicBrainz writes it."""

import base64
from pathlib import Path
from typing import Any

from mutagen.apev2 import TEXT, APENoHeaderError, APEv2, APEValue

from singerid.tags.fields import Fields, TextTags

_ID3V1 = 128  # bytes


class ApeTags(TextTags):
    """Fields of several texts, binary data or links; their names are case-insensitive."""

    performers_key = "Performer"

    def __init__(self, path: Path) -> None:
        try:
            self._tags = APEv2(path)
        except APENoHeaderError:
            self._tags = APEv2()

    def texts(self, key: str) -> list[str]:
        """The texts of a field."""
        value = self._tags.get(key)
        return list(value) if value is not None and value.kind == TEXT else []

    def set_texts(self, key: str, texts: list[str]) -> None:
        """Set a field."""
        self._set(key, APEValue("\0".join(texts), TEXT) if texts else None)

    def fields(self) -> Fields:
        """Values as they are in the file: kind and bytes."""
        return {
            key: [f"{self._tags[key].kind}:{base64.b64encode(self._tags[key]._write()).decode('ascii')}"]
            for key in self.keys
            if key in self._tags
        }

    def restore(self, fields: Fields) -> None:
        """Set the fields to earlier values."""
        for key in self.keys:
            value = None
            for written in fields.get(key, []):
                kind, _, content = written.partition(":")
                data = base64.b64decode(content)
                value = APEValue(data.decode("utf-8") if int(kind) == TEXT else data, int(kind))
            self._set(key, value)

    def others(self) -> Any:
        """All other fields."""
        keys = {key.lower() for key in self.keys}
        return {key: bytes(value._write()) for key, value in self._tags.items() if key.lower() not in keys}

    def save(self, original: Path, copy: Path) -> None:
        """Write the tag, and keep an ID3v1 tag after it, which mutagen would remove."""
        with copy.open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _ID3V1 - len(b"APE")))
            end = file.read()
            # "TAG" may also be part of "APETAGEX", the start of an APEv2 tag of that length.
            old = end[3:] if end[3:6] == b"TAG" and end[:8] != b"APETAGEX" else b""
            file.truncate(size - len(old))
        if self._tags:
            self._tags.save(copy)
        else:
            self._tags.delete(copy)
        with copy.open("ab") as file:
            file.write(old)

    def _set(self, key: str, value: Any) -> None:
        name = next((name for name in self._tags if name.lower() == key.lower()), key)
        if value is not None:
            self._tags[name] = value
        elif name in self._tags:
            del self._tags[name]
