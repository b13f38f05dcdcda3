"""Finds the code in documents: their Python, their command lines, and the code of notebooks."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

# What the README's Python expects to exist: a user's own network, and its input.
README_BEGINS = """
from collections import OrderedDict
import torch
network = torch.nn.Sequential(OrderedDict(
    layer3=torch.nn.Conv2d(3, 64, 3, padding=1), layer4=torch.nn.Conv2d(64, 128, 3, stride=2, padding=1)
))
images = torch.randn(2, 3, 32, 32)
"""


def python_blocks(path: Path) -> list[str]:
    """The Python blocks of a page, in their order."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M)


def notebook_code(path: Path) -> list[str]:
    """The code of a notebook, cell by cell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def command_lines(path: Path) -> Iterator[list[str]]:
    """Arguments of each complete `singerid ...` command in a page's shell blocks."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:bash|sh|console|)\n(.*?)^```", text, re.S | re.M)
    indented = re.findall(r"^ {4}singerid .*$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    for line in "\n".join([*blocks, *indented]).replace("\\\n", " ").splitlines():
        for part in re.split(r"[;|] |&& ", line):
            if command := re.match(r"\s*(?:\$ )?singerid (.*)", part):
                # Brackets mark optional parts.
                yield shlex.split(re.sub(r"[][]", "", command[1]).partition(" > ")[0], comments=True)


def command_spans(path: Path) -> Iterator[list[str]]:
    """Arguments of each `singerid ...` within a page's text, which may be only a part of a command."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for span in re.findall(r"`singerid ([^`]+)`", text):
        # An option followed by "...", and optional parts.
        words = shlex.split(re.sub(r"(--[a-z-]+ )?\.\.\.|[][]|--help", "", " ".join(span.split())))
        if words and "COMMAND" not in words:
            yield words
