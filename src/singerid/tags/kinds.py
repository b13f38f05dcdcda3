"""Which kind of tags a file has: its content decides, or its name if the content does not tell."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from singerid.errors import SingeridError
from singerid.registry import Registry
from singerid.tags.fields import TagError, Tagged
from singerid.text import one_line

KINDS: Registry[Callable[[Path], Tagged]] = Registry(
    "kind of music file",
    {
        "MP3": "singerid.tags.id3:ID3Tags",
        "WAVE": "singerid.tags.id3:WaveTags",
        "AIFF": "singerid.tags.id3:AiffTags",
        "FLAC": "singerid.tags.comments:Comments",
        "OggVorbis": "singerid.tags.comments:VorbisComments",
        "OggOpus": "singerid.tags.comments:OpusComments",
        "OggFLAC": "singerid.tags.comments:OggFlacComments",
        "WavPack": "singerid.tags.ape:ApeTags",
        "MP4": "singerid.tags.mp4:Mp4Tags",
        "ASF": "singerid.tags.asf:AsfTags",
    },
)
"""Kinds of tags, by mutagen's names of the file types."""


def require_mutagen() -> None:
    """Raise SingeridError if mutagen, which reads and writes tags, is not installed."""
    if find_spec("mutagen") is None:
        raise SingeridError("tags need the package mutagen: pip install 'singerid[tags]'")


def kind_of(path: Path) -> str:
    """The name in `KINDS` of a file's tags.

    Raises:
        TagError: there is no agreed field for names of performers in files of its kind, or its tags cannot
            be parsed.
        OSError: it cannot be read.
    """
    file = _parsing(lambda: _opened(path))
    kind = type(file).__name__
    if file is None or kind not in KINDS:
        raise TagError(
            "is of a kind without an agreed field for performers; `sidecar='json'` writes a file beside it"
        )
    return kind


def open_tagged(path: Path, kind: str) -> Tagged:
    """The tags of a file of this kind; raises the errors of `kind_of`."""
    tagged: Tagged = _parsing(lambda: KINDS[kind](path))
    return tagged


def save_tagged(tagged: Tagged, original: Path, copy: Path) -> None:
    """Write tags into a copy of the file that they were read from; raises the errors of `kind_of`."""
    _parsing(lambda: tagged.save(original, copy))


def _opened(path: Path) -> Any:
    import mutagen

    return mutagen.File(path)


def _parsing(work: Callable[[], Any]) -> Any:
    """The result of `work`; any error of a parser on damaged tags becomes a TagError."""
    try:
        return work()
    except (TagError, OSError):
        raise
    except Exception as error:  # mutagen's own errors, and many others for damaged files
        cause = error.__context__ if isinstance(error.__context__, OSError) else None
        if cause is not None:  # mutagen wraps errors of the system
            raise cause from error
        raise TagError(
            f"its tags cannot be parsed ({one_line(error)}); repair them with a tag editor, or write a file "
            "beside it: `sidecar='json'`"
        ) from error
