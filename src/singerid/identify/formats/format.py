"""What a format says of itself, and what it writes into."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from singerid.errors import Failure
from singerid.identify.result import Result

if TYPE_CHECKING:  # listing the names of formats loads no decoder
    from singerid.sound.audio import Read

Outcome = Result | Failure


@dataclass(frozen=True, eq=False)
class Document:
    """What is being written.

    Attributes:
        file: opened for text or for bytes, as the format says.
        path: the file that it becomes; None: standard output.
        timelines: each of many timelines is wanted, also where the format could leave them out.
        sound: the sound of a recording, given its path; raises AudioError.
        warn: is told what is wrong with the document, though it is of use, in one line.
    """

    file: IO[Any]
    path: Path | None = None
    timelines: bool = False
    sound: "Callable[[str], Read] | None" = None
    warn: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, eq=False)
class Format:
    """A way to write answers.

    Attributes:
        write: writes outcomes, each as it comes where that is possible. A failure is in the document where
            there is room for it; it is told elsewhere, too.
        suffix: of its files.
        about: what one document is about: everything; one song; or everything and, where documents go into
            a folder, one singer.
        is_text: whether it is text, else bytes.
        needs_timeline: whether it says nothing without one.
        needs_sound: whether it shows the recording itself.
    """

    write: Callable[[Iterable[Outcome], Document], None]
    suffix: str
    about: Literal["everything", "song", "singer"] = "everything"
    is_text: bool = True
    needs_timeline: bool = False
    needs_sound: bool = False


def results_of(outcomes: Iterable[Outcome]) -> Iterable[Result]:
    """Those of the outcomes that are answers, as they come."""
    return (outcome for outcome in outcomes if isinstance(outcome, Result))


def fields_of(outcome: Outcome) -> dict[str, object]:
    """An outcome as the object of `singerid identify --json`; {path, error} for a file that failed."""
    if isinstance(outcome, Failure):
        return {"path": outcome.path, "error": outcome.reason}
    return outcome.to_json()
