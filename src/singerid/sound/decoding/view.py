"""A part of an open file that decoders read like a whole file; some of its bytes may be replaced.

It has no name: both decoders would take a name as a hint at the format, but only the content should decide.
"""

import os
from collections.abc import Mapping
from typing import BinaryIO


class FileView:
    """Bytes `start` to `end` of an open file.

    Args:
        file: open for reading; the caller closes it.
        start: position of the first byte.
        end: position after the last byte; None: the file's end.
        patches: replacement bytes, by their position in the *file*.
    """

    def __init__(
        self,
        file: BinaryIO,
        start: int = 0,
        end: int | None = None,
        patches: Mapping[int, bytes] | None = None,
    ) -> None:
        size = file.seek(0, os.SEEK_END)
        self._file = file
        self._start = start
        self._end = size if end is None else min(end, size)
        self._patches = dict(patches or {})
        self._position = start

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._end - self._start

    def part(self, start: int, end: int | None = None) -> "FileView":
        """A view of a part of this one, with its own read position; `start` and `end` count in this view."""
        stop = self._end if end is None else min(self._start + end, self._end)
        return FileView(self._file, self._start + start, stop, self._patches)

    def patched(self, position: int, content: bytes) -> "FileView":
        """The same view with other bytes at a position."""
        return FileView(
            self._file, self._start, self._end, {**self._patches, self._start + position: content}
        )

    def at(self, position: int, count: int) -> bytes:
        """`count` bytes from `position`, fewer at the end; does not change where the next `read` begins."""
        before = self._position
        self._position = self._start + position
        try:
            return self.read(count)
        finally:
            self._position = before

    def read(self, count: int = -1) -> bytes:
        """The next `count` bytes; all that are left if `count` is negative."""
        left = max(0, self._end - self._position)
        wanted = left if count < 0 else min(count, left)
        if not wanted:  # a damaged header may name any position
            return b""
        first = self._position
        self._file.seek(first)
        content = self._file.read(wanted)
        self._position += len(content)
        for position, patch in self._patches.items():
            if first < position + len(patch) and position < first + len(content):
                mended = bytearray(content)
                for index, byte in enumerate(patch, position - first):
                    if 0 <= index < len(mended):
                        mended[index] = byte
                content = bytes(mended)
        return content

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes and return how many there were."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set where to read next; returns the position.

        A damaged header may send a decoder to a position before the start, or a decoder may pass an unknown
        `whence`. The position stays as it is then: decoders print errors that are raised in here.
        """
        origins = {os.SEEK_SET: self._start, os.SEEK_CUR: self._position, os.SEEK_END: self._end}
        wanted = origins.get(whence, -1) + offset
        if whence in origins and wanted >= self._start:
            self._position = wanted
        return self.tell()

    def tell(self) -> int:
        """The position of the next `read`."""
        return self._position - self._start

    def seekable(self) -> bool:
        """Whether `seek` works: always."""
        return True
