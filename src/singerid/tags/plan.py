"""What would change in a file's tags, by the performers there and what singerid itself wrote before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from singerid.identify.result import Decision, Named, Result
from singerid.tags.fields import (
    ENTRIES,
    LIBRARY,
    OWN_FIELDS,
    PROBABILITY,
    VERSION,
    VOCALS,
    Performer,
    TagError,
    Tagged,
)
from singerid.text import names_text, printable
from singerid.version import __version__

Status = Literal["would write", "written", "up to date", "nothing to write", "held back"]

PUT_BACK = "; `force=True` puts it back"
"""The end of a note about a name that a person removed."""


@dataclass(frozen=True)
class Change:
    """What happens to a file.

    Attributes:
        path: the file.
        status: what happens.
        decision: of the library; None: the file was not heard, because nothing has changed since last time.
        singers: who sings in it.
        added: entries that are written.
        removed: entries that are removed; singerid had written them.
        note: what else changes, or why nothing does; "" if there is nothing to say.
    """

    path: str
    status: Status
    decision: Decision | None = None
    singers: tuple[Named, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_due(self) -> bool:
        """Whether something is to be written."""
        return self.status == "would write"

    def to_json(self) -> dict[str, Any]:
        """The object of `singerid tag --json`; empty fields are left out."""
        found: dict[str, Any] = {"path": self.path, "status": self.status}
        found["decision"] = self.decision or ""
        found["singers"] = [{"singer": one.singer, "probability": one.probability} for one in self.singers]
        found |= {"added": list(self.added), "removed": list(self.removed), "note": self.note}
        return {name: value for name, value in found.items() if value not in ([], "")}

    def with_status(self, status: Status, note: str = "") -> "Change":
        """The same change with another status, and a further note."""
        return replace(self, status=status, note="; ".join(filter(None, (self.note, note))))


@dataclass(frozen=True)
class Edit:
    """The new performers and own fields of a file; calling it with the file's tags sets them.

    Attributes:
        performers: all performers.
        own: values of singerid's own fields.
    """

    performers: tuple[Performer, ...]
    own: Mapping[str, Sequence[str]]

    def __call__(self, tagged: Tagged) -> None:
        """Set the fields of these tags."""
        if list(self.performers) != tagged.performers():
            tagged.set_performers(list(self.performers))
        for field, values in self.own.items():
            tagged.set_own(field, list(values))


def change_of(result: Result, status: Status, **options: Any) -> Change:
    """The change of a result's file."""
    return Change(result.path, status, result.decision, result.singers, **options)


def plan(tagged: Tagged, result: Result, library: str, force: bool = False) -> tuple[Change, Edit]:
    """What a result changes in the tags of a file, and the edit that does so.

    The singers are written if the decision is "known". A name that singerid wrote before is removed if the
    result does not name it; if the result names nobody, only names by the same library are removed. A name
    that a person removed is not put back.

    Args:
        tagged: the tags.
        result: the result.
        library: the library's name.
        force: also put back names that a person removed.

    Raises:
        TagError: a tag cannot hold a name.
    """
    here, wrote = tagged.performers(), tagged.own(ENTRIES)
    names = names_of(result)
    own = [one for one in here if one.part == VOCALS and one.name in wrote]
    others = [one for one in here if one not in own]
    taken_out = [] if force else [name for name in names if name in wrote and not _is_named(name, here)]
    wanted = [Performer(name) for name in names if name not in taken_out and not _is_named(name, others)]
    added = [one for one in wanted if one not in own]
    removed = [one for one in own if one not in wanted]
    edit = Edit(
        (*(one for one in here if one not in removed), *added),
        _own_fields(result, [*(one.name for one in wanted), *taken_out], library),
    )
    if not names and tagged.own(LIBRARY) != [library]:
        return change_of(result, "nothing to write", note=reason_of(result)), edit
    differs = any(tagged.own(field) != values for field, values in edit.own.items() if field != VERSION)
    note = f"somebody removed {names_text(taken_out)}{PUT_BACK}" if taken_out else ""
    if not (added or removed or differs):
        return change_of(result, "up to date", note=note), edit
    changed = {"added": tuple(map(str, added)), "removed": tuple(map(str, removed))}
    note = "; ".join(filter(None, (note, tagged.note)))
    return change_of(result, "would write", **changed, note=note), edit


def names_of(result: Result) -> list[str]:
    """The names to write, the singer who sings longest first; raises TagError if a tag cannot hold a name."""
    names = [one.singer for one in result.singers] if result.decision == "known" else []
    for name in names:
        if "\0" in name or name != name.encode("utf-8", "ignore").decode("utf-8"):
            raise TagError(f"tags cannot hold the name '{printable(name)}'; rename the singer first")
    return names


def reason_of(result: Result) -> str:
    """Why no name is written.

    >>> reason_of(Result("a.mp3", "no_voice", (), voice_seconds=0, seconds=9, timeline=()))
    'nobody is heard to sing'
    """
    if result.decision == "no_voice":
        return "nobody is heard to sing"
    if result.decision == "ambiguous" and result.candidates:
        return f"not sure enough: perhaps {printable(result.candidates[0].singer)}"
    return "nobody whom the library knows"


def _own_fields(result: Result, wrote: Sequence[str], library: str) -> dict[str, list[str]]:
    """The values of singerid's own fields; empty if nobody is named."""
    if result.decision != "known":
        return {field: [] for field in OWN_FIELDS}
    return {
        ENTRIES: list(wrote),
        PROBABILITY: [f"{one.probability:.2f}" for one in result.singers],
        LIBRARY: [library],
        VERSION: [__version__],
    }


def _is_named(name: str, performers: Sequence[Performer]) -> bool:
    return any(one.sings_as(name) for one in performers)
