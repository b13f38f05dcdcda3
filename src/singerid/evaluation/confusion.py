"""Confusion matrices, singers x singers, stored sparsely: only counts that are not 0 are kept.

Letters in shapes: S singers, C cells of the matrix that are not 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

WHOLE_SINGERS = 1000
"""Up to this many singers, JSON holds the whole matrix and tables list every singer."""

DRAWN_SINGERS = 100
"""Up to this many singers, a picture shows all of them."""

MISTAKEN_SINGERS = 50
"""With more singers, a picture shows this many: those that are mistaken most often."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix; `numpy.asarray` makes it (S, S): rows are true singers, columns named singers.

    Attributes:
        true: (C,) class of the true singer of each cell; cells are sorted by it, then by `named`.
        named: (C,) class of the named singer of each cell.
        count: (C,) count of each cell.
        singers: S, the number of singers.

    >>> Confusion.of(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).count.tolist()
    [1, 1, 1]
    """

    true: IntArray
    named: IntArray
    count: IntArray
    singers: int

    @classmethod
    def of(cls, true: IntArray, named: IntArray, singers: int, count: IntArray | None = None) -> "Confusion":
        """Count pairs of classes (items,); `count` (items,) says how often each occurs, None: once."""
        cells, place = np.unique(true * singers + named, return_inverse=True)
        counts = np.zeros(len(cells), np.int64)
        np.add.at(counts, place, 1 if count is None else count)
        return cls(cells // singers, cells % singers, counts, singers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """The whole matrix, (S, S); 3.2 GB for 20,000 singers."""
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
        """{"confusion": rows}, or {"confusion_cells": cells} for more than `WHOLE_SINGERS` singers.

        A cell is [true, named, count]; singers are given by their row in the table of singers, from 0.
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
        """The matrix of the chosen singers, in the given order, with all other singers as the last class."""
        place = np.full(self.singers, len(chosen), np.int64)
        place[list(chosen)] = np.arange(len(chosen))
        return Confusion.of(place[self.true], place[self.named], len(chosen) + 1, self.count)


def drawn_singers(confusions: Sequence[Confusion]) -> list[int] | None:
    """Classes of the singers that a picture of these matrices shows, sorted; None: all singers.

    With very many singers, these are the `MISTAKEN_SINGERS` mistaken most often in all matrices together.
    """
    singers = confusions[0].singers
    if singers <= DRAWN_SINGERS:
        return None
    mistakes = np.sum([each.mistakes() for each in confusions], axis=0)
    chosen: list[int] = np.sort(np.argsort(-mistakes, kind="stable")[:MISTAKEN_SINGERS]).tolist()
    return chosen


def drawn_matrix(confusion: Confusion, chosen: Sequence[int] | None) -> IntArray:
    """The matrix for a picture: the chosen singers, and all others as one class; None: every singer."""
    return np.asarray(confusion if chosen is None else confusion.lumped(chosen))


def drawn_names(singers: Sequence[str], chosen: Sequence[int] | None) -> list[str]:
    """The names beside the matrix of `drawn_matrix`.

    >>> drawn_names(["Ana", "Bo", "Cy"], [1])
    ['Bo', '2 others']
    """
    if chosen is None:
        return list(singers)
    return [*(singers[number] for number in chosen), f"{len(singers) - len(chosen):,} others"]


def drawn_text(singers: Sequence[str], chosen: Sequence[int] | None) -> str:
    """Whom a picture shows, for its title: " of the 50 singers ...", or "" if it shows every singer."""
    if chosen is None:
        return ""
    return (
        f" of the {len(chosen)} singers that are mistaken most often, "
        f"the other {len(singers) - len(chosen):,} as one"
    )
