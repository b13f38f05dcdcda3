"""ID3 tags: before the sound in MP3, in a chunk in WAV and AIFF.

Only the frames that singerid changes are parsed. All others are copied as bytes, because mutagen would
translate or drop some of them: IPLS, TDAT, TIME, TRDA, RVAD, EQUA, and frames that it cannot parse.
Performers are in TMCL in ID3v2.4 and in IPLS in v2.3 (id3.org), singerid's own fields in TXXX.
"""

import base64
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

from mutagen.aiff import AIFF
from mutagen.id3 import ID3, IPLS, TMCL, TXXX, Frame, Frames, ID3NoHeaderError
from mutagen.wave import WAVE

from singerid.tags.fields import OWN_FIELDS, Fields, Performer, TagError, Tagged

_HEADER = 10  # bytes, of a tag and of a frame
_FOOTER = 0x10  # a flag of a tag
_UNSYNCHRONISED = 0x02  # a flag of a frame of ID3v2.4, in its last byte
_PARSED = {"IPLS": IPLS, "TMCL": TMCL, "TXXX": TXXX}
_PEOPLE = {3: "IPLS", 4: "TMCL"}
_MIME_TYPES = {"JPG": "image/jpeg", "PNG": "image/png"}  # of pictures in ID3v2.2


class _NoneParsed(dict[str, Any]):
    """Frames that mutagen knows by name but does not parse: it keeps their bytes."""

    def __contains__(self, name: object) -> bool:
        return name in Frames  # mutagen asks this to find out how the sizes are written


_AS_BYTES: dict[str, Any] = {"known_frames": _NoneParsed(), "translate": False, "load_v1": False}


class ID3Tags(Tagged):
    """ID3 tags of MP3."""

    def __init__(self, path: Path) -> None:
        tags = self._load(path)
        self._version = 4 if tags is None else tags.version[1]
        if tags is not None and self._version == 2:
            tags = self._as_v23(path)
            self._version, self.note = 3, "ID3v2.2 becomes ID3v2.3"
        self._tags = ID3() if tags is None else tags
        if self._version == 4:
            self._frames = [_as_alone(frame, self._tags.f_unsynch) for frame in self._frames]

    def _load(self, path: Path) -> ID3 | None:
        try:
            return ID3(path, **_AS_BYTES)
        except ID3NoHeaderError:
            return None

    def _as_v23(self, path: Path) -> ID3:
        tags = ID3(path, translate=False, load_v1=False)
        if tags.unknown_frames:
            raise TagError(
                "holds frames of ID3v2.2 that ID3v2.3 has no name for; convert it with a tag editor first"
            )
        for picture in tags.getall("APIC"):
            picture.mime = _MIME_TYPES.get(picture.mime, picture.mime)
        return _loaded_from(_saved(tags, 3))

    @property
    def _frames(self) -> list[bytes]:
        frames: list[bytes] = self._tags.unknown_frames
        return frames

    @_frames.setter
    def _frames(self, frames: list[bytes]) -> None:
        self._tags.unknown_frames = frames

    def performers(self) -> list[Performer]:
        """All performers; each is stored as a pair of part and name."""
        found = [_parsed(frame, self._version) for frame in self._of(_PEOPLE[self._version])]
        return [
            Performer(str(pair[1]), str(pair[0]))
            for frame in found
            if frame is not None
            for pair in frame.people
            if len(pair) == 2
        ]

    def set_performers(self, performers: list[Performer]) -> None:
        """Set the performers."""
        people = [[one.part, one.name] for one in performers]
        kind = IPLS if self._version == 3 else TMCL
        frames = [kind(encoding=self._encoding, people=people)] if people else []
        self._put(_PEOPLE[self._version], frames)

    def own(self, field: str) -> list[str]:
        """The values of a field of singerid's own."""
        frames = [_parsed(frame, self._version) for frame in self._of(field)]
        return [str(text) for frame in frames if frame is not None for text in frame.text]

    def set_own(self, field: str, values: list[str]) -> None:
        """Set a field of singerid's own."""
        self._put(field, [TXXX(encoding=self._encoding, desc=field, text=values)] if values else [])

    def fields(self) -> Fields:
        """Frames as they are in the file, in base 64."""
        found: Fields = {}
        for frame in self._frames:
            name = self._name(frame)
            if name is not None:
                found.setdefault(name, []).append(base64.b64encode(frame).decode("ascii"))
        return found

    def restore(self, fields: Fields) -> None:
        """Set the fields to earlier frames."""
        before = [base64.b64decode(value) for values in fields.values() for value in values]
        self._frames = self.others() + before

    def others(self) -> list[bytes]:
        """All other frames, as bytes."""
        return [frame for frame in self._frames if self._name(frame) is None]

    def save(self, original: Path, copy: Path) -> None:
        """Write the tag, then everything that followed the old one: sound, APE and ID3v1 tags."""
        tag = _saved(self._tags, self._version) if self._frames else b""
        with original.open("rb") as source, copy.open("wb") as target:
            source.seek(_tag_size(source.read(_HEADER)))
            target.write(tag)
            shutil.copyfileobj(source, target, 2**20)

    @property
    def _encoding(self) -> int:
        return 1 if self._version == 3 else 3  # UTF-16, the only one for all scripts in v2.3; UTF-8

    def _of(self, name: str) -> list[bytes]:
        return [frame for frame in self._frames if self._name(frame) == name]

    def _name(self, frame: bytes) -> str | None:
        """The name of a frame that singerid may change; None for any other frame."""
        kind = frame[:4].decode("latin-1")
        if kind == _PEOPLE[self._version]:
            return kind
        parsed = _parsed(frame, self._version) if kind == "TXXX" else None
        return parsed.desc if parsed is not None and parsed.desc in OWN_FIELDS else None

    def _put(self, name: str, frames: list[Frame]) -> None:
        """Put frames in place of the frames of this name, or at the end."""
        named = [self._name(frame) == name for frame in self._frames]
        place = named.index(True) if any(named) else len(named)
        kept = [frame for frame, is_old in zip(self._frames, named, strict=True) if not is_old]
        self._frames = kept[:place] + _rendered(frames, self._version) + kept[place:]


