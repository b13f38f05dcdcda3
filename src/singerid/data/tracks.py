"""Tracks: which recordings there are, who sings in each, and on which album.

They come from a tree laid out singer/album/track (`scan_tree`) or from a table (`read_manifest`).
Names may be in any script and hold any character, bytes that are no UTF-8 included: Python carries
those as lone surrogates (PEP 383), and so does this module.
"""

import csv
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from singerid.errors import Failure, SingeridError
from singerid.sound.listing import OnFailure, find_audio, raise_failure
from singerid.text import printable

MANIFEST_COLUMNS = ("path", "singer", "album")


@dataclass(frozen=True, order=True)
class Track:
    """One recording.

    Attributes:
        path: relative to the tree's root, parts separated by "/" on every system.
        singer: the class, in Unicode's composed form (NFC), so that a name typed on one system
            equals the same name stored by another.
        album: likewise; "" where it is not known.
    """

    path: str
    singer: str
    album: str

    @property
    def id(self) -> str:
        """Identity of the track: 16 hexadecimal digits of the SHA-256 of its path's bytes.

        64 bits are enough: among a million tracks the chance of any two sharing an id is 3e-8.
        """
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]


def singers_of(tracks: Iterable[Track]) -> tuple[str, ...]:
    """Names of the singers, sorted; a singer's index here is the class label."""
    return tuple(sorted({track.singer for track in tracks}))


def scan_tree(root: Path, on_failure: OnFailure | None = None) -> tuple[Track, ...]:
    """Tracks of a tree laid out singer/album/track, sorted by path.

    The first folder is the singer and the second the album, however deep the file lies below it:
    "CD1" and "CD2" inside an album are one album. A file directly in a singer's folder has the
    album "": an album split treats all of a singer's loose files as one album.

    Args:
        root: the folder of the singers' folders.
        on_failure: is called with what `find_audio` passes on, and with every audio file that lies
            in no singer's folder; without it the first of them is raised.

    Raises:
        SingeridError: `root` is no folder, or holds no track.
    """
    fail = on_failure or raise_failure
    tracks = []
    for path in find_audio(root, fail):
        singer, *folders = path.split("/")[:-1] or [""]
        if not singer:
            fail(Failure(path, f"lies in no singer's folder; move it to {printable(root)}/SINGER/ALBUM/"))
            continue
        tracks.append(Track(path, composed(singer), composed(folders[0]) if folders else ""))
    if not tracks:
        raise SingeridError(
            f"{printable(root)}: holds no audio file in a singer's folder; lay it out SINGER/ALBUM/TRACK "
            f"or give a manifest with the columns {','.join(MANIFEST_COLUMNS)}"
        )
    return tuple(tracks)


def read_manifest(manifest: Path, root: Path, on_failure: OnFailure | None = None) -> tuple[Track, ...]:
    """Tracks listed in a CSV file with the columns path, singer and album, sorted by path.

    UTF-8 with or without a byte-order mark, commas, double quotes (RFC 4180); the columns may come
    in any order and others beside them; blank lines are passed over. `path` is relative to `root`,
    or absolute and inside it, and may be any bytes. `album` may be empty: not known.

    Args:
        manifest: the CSV file.
        root: the folder that the paths are relative to.
        on_failure: is called with every row whose file does not exist; without it the first of
            them is raised.

    Raises:
        SingeridError: the manifest cannot be read, lacks a column or lists no track; or a row has
            too few or too many fields, an empty singer, a path outside `root`, or the path of an
            earlier row. The message names the line.
    """
    fail = on_failure or raise_failure
    base = Path(os.path.abspath(root))  # noqa: PTH100 (resolve would follow links out of the tree)
    lines: dict[str, int] = {}
    tracks = []
    for line, row in _manifest_rows(manifest):
        where = f"{printable(manifest)}, line {line}"
        path = _path_in(base, row["path"], where)
        if path in lines:
            raise SingeridError(
                f"{where}: {path!r} is listed on line {lines[path]} already; keep one of them"
            )
        lines[path] = line
        track = Track(path, *(_label(row[column], column, where) for column in ("singer", "album")))
        if not track.singer:
            raise SingeridError(f"{where}: the singer is empty; fill it in or remove the line")
        if not _is_file(root / path):
            fail(
                Failure(
                    path, f"no such file in {printable(root)} ({where}); mend the path or remove the line"
                )
            )
            continue
        tracks.append(track)
    if not tracks:
        raise SingeridError(f"{printable(manifest)}: lists no track; write one line a track below the header")
    return tuple(sorted(tracks))


def composed(name: str) -> str:
    """`name` in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def _manifest_rows(manifest: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of the first line, and the fields by column, of every row that is not blank."""
    remedy = f"write the columns {','.join(MANIFEST_COLUMNS)} as UTF-8, separated by commas"
    try:
        with manifest.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            for column in MANIFEST_COLUMNS:
                if header.count(column) != 1:
                    problem = "lacks the column" if column not in header else "has more than one column"
                    raise SingeridError(f"{printable(manifest)}, line 1: {problem} {column!r}; {remedy}")
            line = reader.line_num + 1
            for fields in reader:
                if any(field.strip() for field in fields):
                    if len(fields) != len(header):
                        raise SingeridError(
                            f"{printable(manifest)}, line {line}: has {len(fields)} fields, the header "
                            f'{len(header)}; put "..." around a name that holds a comma'
                        )
                    yield line, dict(zip(header, fields, strict=True))
                line = reader.line_num + 1
    except OSError as error:
        raise SingeridError(f"{printable(manifest)}: cannot be read ({error.strerror}); {remedy}") from error
    except csv.Error as error:
        raise SingeridError(f"{printable(manifest)}, line {reader.line_num}: {error}; {remedy}") from error


def _path_in(base: Path, field: str, where: str) -> str:
    """`field` as a path relative to the absolute folder `base`, separated by "/"."""
    path = base / field
    if ".." in Path(field).parts or "\0" in field or path == base or not path.is_relative_to(base):
        raise SingeridError(
            f"{where}: {field!r} is no path of a file inside {printable(base)}; write it relative to this"
        )
    return path.relative_to(base).as_posix()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def _label(field: str, column: str, where: str) -> str:
    """The name of a singer or an album; unlike a path it must be text."""
    try:
        field.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SingeridError(f"{where}: the {column} is not UTF-8; save the manifest as UTF-8") from error
    return composed(field.strip())
