"""Files fetched on first use: checked, kept in a cache folder, and fetched anew when damaged."""

import os
import sys
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from singerid.errors import SingeridError
from singerid.system.files import file_hash
from singerid.text import printable


@dataclass(frozen=True)
class Download:
    """A file that can be fetched.

    Attributes:
        url: where it is.
        sha256: its SHA-256, hexadecimal; the first eight digits or more.
        file_name: its name in the cache folder.
        remedy: how to do without the download: ends the error where it fails.
    """

    url: str
    sha256: str
    file_name: str
    remedy: str


def cache_folder() -> Path:
    """Where downloads are kept: the folder named in SINGERID_CACHE, or ~/.cache/singerid."""
    named = os.environ.get("SINGERID_CACHE")
    return Path(named) if named else Path("~/.cache/singerid").expanduser()


def is_cached(download: Download) -> bool:
    """Whether the file of a download is in the cache folder, whole; False where it cannot be read."""
    try:
        return _has_digest(cache_folder() / download.file_name, download.sha256)
    except OSError:
        return False


def fetch(download: Download) -> Path:
    """The checked file of a download, from the cache folder, or fetched into it first.

    A file in the cache is checked too, and fetched anew when it is damaged. On a terminal a bar shows
    how far it is. Interrupted or without a network, no part of a file is left under its name.

    Raises:
        SingeridError: it cannot be fetched or is not what it should be.
    """
    from torch.hub import download_url_to_file

    path = cache_folder() / download.file_name
    if is_cached(download):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SingeridError(
            f"{printable(path.parent)}: cannot be made ({error.strerror or error}); "
            "set SINGERID_CACHE to a folder that you may write to"
        ) from error
    show = sys.stderr.isatty()
    if show:
        print(f"singerid: downloading {download.url}", file=sys.stderr)
    try:
        download_url_to_file(download.url, str(path), hash_prefix=download.sha256, progress=show)
    except (OSError, HTTPException, ValueError, RuntimeError) as error:  # RuntimeError: another digest
        reason = getattr(error, "reason", None) or error
        raise SingeridError(f"{download.url}: cannot be downloaded ({reason}); {download.remedy}") from error
    return path


def check_file(path: Path, sha256: str, remedy: str) -> Path:
    """The path itself, of a file whose SHA-256 begins with the hexadecimal digits `sha256`.

    Raises:
        SingeridError: the file cannot be read or is another one; the message ends with `remedy`.
    """
    try:
        if _has_digest(path, sha256):
            return path
    except OSError as error:
        raise SingeridError(
            f"{printable(path)}: cannot be read ({error.strerror or error}); {remedy}"
        ) from error
    raise SingeridError(
        f"{printable(path)}: is damaged or another file (its SHA-256 does not begin with {sha256}); {remedy}"
    )


def _has_digest(path: Path, sha256: str) -> bool:
    return file_hash(path).startswith(sha256.lower())