class WaveTags(ID3Tags):
    """ID3 tags of WAV, in a chunk `id3 `."""

    file_type: Any = WAVE

    def _load(self, path: Path) -> ID3 | None:
        tags: ID3 | None = self.file_type(path, **_AS_BYTES).tags
        return tags

    def _as_v23(self, path: Path) -> ID3:
        raise TagError(
            "holds an ID3v2.2 tag, which WAV and AIFF never have; convert it with a tag editor first"
        )

    def save(self, original: Path, copy: Path) -> None:
        """Write the chunk, or remove it if there are no frames."""
        file = self.file_type(copy, **_AS_BYTES)
        if file.tags is None:
            file.add_tags()
        if not self._frames:
            file.tags.delete(copy)
            return
        file.tags.unknown_frames = self._frames
        file.tags.save(copy, v2_version=self._version, v23_sep=None)


class AiffTags(WaveTags):
    """ID3 tags of AIFF, in a chunk `ID3 `."""

    file_type = AIFF


def _as_alone(frame: bytes, is_unsynchronised: bool) -> bytes:
    """A frame of ID3v2.4 in a form that any tag may hold: some programs write its size as in v2.3."""
    flags = frame[9] | (_UNSYNCHRONISED if is_unsynchronised else 0)
    return frame[:4] + _size_bytes(len(frame) - _HEADER) + frame[8:9] + bytes([flags]) + frame[_HEADER:]


def _size_bytes(size: int) -> bytes:
    """A size in four bytes of seven bits."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def _tag_size(header: bytes) -> int:
    """Length in bytes of the tag that begins with this header; 0 if it is not the header of a tag."""
    if header[:3] != b"ID3":
        return 0
    size = sum((byte & 0x7F) << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0), strict=True))
    return _HEADER + size + (_HEADER if header[5] & _FOOTER else 0)


def _saved(tags: ID3, version: int, **options: Any) -> bytes:
    content = BytesIO()
    tags.save(content, v1=0, v2_version=version, v23_sep=None, **options)
    return content.getvalue()


def _loaded_from(content: bytes) -> ID3:
    return ID3(BytesIO(content), **_AS_BYTES)


def _rendered(frames: list[Frame], version: int) -> list[bytes]:
    """Frames as the bytes of a tag."""
    if not frames:
        return []
    tags = ID3()
    for frame in frames:
        tags.add(frame)
    return list(_loaded_from(_saved(tags, version, padding=lambda _: 0)).unknown_frames)


def _parsed(frame: bytes, version: int) -> Any:
    """A frame of `_PARSED`; None: it cannot be parsed."""
    header = b"ID3" + bytes([version, 0, 0]) + _size_bytes(len(frame))
    tags = ID3(BytesIO(header + frame), known_frames=_PARSED, translate=False, load_v1=False)
    return next(iter(tags.values()), None)
