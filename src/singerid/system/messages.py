"""Values as bytes, for processes that do not trust each other: a message is plain data and cannot run code.

A message consists of the length of a head, the head (JSON), and the raw bytes of all arrays and `bytes`.
"""

import json
from math import prod
from typing import Any

import numpy as np

MOST_BYTES = 512 * 1024**2
"""Largest size of a message; larger ones are refused before they are read."""
_MOST_HEAD = 128 * 1024**2  # bytes; the results of 100,000 songs take a fifth of that
_MOST_VALUES = 3_000_000  # in a head: small values take far more memory than their JSON text
_LENGTH = 4
_PART = "$part"
_TYPES = ("<f4", "<f8", "<i8", "|b1")


def packed(value: Any) -> bytes:
    """A value as a message: None, numbers, text, bytes, arrays, and lists and dicts of these.

    Raises:
        ValueError: the value contains anything else.
    """
    parts: list[bytes] = []
    head = json.dumps(_described(value, parts)).encode("ascii")
    return b"".join((len(head).to_bytes(_LENGTH, "little"), head, *parts))


def unpacked(content: bytes) -> Any:
    """The value of a message from an untrusted sender; tuples come back as lists.

    Raises:
        ValueError: the bytes are not a valid message.

    >>> unpacked(packed({"seconds": 2.5, "who": ("Ann", b"x")}))
    {'seconds': 2.5, 'who': ['Ann', b'x']}
    """
    length = int.from_bytes(content[:_LENGTH], "little")
    if length > min(_MOST_HEAD, len(content) - _LENGTH):
        raise ValueError("the head is too long")
    text = content[_LENGTH : _LENGTH + length].decode("ascii")
    if sum(map(text.count, ",[{")) > _MOST_VALUES:
        raise ValueError("the head contains too many values")
    try:
        head = json.loads(text)
        value, end = _restored(head, content, _LENGTH + length)
    except (RecursionError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"it is damaged ({type(error).__name__})") from error
    if end != len(content):
        raise ValueError("there are bytes after its end")
    return value


def _described(value: Any, parts: list[bytes]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        parts.append(value)
        return {_PART: len(value)}
    if isinstance(value, np.ndarray):
        kind = value.dtype.newbyteorder("<").str
        if kind not in _TYPES:
            raise ValueError(f"an array of {value.dtype} cannot be sent")
        parts.append(np.ascontiguousarray(value, kind).tobytes())
        return {_PART: [kind, list(value.shape)]}
    if isinstance(value, list | tuple):
        return [_described(one, parts) for one in value]
    if isinstance(value, dict) and _PART not in value and all(isinstance(key, str) for key in value):
        return {key: _described(one, parts) for key, one in value.items()}
    raise ValueError(f"{type(value).__name__} cannot be sent")


def _restored(value: Any, content: bytes, at: int) -> tuple[Any, int]:
    """A value, and the position where the bytes of the next value's parts begin."""
    if isinstance(value, list):
        found = []
        for one in value:
            made, at = _restored(one, content, at)
            found.append(made)
        return found, at
    if not isinstance(value, dict):
        return value, at
    if _PART in value:
        return _part(value[_PART], content, at)
    made_of: dict[str, Any] = {}
    for key, one in value.items():
        made_of[key], at = _restored(one, content, at)
    return made_of, at


def _part(what: Any, content: bytes, at: int) -> tuple[Any, int]:
    if isinstance(what, int):
        end = _end(what, content, at)
        return content[at:end], end
    kind, shape = what
    if kind not in _TYPES or len(shape) > 8 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("not an array")
    dtype = np.dtype(kind)
    end = _end(prod(shape) * dtype.itemsize, content, at)
    if kind == "|b1":  # every byte but 0 is true; NumPy itself is only defined for 0 and 1
        flat = np.frombuffer(content[at:end], np.uint8) != 0
    else:
        flat = np.frombuffer(content[at:end], dtype).astype(dtype.newbyteorder("="))
    return flat.reshape(shape), end


def _end(size: int, content: bytes, at: int) -> int:
    if size < 0 or at + size > len(content):
        raise ValueError("a part is longer than the message")
    return at + size
