"""An export holds all that can be told; read back it is the same library."""

import json

import numpy as np
import pytest

from made_voices import SETTINGS, made
from singerid.errors import SingeridError
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
        (lambda folder: (folder / "library.json").write_text("[]"), "is no export of a library"),
        (lambda folder: (folder / "library.json").write_text('{"format": 1}'), "is damaged"),
        (lambda folder: (folder / "vectors.npz").write_bytes(b"x"), "cannot be read"),
        (lambda folder: np.savez(folder / "vectors.npz", mixture=np.zeros((2, 64), "f")), "does not fit"),
        (lambda folder: np.savez(folder / "vectors.npz", mixture=np.full((12, 64), np.nan)), "no vectors"),
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
        with pytest.raises(SingeridError, match="holds vectors of small, mixture; the library has those of"):
            other.import_from(tmp_path / "export")
        assert len(other.core.contents.recordings) == 9
