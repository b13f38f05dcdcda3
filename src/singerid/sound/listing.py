"""Which files hold sound."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from singerid.errors import Failure, SingeridError
from singerid.text import printable

_CONTAINERS = (
    "3gp aac ac3 aif aifc aiff amr ape asf au avi caf flac flv m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpc "
    "mpeg mpg oga ogg ogv opus rf64 snd spx tta w64 wav wave webm wma wmv wv"
)
AUDIO_EXTENSIONS = frozenset(f".{name}" for name in _CONTAINERS.split())
"""Lower-case file extensions of audio files and of video files, which may have sound."""

OnFailure = Callable[[Failure], None]


def is_audio_name(name: str) -> bool:
    """Whether `name` is that of an audio or video file and not hidden (".name", "._name", ".tmp-...")."""
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in AUDIO_EXTENSIONS


def find_audio(root: Path, on_failure: OnFailure | None = None) -> tuple[str, ...]:
    """Paths of all audio files under `root`, relative to it, separated by "/", sorted.

    Hidden files and folders are passed over. Symbolic links are followed, except to a folder that
    they lie in.

    Args:
        root: a folder.
        on_failure: is called with every folder that cannot be listed and every link to nothing;
            without it the first of them is raised.

    Raises:
        SingeridError: `root` is no folder or cannot be listed.
    """
    if not root.is_dir():
        problem = "is a file" if root.exists() else "does not exist"
        raise SingeridError(f"{printable(root)}: {problem}; give the folder that holds the recordings")
    try:
        return tuple(sorted(_walk(root, (), frozenset(), on_failure or raise_failure)))
    except OSError as error:
        raise SingeridError(
            f"{printable(root)}: cannot be listed ({error.strerror}); check its permissions"
        ) from error


def raise_failure(failure: Failure) -> None:
    """What is done about a failure where nobody wants to be told: it is raised as a SingeridError."""
    raise SingeridError(str(failure))


def _walk(
    folder: Path, parts: tuple[str, ...], above: frozenset[tuple[int, int]], fail: OnFailure
) -> Iterator[str]:
    """Audio files below `folder`, whose path from the root is `parts`; it lies in the folders `above`."""
    status = folder.stat()
    above |= {(status.st_dev, status.st_ino)}
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith("."):
            continue
        path = (*parts, entry.name)
        try:
            if entry.is_dir():
                status = entry.stat()
                if (status.st_dev, status.st_ino) not in above:
                    yield from _walk(folder / entry.name, path, above, fail)
            elif is_audio_name(entry.name):
                if entry.is_file():
                    yield "/".join(path)
                elif entry.is_symlink():
                    fail(Failure("/".join(path), "is a link to nothing; mend or remove it"))
        except OSError as error:
            reason = f"cannot be listed ({error.strerror}); check its permissions"
            fail(Failure("/".join(path), reason))


def find_files(paths: Sequence[Path], on_failure: Callable[[Failure], None]) -> tuple[Path, ...]:
    """Files as they are, and all audio and video files below folders, sorted within each folder.

    Args:
        paths: files and folders.
        on_failure: is called with what cannot be listed, and with folders that hold no such file.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = [path / name for name in find_audio(path, on_failure)]
        if not found:
            on_failure(Failure(str(path), "holds no audio file; give another folder"))
        files += found
    return tuple(dict.fromkeys(files))
