"""Writing files so that a crash, a full disk or a kill never leaves a half-written file."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from singerid.errors import SingeridError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error while writing `path` (read-only, full disk, ...) into a SingeridError of one line."""
    try:
        yield
    except OSError as error:
        raise SingeridError(
            f"{path}: cannot be written ({error.strerror or error}); "
            "free some space or choose a folder you may write to"
        ) from error


@contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; on success flush, fsync and rename it over `path`.

    Readers see the old file or the complete new one, never a part. On an error or an interrupt the
    temporary file is removed and `path` is unchanged. After a kill a `.tmp-*` file may stay; no reader
    looks at it.

    Args:
        path: the file to write; its folder is made if missing.
        mode: "wb" or "w" (UTF-8, newlines as written).

    Raises:
        SingeridError: the folder or file cannot be written (read-only, full disk, ...).
    """
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    binary = "b" in mode
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open(
                mode,
                encoding=None if binary else "utf-8",
                # File names that are not UTF-8 contain lone surrogates; \udc80 is also their JSON escape.
                errors=None if binary else "backslashreplace",
                newline=None if binary else "",
            ) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's file names to the disk, so that a rename survives a power failure."""
    if os.name == "nt":  # Windows cannot sync folders
        return
    with suppress(OSError):  # some network drives cannot either
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def scratch_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file for writing; it is not flushed to the disk, as it will be deleted soon.

    Args:
        path: the file to write; its folder is made if missing.

    Raises:
        SingeridError: the folder or file cannot be written (read-only, full disk, ...).
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            yield file


class LockedError(SingeridError):
    """Another process holds the lock of a folder."""


@contextmanager
def locked(path: Path, busy: str, wait: float = 0.0) -> Iterator[None]:
    """Lock a folder against other processes; the system releases the lock if this process dies.

    Args:
        path: the folder; made if missing.
        busy: error message if another process holds the lock, with the remedy.
        wait: seconds to wait for the other process.

    Raises:
        LockedError: another process holds the lock.
        SingeridError: the folder cannot be made, or written to.
    """
    from filelock import FileLock, Timeout

    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / ".lock")
        try:
            lock.acquire(timeout=wait)
        except Timeout as error:
            raise LockedError(f"{path}: {busy}") from error
    try:
        yield
    finally:
        lock.release()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal; raises OSError if the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, atomically; raises SingeridError as `atomic_write`."""
    with atomic_write(path, "w") as file:
        json.dump(value, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def read_json(path: Path, remedy: str) -> Any:
    """Read a JSON file.

    Raises:
        SingeridError: the file is missing, unreadable or not JSON; the message ends with `remedy`.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SingeridError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise SingeridError(f"{path}: is not valid JSON ({error}); {remedy}") from error
