"""Text: paths quoted for a shell, and output in encodings other than UTF-8."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from singerid.text import PLAIN, carried, printable, shell_word

ODD = [
    "run",
    "my run (1)",
    'it\'s $HOME `x` "y" !',
    "a\nb\tc",
    "back\\slash\n'quote'",
    "宇多田 ヒカル",
    "\x1b[31mred7",
    "-rf",
    "--debug\n",
    "*",
    "~",
    "a;b&c|d>e",
    "",
    "\u2028",
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("name", [*ODD, pytest.param(os.fsdecode(b"caf\xe9 7\xff"), id="no UTF-8")])
def test_a_shell_reads_the_path_that_was_meant(name):
    word = shell_word(name)
    assert word == printable(word)  # it stands on one line
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    given = os.fsencode(name)
    assert done.stdout == (b"./" + given if given.startswith(b"-") else given)


def test_what_needs_no_quotes_has_none():
    assert shell_word(Path("runs") / "first-1.0_x") == str(Path("runs") / "first-1.0_x")


def test_windows_has_quotes_of_its_own(monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    assert shell_word("my run (1)") == '"my run (1)"'
    assert shell_word("run") == "run"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "Beyoncé ██·✓ 宇 \\udcff"),
        ("latin-1", "Beyoncé ##·+ \\u5b87 \\udcff"),
        ("ascii", "Beyonc\\xe9 ##.+ \\u5b87 \\udcff"),
        ("cp437", "Beyoncé ██·+ \\u5b87 \\udcff"),
    ],
)
def test_plain_characters_replace_those_that_the_encoding_lacks(encoding, expected):
    assert carried("Beyoncé ██·✓ 宇 \udcff", encoding) == expected


def test_the_handler_is_for_writing_alone():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", PLAIN)


def test_what_is_drawn_stays_in_line():
    """Each plain character is as wide as the one it replaces."""
    assert len(carried("█·✓…", "ascii")) == 4
