"""Watching folders: yields each recording that arrives, once it is complete."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from singerid.errors import Failure, SingeridError
from singerid.sound.listing import find_files, is_listed
from singerid.system.drives import is_network_drive
from singerid.system.file_names import absolute

COMPLETE_SECONDS = 3.0
"""A file is complete if its size and time of change have stayed the same for this long."""
_LOOK_MS = 1000  # how often files are checked for completeness


@dataclass
class Arrivals:
    """Files that have arrived and may still be written, in the order in which they came.

    Attributes:
        seconds: how long a file must stay unchanged to be complete.
    """

    seconds: float = COMPLETE_SECONDS
    _waiting: dict[Path, tuple[int, int, float]] = field(default_factory=dict)

    def add(self, path: Path, now: float) -> None:
        """Note that a file has arrived or changed."""
        seen = _seen(path)
        if seen is None:
            self._waiting.pop(path, None)
        elif path not in self._waiting or self._waiting[path][:2] != seen:
            self._waiting[path] = (*seen, now)

    def complete(self, now: float) -> list[Path]:
        """The files that are complete; they no longer wait."""
        for path in list(self._waiting):
            self.add(path, now)
        done = [path for path, (*_, since) in self._waiting.items() if now - since >= self.seconds]
        for path in done:
            del self._waiting[path]
        return done


def require_watchable(folders: Sequence[Path]) -> None:
    """Raise SingeridError if watchfiles is missing, or a path is not a folder."""
    if find_spec("watchfiles") is None:
        raise SingeridError("`watch` needs the package watchfiles: pip install 'singerid[tags]'")
    for folder in folders:
        if not folder.is_dir():
            raise SingeridError(f"{folder}: is not a folder; `watch` takes folders")


def watched(
    folders: Sequence[Path],
    on_failure: Callable[[Failure], None],
    stop: Event | None = None,
    seconds: float = COMPLETE_SECONDS,
) -> Iterator[list[Path]]:
    """Recordings below folders: first those that are there, then each that arrives or changes, once complete.

    It ends if a folder is gone, which is reported, or if `stop` is set.

    Args:
        folders: the folders to watch, with everything below them.
        on_failure: called with each folder or file that cannot be listed.
        stop: ends the watch when it is set.
        seconds: how long a file must stay unchanged to be complete.

    Raises:
        SingeridError: watchfiles is missing, or a path is not a folder.
    """
    require_watchable(folders)
    from watchfiles import watch

    arrivals = Arrivals(seconds)
    told: list[Failure] = []
    is_first = True
    for changes in watch(
        *folders,
        watch_filter=None,
        rust_timeout=min(_LOOK_MS, max(1, int(seconds * 1000))),
        yield_on_timeout=True,
        stop_event=stop,
        force_polling=any(map(is_network_drive, folders)) or None,
    ):
        now = time.monotonic()
        if is_first:  # the watch is running by now, so no arrival is missed
            is_first = False
            for path in find_files(folders, told.append)[0]:
                arrivals.add(path, now)
            for failure in told:
                if "holds no audio file" not in failure.reason:
                    on_failure(failure)
        for _, name in sorted(changes, key=lambda change: change[1]):
            for path in _files_of(Path(name), on_failure):
                arrivals.add(path, now)
        gone = [folder for folder in folders if not folder.is_dir()]
        if gone:
            reason = "is gone; check that its drive is connected, and run the command again"
            on_failure(Failure(str(gone[0]), reason))
            return
        done = [path for path in arrivals.complete(now) if _is_wanted(path, folders)]
        if done:
            yield done


def _files_of(path: Path, on_failure: Callable[[Failure], None]) -> Sequence[Path]:
    """A file, or all files of a folder that was moved into a watched one."""
    if not path.is_dir():
        return [path]
    return find_files([path], lambda _: None)[0]


def _is_wanted(path: Path, folders: Sequence[Path]) -> bool:
    place = absolute(path)
    roots = [absolute(folder) for folder in folders]
    return any(is_listed(place, root) for root in roots if place.is_relative_to(root))


def _seen(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
