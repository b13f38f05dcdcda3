"""JSON Lines: one object per file."""

import json
from collections.abc import Iterable

from singerid.identify.formats.format import Document, Format, Outcome, fields_of
from singerid.text import in_utf8


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    for outcome in outcomes:
        to.file.write(in_utf8(json.dumps(fields_of(outcome), ensure_ascii=False)) + "\n")
        to.file.flush()


JSON = Format(_write, ".jsonl")
