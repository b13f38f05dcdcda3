"""A change of results that is wanted: what it is allowed to change, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Intended:
    """A wanted change of one result, or of all results that a pattern names.

    Attributes:
        reason: why it is wanted, in words that a reader of the report understands.
        tolerance: how far two numbers may lie apart; names and counts of things must be equal all the same.
        renamed: keys of the base, at any depth, and what the checkout calls them.
        added: keys that only the checkout has, at any depth.
        removed: keys that only the base has, at any depth; a key in both is not compared.
        arguments: arguments of a command, and what the checkout wants in their place: several words, or "".
        translate: turns what the checkout gives into what the base would have given.
    """

    reason: str
    tolerance: float = 0.0
    renamed: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    translate: Callable[[Any], Any] | None = None

    def of_base(self, value: Any) -> Any:
        """What the base gave, as the checkout is expected to give it."""
        return _with_keys(value, self.renamed, self.removed)

    def of_checkout(self, value: Any) -> Any:
        """What the checkout gave, without what is new."""
        translated = value if self.translate is None else self.translate(value)
        return _with_keys(translated, {}, self.added)


EARLIER = "earlier-runs"  # the group of what the checkout makes of the base's runs


def intended_for(name: str, table: Mapping[str, Intended]) -> list[Intended]:
    """All wanted changes of a result: their keys in the table are names or patterns such as "identify/*".

    What is wanted of a result is also wanted where it is that of an earlier run.
    """
    names = {name, name.removeprefix(f"{EARLIER}/")}
    return [
        intended for pattern, intended in table.items() if any(fnmatchcase(each, pattern) for each in names)
    ]


def changed_arguments(arguments: tuple[str, ...], wanted: list[Intended]) -> tuple[str, ...]:
    """The arguments of a command as the checkout wants them."""
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
