"""Taking back what was written into files: the earlier fields, byte for byte, the latest change first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from singerid.errors import Failure, SingeridError
from singerid.sound.files import AudioError
from singerid.sound.fingerprint import sound_fingerprint
from singerid.tags.fields import TagError
from singerid.tags.journal import Entry, Journal
from singerid.tags.kinds import KINDS, require_mutagen
from singerid.tags.sidecar import SIDECARS, content_of, replace_sidecar, sidecar_of
from singerid.tags.tagger import current_fields, open_journal
from singerid.tags.writer import FileState, write_tags


def take_back(
    library: Path, files: Sequence[Path] = (), everything: bool = False, break_hard_links: bool = False
) -> Iterator[str | Failure]:
    """Take back what was written by a library; yields the path of each file for which this was done.

    Args:
        library: the library's folder.
        files: take back all that was written into these files, even if they have moved since.
        everything: take back all that was ever written. Without `files` and `everything`: what the latest
            command wrote.
        break_hard_links: see `Tagger`.

    Raises:
        SingeridError: another command writes tags by this library, its journal is damaged, or there is
            nothing to take back.
    """
    require_mutagen()
    with ExitStack() as resources:
        journal = open_journal(library, resources)
        found = journal.entries()
        if not found:
            raise SingeridError(f"{journal.path}: nothing was written that could be taken back")
        if files:
            yield from _of_files(journal, found, files, break_hard_links)
            return
        latest = found[0].run
        for entry in found:
            if everything or entry.run == latest:
                yield _taken_back(journal, entry, entry.path, break_hard_links)


def _of_files(
    journal: Journal, found: Sequence[Entry], files: Sequence[Path], break_hard_links: bool
) -> Iterator[str | Failure]:
    at, of_sound = defaultdict(list), defaultdict(list)
    for order, entry in enumerate(found):
        at[entry.path].append((order, entry))
        if entry.kind in KINDS:
            of_sound[entry.fingerprint].append(entry)
    for file in files:
        place = file.resolve()
        # The file's own entries, and those of the sidecars beside it; a sidecar may be given itself.
        places = {place: None} | {sidecar_of(place, kind): kind for kind in SIDECARS}
        own = sorted(
            (order, path, entry)
            for path, kind in places.items()
            for order, entry in at[path]
            if kind in (None, entry.kind)
        )
        back = [(path, entry) for _, path, entry in own]
        if not back:
            try:
                # It may have been moved: its sound identifies it.
                fingerprint = sound_fingerprint(file)
            except AudioError as error:
                yield Failure(str(file), error.reason)
                continue
            back = [(place, entry) for entry in of_sound[fingerprint] if not entry.path.exists()]
        if not back:
            yield Failure(str(file), "nothing was written into it by this library")
        for path, entry in back:
            yield _taken_back(journal, entry, path, break_hard_links)


def _taken_back(journal: Journal, entry: Entry, path: Path, break_hard_links: bool) -> str | Failure:
    try:
        if entry.kind in KINDS and not path.exists():
            raise TagError("is not there any more; if it was moved, give its new path: `undo=FILE`")
        now = current_fields(path, entry.kind)
        if now != entry.after:
            raise TagError("somebody else has changed what was written; it is left as it is")
        # First, in case the process is killed right after: a file that is as before is not up to date.
        journal.unsettle(path, entry.kind if entry.kind in SIDECARS else None)
        step = journal.begin_undo(entry)
        if entry.kind in KINDS:
            write_tags(
                path,
                entry.kind,
                FileState.of(path),
                lambda tagged: tagged.restore(entry.before),
                step,
                break_hard_links,
            )
        else:
            replace_sidecar(path, content_of(entry.before), entry.after, step)
        return str(path)
    except AudioError as error:
        return Failure(str(path), error.reason)
    except SingeridError as error:
        return Failure(str(path), str(error))
