"""Files fetched from an address or out of an archive, never more than asked for, and where they are kept."""

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from singerid.errors import SingeridError
from singerid.system.console import bytes_progress
from singerid.system.files import file_hash
from singerid.text import printable
from singerid.version import __version__

LARGEST = 2**31  # bytes of a file whose size is not known beforehand
_TIMEOUT = 30.0  # seconds without a byte
_PIECE = 2**18  # bytes
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
ANOTHER_FOLDER = "set SINGERID_CACHE to a folder that you may write to"


class DownloadError(Exception):
    """Why a file cannot be had from one of its sources: a reason that goes into brackets."""


def cache_folder() -> Path:
    """Where downloads are kept: the folder named in SINGERID_CACHE, or ~/.cache/singerid.

    Raises:
        SingeridError: neither is named, nor is there a home folder.
    """
    named = os.environ.get("SINGERID_CACHE")
    if named:
        return Path(named)
    try:
        return Path("~/.cache/singerid").expanduser()
    except RuntimeError as error:
        raise SingeridError(f"there is no home folder to keep downloads in; {ANOTHER_FOLDER}") from error


def is_offline() -> bool:
    """Whether nothing may be fetched: SINGERID_OFFLINE is 1."""
    return os.environ.get("SINGERID_OFFLINE", "") not in ("", "0")


def download(url: str, path: Path, announce: Callable[[int | None], None], size: int | None = None) -> None:
    """Write what is at an address to a file; on a terminal a bar shows how far it is.

    Args:
        url: http or https.
        path: the file, in a folder that nobody else looks at: a part of it stays there where it fails.
        announce: is called with the size in bytes, where it is known, before anything of it is fetched.
        size: of the file in bytes; no more is read. None: as the server says.

    Raises:
        DownloadError: there is no network, no such file, or it breaks off.
    """
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError("is no http address")
        request = Request(url, headers={"User-Agent": f"singerid/{__version__}"})
        with urlopen(request, timeout=_TIMEOUT) as answer, path.open("wb") as file:
            said = answer.headers.get("Content-Length")
            length = int(said) if said else size
            announce(length)
            with bytes_progress("Downloading", length) as advance:
                copied = _copy(answer, file, LARGEST if size is None else size, advance)
    except (OSError, HTTPException, ValueError) as error:
        # URLError's own text is no text for people; its subclass HTTPError's is.
        reason = error.reason if type(error) is URLError else error
        raise DownloadError(str(reason)) from error
    if length is not None and copied != length:
        raise DownloadError(f"broke off after {copied:,} of {length:,} bytes")


def unpack_member(archive: Path, member: str, path: Path, size: int | None = None) -> None:
    """Write one member of a zip (a wheel is one) or tar archive to a file; nothing else is unpacked.

    Args:
        archive: its name tells its kind; no suffix of a tar: a zip.
        member: its whole name in the archive.
        path: the file; the member's own path is not followed.
        size: of the member in bytes; no more is unpacked.

    Raises:
        DownloadError: the archive cannot be read, or holds no such member, or one of another size.
    """
    limit = LARGEST if size is None else size
    try:
        with _opened_member(archive, member) as (packed, length), path.open("wb") as file:
            if length > limit:
                raise DownloadError(f"its {member} has {length:,} bytes, not {limit:,}")
            _copy(packed, file, limit)
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise DownloadError(f"is no whole archive: {error}") from error


@contextmanager
def _opened_member(archive: Path, member: str) -> Iterator[tuple[IO[bytes], int]]:
    """A member of an archive to read, and its size in bytes; raises DownloadError where there is none."""
    if archive.name.endswith(TAR_SUFFIXES):
        with tarfile.open(archive) as tar:
            # As a path: some who pack a folder's files call one "./model".
            entries = (entry for entry in tar if PurePosixPath(entry.name) == PurePosixPath(member))
            entry = next((entry for entry in entries if entry.isfile()), None)
            packed = tar.extractfile(entry) if entry else None
            if entry is None or packed is None:
                raise DownloadError(f"holds no {member}")
            yield packed, entry.size
        return
    with zipfile.ZipFile(archive) as zipped:
        if member not in zipped.namelist():
            raise DownloadError(f"holds no {member}")
        with zipped.open(member) as unzipped:
            yield unzipped, zipped.getinfo(member).file_size


def _copy(
    source: IO[bytes], target: IO[bytes], limit: int, advance: Callable[[int], None] = lambda _: None
) -> int:
    """Copy to the source's end and give the number of bytes; raises DownloadError beyond the limit."""
    copied = 0
    while piece := source.read(_PIECE):
        copied += len(piece)
        if copied > limit:
            raise DownloadError(f"has more than the {limit:,} bytes that it should have")
        target.write(piece)
        advance(len(piece))
    return copied


def has_digest(path: Path, sha256: str) -> bool:
    """Whether the SHA-256 of a file begins with these hexadecimal digits; OSError where it cannot be read."""
    return file_hash(path).startswith(sha256.lower())


def check_file(path: Path, sha256: str, remedy: str) -> Path:
    """The path itself, of a file whose SHA-256 begins with the hexadecimal digits `sha256`.

    Raises:
        SingeridError: the file cannot be read or is another one; the message ends with `remedy`.
    """
    try:
        if has_digest(path, sha256):
            return path
    except OSError as error:
        raise SingeridError(
            f"{printable(path)}: cannot be read ({error.strerror or error}); {remedy}"
        ) from error
    raise SingeridError(
        f"{printable(path)}: is damaged or another file (its SHA-256 does not begin with {sha256}); {remedy}"
    )
