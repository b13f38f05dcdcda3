"""Hearing recordings for a library on a Ray cluster: each worker opens its networks once and stores results.

All machines must see the recordings under the same paths. The results go to Parquet files (`heard_rows`). The
machine on which the command runs fills the library from these files, in the same order and with the same code
as without a cluster, so the library is the same.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from singerid.errors import Failure, SingeridError
from singerid.library.core import LibraryCore, hearing_of
from singerid.library.enroll import Entrant, HeardNew, New, OnStep
from singerid.library.finding import known_at
from singerid.library.heard_rows import Heard, HeardFolder, HeardRow, clean
from singerid.library.heard_schema import HeardBy
from singerid.library.hearing import HeardVoice, Hearing
from singerid.library.records import Settings
from singerid.library.rows_by_path import RowsByPath
from singerid.sound.files import AudioError, one_warning
from singerid.sound.fingerprint import SCHEME, sound_fingerprint
from singerid.sound.length import lengths_on_cluster
from singerid.sound.separation.separators import knows_voices
from singerid.system.devices import choose_device
from singerid.system.file_names import absolute
from singerid.system.files import writing
from singerid.system.on_ray import Work, each_load, packed
from singerid.system.places import is_url
from singerid.system.processes import WorkerDied
from singerid.system.ray_cluster import Spread, cluster, require_machines, room_for

DIED = "the worker that heard it died several times; convert or remove it, or give workers more memory"
_LOOKED_AT = 20  # number of files whose presence is checked on each machine
CHANGED = "has changed since it was heard; run the command again"


@dataclass(frozen=True)
class Elsewhere:
    """A cluster that hears recordings, and where its results are stored.

    Attributes:
        spread: the cluster, and how to use it.
        parquet: folder or address of the Parquet files.
        device: where workers compute: "auto", "cpu", "cuda".
        weights: weights of the separator, if vocals are heard; all machines must see this path; None: the
            published ones.
    """

    spread: Spread
    parquet: str
    device: str = "auto"
    weights: Path | None = None

    def __post_init__(self) -> None:
        # Workers start in other folders, so the path must be absolute. They may see GPUs not given to them.
        whole = self.parquet if is_url(self.parquet) else str(absolute(self.parquet))
        object.__setattr__(self, "parquet", whole)
        if not self.spread.gpus:
            object.__setattr__(self, "device", "cpu")


@dataclass(frozen=True)
class Asked:
    """A file to hear.

    Attributes:
        path: absolute path.
        singer: the singer as given by the user; "": not known.
        album: the album as given by the user; "": not known.
    """

    path: str
    singer: str = ""
    album: str = ""


def marked(path: str) -> HeardRow:
    """A row with a file's path, and its current size and time of change."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return HeardRow(path, reason="does not exist; check the name")
    except OSError as error:
        return HeardRow(path, reason=f"cannot be read ({error.strerror}); check its permissions")
    return HeardRow(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Ears:
    """Opens encoder and separator in a worker.

    Attributes:
        settings: settings of the library.
        folder: where the worker stores its results.
        device: where it computes.
        weights: weights of the separator; None: the published ones.
        hears_voices: whether the machine that runs the command can detect singing.
    """

    settings: Settings
    folder: HeardFolder
    device: str
    weights: Path | None
    hears_voices: bool

    def __call__(self) -> "Listening":
        """Open encoder and separator.

        Raises:
            SingeridError: one of them cannot be opened there, or differs from the library's.
        """
        hearing, difference = hearing_of(self.settings, choose_device(self.device), self.weights)
        if difference:
            raise SingeridError(
                f"hears otherwise than the machine with the command: {difference}; put the same weights into "
                "the cache of both"
            )
        if self.hears_voices and not hears_voices(hearing):
            raise SingeridError(
                "lacks the network for voice detection that the machine with the command has; fetch it: "
                "singerid encoders --fetch campplus"
            )
        return Listening(hearing, self.folder)


@dataclass(frozen=True)
class Listening:
    """The work of a worker: it hears files, and stores the results of each batch."""

    hearing: Hearing
    folder: HeardFolder

    def __call__(self, asked: Asked) -> HeardRow:
        """Hear a file; for one that cannot be used, the row has the reason."""
        row = replace(marked(asked.path), singer=asked.singer, album=asked.album)
        if row.reason:
            return row
        warnings: list[str] = []
        try:
            fingerprint = sound_fingerprint(Path(asked.path))
            heard = self.hearing(Path(asked.path), warnings.append)
        except AudioError as error:
            return replace(row, reason=error.reason)
        return with_voice(replace(row, fingerprint=fingerprint, scheme=SCHEME), heard, one_warning(warnings))

    def end(self, done: Sequence[tuple[Asked, HeardRow | WorkerDied]]) -> int:
        """Store the rows of a batch; return their number."""
        self.folder.write(rows_of(done))
        return len(done)


def with_voice(row: HeardRow, heard: HeardVoice, warning: str) -> HeardRow:
    """The row with the values of the voice that was heard."""
    return replace(
        row,
        seconds=heard.seconds,
        voice_seconds=heard.voice_seconds,
        short=heard.short,
        warning=warning,
        vectors=heard.vectors,
    )


def rows_of(done: Sequence[tuple[Asked, HeardRow | WorkerDied]]) -> list[HeardRow]:
    """The rows of a batch; a file at which workers died gets a row with that reason."""
    return [
        replace(marked(asked.path), reason=DIED) if isinstance(row, WorkerDied) else row
        for asked, row in done
    ]


def hear(
    asked: Sequence[Asked],
    ears: Callable[[], Work[Asked, HeardRow, int]],
    folder: HeardFolder,
    elsewhere: Elsewhere,
    *,
    seen: Sequence[Path | str] = (),
    step: OnStep = lambda: None,
) -> Heard:
    """Hear files on a cluster; files that the folder has already are not heard again.

    Args:
        asked: the files.
        ears: opens the networks, once in each worker.
        folder: where workers store their results.
        elsewhere: the cluster, and how to use it.
        seen: paths that all machines must see, in addition to some of the files.
        step: called after each file.

    Returns:
        The heard recordings in the folder.

    Raises:
        SingeridError: the cluster, one of its machines or the folder cannot be used; results so far are kept.
    """
    has = Heard(elsewhere.parquet, {folder.mark})
    todo = []
    for one in asked:
        now = marked(one.path)
        if not now.reason and has.has(one.path, now.size, now.changed_ns):
            step()
        else:
            todo.append(one)
    if not todo:
        return has
    with cluster(elsewhere.spread.address) as ray:
        workers = room_for(ray, elsewhere.spread)
        with _shared(elsewhere.parquet) as mark:
            require_machines(ray, [*seen, *_some(todo), *mark], [elsewhere.parquet])
        has.forget_failures(one.path for one in todo)
        lengths = lengths_on_cluster(ray, [one.path for one in todo])
        loads = packed(todo, lengths, workers)
        for count in each_load(ray, ears, loads, elsewhere.spread):
            for _ in range(count):
                step()
    return Heard(elsewhere.parquet, {folder.mark})


def _some(asked: Sequence[Asked]) -> list[str]:
    """Existing files, spread evenly over the list: all machines must see them."""
    there = (one.path for one in asked[:: max(1, len(asked) // _LOOKED_AT)] if Path(one.path).exists())
    return list(islice(there, _LOOKED_AT))


@contextmanager
def _shared(address: str) -> Iterator[list[str]]:
    """Within, a marker file is in the folder: a machine that does not see it has another folder there."""
    if is_url(address):
        yield []
        return
    with writing(Path(address)):
        Path(address).mkdir(parents=True, exist_ok=True)
        mark = Path(address) / f".{secrets.token_hex(8)}.shared"
        mark.touch()
    try:
        yield [str(mark)]
    finally:
        mark.unlink(missing_ok=True)


class HeardElsewhere:
    """Replaces hearing by the results of a cluster.

    Args:
        heard: the heard recordings in the folder.
        paths: absolute paths of the wanted files; other recordings in the folder are ignored.
    """

    def __init__(self, heard: Heard, paths: Iterable[str]) -> None:
        wanted = {clean(path) for path in paths}
        self._rows = RowsByPath(row for row in heard.rows() if row.path in wanted)

    def row(self, path: Path) -> HeardRow:
        """The row of a file in its current state; raises AudioError where it could not be heard."""
        now = marked(str(absolute(path)))
        rows = list(self._rows.of(clean(now.path)))
        reasons = [row.reason for row in rows if row.reason] + [now.reason or CHANGED]
        for row in rows:
            if not row.reason and (row.size, row.changed_ns) == (now.size, now.changed_ns):
                return row
        raise AudioError(path, reasons[0])

    def fingerprint(self, path: Path) -> str:
        """The fingerprint of a file's sound."""
        return self.row(path).fingerprint

    def each(self, new: Iterable[New]) -> Iterator[HeardNew]:
        """The voice in each file and a warning, or why the file could not be used."""
        for entrant, file in new:
            try:
                row = self.row(entrant.path)
            except AudioError as error:
                yield entrant, file, Failure(str(entrant.path), error.reason)
                continue
            voice = HeardVoice(row.vectors, row.seconds, row.voice_seconds, row.short, ())
            yield entrant, file, (voice, row.warning)


def hear_elsewhere(
    core: LibraryCore, entrants: Sequence[Entrant], elsewhere: Elsewhere, step: OnStep = lambda: None
) -> HeardElsewhere:
    """Hear files on a cluster, except those that the library knows by path, size and time of change.

    Args:
        core: the library, after `settle`.
        entrants: the files, and who sings in each.
        elsewhere: the cluster, and how to use it.
        step: called after each file.

    Raises:
        SingeridError: as `hear`.
    """
    asked = []
    for entrant in entrants:
        path = str(absolute(entrant.path))
        if known_at(core.database, Path(path)):
            step()
        else:
            asked.append(Asked(path, entrant.singer, entrant.album))
    settings = core.settings
    folder = HeardFolder(elsewhere.parquet, HeardBy(settings), core.hearing.encoder.size)
    ears = Ears(settings, folder, elsewhere.device, elsewhere.weights, hears_voices(core.hearing))
    own = [elsewhere.weights, file_of(settings.encoder)]
    seen = [path for path in own if path is not None]
    heard = hear(asked, ears, folder, elsewhere, seen=seen, step=step)
    return HeardElsewhere(heard, [one.path for one in asked])


def hears_voices(hearing: Hearing) -> bool:
    """Whether singing can be detected: by the separator, by the encoder, or by a network beside it."""
    if hearing.separator is not None and knows_voices(hearing.separator):
        return True
    return hearing.encoder.with_voice is not None or hearing.encoder.voices is not None


def file_of(encoder: str) -> Path | None:
    """The file or folder of an encoder that is given by an absolute path; None: it is given by name."""
    path = Path(encoder.partition(":")[2] or encoder)
    return path if path.is_absolute() and path.exists() else None
