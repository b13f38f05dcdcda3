"""Writing names into the tags of songs in the list, and taking that back: in a process with limits."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from singerid.errors import Failure
from singerid.identify.result import Result
from singerid.library.answers import Answer
from singerid.library.library import Library
from singerid.system.children import Beat
from singerid.tags.plan import Change
from singerid.tags.report import summary
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back
from singerid.web.reach import may_write
from singerid.web.settings import Settings

_OUT_OF_DATE = "its answer is out of date: hear it again first"
_ELSEWHERE = (
    "lies in no folder that may be heard, or a link leads out of them: start singerid serve with --root "
    "FOLDER for where it really lies"
)


def write(
    settings: Settings, songs: Sequence[int] | None, really: bool, force: bool, beat: Beat
) -> dict[str, Any]:
    """What changes in the tags of songs, see `Tagger`; of a file outside the roots nothing.

    Args:
        settings: of the server.
        songs: ids in the list; None: all.
        really: write, and not only say what would be.
        force: see `Tagger`.
        beat: is called for each song.
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
            held_back = tagger.held_back
    changes = [one for one in outcomes.values() if isinstance(one, Change)]
    return {
        "changes": [_told(one) for one in outcomes.values()],
        "summary": summary(changes).removesuffix("; --write writes"),
        "held_back": held_back if any(one.status == "held back" for one in changes) else "",
    }


def undo(settings: Settings, songs: Sequence[int] | None, beat: Beat) -> dict[str, Any]:
    """Take back what was written: all of some songs, or (None) what was written last."""
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
    return {"undone": done, "failures": [{"path": one.path, "detail": one.reason} for one in failures]}


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
    """The answers that are kept of files, as long as neither file nor library has changed since."""
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
        return {"path": outcome.path, "status": "failed", "added": [], "removed": [], "note": outcome.reason}
    return {
        "path": outcome.path,
        "status": outcome.status,
        "added": list(outcome.added),
        "removed": list(outcome.removed),
        "note": outcome.note,
    }
