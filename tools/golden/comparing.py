"""Where two results differ, and how. Results consist of JSON values and arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.intended import Intended

TOLD = 3  # differences of one result that are printed; the others are counted
SHOWN = 160  # characters of a value that are printed


@dataclass(frozen=True)
class Difference:
    """One place in which two results differ.

    Attributes:
        where: keys and indices that lead to the place.
        how: the new and the old value, in words.
        within: whether the tolerance allows the difference.
        apart: the largest difference between numbers; 0 if the values are not numbers.
    """

    where: str
    how: str
    within: bool = False
    apart: float = 0.0

    def __str__(self) -> str:
        return f"{self.where or 'all of it'}: {self.how}"


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing one result."""

    name: str
    size: str
    differences: tuple[Difference, ...]
    tolerance: float = 0.0
    reason: str = ""

    @property
    def verdict(self) -> str:
        """One of "equal", "within" (the tolerance) and "differs"."""
        if not all(difference.within for difference in self.differences):
            return "differs"
        return "within" if self.differences else "equal"

    def __str__(self) -> str:
        if self.verdict == "equal":
            start, told = "equal bit for bit", self.size
        elif self.verdict == "within":
            start, told = f"equal within {self.tolerance:g}", f"{self.size}, {self.apart:.2g} apart at most"
        else:
            start, told = "DIFFERS", self._told
        intended = f" (intended: {self.reason})" if self.reason else ""
        return f"{start:19} {self.name}: {told}{intended}"

    @property
    def apart(self) -> float:
        """The largest difference between two of its numbers."""
        return max((difference.apart for difference in self.differences), default=0.0)

    @property
    def _told(self) -> str:
        found = [difference for difference in self.differences if not difference.within]
        more = f"; and {len(found) - TOLD} more" if len(found) > TOLD else ""
        apart = f"; numbers are {self.apart:.2g} apart at most" if more and self.apart else ""
        return "; ".join(map(str, found[:TOLD])) + more + apart


def compare(name: str, base: Any, checkout: Any, wanted: Sequence[Intended] = ()) -> Comparison:
    """Compare one result of the base with that of the checkout.

    Args:
        name: name of the result.
        base: the base's result: dicts, lists, arrays, texts, numbers, None.
        checkout: the checkout's result, of the same types.
        wanted: changes that are intended.
    """
    for intended in wanted:
        base, checkout = intended.of_base(base), _translated(intended, checkout)
    tolerance = max((intended.tolerance for intended in wanted), default=0.0)
    reason = "; ".join(intended.reason for intended in wanted)
    found = tuple(differences(base, checkout, tolerance))
    return Comparison(name, size_of(base), found, tolerance, reason)


def _translated(intended: Intended, value: Any) -> Any:
    """`value`, translated; an error of the translation becomes a text, so that the comparison goes on."""
    try:
        return intended.of_checkout(value)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        return f"cannot be translated ({type(error).__name__}: {error}): {value!r}"


def differences(base: Any, checkout: Any, tolerance: float = 0.0, where: str = "") -> Iterator[Difference]:
    """All places in which two results differ, in order."""
    if isinstance(base, dict) and isinstance(checkout, dict):
        for key in [*base, *(key for key in checkout if key not in base)]:
            inner = f"{where} > {key}" if where else str(key)
            if key not in checkout:
                yield Difference(inner, "is missing")
            elif key not in base:
                yield Difference(inner, f"is new, {_short(checkout[key])}")
            else:
                yield from differences(base[key], checkout[key], tolerance, inner)
    elif isinstance(base, list) and isinstance(checkout, list):
        if len(base) != len(checkout):
            yield Difference(where, f"{len(checkout)} items instead of {len(base)}")
        for number, (one, other) in enumerate(zip(base, checkout, strict=False)):
            yield from differences(one, other, tolerance, f"{where}[{number}]")
    elif isinstance(base, np.ndarray) and isinstance(checkout, np.ndarray):
        yield from _between_arrays(base, checkout, tolerance, where)
    elif _is_number(base) and _is_number(checkout):
        if not (base == checkout or (base != base and checkout != checkout)):  # NaN equals NaN
            apart = _apart(np.array([base]), np.array([checkout]))
            yield Difference(where, f"{checkout!r} instead of {base!r}", apart <= tolerance, apart)
    elif type(base) is not type(checkout) or base != checkout:
        yield Difference(where, f"{_short(checkout)} instead of {_short(base)}")


def size_of(value: Any) -> str:
    """How much was compared, as text."""
    leaves = list(_leaves(value))
    arrays = sum(isinstance(leaf, np.ndarray) for leaf in leaves)
    counts = [(arrays, "array"), (len(leaves) - arrays, "value")]
    return (
        ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
        or "nothing"
    )


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


def _between_arrays(
    base: NDArray[Any], checkout: NDArray[Any], tolerance: float, where: str
) -> Iterator[Difference]:
    for what, one, other in (("type", base.dtype, checkout.dtype), ("shape", base.shape, checkout.shape)):
        if one != other:
            yield Difference(where, f"{what} {other} instead of {one}")
            return
    if base.tobytes() == checkout.tobytes():  # so that NaN equals NaN, and 0 is not -0
        return
    differ = np.atleast_1d(_bits(base) != _bits(checkout))
    first = tuple(map(int, np.argwhere(differ)[0]))
    one, other = np.atleast_1d(base)[first], np.atleast_1d(checkout)[first]
    how = f"{differ.sum()} of {base.size} numbers, first at {list(first)}: {other} instead of {one}"
    if base.dtype.kind == "f":
        apart = _apart(np.atleast_1d(base)[differ], np.atleast_1d(checkout)[differ])
        yield Difference(where, how, 0 < tolerance >= apart, apart)
    else:
        yield Difference(where, how)


def _apart(base: NDArray[Any], checkout: NDArray[Any]) -> float:
    """The largest difference between numbers; infinite if only one of them is NaN."""
    far = np.abs(base.astype(np.float64) - checkout.astype(np.float64))
    return float(np.where(np.isnan(far), np.inf, far).max())


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """The bits of the numbers, if they are floating-point numbers."""
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "f" else array


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    """A value as text; for a collection only its size."""
    if isinstance(value, dict | list | np.ndarray):
        return size_of(value)
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
