"""Find the files that hold sound, and list the files and folders that are passed over."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from singerid.errors import Failure, SingeridError
from singerid.text import counted, printable

_CONTAINERS = (
    "3g2 3gp aac ac3 aif aifc aiff amr ape asf au avi caf dff dsf dts eac3 f4a f4v flac flv m2ts m4a m4b m4p "
    "m4r m4v mka mkv mov mp1 mp2 mp3 mp4 mpc mpeg mpg mts oga ogg ogm ogv opus qt ra rf64 rm snd spx tak ts "
    "tta vob voc w64 wav wave weba webm wma wmv wv"
)
AUDIO_EXTENSIONS = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Lower-case extensions of audio files, and of video files, which may have sound."""
# These are also extensions of source code (TypeScript, device trees): the content decides.
_TEXT_EXTENSIONS = frozenset((".ts", ".mts", ".dts"))

# Folders that other programs keep beside someone's files: trash, versions, indexes, thumbnails.
_COMPANIONS = (
    ".git/.hg/.svn/.bzr/_darcs/.trash/.trashes/.dtrash/$recycle.bin/#recycle/@recycle/.recycle/"
    ".spotlight-v100/.fseventsd/.temporaryitems/.documentrevisions-v100/.appledouble/__macosx/@eadir/"
    ".@__thumb/.thumbnails/.xvpics/.stfolder/.stversions/.dropbox.cache/system volume information/lost+found"
)
_COMPANION_FOLDERS = frozenset(_COMPANIONS.split("/"))
_COMPANION_FILES = frozenset((".ds_store", "thumbs.db", "desktop.ini", ".directory", ".localized"))
_UNFINISHED = re.compile(r"\.tmp-[0-9a-f]{32}")  # left over where `atomic_write` was killed
_APPLE_DOUBLE = b"\0\x05\x16\x07"  # kept by macOS beside a file on other systems' disks: RFC 1740
# First bytes of files without sound, which no decoder need try: pictures, documents, archives, programs.
_OTHER_CONTENT = (
    *(b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"%PDF", b"PK\3\4", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"),
    *(b"SQLite format 3", b"\x7fELF", b"MZ", b"<?xml", b"<!DOCTYPE", b"{\\rtf", b"\x93NUMPY", _APPLE_DOUBLE),
)
_NAMED = 3  # names shown of those that are passed over

OnFailure = Callable[[Failure], None]


@dataclass(frozen=True)
class Listing:
    """The files below a folder, as paths relative to it, separated by "/", sorted.

    Attributes:
        audio: files that hold sound, or should according to their extension.
        passed_over: files without sound, and folders of other programs (these end with "/").
    """

    audio: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


def is_audio_name(name: str) -> bool:
    """Whether `name` has the extension of an audio or video file; trailing blanks do not count.

    >>> is_audio_name("song.MP3"), is_audio_name("cover.jpg")
    (True, False)
    """
    return _ending(name) in AUDIO_EXTENSIONS


def _ending(name: str) -> str:
    return PurePosixPath(f"_{name.strip().lower()}").suffix


def find_audio(
    root: Path, on_failure: OnFailure | None = None, on_look: Callable[[], None] = lambda: None
) -> Listing:
    """All audio files under `root`.

    A name may be anything: ".38 Special" is a singer. Files and folders of other programs are passed over
    (AppleDouble files, .DS_Store, thumbnails, trash, version control). So are files without the extension of
    an audio or video file, unless their content decodes. Symbolic links are followed, except a link to a
    folder that contains the link.

    Args:
        root: a folder.
        on_failure: is called with every folder that cannot be listed and every broken link; None: the first
            of them is raised.
        on_look: is called for each file and folder that is looked at.

    Raises:
        SingeridError: `root` is not a folder or cannot be listed.
    """
    if not root.is_dir():
        problem = "is a file" if root.exists() else "does not exist"
        raise SingeridError(f"{root}: {problem}; give the folder that holds the recordings")
    passed_over: list[str] = []
    try:
        audio = sorted(_walk(root, (), frozenset(), on_failure or raise_failure, passed_over, on_look))
    except OSError as error:
        raise SingeridError(f"{root}: cannot be listed ({error.strerror}); check its permissions") from error
    return Listing(tuple(audio), tuple(sorted(passed_over)))


def raise_failure(failure: Failure) -> None:
    """Raise a failure as a SingeridError; used if the caller gives no `on_failure`."""
    raise SingeridError(str(failure))


def passed_over_text(names: Sequence[str]) -> str:
    """Notice of the names that were passed over, with a few of them: "passed over 12 without sound: ...".

    Folders of other programs, such as trash, may hold sound, so they are listed apart from the files.

    >>> passed_over_text(["cover.jpg", ".Trash/"])
    'passed over 1 without sound: cover.jpg; and 1 folder of other programs: .Trash/'
    """
    folders = [name for name in names if name.endswith("/")]
    files = [name for name in names if not name.endswith("/")]
    told = [f"{len(files):,} without sound: {_few(files)}"] if files else []
    if folders:
        told.append(f"{counted(len(folders), 'folder')} of other programs: {_few(folders)}")
    return f"passed over {'; and '.join(told)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def is_listed(path: Path, root: Path) -> bool:
    """Whether `find_audio(root)` would list `path`, a file below `root`."""
    folders = [folder for folder in path.parents if folder != root and folder.is_relative_to(root)]
    return path.is_file() and _holds_sound(path) and not any(map(_is_companion_folder, folders))


def _walk(
    folder: Path,
    parts: tuple[str, ...],
    above: frozenset[tuple[int, int]],
    fail: OnFailure,
    passed_over: list[str],
    on_look: Callable[[], None],
) -> Iterator[str]:
    """Yield audio files below `folder`; `parts` is its path from the root, `above` the folders around it."""
    status = folder.stat()
    above |= {(status.st_dev, status.st_ino)}
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = (*parts, entry.name)
        on_look()
        try:
            if entry.is_dir():
                if _is_companion_folder(folder / entry.name):
                    passed_over.append("/".join(path) + "/")
                    continue
                status = entry.stat()
                if (status.st_dev, status.st_ino) not in above:
                    yield from _walk(folder / entry.name, path, above, fail, passed_over, on_look)
            elif not entry.is_file():
                if entry.is_symlink() and is_audio_name(entry.name):
                    fail(Failure("/".join(path), "is a broken link; mend or remove it"))
            elif _holds_sound(folder / entry.name):
                yield "/".join(path)
            else:
                passed_over.append("/".join(path))
        except OSError as error:
            reason = f"cannot be listed ({error.strerror}); check its permissions"
            fail(Failure("/".join(path), reason))


def _is_companion_folder(folder: Path) -> bool:
    name = folder.name.lower()
    if name == "cvs":  # a band might be called that
        return (folder / "Entries").is_file()
    return name in _COMPANION_FOLDERS or name.startswith(".trash-")


def _holds_sound(path: Path) -> bool:
    """Whether a file counts as audio: by its extension, or else by its content."""
    if path.name.lower() in _COMPANION_FILES or _UNFINISHED.fullmatch(path.name):
        return False
    named = is_audio_name(path.name)
    may_be_text = _ending(path.name) in _TEXT_EXTENSIONS
    if named and not may_be_text and not path.name.startswith("._"):
        return True
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return named  # the error is reported when the file is decoded
    if not start or start.startswith(_APPLE_DOUBLE) or (may_be_text and _is_text(start)):
        return False
    if named:
        return True
    if start.startswith(_OTHER_CONTENT) or _is_text(start):
        return False
    from singerid.sound.decoding.decode import is_sound

    return is_sound(path)


def _is_text(start: bytes) -> bool:
    """Whether the first bytes of a file, `start`, are text: UTF-8 without control characters."""
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(start) or error.start < len(start) - 4:  # not just a character that is cut off
            return False
        text = start[: error.start].decode("utf-8")
    return not any(ord(character) < 32 and character not in "\t\n\r\f\x1b" for character in text)


def find_files(
    paths: Sequence[Path], on_failure: OnFailure, on_look: Callable[[], None] = lambda: None
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The given files, and all audio and video files below the given folders, sorted within each folder.

    Args:
        paths: files and folders.
        on_failure: is called with each path that cannot be listed, and with each folder without audio files.
        on_look: is called for each file and folder that is looked at.

    Returns:
        The files, and the names that were passed over in the folders.
    """
    files: list[Path] = []
    passed_over: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        listing = find_audio(path, on_failure, on_look)
        if not listing.audio:
            on_failure(Failure(str(path), "holds no audio file; give another folder"))
        files += [path / name for name in listing.audio]
        passed_over += listing.passed_over
    return tuple(dict.fromkeys(files)), tuple(passed_over)
