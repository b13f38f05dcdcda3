"""Where answers are written: standard output, a file, or a folder of files."""

import os
import sys
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from singerid.data.names import folded_name
from singerid.errors import Failure, SingeridError
from singerid.identify.formats import FORMATS, Document, Format, Outcome
from singerid.identify.formats.format import results_of
from singerid.identify.result import Result
from singerid.sound.audio import Read, read_blocks
from singerid.sound.files import AudioError
from singerid.sound.listing import is_audio_name
from singerid.system.file_names import distinct_stems
from singerid.system.files import atomic_write, writing
from singerid.text import counted, printable

_A_RECORDING = "is a recording; write elsewhere"
# For each file of a folder: its subject (a song or a singer), its name without the suffix, its results.
Parts = Iterable[tuple[str, str, list[Result]]]


@dataclass(frozen=True)
class Output:
    """Where answers are written, and how.

    Attributes:
        format: the name of the format.
        file: the file; if `folder` is None too, None is standard output.
        folder: the folder, with one file per song or per singer.
    """

    format: str
    file: Path | None = None
    folder: Path | None = None

    @classmethod
    def choose(cls, format: str, place: str | None, many: bool) -> "Output":
        """Decide where to write, before any file is heard.

        Args:
            format: the name of a format.
            place: a file or a folder; with a slash at its end, a folder; None: standard output.
            many: whether there may be more than one song.

        Raises:
            SingeridError: this format cannot be written there.
        """
        about = FORMATS[format].about
        if place is None:
            if about == "song" and many:
                raise SingeridError(
                    f"`format={format!r}` writes one file per song; give a folder for them: `output=FOLDER`"
                )
            if not FORMATS[format].is_text and sys.stdout.isatty():
                raise SingeridError(
                    f"`format={format!r}` is not text that a terminal can show; give a file: `output=FILE`"
                )
            return cls(format)
        path = Path(place)
        is_folder = path.is_dir() or place.endswith(("/", os.sep))
        if about == "everything" and is_folder:
            raise SingeridError(
                f"{path}: is a folder, but `format={format!r}` writes one file; give its name: "
                f"{path / ('singers' + FORMATS[format].suffix)}"
            )
        if is_folder or (about == "song" and many):
            return cls(format, folder=_ready_folder(path, FORMATS[format], is_folder))
        _require_writable(path.parent)
        if path.exists() and not path.is_file():
            raise SingeridError(f"{path}: is not a regular file; give the name of a file")
        if path.exists() and is_audio_name(path.name):
            raise SingeridError(f"{path}: {_A_RECORDING}")
        return cls(format, file=path)

    def write(
        self,
        outcomes: Iterable[Outcome],
        files: Sequence[Path],
        *,
        singers: Sequence[str] = (),
        timelines: bool = False,
    ) -> "Written":
        """Write results, each as soon as it comes if the format allows it.

        What is wrong with a document that was written is logged as a warning.

        Args:
            outcomes: results and failures, as they come.
            files: the recordings that were asked about; none of them is ever overwritten.
            singers: if given, only songs in which one of them is named; failures are written anyway.
            timelines: write all timelines, even if the format would leave them out for many songs.

        Raises:
            SingeridError: the one file for everything cannot be written.
        """
        format = FORMATS[self.format]
        wanted = frozenset(map(folded_name, singers))
        outcomes = (outcome for outcome in outcomes if not wanted or _is_about(outcome, wanted))
        open_document = partial(_opened, format, frozenset(map(_identity, files)), timelines)
        if format.about == "song":
            names = distinct_stems({str(path): path.stem for path in files})
            results = results_of(outcomes)
            parts: Parts = ((result.path, names[result.path], [result]) for result in results)
        elif self.folder is not None:
            parts = _by_singer(list(results_of(outcomes)), wanted)
        else:
            with open_document(self.file) as document:
                format.write(outcomes, document)
            return Written(self, 1)
        count, failures = 0, []
        for what, stem, part in parts:
            place = self.file if self.folder is None else self.folder / (stem + format.suffix)
            try:
                with open_document(place) as document:
                    format.write(part, document)
                count += 1
            except SingeridError as error:
                reason = error.reason if isinstance(error, AudioError) else str(error)
                failures.append(Failure(what, reason))
        return Written(self, count, tuple(failures))


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        output: where it was written.
        count: number of files that were written.
        failures: songs, or singers, whose file could not be written.
    """

    output: Output
    count: int
    failures: tuple[Failure, ...] = ()

    @property
    def text(self) -> str:
        """A line for the user: "pictures: 12 files written"; "" if the output is standard output."""
        place = self.output.folder or self.output.file
        return "" if place is None else f"{printable(place)}: {counted(self.count, 'file')} written"


def _is_about(outcome: Outcome, singers: Container[str]) -> bool:
    """Whether one of the singers is named; True for a failure, which may be about anybody."""
    return isinstance(outcome, Failure) or any(folded_name(one.singer) in singers for one in outcome.singers)


def _by_singer(results: Sequence[Result], wanted: Container[str]) -> Parts:
    """For each named singer (of `wanted` only, unless that is empty): the name, a file name, the songs."""
    named = sorted({one.singer for result in results for one in result.singers})
    if wanted:
        named = [singer for singer in named if folded_name(singer) in wanted]
    for singer, stem in distinct_stems({singer: singer for singer in named}).items():
        yield singer, stem, [result for result in results if _is_about(result, (folded_name(singer),))]


@contextmanager
def _opened(
    format: Format,
    recordings: Container[tuple[int, int] | None],
    timelines: bool,
    path: Path | None,
) -> Iterator[Document]:
    """A document, written atomically; raises SingeridError if it cannot be written."""
    sound = _sound if format.needs_sound else None
    if path is None:
        file = sys.stdout if format.is_text else sys.stdout.buffer
        yield Document(file, None, timelines, sound)
        file.flush()
        return
    if path.exists() and (is_audio_name(path.name) or _identity(path) in recordings):
        raise SingeridError(f"{path}: {_A_RECORDING}")
    with atomic_write(path, "w" if format.is_text else "wb") as file:
        yield Document(file, path, timelines, sound)


def _sound(path: str) -> Read:
    """A reader of a recording's sound; what is wrong with it was reported when it was heard."""
    return partial(read_blocks, path, warn=lambda _: None)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file, which are the same under all its names; None if there is no file."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return status.st_dev, status.st_ino


def _require_writable(folder: Path) -> None:
    """Raise SingeridError if no file can be made in a folder: to be called before hours of listening."""
    if not folder.is_dir():
        raise SingeridError(f"{folder}: does not exist; make it, or choose another folder")
    with writing(folder), tempfile.TemporaryFile(dir=folder):
        pass


def _ready_folder(path: Path, format: Format, is_folder: bool) -> Path:
    """The folder, made if it is missing."""
    if path.exists() and not path.is_dir():
        raise SingeridError(f"{path}: is a file, but each song gets a file of its own; give a folder")
    if not is_folder and path.suffix == format.suffix:
        raise SingeridError(
            f"{path}: each song gets a file of its own; give a folder, for example {path.with_suffix('')}"
        )
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    _require_writable(path)
    return path
