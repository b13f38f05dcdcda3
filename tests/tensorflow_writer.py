"""Writes TensorFlow checkpoints byte by byte, as LevelDB's and TensorFlow's formats say, the slow way."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Items = list[tuple[bytes, bytes]]


def bit_by_bit(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


KINDS = {"f4": 1, "f8": 2, "i4": 3, "i8": 9, "b1": 10, "f2": 19}


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed32(number: int, value: int) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<I", value)


def masked(data: bytes) -> int:
    checksum = bit_by_bit(data)
    return ((checksum >> 15 | checksum << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def entry(data: bytes, kind: int, shape: tuple[int, ...], offset: int, **other: bytes) -> bytes:
    sizes = b"".join(field(2, field(1, size)) for size in shape)
    place = field(4, offset) if offset else b""  # as TensorFlow: what is 0 is not written
    message = field(1, kind) + field(2, sizes) + place + field(5, len(data)) + fixed32(6, masked(data))
    return message + b"".join(other.values())


HEADER = field(1, 1) + field(3, field(1, 1))


MAGIC = bytes.fromhex("57fb808b247547db")


def trailer(block: bytes, compression: int = 0) -> bytes:
    kind = bytes([compression])
    return kind + struct.pack("<I", masked(block + kind))


def table(
    items: Items, *, every: int = 4, in_block: int = 5, compression: int = 0, borrow: int = 0, tail: int = 0
) -> bytes:
    """A LevelDB table: whole keys at every fourth entry, the others without what the one before has.

    With `borrow` whole keys claim to begin as the one before, with `tail` the places of blocks are too long.
    """
    out, places = bytearray(), []

    def add(entries: Items, every: int = every) -> bytes:
        block, restarts, before = bytearray(), [], b""
        for number, (key, value) in enumerate(entries):
            shared = borrow
            if number % every == 0:
                restarts.append(len(block))
            else:
                shared = 0
                while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                    shared += 1
            own = key[shared:]
            block += varint(shared) + varint(len(own)) + varint(len(value)) + own + value
            before = key
        restarts = restarts or [0]
        block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
        place = varint(len(out)) + varint(len(block))
        out.extend(block)
        out.extend(trailer(bytes(block), compression))
        return place

    for first in range(0, len(items), in_block):
        entries = items[first : first + in_block]
        places.append((entries[-1][0] + b"~", add(entries) + bytes(tail)))
    footer = add([]) + add(places, every=1)
    return bytes(out) + footer.ljust(40, b"\0") + MAGIC


def write_checkpoint(
    folder: Path,
    variables: Mapping[str, np.ndarray],
    header: bytes = HEADER,
    change: Callable[[Items], Items] = lambda items: items,
    **how: int,
) -> tuple[Path, Path]:
    """model.index and model.data-00000-of-00001; `change` may put other entries into the index."""
    items, data = [(b"", header)], bytearray()
    for name in sorted(variables, key=str.encode):
        array = variables[name]
        kind = KINDS[array.dtype.str[1:]]
        items.append((name.encode(), entry(array.tobytes(), kind, array.shape, len(data))))
        data += array.tobytes()
    index, content = folder / "model.index", folder / "model.data-00000-of-00001"
    index.write_bytes(table(change(items), **how))
    content.write_bytes(bytes(data))
    return index, content
