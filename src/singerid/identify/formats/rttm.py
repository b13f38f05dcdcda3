"""Turns as RTTM; `singerid.data.rttm` tells how names that its fields cannot hold are escaped."""

from collections.abc import Iterable

from singerid.data.rttm import Turn, field_of, rttm_lines
from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.voices import turns_of
from singerid.system.files import write_json

MAP_SUFFIX = ".names.json"


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    """Write one line per turn, named by the recording's path; and beside a file a map of escaped names."""
    escaped: dict[str, str] = {}
    for result in results_of(outcomes):
        found = turns_of(result)
        turns = [Turn(result.path, turn.start_s, turn.end_s, str(turn.voice)) for turn in found]
        to.file.writelines(rttm_lines(turns))
        to.file.flush()
        names = {name for turn in turns for name in (turn.recording, turn.singer)}
        escaped |= {field_of(name): name for name in sorted(names) if field_of(name) != name}
    if to.path is not None:
        beside = to.path.with_name(to.path.name + MAP_SUFFIX)
        if escaped or beside.exists():  # the map of an earlier file is replaced, too
            write_json(beside, escaped)


RTTM = Format(_write, ".rttm", needs_timeline=True)
