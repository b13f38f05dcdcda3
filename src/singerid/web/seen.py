"""Replies of processes that inspect untrusted files, checked: a malicious file may have taken one over.

Each function raises ValueError, TypeError or ArithmeticError if the reply is invalid.
"""

import re
from math import isfinite
from typing import Any

from singerid.web.converting import PLAYED_TYPES
from singerid.web.replies import number_of

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_PNG = 32 * 1024**2
_MOST_LEVELS = 20_000


def digest_of(reply: Any) -> str:
    """A fingerprint, see `sound_fingerprint`."""
    if not isinstance(reply, str) or not re.fullmatch("[0-9a-f]{64}", reply):
        raise ValueError("that is not a fingerprint")
    return reply


def length_of(reply: Any) -> float:
    """A length in seconds."""
    return number_of({"seconds": reply}, "seconds")


def type_of(reply: Any) -> str:
    """The media type of a file that browsers can play; "" if they cannot play it."""
    if not isinstance(reply, str) or (reply and reply not in PLAYED_TYPES):
        raise ValueError("that is not a type of sound")
    return reply


def png_of(reply: Any) -> bytes:
    """A picture as PNG."""
    if not isinstance(reply, bytes) or not reply.startswith(_PNG) or len(reply) > _MOST_PNG:
        raise ValueError("that is not a picture")
    return reply


def levels_of(reply: Any) -> list[float]:
    """Finite numbers, at least two."""
    if not isinstance(reply, list) or not 2 <= len(reply) <= _MOST_LEVELS:
        raise ValueError("that is not a list of numbers, or its length is wrong")
    if not all(type(one) in (int, float) and isfinite(one) for one in reply):
        raise ValueError("not all are finite numbers")
    return [float(one) for one in reply]


def outline_of(reply: Any) -> dict[str, Any]:
    """The outline of a sound, from -1 to 1: the smallest and the greatest sample in turn."""
    seconds, peaks = number_of(reply, "seconds"), levels_of(reply["peaks"])
    if len(peaks) % 2 or min(peaks) < -1 or max(peaks) > 1:
        raise ValueError("that is not an outline")
    return {"seconds": seconds, "peaks": peaks}


def tagged_of(reply: Any) -> dict[str, Any]:
    """What changes in tags, see `tagging.write`."""
    told = _kinds(reply, {"changes": list, "summary": str, "held_back": str})
    for one in told["changes"]:
        _kinds(one, {"path": str, "status": str, "added": list, "removed": list, "note": str})
        if not all(isinstance(name, str) for name in (*one["added"], *one["removed"])):
            raise ValueError("a name is not a text")
    return told


def untagged_of(reply: Any) -> dict[str, Any]:
    """What was taken back, see `tagging.undo`."""
    told = _kinds(reply, {"undone": list, "failures": list})
    if not all(isinstance(path, str) for path in told["undone"]):
        raise ValueError("a path is not a text")
    for one in told["failures"]:
        _kinds(one, {"path": str, "detail": str})
    return told


def _kinds(reply: Any, kinds: dict[str, type]) -> dict[str, Any]:
    if not isinstance(reply, dict) or set(reply) != set(kinds):
        raise ValueError("the fields are wrong")
    for name, kind in kinds.items():
        if not isinstance(reply[name], kind):
            raise ValueError(f"{name} is of another type")
    return reply
