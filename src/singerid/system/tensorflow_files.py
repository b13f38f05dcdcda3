"""Reading other people's TensorFlow checkpoints (version 2), without TensorFlow.

A checkpoint consists of two files: NAME.data-00000-of-00001 holds the bytes of all variables, one after the
other, and NAME.index says where each variable lies in it. Sources: LevelDB's doc/table_format.md for the
layout of the index; TensorFlow's tensor_bundle.proto, tensor_shape.proto and types.proto for its messages.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.errors import SingeridError
from singerid.system.crc32c import CRC32C

_MAGIC = 0xDB47_7524_8B80_FB57
_FOOTER = 48  # bytes: two block handles, zeros up to byte 40, the magic number
_TRAILER = 5  # bytes after a block: the kind of compression, the checksum
# types.proto. The other types are not numbers (strings), or numbers that NumPy lacks.
_KINDS = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "u1",
    5: "<i2",
    6: "i1",
    9: "<i8",
    10: "?",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}


class _Damaged(ValueError):
    """The bytes are not a valid checkpoint; the message says why."""


@dataclass(frozen=True)
class _Entry:
    """Where a variable lies in the data file (BundleEntryProto); `kind` is None if it is not numeric."""

    kind: str | None
    shape: tuple[int, ...]
    offset: int
    size: int
    checksum: int


def read_tensorflow_checkpoint(index: Path | str, data: Path | str) -> dict[str, NDArray[Any]]:
    """The variables of a checkpoint by name, in the order of their names.

    Entries that are not numeric, such as TensorFlow's object graph, are left out.

    Args:
        index: the file NAME.index.
        data: the file NAME.data-00000-of-00001; a checkpoint with several data files is refused.

    Raises:
        SingeridError: a file cannot be read or is damaged, or the two files do not belong together.
    """
    index, data = Path(index), Path(data)
    remedy = "fetch it again, or give another file"
    checksum = CRC32C()
    reading = index
    try:
        entries = _entries(index.read_bytes(), checksum)
        reading = data
        content = memoryview(data.read_bytes())
        return {
            name: _variable(name, entry, content, checksum)
            for name, entry in entries.items()
            if entry.kind is not None
        }
    except OSError as error:
        reason = error.strerror or error
        raise SingeridError(f"{reading}: cannot be read ({reason}); give another file") from error
    except _Damaged as error:
        what = "index" if reading == index else "data file"
        raise SingeridError(
            f"{reading}: is not a complete {what} of a TensorFlow checkpoint ({error}); {remedy}"
        ) from error


def _variable(name: str, entry: _Entry, content: memoryview, checksum: CRC32C) -> NDArray[Any]:
    assert entry.kind is not None
    if entry.offset + entry.size > len(content):
        raise _Damaged(f"{name} lies beyond its end")
    own = content[entry.offset : entry.offset + entry.size]
    if _masked(checksum(own)) != entry.checksum:
        raise _Damaged(f"the checksum of {name} does not match")
    return np.frombuffer(own, entry.kind).reshape(entry.shape).copy()


def _entries(content: bytes, checksum: CRC32C) -> dict[str, _Entry]:
    """The entries of an index by name."""
    table = dict(_table(content, checksum))
    header = _message(table.pop(b"", None), "header")
    # BundleHeaderProto: 1 number of files, 2 byte order (0: little-endian).
    if _number(header, 1) != 1:
        raise _Damaged(f"it has {_number(header, 1)} data files; only one is supported")
    if _number(header, 2) != 0:
        raise _Damaged("its numbers are big-endian")
    try:
        return {key.decode(): _entry(key, value) for key, value in table.items()}
    except UnicodeDecodeError as error:
        raise _Damaged("a name is not UTF-8") from error


def _entry(key: bytes, value: bytes) -> _Entry:
    """BundleEntryProto: 1 kind, 2 shape, 3 file, 4 offset, 5 size, 6 checksum, 7 slices."""
    name = ascii(key)[1:]
    message = _message(value, name)
    if 7 in message:
        raise _Damaged(f"{name} is stored in slices")
    if _number(message, 3) != 0:
        raise _Damaged(f"{name} lies in a file that does not exist")
    # TensorShapeProto: 2 dimensions, 3 whether their number is unknown. Dim: 1 size.
    sizes = _message(_last_bytes(message, 2), name)
    if _number(sizes, 3):
        raise _Damaged(f"{name} has no shape")
    shape = tuple(_number(_message(size, name), 1) for size in _all_bytes(sizes, 2))
    entry = _Entry(
        kind=_KINDS.get(_number(message, 1)),
        shape=shape,
        offset=_number(message, 4),
        size=_number(message, 5),
        checksum=_number(message, 6),
    )
    if entry.kind is not None and math.prod(shape) * np.dtype(entry.kind).itemsize != entry.size:
        raise _Damaged(f"{name} has {entry.size} bytes, which does not fit its shape {shape}")
    return entry


# LevelDB's table: blocks of sorted keys and values, a block with the handle (offset, size) of each of these
# blocks, and a footer.


def _table(content: bytes, checksum: CRC32C) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table, sorted by key."""
    if len(content) < _FOOTER or struct.unpack_from("<Q", content, len(content) - 8)[0] != _MAGIC:
        raise _Damaged("its last bytes are wrong")
    footer = content[-_FOOTER:-8]
    other, position = _place(footer, 0)
    blocks, position = _place(footer, position)
    if any(footer[position:]):
        raise _Damaged("its footer holds more than two block handles")
    list(_block(content, *other, checksum))  # the metaindex block: not needed, but it must be intact
    last: bytes | None = None
    for _, handle in _block(content, *blocks, checksum):
        place, end = _place(handle, 0)
        if end != len(handle):
            raise _Damaged("there are bytes after the handle of a block")
        for key, value in _block(content, *place, checksum):
            if last is not None and key <= last:
                raise _Damaged("its names are not sorted")
            last = key
            yield key, value


