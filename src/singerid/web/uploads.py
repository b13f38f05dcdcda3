"""Files that are dropped on the page: received piece by piece into the server's own folder, within limits.

The name of a file is shown, and is never part of a path.
"""

import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from singerid.sound.listing import AUDIO_EXTENSIONS
from singerid.system.files import sync_folder, writing
from singerid.web.settings import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_NAME_CHARACTERS = 200
_FEW = 64 * 1024  # bytes of headers and other data, for each file


class UploadError(Exception):
    """An upload that is refused as a whole.

    Attributes:
        status: the HTTP status.
        detail: the reason, with the remedy.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Attributes:
        path: where it is kept; None if it was refused.
        name: its name, as it was sent.
        detail: why it was refused; "" if it was not.
    """

    path: Path | None
    name: str
    detail: str = ""


async def receive(
    content_type: str, pieces: AsyncIterator[bytes], folder: Path, limits: Limits
) -> list[Upload]:
    """Receive the files of a multipart request; memory does not grow with their size.

    Args:
        content_type: header of the request.
        pieces: body of the request.
        folder: a new folder for the files; it is removed again if the upload is refused.
        limits: the size of each file, and the number of files.

    Raises:
        UploadError: it is not an upload, has too many files, or ends too early.
        SingeridError: the folder cannot be written.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UploadError(415, 'send files as multipart/form-data, in the field "files"')
    with writing(folder):
        folder.mkdir(mode=0o700)
    taking = _Taking(folder, limits)
    try:
        parser = MultipartParser(boundary, taking.callbacks())
        async for piece in pieces:
            with writing(folder):
                parser.write(piece)
        if not taking.ended:
            raise UploadError(400, "the upload ended too early; send it again")
        if not taking.uploads:
            raise UploadError(422, 'no file was sent; send some in the field "files"')
        sync_folder(folder)
        return taking.uploads
    except MultipartParseError as error:
        taking.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise UploadError(400, "the upload is damaged; send it again") from error
    except BaseException:
        taking.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Taking:
    """The functions that the parser of an upload calls."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self.uploads: list[Upload] = []
        self.ended = False
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._name = ""
        self._size = 0
        self._other = 0  # bytes that belong to no file

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._finish,
            "on_end": self._end,
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers, self._field, self._value = {}, b"", b""

    def _count(self, size: int) -> None:
        self._other += size
        if self._other > _FEW * (1 + len(self.uploads)):
            raise UploadError(413, "the upload holds too much besides files; send files alone")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name, self._path, self._size = "", None, 0
        if options.get(b"name") != b"files" or b"filename" not in options:
            return
        if len(self.uploads) >= self._limits.uploads_at_once:
            most = self._limits.uploads_at_once
            raise UploadError(413, f"more than {most} files at once; send fewer, or add their folder")
        self._name = shown_name(options[b"filename"].decode("utf-8", "replace"))
        ending = PurePosixPath(self._name.lower()).suffix
        # The ending helps to decode formats without a signature. It is one of our list, never the sender's.
        ending = ending if ending in AUDIO_EXTENSIONS else ""
        self._path = self._folder / f"{secrets.token_hex(8)}{ending}"
        self._file = self._path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            if self._path is None:
                self._count(end - start)
            return
        self._size += end - start
        if self._size > self._limits.upload_bytes:
            self.close()
            assert self._path is not None
            self._path.unlink(missing_ok=True)
            return
        self._file.write(data[start:end])

    def _finish(self) -> None:
        if self._path is None:
            return
        is_whole = self._file is not None
        self.close()
        if is_whole:
            self.uploads.append(Upload(self._path, self._name))
        else:
            most = self._limits.upload_bytes
            detail = f"is larger than {most / 1e6:,.0f} MB, the limit for uploads; add its folder"
            self.uploads.append(Upload(None, self._name, detail))
        self._path = None

    def _end(self) -> None:
        self.ended = True


def shown_name(name: str) -> str:
    r"""A name as it is shown: the last part of a path, on one line, not too long.

    >>> shown_name("../../etc/passwd"), shown_name(r"C:\music\a.mp3"), shown_name("..")
    ('passwd', 'a.mp3', 'file')
    """
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(one for one in last if one.isprintable()).strip()[:_NAME_CHARACTERS]
    return shown if shown.strip(".") else "file"
