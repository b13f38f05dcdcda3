"""Folders on this machine or in an object store (`s3://`, `gs://`), through pyarrow and fsspec.

Files are written completely or not at all. An object store shows an object only after it was sent completely;
on a disk a file gets its final name only after its content is on the disk.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singerid.errors import SingeridError
from singerid.system.file_names import absolute
from singerid.system.files import writing
from singerid.text import one_line, printable

if TYPE_CHECKING:
    import pyarrow as pa

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # a single letter before the colon is a Windows drive


def is_url(address: Path | str) -> bool:
    """Whether an address is that of a folder in an object store, not a path.

    >>> is_url("s3://bucket/heard"), is_url("C:/heard")
    (True, False)
    """
    return bool(_URL.match(str(address)))


class Place:
    """A folder, given by its path or its URL.

    Args:
        address: path or URL of the folder; a relative path is resolved against the current folder.

    Raises:
        SingeridError: pyarrow is missing, or neither pyarrow nor fsspec knows this kind of address.
    """

    def __init__(self, address: str | Path) -> None:
        self.is_local = not is_url(address)
        self.address = str(absolute(address)) if self.is_local else str(address).rstrip("/")
        self._system, self._root = _opened(self.address, self.is_local)

    def __str__(self) -> str:
        return printable(self.address)

    def files(self, ending: str) -> list[str]:
        """Names of the files below it with this ending, sorted, without hidden files; [] if it is missing."""
        from pyarrow import fs

        with self._told("cannot be listed"):
            selector = fs.FileSelector(self._root, allow_not_found=True, recursive=True)
            found = self._system.get_file_info(selector)
        start = len(self._root.rstrip("/")) + 1
        names = (one.path[start:] for one in found if one.type == fs.FileType.File)
        return sorted(name for name in names if name.endswith(ending) and not _is_hidden(name))

    def require_folder(self) -> None:
        """Raise SingeridError if the folder does not exist or is a file."""
        from pyarrow import fs

        with self._told("cannot be listed"):
            kind = self._system.get_file_info(self._root).type
        if kind == fs.FileType.NotFound:
            raise SingeridError(f"{self}: does not exist; check the name")
        if kind == fs.FileType.File:
            raise SingeridError(f"{self}: is a file; give the folder that it lies in")

    def shown(self, name: str) -> str:
        """The full address of one of its files, to show to a person."""
        return f"{self.address}/{name}"

    def open(self, name: str) -> Any:
        """Open one of its files for reading with pyarrow; pyarrow's exceptions are passed on."""
        return self._system.open_input_file(f"{self._root}/{name}")

    def write(self, name: str, table: "pa.Table") -> None:
        """Write a Parquet file, completely or not at all; an existing file is replaced.

        Raises:
            SingeridError: the file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = f"{self._root}/{name}"
        with self._told("cannot be written"):
            self._system.create_dir(path.rpartition("/")[0], recursive=True)
        if not self.is_local:
            # Made in memory first: if an error interrupted the stream, half a file would be stored.
            made = pa.BufferOutputStream()
            pq.write_table(table, made)
            with self._told("cannot be written"), self._system.open_output_stream(path) as stream:
                stream.write(made.getvalue())
            return
        # Readers look for an ending that this name does not have.
        passing = f"{path}.{secrets.token_hex(4)}.incoming"
        try:
            with writing(Path(path)), Path(passing).open("wb") as file:
                pq.write_table(table, file)
                file.flush()
                os.fsync(file.fileno())
            Path(passing).replace(path)
        finally:
            with suppress(OSError):
                Path(passing).unlink(missing_ok=True)

    def read(self, name: str, columns: list[str] | None = None) -> "pa.Table":
        """The content of a Parquet file; raises SingeridError if it cannot be read or is damaged.

        Args:
            name: name as returned by `files`.
            columns: names of the columns to read; None: all.
        """
        import pyarrow.parquet as pq

        with self._told("cannot be read", name), self.open(name) as file:
            return pq.read_table(file, columns=columns)

    def schema(self, name: str) -> "pa.Schema":
        """The columns of a Parquet file, with its metadata; raises SingeridError as `read`."""
        import pyarrow.parquet as pq

        with self._told("cannot be read", name), self.open(name) as file:
            return pq.read_schema(file)

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with self._told("cannot be written"), suppress(FileNotFoundError):
            self._system.delete_file(f"{self._root}/{name}")

    def require_writable(self) -> None:
        """Raise SingeridError if no file can be made here; checked before long work is done in vain."""
        name = f"{self._root}/{secrets.token_hex(8)}.probe"
        with self._told("cannot be written"):
            self._system.create_dir(self._root, recursive=True)
            with self._system.open_output_stream(name) as stream:
                stream.write(b"singerid")
            self._system.delete_file(name)

    @contextmanager
    def _told(self, what: str, name: str = "") -> Iterator[None]:
        """Turn errors of an unusable folder or a damaged file into a SingeridError of one line."""
        import pyarrow as pa

        try:
            yield
        except (OSError, pa.ArrowException) as error:
            where = f"{self}/{printable(name)}" if name else str(self)
            remedy = (
                "remove that file; its recordings are then listened to again"
                if name and isinstance(error, pa.ArrowException)
                else "give a folder that can be written to"
                if self.is_local
                else "check your access rights there, and the network"
            )
            raise SingeridError(f"{where}: {what} ({one_line(error)}); {remedy}") from error


def _is_hidden(name: str) -> bool:
    """Whether a file, or a folder that it lies in, is hidden by the usual convention."""
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _opened(address: str, is_local: bool) -> tuple[Any, str]:
    """A pyarrow file system, and the folder's path in it."""
    try:
        from pyarrow import fs
    except ImportError as error:
        raise SingeridError(
            "Parquet files need pyarrow, which is not installed: pip install 'singerid[scale]'"
        ) from error
    if is_local:
        return fs.LocalFileSystem(), address
    try:
        system, root = fs.FileSystem.from_uri(address)
        return system, root
    except (ValueError, OSError, NotImplementedError) as known:
        try:
            import fsspec

            system, root = fsspec.core.url_to_fs(address)
            return fs.PyFileSystem(fs.FSSpecHandler(system)), root
        except (ImportError, ValueError, OSError) as error:
            raise SingeridError(
                f"{address}: cannot be opened ({one_line(known)}; {one_line(error)}); "
                "give a folder, or an address such as s3://BUCKET/FOLDER"
            ) from error
