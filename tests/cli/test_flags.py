"""The library names settings, the command line names flags."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import singerid
from singerid.cli import app
from singerid.cli.flags import as_flags
from singerid.config import CorpusConfig
from singerid.data.synthetic.cast import draw_corpus
from singerid.errors import SingeridError

ROOM = Path(singerid.__file__).parent
SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=[^`]*)?`")
# A flag that is not part of a whole command, which a remedy may show as it is typed.
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
COMMAND = re.compile(r"(singerid [a-z]+|pip install|pip download|ray start|torchrun|srun)\b[^;:,]*")


def context(*names: str) -> typer.Context:
    command = get_command(app)
    found = typer.Context(command)
    for name in names:
        command = command.commands[name]
        found = typer.Context(command, parent=found)
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("`threads` must be at least 1, not 0", "--threads must be at least 1, not 0"),
        ("needs memory; use `device='cpu'`", "needs memory; use --device cpu"),
        ("`seed=-1`: choose 0 or more", "--seed -1: choose 0 or more"),
        ("`drop_last_clip=True` and `split_file=FILE`", "--drop-last-clip and --split-file FILE"),
        ("`compiling='yes'`: on one device", "--compile yes: on one device"),
        # of another command, and of none
        ("or `min_seconds=1.5`", "or --min-seconds 1.5"),
        ("the folder `voices` has `nothing='x'`", "the folder `voices` has `nothing='x'`"),
    ],
)
def test_settings_are_told_as_flags_of_the_command(text: str, said: str) -> None:
    assert as_flags(text, context("train")) == said


def test_the_own_option_comes_before_that_of_another_command() -> None:
    assert as_flags("`workers`", context("prepare")) == "--workers"
    assert as_flags("`singer='A'`", context("enroll")) == "--as A"
    assert as_flags("`is_='A'`", context("library", "say")) == "--is A"


def test_the_command_line_says_the_flag(singerid, tmp_path) -> None:
    """Python gets the setting, whoever types the flag."""
    with pytest.raises(SingeridError, match="`seconds=1"):
        draw_corpus(CorpusConfig(seconds=1))
    done = singerid("synth", str(tmp_path), "--seconds", "1")
    assert done.returncode == 2
    assert "--seconds 1" in done.stderr
    assert "`" not in done.stderr


def library_files() -> list[Path]:
    return [path for path in sorted(ROOM.rglob("*.py")) if path.parent != ROOM / "cli"]


@pytest.mark.parametrize("path", library_files(), ids=lambda path: str(path.relative_to(ROOM)))
def test_library_messages_name_settings(path: Path) -> None:
    known = {
        each.name
        for command in _commands(get_command(app))
        for each in command.params
        if each.param_type_name == "option"
    }
    for line, text in messages(path):
        rest = COMMAND.sub("", text)
        assert not FLAG.search(rest), f"{path}:{line} names a flag: {text}"
        unknown = set(SETTING.findall(text)) - known
        assert not unknown, f"{path}:{line} names {unknown}, which are options of no command: {text}"


def _commands(command) -> Iterator:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from _commands(each)


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Texts of errors: what is given to a call whose name ends in Error, Failure or Exception."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and _name(node.func).endswith(("Error", "Failure", "warn")):
            for given in [*node.args, *(each.value for each in node.keywords)]:
                text = "".join(_texts(given))
                if text:
                    yield node.lineno, text


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield part.value if isinstance(part, ast.Constant) else "{}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.BinOp | ast.IfExp | ast.BoolOp):
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)
