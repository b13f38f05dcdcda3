"""Who is taken for whom: counts of singers x singers, of which only those that are not 0 are kept.

Letters in shapes: S singers, C cells of the matrix that are not 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

WHOLE_SINGERS = 1000
"""Up to so many singers JSON holds the whole matrix and tables list everyone."""

DRAWN_SINGERS = 100
"""Up to so many singers a picture shows all of them."""

MISTAKEN_SINGERS = 50
"""Of more it shows so many, those that are mistaken most often."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix; `numpy.asarray` makes it (S, S), rows being true singers, columns named ones.

    Attributes:
        true: (C,) class of the true singer of each cell; cells are sorted by it, then by `named`.
        named: (C,) class of the named one.
        count: (C,) how often that was.
        singers: S.

    >>> Confusion.of(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).count.tolist()
    [1, 1, 1]
    """

    true: IntArray
    named: IntArray
    count: IntArray
    singers: int

    @classmethod
    def of(cls, true: IntArray, named: IntArray, singers: int, count: IntArray | None = None) -> "Confusion":
        """Count pairs of classes (items,); `count` says how often each is there, None: once."""
        cells, place = np.unique(true * singers + named, return_inverse=True)
        counts = np.zeros(len(cells), np.int64)
        np.add.at(counts, place, 1 if count is None else count)
        return cls(cells // singers, cells % singers, counts, singers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """The whole matrix, (S, S): of 20,000 singers 3.2 GB."""
        matrix = np.zeros((self.singers, self.singers), np.int64 if dtype is None else dtype)
        matrix[self.true, self.named] = self.count
        return matrix

    def __eq__(self, other: object) -> bool:
        """Whether all counts are the same."""
        if not isinstance(other, Confusion):
            return NotImplemented
        return self.singers == other.singers and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("true", "named", "count")
        )

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> dict[str, Any]:
        """What JSON holds: {"confusion": rows}, of more than `WHOLE_SINGERS` {"confusion_cells": cells}.

        A cell is [true, named, count], where a singer is their place in the table of singers, from 0.
        """
        if self.singers <= WHOLE_SINGERS:
            return {"confusion": np.asarray(self).tolist()}
        return {"confusion_cells": np.stack((self.true, self.named, self.count), axis=1).tolist()}

    def mistakes(self) -> IntArray:
        """(S,) how often each singer was taken for another, or another for them."""
        wrong = self.true != self.named
        found = np.zeros(self.singers, np.int64)
        for own in (self.true, self.named):
            np.add.at(found, own[wrong], self.count[wrong])
        return found

    def lumped(self, chosen: Sequence[int]) -> "Confusion":
        """The matrix of some singers, in their order, and of all others together as the last one."""
        place = np.full(self.singers, len(chosen), np.int64)
        place[list(chosen)] = np.arange(len(chosen))
        return Confusion.of(place[self.true], place[self.named], len(chosen) + 1, self.count)


def drawn_singers(confusions: Sequence[Confusion]) -> list[int] | None:
    """Whom a picture of these matrices shows, by class, sorted; None: all of them.

    Of very many singers these are `MISTAKEN_SINGERS` that are mistaken most often, in all matrices together.
    """
    singers = confusions[0].singers
    if singers <= DRAWN_SINGERS:
        return None
    mistakes = np.sum([each.mistakes() for each in confusions], axis=0)
    chosen: list[int] = np.sort(np.argsort(-mistakes, kind="stable")[:MISTAKEN_SINGERS]).tolist()
    return chosen


def drawn_matrix(confusion: Confusion, chosen: Sequence[int] | None) -> IntArray:
    """The matrix of a picture that shows the chosen singers and all others as one; None: everyone."""
    return np.asarray(confusion if chosen is None else confusion.lumped(chosen))


def drawn_names(singers: Sequence[str], chosen: Sequence[int] | None) -> list[str]:
    """The names beside such a matrix.

    >>> drawn_names(["Ana", "Bo", "Cy"], [1])
    ['Bo', '2 others']
    """
    if chosen is None:
        return list(singers)
    return [*(singers[number] for number in chosen), f"{len(singers) - len(chosen):,} others"]


def drawn_text(singers: Sequence[str], chosen: Sequence[int] | None) -> str:
    """Of whom a picture is, where that is not everyone: " of the 50 singers ..."; else ""."""
    if chosen is None:
        return ""
    return (
        f" of the {len(chosen)} singers that are mistaken most often, "
        f"the other {len(singers) - len(chosen):,} as one"
    )
