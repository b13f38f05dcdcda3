"""Downloading files, unpacking single files from archives, and the cache folder.

All sizes are limited: nothing larger than announced is read.
"""

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
from singerid.version import __version__

LARGEST = 2**31  # bytes allowed for a file whose size is not known beforehand
_TIMEOUT = 30.0  # seconds to wait for the next byte
_PIECE = 2**18  # bytes
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
ANOTHER_FOLDER = "set SINGERID_CACHE to a folder that you may write to"


class DownloadError(Exception):
    """A file cannot be fetched from one of its sources; the message is a reason to put into parentheses."""


def cache_folder() -> Path:
    """The folder where downloads are kept.

    It is the one named in SINGERID_CACHE; else the folder singerid in XDG_CACHE_HOME, or in ~/.cache
    (https://specifications.freedesktop.org/basedir/latest/).

    Raises:
        SingeridError: SINGERID_CACHE is not set and there is no home folder.
    """
    named = os.environ.get("SINGERID_CACHE")
    if named:
        return Path(named)
    everybodys = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if everybodys.is_absolute():  # others are to be ignored
        return everybodys / "singerid"
    try:
        return Path("~/.cache/singerid").expanduser()
    except RuntimeError as error:
        raise SingeridError(f"there is no home folder to keep downloads in; {ANOTHER_FOLDER}") from error


def is_offline() -> bool:
    """Whether downloads are forbidden, by SINGERID_OFFLINE=1."""
    return os.environ.get("SINGERID_OFFLINE", "") not in ("", "0")


def download(url: str, path: Path, announce: Callable[[int | None], None], size: int | None = None) -> None:
    """Download a file; on a terminal a progress bar is shown.

    Args:
        url: an http or https address.
        path: the file to write. Use a private folder: if the download fails, a partial file stays there.
        announce: called with the size in bytes, or None if unknown, before the content is read.
        size: expected size in bytes; no more is read. None: the size that the server states.

    Raises:
        DownloadError: there is no network or no such file, or the download breaks off.
    """
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError("is not an http address")
        request = Request(url, headers={"User-Agent": f"singerid/{__version__}"})
        with urlopen(request, timeout=_TIMEOUT) as answer, path.open("wb") as file:
            said = answer.headers.get("Content-Length")
            length = int(said) if said else size
            announce(length)
            with bytes_progress("Downloading", length) as advance:
                copied = _copy(answer, file, LARGEST if size is None else size, advance)
    except (OSError, HTTPException, ValueError) as error:
        # The text of a URLError is not readable, but that of its subclass HTTPError is.
        reason = error.reason if type(error) is URLError else error
        raise DownloadError(str(reason)) from error
    if length is not None and copied != length:
        raise DownloadError(f"broke off after {copied:,} of {length:,} bytes")


def unpack_member(archive: Path, member: str, path: Path, size: int | None = None) -> None:
    """Write one member of a zip (a wheel is one) or tar archive to a file; nothing else is unpacked.

    Args:
        archive: the archive; without the suffix of a tar file it is read as a zip.
        member: full name of the member in the archive.
        path: the file to write; the member's own path is ignored.
        size: expected size of the member in bytes; no more is unpacked.

    Raises:
        DownloadError: the archive cannot be read, holds no such member, or the member is too large.
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
        raise DownloadError(f"is not a complete archive: {error}") from error


@contextmanager
def _opened_member(archive: Path, member: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a member of an archive; yields it and its size in bytes. Raises DownloadError if it is missing."""
    if archive.name.endswith(TAR_SUFFIXES):
        with tarfile.open(archive) as tar:
            # Compared as paths: some archives name a member "./model" instead of "model".
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
    """Copy the whole source and return the number of bytes; raises DownloadError if it exceeds the limit."""
    copied = 0
    while piece := source.read(_PIECE):
        copied += len(piece)
        if copied > limit:
            raise DownloadError(f"is longer than the expected {limit:,} bytes")
        target.write(piece)
        advance(len(piece))
    return copied


def has_digest(path: Path, sha256: str) -> bool:
    """Whether the SHA-256 of a file begins with these hexadecimal digits; raises OSError if unreadable."""
    return file_hash(path).startswith(sha256.lower())


def check_file(path: Path, sha256: str, remedy: str) -> Path:
    """Check that the SHA-256 of a file begins with the hexadecimal digits `sha256`, and return its path.

    Raises:
        SingeridError: the file cannot be read or has another SHA-256; the message ends with `remedy`.
    """
    try:
        if has_digest(path, sha256):
            return path
    except OSError as error:
        raise SingeridError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from error
    raise SingeridError(
        f"{path}: is damaged or another file (its SHA-256 does not begin with {sha256}); {remedy}"
    )
