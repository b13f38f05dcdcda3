"""A sequence of arrays that are made at each access, so that memory holds only those in use."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy.typing as npt

T = TypeVar("T")


class LazyArrays(Sequence[Any], Generic[T]):
    """An array for each item, made at each access.

    Args:
        items: the items, in order.
        make: makes the array of an item.

    >>> LazyArrays([2, 3], lambda size: [0] * size)[1]
    [0, 0, 0]
    """

    def __init__(self, items: Sequence[T], make: Callable[[T], npt.NDArray[Any]]) -> None:
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._make(self._items[index])
