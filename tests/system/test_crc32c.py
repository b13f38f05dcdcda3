"""CRC-32C: the examples of RFC 3720, and a plain loop over each bit."""

import numpy as np
import pytest

from singerid.system.crc32c import CRC32C
from tensorflow_writer import bit_by_bit

EXAMPLES = {  # RFC 3720, appendix B.4
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    b"": 0,
}


@pytest.mark.parametrize("data", EXAMPLES, ids=len)
def test_the_examples_of_the_standard(data: bytes) -> None:
    assert CRC32C()(data) == EXAMPLES[data] == bit_by_bit(data)


@pytest.mark.parametrize("length", [1, 1023, 1024, 1025, 2047, 2048, 50_001])
def test_any_length_agrees_with_the_loop_over_bits(length: int) -> None:
    data = np.random.default_rng(length).bytes(length)
    assert CRC32C()(data) == bit_by_bit(data)
    assert CRC32C()(memoryview(data)) == bit_by_bit(data)


def test_more_stretches_than_are_processed_in_parallel() -> None:
    """A little over 4 MiB. A loop over all bits would be slow, so a property of the register is tested."""
    data = np.random.default_rng(0).bytes(4 * 2**20 + 3000)
    checksum = CRC32C()
    # Behind its own register (its checksum, turned back), whatever came before leaves the same residue.
    assert checksum(data + checksum(data).to_bytes(4, "little")) == 0x48674BC7
    assert checksum(data[:-1]) != checksum(data)
