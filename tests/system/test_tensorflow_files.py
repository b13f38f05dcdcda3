"""TensorFlow checkpoints: files of our own small writer, a real one, and every kind of damage."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from singerid.errors import SingeridError
from singerid.system.tensorflow_files import read_tensorflow_checkpoint
from tensorflow_writer import MAGIC, entry, field, trailer, write_checkpoint

STRING = 7  # types.proto

VARIABLES = {
    "conv2d/bias": np.arange(3, dtype="f4"),
    "conv2d/kernel": np.random.default_rng(0).standard_normal((5, 5, 2, 3)).astype("f4"),
    "conv2d_1/bias": np.arange(4, dtype="f8") / 3,
    "conv2d_1/half": np.ones((2, 0, 3), "f2"),
    "flags": np.array([True, False]),
    "global_step": np.array(2**40, "i8"),
    "norm/beta": np.full(300, -1.5, "f4"),
    "ünicode/gamma": np.array([[1, -2], [3, 4]], "i4"),
}


write = partial(write_checkpoint, variables=VARIABLES)


@pytest.mark.parametrize("how", [{}, {"every": 1, "in_block": 1}, {"every": 16, "in_block": 100}])
def test_what_was_written_is_read(tmp_path: Path, how) -> None:
    found = read_tensorflow_checkpoint(*write(tmp_path, **how))
    assert list(found) == sorted(VARIABLES, key=str.encode)
    for name, array in VARIABLES.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_what_is_not_numbers_is_left_out(tmp_path: Path) -> None:
    text = (b"_CHECKPOINTABLE_OBJECT_GRAPH", entry(b"graph", STRING, (), 0))
    found = read_tensorflow_checkpoint(*write(tmp_path, change=lambda items: [items[0], text, *items[1:]]))
    assert sorted(found) == sorted(VARIABLES)


def test_every_damaged_byte_of_the_index_is_refused(tmp_path: Path) -> None:
    index, data = write(tmp_path)
    whole = index.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        index.write_bytes(damaged)
        with pytest.raises(SingeridError, match=r"model\.index: is not a complete index of .*; fetch it"):
            read_tensorflow_checkpoint(index, data)


def test_every_damaged_byte_of_the_data_is_refused(tmp_path: Path) -> None:
    index, data = write(tmp_path)
    whole = data.read_bytes()
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        data.write_bytes(damaged)
        with pytest.raises(
            SingeridError, match=r"00001: is not a complete data file of .*checksum of .* not"
        ):
            read_tensorflow_checkpoint(index, data)


def test_files_cut_anywhere_are_refused(tmp_path: Path) -> None:
    index, data = write(tmp_path)
    whole = index.read_bytes()
    for length in range(len(whole)):
        index.write_bytes(whole[:length])
        with pytest.raises(SingeridError, match=r"model\.index: is not a complete index"):
            read_tensorflow_checkpoint(index, data)
    index.write_bytes(whole)
    for length in (0, 1, 100, data.stat().st_size - 1):
        data.write_bytes(data.read_bytes()[:length])
        with pytest.raises(SingeridError, match="lies beyond its end"):
            read_tensorflow_checkpoint(index, data)


def put(name: str, value: bytes):
    return lambda items: [(key, value if key == name.encode() else own) for key, own in items]


LARGE = np.float32(1).tobytes()
WRONG = {  # whole tables with true checksums, but not what they should say
    "no header": (lambda items: items[1:], "it has no header"),
    "unsorted": (lambda items: [items[0], items[2], items[1], *items[3:]], "names are not sorted"),
    "twice": (lambda items: [*items[:2], *items[1:]], "names are not sorted"),
    "size": (put("conv2d/bias", entry(LARGE, 1, (3,), 0)), r"'conv2d/bias' has 4 bytes, which does not fit"),
    "huge": (put("conv2d/bias", entry(LARGE, 1, (2**62, 2**62), 0)), "has 4 bytes, which does not fit"),
    "beyond": (put("conv2d/bias", entry(LARGE, 1, (1,), 2**50)), "conv2d/bias lies beyond its end"),
    "slices": (put("conv2d/bias", entry(LARGE, 1, (1,), 0, last=field(7, b""))), "stored in slices"),
    "other file": (
        put("conv2d/bias", entry(LARGE, 1, (1,), 0, last=field(3, 1))),
        "a file that does not exist",
    ),
    "no rank": (put("flags", field(1, 10) + field(2, field(3, 1))), "'flags' has no shape"),
    "text for number": (put("flags", field(1, b"x")), "should be a number"),
    "number for text": (put("flags", field(2, 1)), "should be bytes"),
    "cut message": (put("flags", field(1, 10) + b"\x12\x09"), "it is cut short"),
    "group": (put("flags", b"\x0b"), "'flags' is not a message"),
    "long number": (put("flags", b"\x08" + b"\xff" * 10), "more than 64 bits"),
    "longer number": (put("flags", b"\x08" + b"\xff" * 9 + b"\x02"), "more than 64 bits"),
    "name": (lambda items: [*items, (b"\xff", items[-1][1])], "a name is not UTF-8"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_makes_no_sense_is_one_line(tmp_path: Path, fault: str) -> None:
    change, message = WRONG[fault]
    with pytest.raises(SingeridError, match=message) as error:
        read_tensorflow_checkpoint(*write(tmp_path, change=change))
    assert "\n" not in str(error.value)


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    for how, message in (
        ({"compression": 1}, "it is compressed"),
        ({"tail": 1}, "there are bytes after the handle of a block"),
        ({"borrow": 1}, "a name shares more characters with the previous name"),
        ({"header": field(1, 2)}, "it has 2 data files"),
        ({"header": field(1, 1) + field(2, 1)}, "its numbers are big-endian"),
        ({"header": b""}, "it has 0 data files"),
    ):
        with pytest.raises(SingeridError, match=message):
            read_tensorflow_checkpoint(*write(tmp_path, **how))


def test_a_block_of_nothing_is_refused(tmp_path: Path) -> None:
    index, data = write(tmp_path)
    index.write_bytes(trailer(b"") + bytes(40) + MAGIC)
    with pytest.raises(SingeridError, match="a block is too short"):
        read_tensorflow_checkpoint(index, data)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    index, data = write(tmp_path)
    with pytest.raises(SingeridError, match=r"none\.index: cannot be read \(No such file.*give another"):
        read_tensorflow_checkpoint(tmp_path / "none.index", data)
    with pytest.raises(SingeridError, match=r"none\.data: cannot be read"):
        read_tensorflow_checkpoint(index, tmp_path / "none.data")
    with pytest.raises(SingeridError, match="cannot be read"):
        read_tensorflow_checkpoint(tmp_path, data)
