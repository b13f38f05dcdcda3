"""Writing names into the tags of songs in the list, and taking them back, in a process with limits."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from singerid.errors import Failure
from singerid.identify.result import Result
from singerid.library.answers import Answer
from singerid.library.library import Library
from singerid.system.children import Beat
from singerid.tags.plan import PUT_BACK, Change
from singerid.tags.report import by_command, summary
from singerid.tags.tagger import Tagger, reason_held_back
from singerid.tags.undo import take_back
from singerid.web.reach import may_write
from singerid.web.settings import Settings

_OUT_OF_DATE = "its answer is out of date: hear it again first"
_ELSEWHERE = (
    "is in no folder that may be heard, or a link leads out of them: start the server with the folder where "
    "it really is: singerid serve LIBRARY --root FOLDER"
)
_TO_CALIBRATE = "calibrate it first, so that at most 1 in 100 of strangers' songs are named"


def write(
    settings: Settings, songs: Sequence[int] | None, really: bool, force: bool, beat: Beat
) -> dict[str, Any]:
    """What changes in the tags of songs, see `Tagger`; files outside the roots are not changed.

    Args:
        settings: the settings of the server.
        songs: ids in the list; None: all songs.
        really: write; if False, only tell what would change.
        force: see `Tagger`.
        beat: called for each song.
    """
    with Library.open(settings.folder) as library:
        kept = {answer.path: answer for answer in _kept(library, songs)}
        inside, _ = _parted(settings, kept, beat)
        outcomes: dict[str, Change | Failure] = {path: Failure(path, _ELSEWHERE) for path in kept}
        ask = partial(_answers, library, kept, beat)
        with Tagger(library, write=really, force=force, ask=ask) as tagger:
            for outcome in tagger.outcomes(inside):
                beat()
                outcomes[outcome.path] = outcome
            # Not `Tagger.held_back`: its remedies are commands, and the page has buttons for them.
            why = f"the library {reason_held_back(library)}; {_TO_CALIBRATE}" if tagger.held_back else ""
    changes = [one for one in outcomes.values() if isinstance(one, Change)]
    return {
        "changes": [_told(one) for one in outcomes.values()],
        "summary": summary(changes),
        "held_back": why if any(one.status == "held back" for one in changes) else "",
    }


def undo(settings: Settings, songs: Sequence[int] | None, beat: Beat) -> dict[str, Any]:
    """Take back what was written: everything in some songs, or (None) what was written last."""
    with Library.open(settings.folder) as library:
        paths = [answer.path for answer in _kept(library, songs)] if songs is not None else []
    inside, outside = _parted(settings, paths, beat)
    done: list[str] = []
    failures = [Failure(str(path), _ELSEWHERE) for path in outside]
    for outcome in take_back(settings.folder, inside) if inside or songs is None else ():
        beat()
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            done.append(outcome)
    told = [{"path": one.path, "detail": by_command(one.reason)} for one in failures]
    return {"undone": done, "failures": told}


def _kept(library: Library, songs: Sequence[int] | None) -> list[Answer]:
    return library.answers.of(library.answers.choose(order="name")[0] if songs is None else songs)


def _parted(settings: Settings, paths: Iterable[str], beat: Beat) -> tuple[list[Path], list[Path]]:
    """Files into which tags may be written, and the others."""
    inside: list[Path] = []
    outside: list[Path] = []
    for path in map(Path, paths):
        beat()
        (inside if may_write(settings, path) else outside).append(path)
    return inside, outside


def _answers(
    library: Library, kept: dict[str, Answer], beat: Beat, paths: Sequence[Path]
) -> Iterator[Result | Failure]:
    """The kept answers for files; a failure if the file or the library has changed since."""
    for path in paths:
        beat()
        answer = kept[str(path)]
        status = path.stat()
        is_same = (status.st_size, status.st_mtime_ns) == (answer.size, answer.changed_ns)
        if is_same and answer.state == library.state:
            yield Result.from_json(answer.result)
        else:
            yield Failure(str(path), _OUT_OF_DATE)


def _told(outcome: Change | Failure) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        note = by_command(outcome.reason)
        return {"path": outcome.path, "status": "failed", "added": [], "removed": [], "note": note}
    return {
        "path": outcome.path,
        "status": outcome.status,
        "added": list(outcome.added),
        "removed": list(outcome.removed),
        "note": by_command(outcome.note.replace(PUT_BACK, "")),
    }
