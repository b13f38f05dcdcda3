"""Tables take a form that fits, show every character of every cell, and are never wider than the terminal."""

import ast
import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import singerid
from singerid.system.console import print_rich
from singerid.system.tables import Picture, Table, shared_out

LONG = "Creedence Clearwater Revival and the Very Long Supporting Orchestra"
UNBROKEN = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
WIDE = "宇多田光・東京事変・椎名林檎・中島みゆき・松任谷由実"
EMOJI = "ab🎤🎸🥁🎹🎺🎻"


class File(io.StringIO):
    """A text file with this encoding, which is not a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:
        return self._encoding


def printed(table: Table, width: int, encoding: str = "utf-8") -> str:
    file = File(encoding)
    Console(file=file, width=width, highlight=False).print(table)
    return file.getvalue()


def squeezed(text: str) -> str:
    return "".join(text.split())


def table_of(*names: str) -> Table:
    table = Table("singer", "clips", "precision", "recall", "F1", right=range(1, 5))
    for name in names:
        table.add_row(name, "12,345", ".83 (.71-.92)", "1.00", ".91")
    return table


@pytest.mark.parametrize("width", [20, 33, 40, 57, 80, 200])
@pytest.mark.parametrize("name", [LONG, UNBROKEN, WIDE, EMOJI, "x"])
def test_every_character_is_there_and_no_line_is_too_wide(name, width):
    text = printed(table_of(name), width)
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= width
    # The name stands first in its rows, down to the first cell of the next column in each of them.
    lines = [line.strip("│┃ ") for line in text.splitlines()]
    start = next(i for i, line in enumerate(lines) if name[:2] in line)
    column = text.splitlines()[start].index(name[:2])
    found = ""
    for line in text.splitlines()[start:]:
        cells = line[column:].split("│")[0].split("  ")[0]
        found += squeezed(cells)
    assert squeezed(name) in found
    for cell in ("12,345", ".83", "(.71-.92)", "1.00", ".91"):  # numbers do not break
        assert cell in text


def test_the_form_that_has_room_is_taken():
    table = table_of("Ana", "Bo")
    assert printed(table, 60).splitlines()[0].startswith("┏━")
    between = printed(table, 44).splitlines()
    assert len(between) == 3
    assert between[0].split() == ["singer", "clips", "precision", "recall", "F1"]
    assert printed(table, 30).splitlines() == [
        line.ljust(30)
        for line in (
            "singer     Ana",
            "clips      12,345",
            "precision  .83 (.71-.92)",
            "recall     1.00",
            "F1         .91",
            "",
            "singer     Bo",
            "clips      12,345",
            "precision  .83 (.71-.92)",
            "recall     1.00",
            "F1         .91",
        )
    ]


def test_a_name_folds_before_the_form_is_given_up():
    text = printed(table_of(UNBROKEN), 80)
    assert text.startswith("┏━")
    assert UNBROKEN not in text
    assert UNBROKEN in "".join(line.split("│")[1].strip() for line in text.splitlines() if "│" in line)


def test_cells_are_text_and_no_markup():
    table = Table("[red]head[/red]")
    table.add_row("[bold]Ana[/bold] :smile:")
    assert "[bold]Ana[/bold] :smile:" in printed(table, 60)
    assert "[red]head[/red]" in printed(table, 60)


def test_sections_are_kept_apart_in_every_form():
    table = Table("number", "letter", "figure")
    for name in ("first", "second"):
        table.add_row(name, "abcdef", "ghijkl")
        table.add_section()
    assert "├──" in printed(table, 60)
    between, listed = ([line.strip() for line in printed(table, width).splitlines()] for width in (24, 20))
    assert between == ["number  letter  figure", "first   abcdef  ghijkl", "", "second  abcdef  ghijkl"]
    assert listed.count("") == 1


def test_a_table_without_heads():
    table = Table()
    table.add_row("store", UNBROKEN)
    for width in (20, 40, 80):
        assert squeezed(printed(table, width)).replace("│", "").count("store") == 1
    assert squeezed(printed(table, 20)) == f"store{UNBROKEN}"


def test_a_picture_is_drawn_as_wide_as_there_is_room():
    table = Table("file", "from start to end")
    table.add_row(LONG, Picture(lambda cells: "#" * cells, 5, 30))
    drawn = {width: printed(table, width).count("#") for width in (25, 40, 60, 120)}
    assert drawn[120] == 30
    assert 5 <= drawn[25] < 30
    assert drawn[25] <= drawn[40] <= drawn[60] <= drawn[120]


def test_what_the_output_cannot_carry_is_laid_out_as_it_is_printed():
    table = table_of("Beyoncé", "宇多田")
    text = printed(table, 80, "ascii")
    assert text.isascii()
    assert r"Beyonc\xe9" in text
    assert r"\u5b87\u591a\u7530" in text
    assert len({len(line) for line in text.splitlines()}) == 1  # the rules stand one below the other


@pytest.mark.parametrize("columns", ["40", "80"])
def test_columns_says_how_wide_it_is_where_there_is_no_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    file = File()
    print_rich(table_of(LONG), file)
    assert max(map(len, file.getvalue().splitlines())) <= int(columns)


def test_without_a_terminal_and_columns_it_is_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    file = File()
    print_rich(table_of(LONG), file)
    assert LONG in file.getvalue()


@pytest.mark.parametrize("columns", ["0", "3", "x", ""])
def test_an_odd_width_loses_nothing(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    file = File()
    print_rich(table_of(WIDE), file)
    assert all(character in file.getvalue() for character in WIDE)


def test_widths_are_shared_out():
    assert shared_out(10, [(3, 5), (4, 4)]) == [5, 4]
    assert shared_out(20, [(3, 30), (3, 30)]) == [10, 10]
    assert shared_out(6, [(3, 30), (3, 30)]) == [3, 3]
    assert shared_out(5, [(3, 30), (3, 30)]) is None
    assert shared_out(0, []) == []


def test_tables_are_made_in_one_place():
    source = Path(singerid.__file__).parent
    makers = set()
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "rich.table":
                makers |= {path.relative_to(source).as_posix() for name in node.names if name.name == "Table"}
    assert makers == {"system/tables.py", "cli/folding.py"}
