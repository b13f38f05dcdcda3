"""Pictures and sounds for the page: computed once in a process with limits, and kept."""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Event
from time import monotonic
from typing import Any, TypeVar

from singerid.errors import SingeridError
from singerid.figures.spectrum import spectrum_svg
from singerid.sound.files import AudioError
from singerid.system.children import Child, ChildEndedError, StoppedError
from singerid.system.files import atomic_write
from singerid.web.converting import TYPES, ending
from singerid.web.decoding import Eyes
from singerid.web.desk import BusyError
from singerid.web.replies import UNREADABLE, asked
from singerid.web.seen import (
    digest_of,
    length_of,
    levels_of,
    outline_of,
    png_of,
    tagged_of,
    type_of,
    untagged_of,
)
from singerid.web.settings import Settings

_CHILDREN = 2
_LOOK_SECONDS = 0.2

T = TypeVar("T")


class Looking:
    """Inspects recordings, and keeps the results in a folder of limited size.

    Args:
        settings: the settings of the server.
        closing: set when the server is to end; from then on no request waits. None: `close` alone ends it.

    Attributes:
        settings: the settings.
        free: processes that wait for a question.
    """

    def __init__(self, settings: Settings, closing: Event | None = None) -> None:
        self.settings = settings
        self._closed = closing or Event()
        limits = settings.limits
        self._children: list[Child] = []
        self.free: LifoQueue[Child] = LifoQueue()
        for _ in range(_CHILDREN):
            child = Child(Eyes(settings), limits.child_bytes, limits.quiet_seconds)
            self._children.append(child)
            self.free.put(child)

    def close(self) -> None:
        """End its processes for good; requests that wait for them fail."""
        self._closed.set()
        for child in self._children:
            child.close()

    def weigh(self, path: Path) -> float:
        """The length of a recording in seconds, found by decoding it; raises AudioError."""
        return self._seen("weigh", path, length_of)

    def fingerprint(self, path: Path) -> str:
        """The fingerprint of a recording, see `sound_fingerprint`; raises AudioError."""
        return self._seen("digest", path, digest_of)

    def tag(self, songs: Sequence[int] | None, write: bool, force: bool) -> dict[str, Any]:
        """What changes in the tags of songs, see `tagging.write`; raises SingeridError."""
        return self._tagging("tag", (songs, write, force), tagged_of)

    def untag(self, songs: Sequence[int] | None) -> dict[str, Any]:
        """Take back what was written into songs, see `tagging.undo`; raises SingeridError."""
        return self._tagging("untag", songs, untagged_of)

    def peaks(self, path: Path) -> bytes:
        """The outline of a recording's sound, as JSON; raises AudioError."""
        return self.kept(
            path, "peaks.json", lambda: json.dumps(self._seen("peaks", path, outline_of)).encode()
        )

    def picture(self, path: Path) -> bytes:
        """The spectrogram of a recording, as PNG; raises AudioError."""
        return self.kept(path, "spectrogram.png", lambda: self._seen("picture", path, png_of))

    def voice(self, path: Path) -> bytes:
        """The mean spectrum of a recording, as SVG in the colour of the text around it; raises AudioError."""
        return self.kept(
            path, "voice.svg", lambda: spectrum_svg(self._seen("spectrum", path, levels_of)).encode()
        )

    def playable(self, path: Path) -> str:
        """How a browser can play a file: "file" (as it is), "converted", or "" (not at all)."""
        try:
            return "file" if self._type(path) else "converted"
        except AudioError:
            return ""

    def sound(self, path: Path) -> tuple[Path, str]:
        """A file with the same sound that browsers can play, and its media type; raises AudioError."""
        own = self._type(path)
        if own:
            return path, own
        kind = ending()
        target = self._place(path, f"sound.{kind}")
        if not target.is_file():
            part = target.with_name(f".tmp-{uuid.uuid4().hex}.{kind}")
            try:
                self.settings.make(target.parent)
                self.ask("convert", path, part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            self._make_room(target)
        with suppress(OSError):
            os.utime(target)  # the least recently used files are removed first
        return target, TYPES[kind]

    def _type(self, path: Path) -> str:
        return self.kept(path, "type", lambda: self._seen("type", path, type_of).encode()).decode()

    def kept(self, path: Path, what: str, make: Callable[[], bytes]) -> bytes:
        """What was made of a recording, from the folder; made now if it is not there."""
        target = self._place(path, what)
        with suppress(OSError):
            return target.read_bytes()
        made = make()
        with suppress(SingeridError):  # if the folder cannot be written, it is made again each time
            self.settings.make(target.parent)
            with atomic_write(target) as file:
                file.write(made)
            self._make_room(target)
        return made

    def _place(self, path: Path, what: str) -> Path:
        try:
            status = path.stat()
        except OSError as error:
            raise AudioError(path, "is not there any more; put it back, or add its new folder") from error
        mark = f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogatepass")
        return self.settings.cache / f"{hashlib.sha256(mark).hexdigest()[:32]}.{what}"

    def _make_room(self, new: Path) -> None:
        """Remove the least recently used files while the folder is too large."""
        with suppress(OSError):
            found = [(one, one.stat()) for one in self.settings.cache.iterdir()]
            found.sort(key=lambda pair: pair[1].st_mtime)
            size = sum(status.st_size for _, status in found)
            for one, status in found:
                if size <= self.settings.limits.cache_bytes:
                    break
                if one != new:
                    one.unlink(missing_ok=True)
                    size -= status.st_size

    def _tagging(self, kind: str, what: Any, reader: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        try:
            return self._seen(kind, self.settings.folder, reader, what)
        except AudioError as error:
            how = "its process gave no readable answer" if error.reason == UNREADABLE else error.reason
            how = str(error.__cause__) if isinstance(error.__cause__, ChildEndedError) else how
            raise SingeridError(
                f"tags: {how}; tag fewer songs at once, or take back fewer: no file is half written, and "
                "what was written can be taken back"
            ) from error

    def _seen(self, kind: str, path: Path, reader: Callable[[Any], T], more: Any = None) -> T:
        """The reply of a process about a file, read by `reader`; raises AudioError if it is invalid."""
        reply = self.ask(kind, path, more)
        try:
            return reader(reply)
        except (TypeError, ValueError, KeyError, ArithmeticError) as error:
            raise AudioError(path, UNREADABLE) from error

    def ask(self, kind: str, path: Path, more: Any = None) -> Any:
        """The unchecked reply of a process about a file; raises AudioError, or BusyError if none is free."""
        with self._child() as child:
            try:
                return asked(child, (kind, path, more), path, lambda: not self._closed.is_set())
            except StoppedError as error:
                raise BusyError("the server is ending") from error

    @contextmanager
    def _child(self) -> Iterator[Child]:
        until = monotonic() + self.settings.limits.quiet_seconds
        while True:
            if self._closed.is_set():
                raise BusyError("the server is ending")
            try:
                child = self.free.get(timeout=_LOOK_SECONDS)
                break
            except Empty as error:
                if monotonic() > until:
                    raise BusyError("the decoders are busy; try again") from error
        try:
            yield child
        finally:
            self.free.put(child)
