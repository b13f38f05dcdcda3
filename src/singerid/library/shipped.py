"""Coefficients for libraries that are not calibrated or have few recordings; they are part of the package.

They were fitted on real songs and voices (`benchmarks/studies/library/songs.py`). They are plain numbers
and contain no voice.
"""

import json
from pathlib import Path
from typing import Any

from singerid.config import AudioCondition
from singerid.library.rule import Rule

FILE = Path(__file__).with_name("coefficients.json")
_OF_OTHERS = "any other"


def shipped_rule(identity: str, audio: AudioCondition) -> Rule:
    """The rule for an encoder and an audio condition; for an unknown encoder, the rule of CAM++."""
    content = _content()
    return Rule.from_json(content.get(identity, content[_OF_OTHERS])[audio])


def _content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
