"""Coefficients for libraries that are not calibrated, or have few recordings: they come with the package.

They were fitted on real songs and voices that are in no library, and are numbers alone
(`benchmarks/library/songs.py`).
"""

import json
from pathlib import Path
from typing import Any

from singerid.config import AudioCondition
from singerid.library.rule import Rule

FILE = Path(__file__).with_name("coefficients.json")
_OF_OTHERS = "any other"


def shipped_rule(identity: str, audio: AudioCondition) -> Rule:
    """The rule for an encoder's vectors of an audio condition; of one that is not known, CAM++'s."""
    content = _content()
    return Rule.from_json(content.get(identity, content[_OF_OTHERS])[audio])


def _content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
