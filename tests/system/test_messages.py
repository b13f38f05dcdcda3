"""Messages between processes: values come back as they were; damaged messages are refused."""

import numpy as np
import pytest

from singerid.system.messages import packed, unpacked

ARRAYS = {
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
    "numbers": np.array([2**62, -1]),
    "flags": np.array([[True], [False]]),
    "nothing": np.zeros((0, 3), np.float64),
}


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other) and one.shape == other.shape
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 1, -(2**70), 0.1, "", "caf\udce9 椎名", b"", b"\0\xff"),
        [1, [2.5, None]],
        ({"a": (b"x", {"b": []})}, "c"),
        ARRAYS,
        [*ARRAYS.values(), b"between", np.array(1.5)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_sent_comes(value):
    assert same(value, unpacked(packed(value)))


def test_an_array_that_is_not_contiguous_comes():
    value = np.arange(12.0).reshape(3, 4)[:, ::2].T
    assert same(value, unpacked(packed(value)))


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, {"$part": 1}, {1, 2}, np.array(["a"]), np.zeros(1, np.complex128), print]
)
def test_anything_else_is_not_sent(value):
    with pytest.raises(ValueError, match="cannot be sent"):
        packed([value])


def test_a_message_that_is_cut_or_longer_is_refused():
    content = packed({"a": [b"abc", ARRAYS["floats"]], "b": 1})
    for end in range(len(content)):
        with pytest.raises(ValueError):  # noqa: PT011  (the reason depends on where it is cut)
            unpacked(content[:end])
    with pytest.raises(ValueError, match="there are bytes after its end"):
        unpacked(content + b"x")


@pytest.mark.parametrize(
    "head",
    [
        '{"$part": -1}',
        '{"$part": 1000000}',
        '{"$part": ["<f4", [-1]]}',
        '{"$part": ["<f4", [1000000, 1000000, 1000000]]}',
        '{"$part": ["|O", [1]]}',
        '{"$part": ["<f4", [true]]}',
        '{"$part": null}',
        '{"$part": 1.5}',
        "[" * 100_000,
        "",
    ],
)
def test_a_head_that_promises_what_is_not_there_is_refused(head):
    with pytest.raises(ValueError):  # noqa: PT011  (each for a reason of its own)
        unpacked(len(head).to_bytes(4, "little") + head.encode() + bytes(16))


def test_bytes_that_are_no_flags_are_true_or_false():
    content = bytearray(packed(np.array([False, False])))
    content[-1] = 7
    assert unpacked(bytes(content)).tolist() == [False, True]
