"""Tracks: which recordings there are, who sings in each, and on which album.

They come from a tree laid out singer/album/track (`scan_tree`) or from a table (`read_manifest`).
Names may be in any script and hold any character. They may even hold bytes that are not UTF-8: like
Python, this module keeps those as lone surrogates (PEP 383).
"""

import csv
import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from singerid.data.names import clean_name, notices_of
from singerid.errors import Failure, SingeridError
from singerid.sound.listing import OnFailure, find_audio, is_audio_name, passed_over_text, raise_failure
from singerid.system.file_names import absolute
from singerid.system.lookup import FileLookup
from singerid.text import counted, names_text, printable, shell_word

MANIFEST_COLUMNS = ("path", "singer", "album")
_LOOKED_AT = 50  # folders beside the given one, and folders in those
_DEPTH = 2  # folders above a song in SINGER/ALBUM/TRACK
_NAMED_ROWS = 3  # rows without a file that an error names at most
_log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class Track:
    """One recording.

    Attributes:
        path: relative to the tree's root, parts separated by "/" on every system.
        singer: the class, as `clean_name` writes it, so that a name typed on one system equals the same
            name stored by another.
        album: likewise; "" if it is not known.
    """

    path: str
    singer: str
    album: str

    @property
    def id(self) -> str:
        """Identity of the track: 16 hexadecimal digits of the SHA-256 of its path's bytes.

        64 bits are enough: among a million tracks the chance of any two sharing an id is 3e-8.
        """
        # Not `os.fsencode`: in other locales, above all plain ASCII, it gives other bytes or fails.
        return hashlib.sha256(self.path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def singers_of(tracks: Iterable[Track]) -> tuple[str, ...]:
    """Names of the singers, sorted; a singer's index here is the class label."""
    return tuple(sorted({track.singer for track in tracks}))


def scan_tree(root: Path, on_failure: OnFailure | None = None) -> tuple[Track, ...]:
    """Tracks of a tree laid out singer/album/track, sorted by path.

    The first folder is the singer and the second the album, however deep the file lies below it:
    "CD1" and "CD2" inside an album are one album. A file directly in a singer's folder has the
    album "": an album split treats all of a singer's loose files as one album. Skipped files, odd
    names of singers, and folders that may be albums are logged as warnings.

    Args:
        root: the folder of the singers' folders.
        on_failure: called with every failure of `find_audio`, and with every audio file that lies in
            no singer's folder; without it the first one raises an error.

    Raises:
        SingeridError: `root` is not a folder, or holds no track.
    """
    fail = on_failure or raise_failure
    tracks = []
    listing = find_audio(root, fail)
    for path in listing.audio:
        singer, *folders = map(clean_name, path.split("/")[:-1] or [""])
        if not singer:
            fail(Failure(path, f"lies in no singer's folder; move it to {printable(root)}/SINGER/ALBUM/"))
            continue
        tracks.append(Track(path, singer, folders[0] if folders else ""))
    notices = [passed_over_text(listing.passed_over)] if listing.passed_over else []
    if not tracks:
        seen = f" ({notices[0]})" if notices else ""
        raise SingeridError(
            f"{root}: holds no audio file in a singer's folder{seen}; lay it out "
            f"SINGER/[ALBUM/]TRACK or give a manifest with the columns {','.join(MANIFEST_COLUMNS)}"
        )
    if not any(track.album for track in tracks) and _stands_among_singers(root):
        notices.append(
            f"{printable(root)}: its folders are taken for singers ({names_text(singers_of(tracks))}); if "
            f"they are one singer's albums, give the folder above: {shell_word(absolute(root).parent)}"
        )
    singer, *others = singers_of(tracks)
    if not others and all(track.path.count("/") > _DEPTH for track in tracks):
        notices.append(
            f"{printable(root)}: its only folder is taken for one singer ({printable(singer)}); if it holds "
            f"several singers, give it: {shell_word(root / tracks[0].path.split('/')[0])}"
        )
    _warn([*notices, *notices_of(singers_of(tracks))])
    return tuple(tracks)


def _stands_among_singers(root: Path) -> bool:
    """Whether most folders beside `root` hold folders with audio files: then it may be a singer's, too."""
    own = absolute(root)
    try:
        beside = [path for path in own.parent.iterdir() if path.is_dir() and path.name != own.name]
    except OSError:
        return False
    looked_at = sorted(beside)[:_LOOKED_AT]
    return sum(map(_holds_albums, looked_at)) > len(looked_at) / 2


def _holds_albums(folder: Path) -> bool:
    try:
        albums = islice((path for path in folder.iterdir() if path.is_dir()), _LOOKED_AT)
        return any(is_audio_name(path.name) for album in albums for path in album.iterdir())
    except OSError:  # what cannot be looked at tells nothing
        return False


def read_manifest(manifest: Path, root: Path, on_failure: OnFailure | None = None) -> tuple[Track, ...]:
    """Tracks listed in a CSV file with the columns path, singer and album, sorted by path.

    UTF-8 with or without a byte-order mark, commas, double quotes (RFC 4180); the columns may come
    in any order, and there may be other columns; blank lines are skipped. `path` is relative to `root`,
    or absolute and inside it, and may hold any bytes; if there is no such file, other separators, Unicode
    forms and cases are tried (`FileLookup`). `album` may be empty: it is then not known. Odd paths and
    names of singers are logged as warnings.

    Args:
        manifest: the CSV file.
        root: the folder that the paths are relative to.
        on_failure: called with every row whose file does not exist; without it the first one raises
            an error.

    Raises:
        SingeridError: the manifest cannot be read, lacks a column, or lists no track that exists; or a
            row has too few or too many fields, an empty singer, a path outside `root`, or the path of an
            earlier row. The message names the line.
    """
    fail = on_failure or raise_failure
    base = absolute(root)  # not resolved: links could lead out of the tree
    lookup = FileLookup(root)
    lines: dict[str, int] = {}
    tracks, missing, respelled = [], [], []
    rows = list(_manifest_rows(manifest))
    every = {row["path"] for _, row in rows}
    for line, row in rows:
        where = f"{printable(manifest)}, line {line}"
        written = _path_in(base, row["path"], where)
        found = lookup.find(written)
        if found != written and found in every:
            found = None  # another row names that file as it is
        path = found or written
        if path in lines:
            raise SingeridError(
                f"{where}: {path!r} is listed on line {lines[path]} already; keep one of them"
            )
        lines[path] = line
        track = Track(path, *(_label(row[column], column, where) for column in ("singer", "album")))
        if not track.singer:
            raise SingeridError(f"{where}: the singer is empty; fill it in or remove the line")
        if found is None:
            missing.append(f"line {line} {path!r}")
            reason = f"does not exist in {printable(root)} ({where}); correct the path or remove the line"
            fail(Failure(path, reason))
            continue
        if found != written:
            respelled.append(written)
        tracks.append(track)
    if not tracks and missing:
        first = ", ".join(missing[:_NAMED_ROWS]) + (", ..." if missing[_NAMED_ROWS:] else "")
        raise SingeridError(
            f"{manifest}: has {counted(len(missing), 'path')}, none of which is a file in "
            f"{root}: {first}; give the folder that they are relative to as TREE"
        )
    if not tracks:
        raise SingeridError(f"{manifest}: lists no track; write one line for each track below the header")
    notices = []
    if respelled:
        first = repr(respelled[0]) + (", ..." if respelled[1:] else "")
        notices.append(
            f"{printable(manifest)}: {counted(len(respelled), 'path')} found, though spelled "
            f"differently on disk (separators, Unicode form or case): {first}"
        )
    _warn([*notices, *notices_of(singers_of(tracks))])
    return tuple(sorted(tracks))


def _warn(notices: Iterable[str]) -> None:
    for notice in notices:
        _log.warning(notice)


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
                    raise SingeridError(f"{manifest}, line 1: {problem} {column!r}; {remedy}")
            line = reader.line_num + 1
            for fields in reader:
                if any(field.strip() for field in fields):
                    if len(fields) != len(header):
                        raise SingeridError(
                            f"{manifest}, line {line}: has {counted(len(fields), 'field')}, the "
                            f'header {len(header)}; put "..." around a name that holds a comma'
                        )
                    yield line, dict(zip(header, fields, strict=True))
                line = reader.line_num + 1
    except OSError as error:
        raise SingeridError(f"{manifest}: cannot be read ({error.strerror}); {remedy}") from error
    except csv.Error as error:
        raise SingeridError(f"{manifest}, line {reader.line_num}: {error}; {remedy}") from error


def _path_in(base: Path, field: str, where: str) -> str:
    """`field` as a path relative to the absolute folder `base`, separated by "/"."""
    path = base / field
    if ".." in Path(field).parts or "\0" in field or path == base or not path.is_relative_to(base):
        raise SingeridError(
            f"{where}: {field!r} is no path of a file inside {base}; write it relative to this"
        )
    return path.relative_to(base).as_posix()


def _label(field: str, column: str, where: str) -> str:
    """The name of a singer or an album; unlike a path it must be text."""
    try:
        field.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SingeridError(f"{where}: the {column} is not UTF-8; save the manifest as UTF-8") from error
    return clean_name(field)
