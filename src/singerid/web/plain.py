r"""Names as the API tells them, and as it is told them: what UTF-8 cannot carry is written as an escape.

A file's name is bytes to the system. What of it is no UTF-8 is a lone surrogate in Python, which no answer
can hold; `printable` writes it as text, "caf\udce9". Whoever sends that back means what was told so.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fastapi.responses import JSONResponse

from singerid.text import printable


class PlainJSON(JSONResponse):
    """JSON of any names: every answer of the API is one."""

    def render(self, content: Any) -> bytes:
        """The bytes that are sent."""
        try:
            return super().render(content)
        except UnicodeEncodeError:
            return super().render(in_plain(content))


def in_plain(content: Any) -> Any:
    """The same, with every text in it as `printable` has it."""
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, dict):
        return {in_plain(key): in_plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [in_plain(one) for one in content]
    return content


def plain_json(content: Any) -> str:
    """As one line of JSON, which any stream can carry."""
    return json.dumps(in_plain(content))


def meant_name(name: str, known: Iterable[str]) -> str:
    """Of known names the one that is told so; else the name itself."""
    return next((one for one in known if one != name and printable(one) == name), name)


def meant_path(path: Path, may_list: Callable[[Path], bool] = lambda _: True) -> Path:
    """The file or folder that is told so, where there is none that is called so.

    Args:
        path: as it is told.
        may_list: whether a folder may be listed to find that out; where not, the path stays as it is.
    """
    if os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[1:]:
        following = found / part
        if not os.path.lexists(following):
            if not may_list(found):
                return path
            try:
                alike = sorted(one.name for one in found.iterdir() if printable(one.name) == part)
            except OSError:
                return path
            if not alike:
                return path
            following = found / alike[0]
        found = following
    return found
