"""An export holds all data of a library; an import gives the same library again."""

import json

import numpy as np
import pytest

from made_voices import SETTINGS, made
from singerid.errors import SingeridError
from singerid.library.check import check
from singerid.library.corrections import say_is, say_is_not
from singerid.library.library import Library


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library") as opened:
        own = opened.recordings_of("Ada")
        with opened.core.database.command("say") as entry:
            say_is(opened.core, entry, [own[0]["id"]], "Bea")
            say_is_not(opened.core, entry, own[1]["id"], "Ada")
        yield opened


def _known(library):
    contents = library.core.contents
    return {
        one.id: (
            one._replace(singer=None, exemplar=0, voice=None),
            None if one.singer is None else contents.names[one.singer],
            {contents.names[who]: said for who, said in contents.statements.get(one.id, {}).items()},
            contents.vectors[at].tobytes(),
        )
        for at, one in enumerate(contents.recordings)
    }


def test_an_export_read_into_a_new_library_is_the_same(library, tmp_path):
    assert library.export(tmp_path / "export") == 12
    with Library.open(tmp_path / "other", create=True) as other:
        assert other.import_from(tmp_path / "export") == (12, 0)
        assert _known(other) == _known(library)
        assert other.import_from(tmp_path / "export") == (0, 12)


def test_it_is_json_and_arrays_that_others_can_read(library, tmp_path):
    library.export(tmp_path / "export")
    content = json.loads((tmp_path / "export/library.json").read_text())
    assert content["settings"]["encoder"] == SETTINGS.encoder
    assert sorted(content["singers"]) == ["Ada", "Bea", "Cy"]
    with np.load(tmp_path / "export/vectors.npz", allow_pickle=False) as arrays:
        assert arrays["mixture"].shape == (len(content["recordings"]), 64)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / "library.json").unlink(), "cannot be read"),
        (lambda folder: (folder / "library.json").write_text("{"), "is not valid JSON"),
        (lambda folder: (folder / "library.json").write_text("[]"), "is not a library export"),
        (lambda folder: (folder / "library.json").write_text('{"format": 1}'), "is damaged"),
        (lambda folder: (folder / "vectors.npz").write_bytes(b"x"), "cannot be read"),
        (lambda folder: np.savez(folder / "vectors.npz", mixture=np.eye(2, 64, dtype="f")), "does not fit"),
        (
            lambda folder: np.savez(folder / "vectors.npz", mixture=np.full((12, 64), np.nan)),
            "invalid vectors",
        ),
    ],
)
def test_a_damaged_export_is_one_line_and_brings_nothing(library, tmp_path, harm, message):
    folder = tmp_path / "export"
    library.export(folder)
    harm(folder)
    with Library.open(tmp_path / "other", create=True) as other:
        with pytest.raises(SingeridError, match=message) as caught:
            other.import_from(folder)
        assert "\n" not in str(caught.value)
        assert other.singers == ()


def test_vectors_of_another_encoder_are_refused(library, own_library, tmp_path):
    library.export(tmp_path / "export")
    with Library.open(own_library) as other:
        with pytest.raises(SingeridError, match="holds vectors by small of the mixture, and the library by"):
            other.import_from(tmp_path / "export")
        assert len(other.core.contents.recordings) == 9


def _say(library, recording, name, is_them=True):
    with library.core.database.command("say") as entry:
        if is_them:
            say_is(library.core, entry, [recording], name)
        else:
            say_is_not(library.core, entry, recording, name)


def _statements(library, recording):
    contents = library.core.contents
    said = contents.statements.get(recording, {})
    singer = contents.recordings[contents.index[recording]].singer
    return {contents.names[who]: is_them for who, is_them in said.items()}, contents.names.get(singer)


def test_statements_about_recordings_of_both_libraries_are_merged(library, tmp_path):
    """Two people correct copies of one library; the corrections of both are kept."""
    library.export(tmp_path / "before")
    with Library.open(tmp_path / "other", create=True) as other:
        other.import_from(tmp_path / "before")
        named, denied, disputed, agreed = (one["id"] for one in library.recordings_of("Cy"))
        for who, recording, name, is_them in (
            (library, named, "Dee", True),
            (library, denied, "Cy", False),
            (library, disputed, "Dee", True),
            (other, disputed, "Bea", True),
            (library, agreed, "Bea", False),
            (other, agreed, "Cy", True),
        ):
            _say(who, recording, name, is_them)
        library.export(tmp_path / "after")
        assert other.import_from(tmp_path / "after") == (0, 12)
        assert _statements(other, named) == ({"Dee": True}, "Dee")
        assert _statements(other, denied) == ({"Cy": False}, None)
        assert _statements(other, disputed) == ({"Bea": True}, "Bea")
        assert _statements(other, agreed) == ({"Cy": True, "Bea": False}, "Cy")
        before = _known(other)
        assert other.import_from(tmp_path / "after") == (0, 12)
        assert _known(other) == before
        other.undo(2)
        assert _statements(other, named) == ({}, "Cy")
        assert _statements(other, denied) == ({}, "Cy")


def test_a_recording_without_a_singer_gets_the_singer_of_the_export(library, tmp_path):
    library.export(tmp_path / "export")
    own = library.recordings_of("Cy")[0]["id"]
    with Library.open(tmp_path / "other", create=True) as other:
        other.import_from(tmp_path / "export")
        with other.core.database.changing() as change:
            change.run("UPDATE recordings SET role = 'heard', singer = NULL WHERE id = ?", (own,))
        other.core.changed()
        other.import_from(tmp_path / "export")
        assert _statements(other, own) == ({}, "Cy")


def test_recordings_that_wait_for_their_sound_are_in_the_export(library, tmp_path):
    """`migrate` keeps names and statements of recordings whose files it does not find; so does an export."""
    library.export(tmp_path / "whole")
    waiting = library.recordings_of("Cy")[0]["id"]
    _say(library, waiting, "Ada", False)
    with library.core.database.changing() as change:
        change.run("DELETE FROM vectors WHERE recording = ?", (waiting,))
        change.run("INSERT INTO waiting (recording) VALUES (?)", (waiting,))
    library.core.changed()
    assert library.export(tmp_path / "export") == 12
    with Library.open(tmp_path / "other", create=True) as other:
        assert other.import_from(tmp_path / "export") == (12, 0)
        assert len(other.core.contents.recordings) == 11
        other.close()
        assert check(tmp_path / "other") == []
    with Library.open(tmp_path / "other") as other:
        assert other.import_from(tmp_path / "whole") == (0, 12)  # this export has its vectors
        assert len(other.core.contents.recordings) == 12
        assert _statements(other, waiting) == ({"Ada": False}, "Cy")
        assert other.core.database.rows("SELECT * FROM waiting") == []