def _block(content: bytes, offset: int, size: int, checksum: CRC32C) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block."""
    end = offset + size
    if end + _TRAILER + _FOOTER > len(content):
        raise _Damaged("a block lies beyond its end")
    compression, expected = struct.unpack_from("<BI", content, end)
    if _masked(checksum(content[offset : end + 1])) != expected:
        raise _Damaged("the checksum of a block does not match")
    if compression:
        raise _Damaged("it is compressed")
    if size < 4:
        raise _Damaged("a block is too short")
    (restarts,) = struct.unpack_from("<I", content, end - 4)
    entries = content[offset : max(offset, end - 4 * (restarts + 1))]
    if len(entries) + 4 * (restarts + 1) != size:
        raise _Damaged("a block is too short")
    key, position = b"", 0
    while position < len(entries):
        shared, position = _varint(entries, position)
        own, position = _varint(entries, position)
        length, position = _varint(entries, position)
        if shared > len(key):
            raise _Damaged("a name shares more characters with the previous name than that name has")
        rest, position = _cut(entries, position, own)
        key = key[:shared] + rest
        value, position = _cut(entries, position, length)
        yield key, value


def _place(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the position after them."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _cut(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    """The next `length` bytes, and the position after them."""
    if position + length > len(data):
        raise _Damaged("it is cut short")
    return data[position : position + length], position + length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of up to 64 bits, stored as seven bits per byte, lowest first; and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte, position = _cut(data, position, 1)
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            if number >= 1 << 64:
                break
            return number, position
    raise _Damaged("a number has more than 64 bits")


def _masked(checksum: int) -> int:
    """A checksum as it is stored: rotated and offset, because a CRC over data that contains CRCs is weak."""
    turned = (checksum >> 15) | (checksum << 17)
    return (turned + 0xA282_EAD8) & 0xFFFF_FFFF


# Protocol buffers: fields by number; every value of a field, in order.


def _message(data: bytes | None, name: str) -> Mapping[int, list[int | bytes]]:
    if data is None:
        raise _Damaged(f"it has no {name}")
    fields: dict[int, list[int | bytes]] = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value: int | bytes
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
            case 1 | 5 as kind:
                value, position = _cut(data, position, 8 if kind == 1 else 4)
                value = int.from_bytes(value, "little")
            case 2:
                length, position = _varint(data, position)
                value, position = _cut(data, position, length)
            case _:
                raise _Damaged(f"{name} is not a message")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: Mapping[int, list[int | bytes]], number: int) -> int:
    """A field's number: the last one if there are several, 0 (the default) if there is none."""
    value = fields.get(number, [0])[-1]
    if not isinstance(value, int):
        raise _Damaged("a field should be a number but is not")
    return value


def _all_bytes(fields: Mapping[int, list[int | bytes]], number: int) -> list[bytes]:
    """All bytes of a field, in order."""
    values = fields.get(number, [])
    found = [value for value in values if isinstance(value, bytes)]
    if len(found) != len(values):
        raise _Damaged("a field should be bytes but is not")
    return found


def _last_bytes(fields: Mapping[int, list[int | bytes]], number: int) -> bytes:
    """A field's bytes: the last ones if there are several, b"" (the default) if there are none."""
    return (_all_bytes(fields, number) or [b""])[-1]
