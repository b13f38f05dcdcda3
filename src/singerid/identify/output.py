"""Where answers are written: standard output, a file, or a folder of files."""

import os
import sys
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
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

# What a file of a folder is about, its name without the ending, what is in it.
Parts = Iterable[tuple[str, str, list[Result]]]


@dataclass(frozen=True)
class Output:
    """Where answers are written, and how.

    Attributes:
        format: the name of the format.
        file: the file; None with no folder either: standard output.
        folder: the folder of files, one a song or one a singer.
    """

    format: str
    file: Path | None = None
    folder: Path | None = None

    @classmethod
    def choose(cls, format: str, place: str | None, many: bool) -> "Output":
        """Find out where to write, before anything is heard.

        Args:
            format: the name of a format.
            place: a file or a folder, "" at its end: a folder; None: standard output.
            many: several songs may be asked about, and not just one.

        Raises:
            SingeridError: this format cannot be written there.
        """
        about = FORMATS[format].about
        if place is None:
            if about == "song" and many:
                raise SingeridError(
                    f"--format {format} makes a file a song; say where the files go: --output FOLDER"
                )
            if not FORMATS[format].is_text and sys.stdout.isatty():
                raise SingeridError(
                    f"--format {format} is no text for a terminal; say where it goes: --output FILE"
                )
            return cls(format)
        path = Path(place)
        is_folder = path.is_dir() or place.endswith(("/", os.sep))
        if about == "everything" and is_folder:
            raise SingeridError(
                f"{printable(path)}: is a folder, and --format {format} makes one file; name it: "
                f"{printable(path / ('singers' + FORMATS[format].suffix))}"
            )
        if is_folder or (about == "song" and many):
            return cls(format, folder=_ready_folder(path, FORMATS[format], is_folder))
        _require_writable(path.parent)
        if path.exists() and not path.is_file():
            raise SingeridError(f"{printable(path)}: is no regular file; give the name of a file")
        return cls(format, file=path)

    def write(
        self,
        outcomes: Iterable[Outcome],
        files: Sequence[Path],
        *,
        singers: Sequence[str] = (),
        timelines: bool = False,
        warn: Callable[[str], None] = lambda _: None,
    ) -> "Written":
        """Write answers, each as it comes where the format allows it.

        Args:
            outcomes: of the files, as they come.
            files: what is asked about; none of it is ever written over.
            singers: only songs in which one of them is named; failures are written anyway.
            timelines: each of many timelines is wanted, also where the format could leave them out.
            warn: is told what is wrong with a document that was written, in one line.

        Raises:
            SingeridError: the one file for everything cannot be written.
        """
        format = FORMATS[self.format]
        wanted = frozenset(map(folded_name, singers))
        outcomes = (outcome for outcome in outcomes if not wanted or _is_about(outcome, wanted))
        open_document = partial(_opened, format, frozenset(map(_identity, files)), timelines, warn)
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
    """What became of an output.

    Attributes:
        output: where it was written.
        count: of files that were written.
        failures: songs, or singers, whose file could not be.
    """

    output: Output
    count: int
    failures: tuple[Failure, ...] = ()

    @property
    def text(self) -> str:
        """What to say of it: "pictures: 12 files written"; "" where it is on standard output."""
        place = self.output.folder or self.output.file
        return "" if place is None else f"{printable(place)}: {counted(self.count, 'file')} written"


def _is_about(outcome: Outcome, singers: Container[str]) -> bool:
    """Whether one of the singers is named; a failure may be about anybody."""
    return isinstance(outcome, Failure) or any(folded_name(one.singer) in singers for one in outcome.singers)


def _by_singer(results: Sequence[Result], wanted: Container[str]) -> Parts:
    """For each singer that is named, and wanted if somebody is: the name, that of a file, the songs."""
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
    warn: Callable[[str], None],
    path: Path | None,
) -> Iterator[Document]:
    """A document, atomically; raises SingeridError where it cannot be written."""
    sound = _sound if format.needs_sound else None
    if path is None:
        file = sys.stdout if format.is_text else sys.stdout.buffer
        yield Document(file, None, timelines, sound, warn)
        file.flush()
        return
    if path.exists() and (is_audio_name(path.name) or _identity(path) in recordings):
        raise SingeridError(f"{printable(path)}: is a recording; write elsewhere")
    with atomic_write(path, "w" if format.is_text else "wb") as file:
        yield Document(file, path, timelines, sound, lambda told: warn(f"{printable(path)}: {told}"))


def _sound(path: str) -> Read:
    """A recording's sound; what is wrong with it was told when it was heard."""
    return partial(read_blocks, path, warn=lambda _: None)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, whatever it is called; None: there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return status.st_dev, status.st_ino


def _require_writable(folder: Path) -> None:
    """Raise SingeridError where no file can be made in a folder, before much is heard for nothing."""
    if not folder.is_dir():
        raise SingeridError(f"{printable(folder)}: there is no such folder; make it, or choose another")
    with writing(folder), tempfile.TemporaryFile(dir=folder):
        pass


def _ready_folder(path: Path, format: Format, is_folder: bool) -> Path:
    """The folder, made when missing."""
    if path.exists() and not path.is_dir():
        raise SingeridError(
            f"{printable(path)}: is a file, and several songs have a file each; give a folder"
        )
    if not is_folder and path.suffix == format.suffix:
        raise SingeridError(
            f"{printable(path)}: several songs have a file each; give a folder, for example "
            f"{printable(path.with_suffix(''))}"
        )
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    _require_writable(path)
    return path
