"""What a format declares about itself, and the document that it writes."""

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
    """A document that is being written.

    Attributes:
        file: open file, for text or for bytes as the format declares.
        path: the file that it becomes; None: standard output.
        timelines: write all timelines, even if the format would leave them out for many songs.
        sound: gives a reader of a recording's sound, by its path; raises AudioError.
    """

    file: IO[Any]
    path: Path | None = None
    timelines: bool = False
    sound: "Callable[[str], Read] | None" = None


@dataclass(frozen=True, eq=False)
class Format:
    """A way to write results.

    Attributes:
        write: writes outcomes, each as it comes where that is possible. A format that has a place for
            failures writes them; they are reported elsewhere, too.
        suffix: suffix of its files.
        about: what one document covers: "everything"; one "song"; or one "singer" if documents go into a
            folder, else everything.
        is_text: whether it is text; otherwise it is bytes.
        needs_timeline: whether it is empty without a timeline.
        needs_sound: whether it shows the recording itself.
    """

    write: Callable[[Iterable[Outcome], Document], None]
    suffix: str
    about: Literal["everything", "song", "singer"] = "everything"
    is_text: bool = True
    needs_timeline: bool = False
    needs_sound: bool = False


def results_of(outcomes: Iterable[Outcome]) -> Iterable[Result]:
    """The results among the outcomes, as they come."""
    return (outcome for outcome in outcomes if isinstance(outcome, Result))


def fields_of(outcome: Outcome) -> dict[str, object]:
    """The object of `singerid identify --json` for an outcome; {path, error} for a file that failed."""
    if isinstance(outcome, Failure):
        return {"path": outcome.path, "error": outcome.reason}
    return outcome.to_json()
