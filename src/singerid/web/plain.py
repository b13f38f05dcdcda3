r"""Names as the API shows and takes them: bytes that are not UTF-8 are written as escapes.

To the system, a file's name is bytes. In Python, bytes that are not UTF-8 are lone surrogates, which a
response in UTF-8 cannot hold; `printable` writes them as text, "caf\udce9". A request with that text means
the name that was shown so.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fastapi.responses import JSONResponse

from singerid.text import printable


class PlainJSON(JSONResponse):
    """A JSON response that can hold any name; all responses of the API are of this class."""

    def render(self, content: Any) -> bytes:
        """The bytes that are sent."""
        try:
            return super().render(content)
        except UnicodeEncodeError:
            return super().render(in_plain(content))


def in_plain(content: Any) -> Any:
    """The same content, with every text in it made `printable`."""
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, dict):
        return {in_plain(key): in_plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [in_plain(one) for one in content]
    return content


def plain_json(content: Any) -> str:
    """The content as one line of JSON in ASCII, which any stream can carry."""
    return json.dumps(in_plain(content))


def meant_name(name: str, known: Iterable[str]) -> str:
    r"""The known name that is shown like this one; else the name itself.

    >>> meant_name(r"caf\udce9", ["caf\udce9"]) == "caf\udce9"
    True
    """
    return next((one for one in known if one != name and printable(one) == name), name)


def meant_path(path: Path, may_list: Callable[[Path], bool] = lambda _: True) -> Path:
    """The path itself if it exists; else the file or folder that is shown like this path.

    Args:
        path: a path as it is shown.
        may_list: whether a folder may be listed to find the name; if not, the path stays as it is.
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
