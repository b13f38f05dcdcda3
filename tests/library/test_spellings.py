"""Names may be in any script and hold any character; spellings of one name are one singer."""

import json
import unicodedata
from dataclasses import replace

import pytest

from made_voices import SETTINGS, dump, made, put, take
from singerid.errors import SingeridError
from singerid.library.enroll import Entrant
from singerid.library.library import Library

NAMES = {
    "line break": "Two\nLines",
    "slashes": "AC/DC ../..\\x",
    "chinese": "王菲",
    "right to left": "فيروز",
    "bytes that are no UTF-8": b"Bj\xf6rk".decode("utf-8", "surrogateescape"),
    "quotes": 'O\'Brien "the" `$(x)`',
    "nul": "a\0b",
    "emoji": "🎤 singer",
    "sql": "'; DROP TABLE singers; --",
    "long": "x" * 3000,
    "like a voice": "voice 3",
    "option": "--yes",
}


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library", ("Nina Simone", "Bea", "Cy"), 2) as opened:
        yield opened


@pytest.mark.parametrize(
    "spelling", ["NINA SIMONE", "nina  simone", " Nina Simone\t", "Nina\u00a0Simone", "Ni\u006ea Simone"]
)
def test_case_and_blanks_do_not_make_another_singer(library, spelling):
    put(library, [(Entrant(entrant.path, spelling), *rest) for entrant, *rest in [take("Nina Simone", 7)]])
    assert library.singers == ("Bea", "Cy", "Nina Simone")
    assert len(library.recordings_of(spelling)) == 3


def test_composed_and_decomposed_letters_are_one_name(library):
    composed = "Bj\u00f6rk"
    put(library, [take(composed, 0), take(unicodedata.normalize("NFD", composed), 1)])
    assert [row["recordings"] for row in library.overview() if row["singer"] == composed] == [2]


def test_another_spelling_is_told(own_library, sung):
    with Library.open(own_library) as library:
        report = library.enroll("  ADA", sorted((sung.tree / "Ada").rglob("*.wav")))
    assert report.unchanged == 3
    assert report.notices == [
        "'  ADA' is taken to be 'Ada', the spelling in the library; `singerid library rename` changes it"
    ]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_survives_all_that_is_done_with_it(library, tmp_path, name):
    before = dump(library)
    put(library, [take(name, number) for number in range(3)])
    assert name in library.singers
    enrolled = dump(library)
    library.rename(name, "Plain")
    library.rename("Plain", name)
    library.split(name, "Other")
    library.merge("Other", name)
    assert {row["singer"] for row in library.overview()} == {"Bea", "Cy", "Nina Simone", name}
    library.export(tmp_path / "export")
    assert name in json.loads((tmp_path / "export/library.json").read_text())["singers"]
    with Library.open(tmp_path / "other", create=True) as other:
        assert other.import_from(tmp_path / "export") == (9, 0)
        assert other.singers == library.singers
    with Library.open(library.path) as again:  # read from the disk
        again.undo(4)
        assert dump(again) == enrolled
        again.undo()
        assert dump(again) == before
    library.calibrate(0.4)
    put(library, [take(name, number) for number in range(3)])
    assert library.forget(name) == 3


def test_paths_and_albums_that_are_no_utf8_survive(library):
    odd = b"/m\xfcsic/\xff.wav".decode("utf-8", "surrogateescape")
    entrant, file, voice = take("Bea", 8, odd)
    put(library, [(Entrant(entrant.path, "Bea", odd), file, voice)])
    row = next(row for row in library.recordings_of("Bea") if row["path"])
    assert (row["path"], row["album"]) == (odd, odd)


@pytest.mark.parametrize("nothing", ["", "  \t", "\u00a0"])
def test_a_name_must_be_seen(library, nothing):
    with pytest.raises(SingeridError, match="a name must have a visible character"):
        library.rename("Bea", nothing)


def test_an_unknown_name_is_one_line_with_near_names(library):
    with pytest.raises(SingeridError, match="nobody in the library is called 'Nina Simon'; near names: Nina"):
        library.rename("Nina Simon", "X")
    with pytest.raises(SingeridError, match=r"the library has a singer 'Bea' already; .*merge"):
        library.rename("Nina Simone", "BEA")


def test_settings_name_an_encoder_wherever_it_lies(library, tmp_path):
    odd = b"/\xff.onnx".decode("utf-8", "surrogateescape")
    with Library.open(tmp_path / "odd", create=True) as other:
        other.core.keep_settings(replace(SETTINGS, encoder=odd))
        assert other.core.settings.encoder == odd
