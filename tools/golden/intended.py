"""An intended change of results: what it may change, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Intended:
    """An intended change of one result, or of all results that match a pattern.

    Attributes:
        reason: why it is intended, in words that a reader of the report understands.
        tolerance: largest allowed difference between two numbers; texts and counts must still be equal.
        renamed: keys of the base, at any depth, and their names in the checkout.
        added: keys that only the checkout has, at any depth.
        removed: keys that only the base has, at any depth; a key in both is not compared.
        arguments: arguments of a command, and their replacement in the checkout: several words, or "".
        translate: turns a result of the checkout into what the base would have given.
    """

    reason: str
    tolerance: float = 0.0
    renamed: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    translate: Callable[[Any], Any] | None = None

    def of_base(self, value: Any) -> Any:
        """The base's result in the form expected of the checkout."""
        return _with_keys(value, self.renamed, self.removed)

    def of_checkout(self, value: Any) -> Any:
        """The checkout's result without its additions."""
        translated = value if self.translate is None else self.translate(value)
        return _with_keys(translated, {}, self.added)


EARLIER = "earlier-runs"  # group of the results that the checkout gets from the base's runs


def intended_for(name: str, table: Mapping[str, Intended]) -> list[Intended]:
    """All intended changes of a result; keys in the table are names or patterns such as "identify/*".

    A change of a result also applies to the same result of an earlier run.
    """
    names = {name, name.removeprefix(f"{EARLIER}/")}
    return [
        intended for pattern, intended in table.items() if any(fnmatchcase(each, pattern) for each in names)
    ]


def changed_arguments(arguments: tuple[str, ...], wanted: list[Intended]) -> tuple[str, ...]:
    """The arguments of a command in the form that the checkout needs."""
    for intended in wanted:
        words = (intended.arguments.get(word, None) for word in arguments)
        pairs = zip(arguments, words, strict=True)
        arguments = tuple(new for old, text in pairs for new in ([old] if text is None else text.split()))
    return arguments


def _with_keys(value: Any, renamed: Mapping[str, str], dropped: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {
            renamed.get(key, key): _with_keys(item, renamed, dropped)
            for key, item in value.items()
            if key not in dropped
        }
    return [_with_keys(item, renamed, dropped) for item in value] if isinstance(value, list) else value
