"""What a server remembers of its review: which songs were skipped and when, and how many were answered."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from singerid.errors import SingeridError
from singerid.system.files import read_json, write_json, writing

_FILE = "review.json"


@dataclass
class ReviewNotes:
    """The notes of one server, kept in a file. A skipped song comes last until the server is started again.

    Attributes:
        path: the file.
        began_at: when the server was started, ISO 8601, UTC; songs skipped earlier are asked about again.
        count: how many questions were answered since.
    """

    path: Path
    began_at: str
    count: int = 0
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def beginning(cls, folder: Path) -> "ReviewNotes":
        """The notes of a server that is being started."""
        return cls(folder / _FILE, _now())

    @property
    def skipped(self) -> list[str]:
        """Recordings that were skipped since the server was started, the latest last."""
        since = {one: at for one, at in self._read().items() if at >= self.began_at}
        return sorted(since, key=lambda one: since[one])

    def skip(self, recording: str) -> None:
        """Put a recording last."""
        with self._lock:
            with writing(self.path):
                self.path.parent.mkdir(
                    mode=0o700, exist_ok=True
                )  # without its parents: a deleted library stays deleted
            write_json(self.path, {"skipped": self._read() | {recording: _now()}})

    def answered(self) -> None:
        """Count an answer."""
        with self._lock:
            self.count += 1

    def _read(self) -> dict[str, str]:
        try:
            found: Any = read_json(self.path, "delete it")
        except SingeridError:  # there is no file yet, or it is damaged and ignored
            return {}
        skipped = found.get("skipped") if isinstance(found, dict) else None
        return {str(one): str(at) for one, at in skipped.items()} if isinstance(skipped, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
