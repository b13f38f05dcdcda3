"""Sidecar files beside recordings, for people who never let a program write to their music.

NAME.singerid.json holds the object of `singerid identify --json`. The .nfo file is the kind that Kodi and
similar programs read beside a music video (https://kodi.wiki/view/NFO_files/Music_videos); each singer is a
<performer>.
"""

import hashlib
import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from singerid.identify.result import Result
from singerid.system.files import sync_folder
from singerid.tags.fields import Fields, TagError
from singerid.tags.journal import Step
from singerid.tags.plan import Change, Status, change_of, names_of, reason_of
from singerid.tags.writer import explained
from singerid.version import __version__

SIDECARS = ("json", "nfo")
_MARK = "written by singerid"
_CONTENT = "content"


def sidecar_of(path: Path, kind: str) -> Path:
    """The path of a recording's sidecar file: song.mp3.singerid.json, song.nfo.

    >>> sidecar_of(Path("song.mp3"), "json").name, sidecar_of(Path("song.mp3"), "nfo").name
    ('song.mp3.singerid.json', 'song.nfo')
    """
    return path.with_name(f"{path.name}.singerid.json") if kind == "json" else path.with_suffix(".nfo")


def plan_sidecar(path: Path, kind: str, result: Result, library: str) -> tuple[Change, str | None]:
    """What happens to a recording's sidecar file, and its new content; None if there is to be no file.

    Raises:
        TagError: somebody else wrote a file of this name, or it cannot be read.
    """
    place = sidecar_of(path, kind)
    content = _content(path, kind, result, library) if names_of(result) else None
    now = read_sidecar(place)
    if now is not None and not _is_own(now, path):
        raise TagError(f"singerid did not write {place.name} beside it for this file; move it away first")
    if now == content:
        status: Status = "up to date" if content is not None else "nothing to write"
        return change_of(result, status, note="" if content is not None else reason_of(result)), content
    changed = {"removed": (place.name,)} if content is None else {"added": (place.name,)}
    return change_of(result, "would write", **changed), content


def read_sidecar(place: Path) -> str | None:
    """The content of a sidecar file; None if there is no file."""
    with explained():
        try:
            return place.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None


def sidecar_fields(content: str | None) -> Fields:
    """A sidecar file's content in the form that the journal keeps."""
    return {} if content is None else {_CONTENT: [content]}


def content_of(fields: Fields) -> str | None:
    """The content that `sidecar_fields` was given."""
    return next(iter(fields.get(_CONTENT, [])), None)


def replace_sidecar(place: Path, content: str | None, before: Fields, step: Step) -> None:
    """Write, replace or remove a sidecar file, atomically.

    Raises:
        TagError: it cannot be written, or somebody changed it meanwhile.
    """
    temporary = place.with_name(f".tmp-{uuid.uuid4().hex}")
    is_done = False
    with explained():
        try:
            step.begin(temporary)
            if content is not None:
                with temporary.open("xb") as file:
                    file.write(content.encode("utf-8", "surrogateescape"))
                    file.flush()
                    os.fsync(file.fileno())
            step.ready(before, sidecar_fields(content))
            if sidecar_fields(read_sidecar(place)) != before:
                raise TagError(f"{place.name} was changed meanwhile; run the command again")
            if content is None:
                place.unlink(missing_ok=True)
            else:
                temporary.replace(place)
            is_done = True
            sync_folder(place.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            step.end(is_done)


def _content(path: Path, kind: str, result: Result, library: str) -> str:
    if kind == "json":
        about = {"singerid": __version__, "library": library}
        found = {"path": path.name} | {key: value for key, value in result.to_json().items() if key != "path"}
        # Python reads file names that are not UTF-8 as lone surrogates, which JSON can escape.
        text = json.dumps({"written_by": about} | found, indent=2, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"
    root = ElementTree.Element("musicvideo")
    root.append(ElementTree.Comment(f" {_MARK} {__version__} for {_digest_of_name(path)} "))
    for one in result.singers:
        performer = ElementTree.SubElement(root, "performer")
        ElementTree.SubElement(performer, "name").text = _xml_text(one.singer)
        ElementTree.SubElement(performer, "role").text = "vocals"
        ElementTree.SubElement(performer, "probability").text = f"{one.probability:.2f}"
    ElementTree.SubElement(root, "library").text = _xml_text(library)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + (
        ElementTree.tostring(root, encoding="unicode") + "\n"
    )


def _is_own(content: str, path: Path) -> bool:
    if content.startswith("{"):
        with suppress(ValueError):
            return "written_by" in json.loads(content)
        return False
    return f"{_MARK} " in content and f" for {_digest_of_name(path)} " in content


def _digest_of_name(path: Path) -> str:
    """A digest of a file's name, because an XML comment cannot hold every name."""
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]


def _xml_text(text: str) -> str:
    """A text without the control characters that XML cannot hold."""
    return "".join(
        character
        for character in text
        if character in "\t\n" or not (character < " " or "\ud800" <= character <= "\udfff")
    )
