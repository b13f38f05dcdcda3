"""File names made from any name: valid on every system, and all different."""

import re

import pytest

from singerid.system.file_names import distinct_stems, file_stem

NAMES = (
    *(
        "AC/DC",
        r"AC\DC",
        "..",
        ".",
        "",
        " ",
        "../../etc/passwd",
        "/root",
        "C:\\x",
        "con",
        "NUL.mp3",
        "a\nb",
        "*?",
    ),
    *(
        "\x00",
        "\udcff",
        "\ud800",
        "椎名 林檎",
        ".hidden",
        "name.",
        "name ",
        "é" * 300,
        "\U0001f600" * 90,
        "a:b",
    ),
)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_stem_is_a_name_in_its_folder_on_every_system(name, tmp_path):
    stem = file_stem(name)
    assert stem
    assert not set(stem) & set('<>:"/\\|?*')
    assert stem.isprintable()
    assert not stem.startswith(".")
    assert not re.search(r"[. ]$", stem)
    assert stem.split(".")[0].lower() not in ("con", "nul")
    assert len(f"{stem} 12345678.names.json".encode()) < 255
    path = tmp_path / f"{stem}.txt"
    path.touch()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_usual_names_stay():
    for name in ("Nina Simone", "椎名 林檎", "Beyoncé", "Mr. T", "Song (live) [1964], no. 2 & 3", "concert"):
        assert file_stem(name) == name


def test_stems_are_told_apart_by_their_keys_alone():
    wanted = {"a/x.mp3": "x", "b/x.mp3": "x", "c/X.mp3": "X", "d/y.mp3": "y", "e": "q/r", "f": "q?r"}
    stems = distinct_stems(wanted)
    assert len({stem.casefold() for stem in stems.values()}) == len(wanted)
    assert stems["d/y.mp3"] == "y"
    fewer = distinct_stems({key: wanted[key] for key in ("b/x.mp3", "c/X.mp3")})
    assert fewer == {key: stems[key] for key in fewer}
    backwards = distinct_stems(dict(reversed(wanted.items())))
    assert backwards == stems
    assert len(set(distinct_stems(dict.fromkeys(("\udcff", "\ud800", "y"), "x")).values())) == 3
