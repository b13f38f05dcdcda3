"""How a server is set up: what it may read, and how much it takes at once."""

from dataclasses import dataclass, field
from pathlib import Path

from singerid.library.cache import cache_of
from singerid.system.files import writing


@dataclass(frozen=True)
class Limits:
    """The limits of a server; whatever exceeds them is refused with a message.

    Attributes:
        upload_bytes: size of an uploaded file.
        uploads_at_once: number of files in one upload.
        seconds: length of a recording.
        jobs: number of jobs that wait or are running.
        child_bytes: memory that a decoder may take besides what it starts with.
        quiet_seconds: how long a decoder may work without a sign of progress.
        cache_bytes: size of all pictures and converted sounds that are kept.
    """

    upload_bytes: int = 2_000_000_000
    uploads_at_once: int = 100
    seconds: float = 4 * 3600.0
    jobs: int = 100
    child_bytes: int = 2 * 1024**3
    quiet_seconds: float = 60.0
    cache_bytes: int = 2 * 1024**3


@dataclass(frozen=True)
class Settings:
    """The settings of a server, fixed when it starts.

    Attributes:
        folder: the library's folder.
        roots: folders whose recordings may be heard; all other paths are refused.
        device: device on which networks compute.
        threads: CPU threads; None: all.
        weights: weights of the separator, if vocals are heard; None: the published weights.
        plugins: files that its processes run first.
        limits: how much it takes.
    """

    folder: Path
    roots: tuple[Path, ...] = ()
    device: str = "cpu"
    threads: int | None = None
    weights: Path | None = None
    plugins: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def own(self) -> Path:
        """The server's own folder, inside the library's."""
        return self.folder / "serve"

    def make(self, folder: Path) -> None:
        """Make a folder inside the server's own; a deleted library stays deleted.

        Raises:
            SingeridError: it cannot be made, or the library is not there any more.
        """
        with writing(folder):
            self.own.mkdir(mode=0o700, exist_ok=True)  # without its parents
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def uploads(self) -> Path:
        """Where uploaded files are kept."""
        return self.own / "uploads"

    @property
    def reached(self) -> tuple[Path, ...]:
        """Folders whose files may be heard and tagged."""
        return (*(root.absolute() for root in self.roots), self.uploads.absolute())

    @property
    def cache(self) -> Path:
        """Where pictures and converted sounds are kept, which can be made again."""
        return cache_of(self.folder)
