"""RTTM: turns with any names can be written and read back, and pyannote reads them."""

from pathlib import Path

import pytest

from singerid.data.rttm import Turn, field_of, name_of_field, read_rttm, rttm_lines
from singerid.errors import SingeridError

NAMES = [
    *("Nina Simone", "AC/DC", "椎名\u3000林檎", "a\nb\tc", "a\u2028b", "100 %", "%20", "", "\udcff", "Zoë;;"),
    *("NA", "null", "None", "<NA>", '"Weird Al"', "\ud800"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_field_holds_no_blank_and_gives_the_name_back(name: str) -> None:
    field = field_of(name)
    assert len(field.split()) == 1
    assert len(field.splitlines()) == 1
    assert name_of_field(field) == name


def test_pyannote_and_our_reader_find_the_turns(tmp_path: Path) -> None:
    from pyannote.database.util import load_rttm

    turns = [Turn("a song/1.mp3", 0.5, 3.25, "Nina Simone"), Turn("a song/1.mp3", 3.0, 4.0, "椎名 林檎")]
    path = tmp_path / "x.rttm"
    path.write_text("".join(rttm_lines(turns)), encoding="utf-8")
    assert read_rttm(path) == turns
    (annotation,) = load_rttm(path).values()
    found = [
        (segment.start, segment.end, name_of_field(name))
        for segment, _, name in annotation.itertracks(yield_label=True)
    ]
    assert found == [(turn.start_s, turn.end_s, turn.singer) for turn in turns]


def test_an_invalid_line_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "x.rttm"
    path.write_text(";; a comment\nSPEAKER a 1 zero 1 <NA> <NA> b <NA> <NA>\n", encoding="utf-8")
    with pytest.raises(SingeridError, match="line 2"):
        read_rttm(path)


def test_no_name_is_read_as_not_given(tmp_path: Path) -> None:
    """pandas, which pyannote reads with, takes some words for missing values, and interprets quotes."""
    from pyannote.database.util import load_rttm

    turns = [Turn("x", start, start + 0.5, name) for start, name in enumerate(NAMES)]
    path = tmp_path / "x.rttm"
    path.write_text("".join(rttm_lines(turns)), encoding="utf-8")
    labels = [name for _, _, name in load_rttm(path)["x"].itertracks(yield_label=True)]
    assert [name_of_field(label) for label in labels] == NAMES
