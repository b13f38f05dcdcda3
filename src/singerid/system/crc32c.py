"""CRC-32C, the checksum that TensorFlow and LevelDB write beside their data.

Source: Castagnoli, Bräuer and Herrmann 1993; RFC 3720, appendix B.4 (polynomial and examples). A plain Python
loop over 80 MB takes half a minute. Here NumPy processes many stretches of the data in parallel, and their
registers are combined afterwards. This is possible because the register is linear in its initial value.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41, its bits reversed
_STRETCH = 1024  # bytes per stretch; each stretch has a register of its own
_SIDE_BY_SIDE = 4096  # stretches processed in parallel: their bytes and registers fit in a CPU's cache

_Words = NDArray[np.uint32]


class CRC32C:
    """The checksum as a callable object that owns its tables.

    >>> hex(CRC32C()(b"123456789"))
    '0xe3069283'
    """

    @cached_property
    def _one_byte(self) -> list[int]:
        """Table by the register's low byte: its contribution after one byte of input."""
        table: list[int] = _shifted(8).tolist()
        return table

    @cached_property
    def _two_bytes(self) -> _Words:
        """Table by the register's low two bytes: their contribution after two bytes of input."""
        return _shifted(16)

    @cached_property
    def _stretch(self) -> list[list[int]]:
        """A table for each of the register's four bytes: its contribution after a stretch of zeros."""
        zeros = np.zeros((_STRETCH // 2, 1, 1), np.uint16)
        shifts = np.arange(0, 32, 8, dtype=np.uint32)[:, None]
        tables: list[list[int]] = self._take_in(zeros, np.arange(256, dtype=np.uint32) << shifts).tolist()
        return tables

    def __call__(self, data: bytes | memoryview) -> int:
        """The checksum of all bytes of `data`."""
        whole = len(data) - len(data) % _STRETCH
        stretches = np.frombuffer(data, "<u2", whole // 2).reshape(-1, _STRETCH // 2)
        register = 0xFFFF_FFFF
        for first in range(0, len(stretches), _SIDE_BY_SIDE):
            words = np.ascontiguousarray(stretches[first : first + _SIDE_BY_SIDE].T)
            for own in self._take_in(words, np.zeros(words.shape[1], np.uint32)).tolist():
                register = self._after_a_stretch(register) ^ own
        for byte in data[whole:]:
            register = self._one_byte[(register ^ byte) & 0xFF] ^ (register >> 8)
        return register ^ 0xFFFF_FFFF

    def _take_in(self, words: NDArray[np.uint16], registers: _Words) -> _Words:
        """The registers after reading the words (n, ...), one row after the other."""
        for row in words:
            registers = self._two_bytes[(registers ^ row) & 0xFFFF] ^ (registers >> 16)
        return registers

    def _after_a_stretch(self, register: int) -> int:
        """A register after reading a stretch of zeros."""
        one, two, three, four = register.to_bytes(4, "little")
        first, second, third, fourth = self._stretch
        return first[one] ^ second[two] ^ third[three] ^ fourth[four]


def _shifted(bits: int) -> _Words:
    """For each register value of `bits` bits: the register after all these bits were shifted out."""
    registers: _Words = np.arange(1 << bits, dtype=np.uint32)
    for _ in range(bits):
        registers = np.where(registers & 1, registers >> 1 ^ np.uint32(_POLYNOMIAL), registers >> 1)
    return registers
