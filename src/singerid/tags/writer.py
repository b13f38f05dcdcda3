"""Replacing a file so that no recording is ever harmed, even if the process is killed at any moment.

A copy beside the file is tagged and put on the disk. Its sound and all its other fields are compared with
the file's, and the journal records the file's earlier fields. Only then is the copy renamed to the file's
name, which is atomic.
"""

import errno
import hashlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from singerid.sound.decoding.decode import decoded
from singerid.sound.files import AudioError
from singerid.sound.fingerprint import sound_fingerprint
from singerid.system.files import sync_folder
from singerid.tags.fields import Fields, TagError, Tagged
from singerid.tags.journal import Journal, Step
from singerid.tags.kinds import open_tagged, save_tagged

CHANGED = "was changed since it was heard; run the command again"
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENODEV)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_IN_USE = (errno.EBUSY, errno.ETXTBSY)


@dataclass(frozen=True)
class FileState:
    """The state of a file at some time.

    Attributes:
        size: in bytes.
        changed_ns: time of its last change.
        fingerprint: fingerprint of its sound.
    """

    size: int
    changed_ns: int
    fingerprint: str

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """The state of a file now; raises AudioError where it is gone or holds no sound."""
        with explained():
            status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, sound_fingerprint(path))

    def fits(self, status: os.stat_result) -> bool:
        """Whether a file is unchanged, as far as its size and time of change tell."""
        return (status.st_size, status.st_mtime_ns) == (self.size, self.changed_ns)


@contextmanager
def explained() -> Iterator[None]:
    """Turn a system error about a file into a TagError with the remedy."""
    try:
        yield
    except OSError as error:
        said = error.strerror or str(error)
        if error.errno in _GONE:
            reason = f"is not there ({said}); check its name, and that its drive is connected"
        elif error.errno in _FULL:
            reason = f"cannot be written ({said}); free some space and run the command again"
        elif error.errno in _READ_ONLY:
            reason = f"cannot be written ({said}); make the file and its folder writable"
        elif error.errno in _IN_USE or getattr(error, "winerror", None) == 32:
            reason = f"another program uses it ({said}); close that program and run the command again"
        else:
            reason = f"cannot be written ({said}); run the command again"
        raise TagError(reason) from error


def write_tags(
    path: Path,
    kind: str,
    state: FileState,
    edit: Callable[[Tagged], None],
    step: Step,
    break_hard_links: bool = False,
) -> FileState:
    """Change the tags of a file, or of the target of a symbolic link. The sound stays the same.

    Args:
        path: the file.
        kind: kind of its tags.
        state: state of the file when it was heard.
        edit: changes the tags; if it raises an error, the file stays untouched.
        step: records the change in the journal.
        break_hard_links: tag a file that has several names (hard links) under this name only.

    Returns:
        The state of the file now.

    Raises:
        TagError: it cannot be written, or would be harmed; the file is untouched.
        AudioError: it cannot be decoded.
    """
    with explained():
        target = path.resolve(strict=True)
        require_writable(target, state, break_hard_links)
        with _unused(target):
            tagged = open_tagged(target, kind)
            before = tagged.fields()
            edit(tagged)

            def fill(copy: Path) -> Fields:
                save_tagged(tagged, target, copy)
                _sync(copy)
                return _checked(target, copy, tagged, kind, state)

            _replace(target, fill, before, step, state)
            status = target.stat()
    return FileState(status.st_size, status.st_mtime_ns, state.fingerprint)


def require_writable(target: Path, state: FileState, break_hard_links: bool) -> None:
    """Raise TagError, with the remedy, if a file has changed since `state` or cannot be replaced."""
    status = target.stat()
    if not state.fits(status):
        raise TagError(CHANGED)
    if not (status.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise TagError("is read-only; make it writable")
    if status.st_nlink > 1 and not break_hard_links:
        raise TagError(
            f"has {status.st_nlink} names (hard links), and only this one would be tagged; "
            "`break_hard_links=True` makes it a file of its own"
        )


@contextmanager
def _unused(target: Path) -> Iterator[None]:
    """Lock a file meanwhile; refuse a file that another program has locked."""
    if sys.platform == "win32":  # it does not let a program replace a file that is open
        yield
        return
    import fcntl

    with target.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TagError("another program uses it; close that program and run the command again") from error
        except OSError:  # network drives may not support locks
            pass
        yield


def _replace(
    target: Path, fill: Callable[[Path], Fields], before: Fields, step: Step, state: FileState
) -> None:
    temporary = target.with_name(f".tmp-{uuid.uuid4().hex}")
    is_ready = False
    try:
        step.begin(temporary)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copyfile(target, temporary)
        after = fill(temporary)
        _dress(target, temporary)
        _sync(temporary)
        step.ready(before, after)
        is_ready = True
        if not state.fits(target.stat()):
            raise TagError(CHANGED)
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        # The copy is gone once it was renamed to the file's name.
        is_done = is_ready and not temporary.exists()
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        step.end(is_done)


def _dress(target: Path, copy: Path) -> None:
    """Give a copy the owner, permissions, times and extended attributes of the file."""
    status = target.stat()
    made = copy.stat()
    if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.chown(copy, status.st_uid, status.st_gid)
        except PermissionError as error:
            raise TagError("belongs to somebody else; run the command as that user") from error
    shutil.copystat(target, copy)


def _checked(target: Path, copy: Path, tagged: Tagged, kind: str, state: FileState) -> Fields:
    """The fields of a copy, after checking that it sounds the same and that no other field has changed."""
    if sound_fingerprint(copy) != state.fingerprint:
        raise TagError(CHANGED)
    if _sound_hash(copy) != _sound_hash(target):
        raise TagError(
            "would not decode to the same sound once it is tagged; `sidecar='json'` writes a file beside it"
        )
    written = open_tagged(copy, kind)
    if written.others() != tagged.others():
        raise TagError("other fields of it would be changed; `sidecar='json'` writes a file beside it")
    return written.fields()


def _sound_hash(path: Path) -> bytes:
    """A hash of the sound as this process decodes it: rates, channels, samples."""
    digest = hashlib.sha256()
    before = None
    try:
        for rate, samples in decoded(path, lambda _: None):
            if (rate, samples.shape[1]) != before:
                before = (rate, samples.shape[1])
                digest.update(repr(before).encode())
            digest.update(samples.tobytes())
    except AudioError as error:
        raise TagError(error.reason) from error
    return digest.digest()


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def settle_unfinished(journal: Journal, current: Callable[[Path, str], Fields | None]) -> int:
    """Settle changes in which earlier commands were killed, and remove their copies; gives their number.

    Args:
        journal: the journal that recorded them.
        current: gives the present fields of a file of a kind; None if they cannot be read.
    """
    cut_off = journal.unfinished()
    for entry in cut_off:
        copy = Path(entry.temporary)
        if not copy.parent.is_dir():  # its drive is not connected
            continue
        is_done = entry.is_ready and not copy.exists()
        if is_done:
            now = current(entry.path, entry.kind)
            wanted = entry.after if entry.stage == "writing" else entry.before
            is_done = now is None or now == wanted
        with suppress(OSError):
            copy.unlink(missing_ok=True)
        journal.end(entry.id, entry.stage, is_done)
    return len(cut_off)
