"""Hearing recordings on a Ray cluster, for a library: workers open their ears once and keep what they hear.

All machines must see the recordings under the same paths. What is heard goes to Parquet files (`heard_rows`);
the library is filled from these by the machine on which the command runs, in the same order and by the same
code as without a cluster, so it ends as the same library.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from singerid.errors import Failure, SingeridError
from singerid.library.core import LibraryCore, settings_of
from singerid.library.enroll import Entrant, HeardNew, New, OnStep
from singerid.library.finding import known_at
from singerid.library.heard_rows import Heard, HeardFolder, HeardRow, clean
from singerid.library.heard_schema import HeardBy
from singerid.library.hearing import HeardVoice, Hearing
from singerid.library.records import Settings
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

DIED = "its worker died of it several times; convert or remove it, or give workers more memory"
_LOOKED_AT = 20  # files that are looked for on each machine
CHANGED = "has changed since it was heard; run the command again"


@dataclass(frozen=True)
class Elsewhere:
    """Where recordings are heard in place of this process, and where that is kept.

    Attributes:
        spread: over which cluster, and how.
        parquet: folder or address of the Parquet files.
        device: where workers compute: "auto", "cpu", "cuda".
        weights: of the separator, where vocals are heard, seen by all machines; None: the published ones.
    """

    spread: Spread
    parquet: str
    device: str = "auto"
    weights: Path | None = None

    def __post_init__(self) -> None:
        # Workers start in other folders, and see GPUs that were not given to them.
        whole = self.parquet if is_url(self.parquet) else str(absolute(self.parquet))
        object.__setattr__(self, "parquet", whole)
        if not self.spread.gpus:
            object.__setattr__(self, "device", "cpu")


@dataclass(frozen=True)
class Asked:
    """A file that is to be heard.

    Attributes:
        path: absolute.
        singer: who sings, as was told; "": that is not known.
        album: likewise.
    """

    path: str
    singer: str = ""
    album: str = ""


def marked(path: str) -> HeardRow:
    """A row that says which file it is, as it is now."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return HeardRow(path, reason="does not exist; check the name")
    except OSError as error:
        return HeardRow(path, reason=f"cannot be read ({error.strerror}); check its permissions")
    return HeardRow(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Ears:
    """Opens in a worker what it hears by.

    Attributes:
        settings: of the library.
        folder: where it keeps what it hears.
        device: where it computes.
        weights: of the separator; None: the published ones.
        hears_voices: whether the machine with the command hears when somebody sings.
    """

    settings: Settings
    folder: HeardFolder
    device: str
    weights: Path | None
    hears_voices: bool

    def __call__(self) -> "Listening":
        """Open encoder and separator.

        Raises:
            SingeridError: one of them cannot be opened there, or is another than the library's.
        """
        settings = self.settings
        hearing = Hearing.open(
            settings.encoder,
            settings.audio,
            settings.separator or None,
            choose_device(self.device),
            self.weights,
        )
        if settings_of(hearing) != settings:
            raise SingeridError(
                f"hears by other weights of {settings.encoder} or of its separator than this machine; put "
                "the same into the cache of both"
            )
        if self.hears_voices and not hears_voices(hearing):
            raise SingeridError(
                "has no network that hears when somebody sings, as the machine that asks has; fetch it: "
                "singerid encoders --fetch campplus"
            )
        return Listening(hearing, self.folder)


@dataclass(frozen=True)
class Listening:
    """What a worker does: hears a file, and keeps what a load gave."""

    hearing: Hearing
    folder: HeardFolder

    def __call__(self, asked: Asked) -> HeardRow:
        """Hear a file; one that cannot be used is a row with its reason."""
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
        """Keep the rows of a load; gives their number."""
        self.folder.write(rows_of(done))
        return len(done)


def with_voice(row: HeardRow, heard: HeardVoice, warning: str) -> HeardRow:
    """A row with what was heard."""
    return replace(
        row,
        seconds=heard.seconds,
        voice_seconds=heard.voice_seconds,
        short=heard.short,
        warning=warning,
        vectors=heard.vectors,
    )


def rows_of(done: Sequence[tuple[Asked, HeardRow | WorkerDied]]) -> list[HeardRow]:
    """Rows also of files at which workers died."""
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
    """Hear files on a cluster; those that the folder has already are not heard again.

    Args:
        asked: the files.
        ears: opened once in each worker.
        folder: where they keep what they hear.
        elsewhere: the cluster, and how to use it.
        seen: paths that all machines have to see, beside some of the files.
        step: is called for each file that is done.

    Returns:
        What the folder has now.

    Raises:
        SingeridError: the cluster, a machine of it or the folder cannot be used; what was heard is kept.
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
    """Files that are here, from all over what is asked for: all machines have to see them."""
    there = (one.path for one in asked[:: max(1, len(asked) // _LOOKED_AT)] if Path(one.path).exists())
    return list(islice(there, _LOOKED_AT))


@contextmanager
def _shared(address: str) -> Iterator[list[str]]:
    """Within, there is a file that tells the folder from one of the same name on another machine."""
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
    """Stands for what a library hears by: what it would hear was heard on a cluster.

    Args:
        heard: what the folder has.
        paths: absolute, of the files that are asked for; what is kept of others is not looked at.
    """

    def __init__(self, heard: Heard, paths: Iterable[str]) -> None:
        wanted = {clean(path) for path in paths}
        self._rows: dict[str, list[HeardRow]] = {}
        for row in heard.rows():
            if row.path in wanted:
                self._rows.setdefault(row.path, []).append(row)

    def row(self, path: Path) -> HeardRow:
        """What was heard of a file as it is now; raises AudioError where that could not be."""
        now = marked(str(absolute(path)))
        rows = self._rows.get(clean(now.path), [])
        reasons = [row.reason for row in rows if row.reason] + [now.reason or CHANGED]
        for row in rows:
            if not row.reason and (row.size, row.changed_ns) == (now.size, now.changed_ns):
                return row
        raise AudioError(path, reasons[0])

    def fingerprint(self, path: Path) -> str:
        """The fingerprint of a file's sound."""
        return self.row(path).fingerprint

    def each(self, new: Iterable[New]) -> Iterator[HeardNew]:
        """What was heard of each file, and what was wrong with it."""
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
    """Hear on a cluster what a library does not know yet by place, size and time of change.

    Args:
        core: the library, whose settings are settled.
        entrants: files, and who sings in each.
        elsewhere: the cluster, and how to use it.
        step: is called for each file that is done.

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
    """Whether it is heard when somebody sings: by separator, by encoder, or by a network beside it."""
    if hearing.separator is not None and knows_voices(hearing.separator):
        return True
    return hearing.encoder.with_voice is not None or hearing.encoder.voices is not None


def file_of(encoder: str) -> Path | None:
    """The file or folder that an encoder is read from; None: it goes by its name."""
    path = Path(encoder.partition(":")[2] or encoder)
    return path if path.is_absolute() and path.exists() else None
