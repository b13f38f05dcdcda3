"""Settings in messages, as flags of the command that runs.

The library names a setting as Python has it, in backticks: `threads`, `device='cpu'`, `force=True`. Whoever
typed a command knows it as --threads, --device cpu, --force.
"""

from collections.abc import Iterator
from typing import Any

from singerid.text import settings_as


def as_flags(text: str, context: Any) -> str:
    """`text` with each setting as a flag; what is no option of any command stays as it is.

    Args:
        text: a message of the library.
        context: click's context of the command that runs. Its own options come first, then those of the
            other commands, which a remedy may name.
    """

    def flag(name: str, value: str | None) -> str | None:
        option = next((each for each in _options(context) if each.name == name), None)
        if option is None:
            return None
        words = _longest(option.opts)
        if value is None or value == "True":
            return words
        if value == "False" and option.secondary_opts:
            return _longest(option.secondary_opts)
        return f"{words} {value}"

    return settings_as(text, flag)


def _options(context: Any) -> Iterator[Any]:
    """Options by name: those of the command first, then those of all others."""
    yield from _own(context.command)
    yield from _all(context.find_root().command)


def _all(command: Any) -> Iterator[Any]:
    yield from _own(command)
    for each in getattr(command, "commands", {}).values():
        yield from _all(each)


def _own(command: Any) -> Iterator[Any]:
    return (each for each in command.params if each.param_type_name == "option")


def _longest(words: list[str]) -> str:
    """--workers of "--workers", "--threads": the first long one."""
    return next((word for word in words if word.startswith("--")), words[0])
