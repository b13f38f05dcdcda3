"""Recordings heard elsewhere: stored once, found by file, and read back bit for bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_voices import SETTINGS, SIZE, heard
from singerid.errors import SingeridError
from singerid.library.heard_rows import Heard, HeardFolder, HeardRow, clean, is_heard_folder, name_of, ways
from singerid.library.heard_schema import HeardBy
from singerid.library.library import Library

pytest.importorskip("pyarrow", reason="the extra [scale] is not installed")


def row(number: int, singer: str = "Ada") -> HeardRow:
    voice = heard(singer, number)
    return HeardRow(
        f"/music/{singer}/{number}.wav", 1000 + number, 5_000_000_000 + number, f"{singer}{number}", 1,
        voice.seconds, voice.voice_seconds, False, "", "", singer, "album", voice.vectors,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> HeardFolder:
    return HeardFolder(str(tmp_path / "heard"), HeardBy(SETTINGS), SIZE)


def content(one: HeardRow) -> dict[str, object]:
    return vars(one) | {"vectors": None if one.vectors is None else one.vectors.tobytes()}


def test_rows_come_back_bit_for_bit(folder):
    silent = replace(row(3), vectors=None)
    folder.write([row(1), silent, row(2)])
    found = list(Heard(folder.address).rows())
    assert [content(one) for one in found] == [content(one) for one in (row(1), silent, row(2))]


def test_vectors_of_two_sounds_stay_apart(tmp_path):
    settings = replace(SETTINGS, audio="both", separator="repet", origin="1")
    folder = HeardFolder(str(tmp_path), HeardBy(settings), SIZE)
    two = replace(row(1), vectors=np.concatenate((row(1).vectors, row(2).vectors)))
    folder.write([two, replace(row(2), vectors=None)])
    found, silent = Heard(folder.address).rows()
    np.testing.assert_array_equal(found.vectors, two.vectors)
    assert silent.vectors is None


def test_a_batch_that_is_heard_twice_replaces_its_own_file(folder):
    folder.write([row(1), row(2)])
    folder.write([row(2), replace(row(1), voice_seconds=1.0)])
    assert len(list(Heard(folder.address).rows())) == 2
    assert len(list(Path(folder.address).rglob("*.parquet"))) == 1
    assert name_of([row(1), row(2)]) != name_of([row(1)])


def test_a_recording_in_two_files_is_read_once(folder):
    folder.write([row(1), row(2)])
    folder.write([row(2), row(3)])
    assert sorted(one.path for one in Heard(folder.address).rows()) == [row(n).path for n in (1, 2, 3)]


def test_a_changed_file_is_not_known(folder):
    folder.write([row(1)])
    has = Heard(folder.address)
    assert has.has(row(1).path, 1001, 5_000_000_001)
    assert not has.has(row(1).path, 1002, 5_000_000_001)
    assert not has.has(row(1).path, 1001, 5_000_000_002)
    assert not has.has("/music/Ada/2.wav", 1001, 5_000_000_001)


def test_a_failed_recording_is_tried_again_and_its_file_is_removed(folder):
    bad = replace(row(2), reason="is no sound file", vectors=None, fingerprint="")
    folder.write([row(1), bad])
    has = Heard(folder.address)
    assert not has.has(bad.path, bad.size, bad.changed_ns)
    assert {one.reason for one in has.rows()} == {"", "is no sound file"}
    has.forget_failures([bad.path, row(1).path])
    folder.write([row(2)])
    found = list(Heard(folder.address).rows())
    assert sorted((one.path, one.reason) for one in found) == [(row(1).path, ""), (row(2).path, "")]


def test_names_that_are_not_utf8_are_found(folder):
    odd = replace(row(1), path="/music/\udcff\u00e9.wav", warning="\udc80")
    folder.write([odd])
    has = Heard(folder.address)
    assert has.has(odd.path, odd.size, odd.changed_ns)
    assert next(has.rows()).path == clean(odd.path) == "/music/\\udcff\u00e9.wav"


def test_answers_are_stored_apart_from_vectors(folder):
    answered = replace(folder, by=HeardBy(SETTINGS, "0123"), answers=True)
    answered.write([replace(row(1), decision="known", answer="{}")])
    folder.write([row(1)])
    assert set(ways(folder.address)) == {folder.mark, answered.mark}
    assert answered.mark == f"{folder.mark}-0123"
    (one,) = Heard(folder.address, [answered.mark]).rows()
    assert (one.decision, one.answer) == ("known", "{}")


def test_a_cut_file_is_one_line_with_its_name(folder):
    folder.write([row(1)])
    (file,) = Path(folder.address).rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(SingeridError, match=rf"{file.name}: cannot be read .*; remove that file"):
        Heard(folder.address)


def test_parquet_of_others_is_one_line(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a/b.parquet")
    with pytest.raises(SingeridError, match=r"b\.parquet: is not a Parquet file of heard recordings"):
        ways(str(tmp_path))
    with pytest.raises(SingeridError, match="holds no Parquet files of heard recordings"):
        ways(str(tmp_path / "none"))


def enrolled(library: Library) -> dict[str, tuple[str | None, bytes]]:
    contents = library.core.contents
    return {
        one.fingerprint: (
            None if one.singer is None else contents.names[one.singer],
            contents.vectors[at].tobytes(),
        )
        for at, one in enumerate(contents.recordings)
    }


def test_import_enrolls_recordings_with_a_singer(folder, tmp_path):
    folder.write([row(1), row(2, "Bea"), replace(row(3), singer="")])
    folder.write([replace(row(4), vectors=None)])
    assert is_heard_folder(folder.address)
    with Library.open(tmp_path / "library", create=True) as library:
        assert library.import_from(folder.address) == (3, 0)
        assert library.core.settings == SETTINGS
        assert enrolled(library) == {
            "Ada1": ("Ada", row(1).vectors.tobytes()),
            "Bea2": ("Bea", row(2, "Bea").vectors.tobytes()),
            "Ada3": (None, row(3).vectors.tobytes()),
        }
        assert library.import_from(folder.address) == (0, 3)
        library.undo()
        assert enrolled(library) == {}


def test_import_takes_no_vectors_of_other_weights(folder, tmp_path):
    folder.write([row(1)])
    other = replace(SETTINGS, identity="others")
    with Library.open(tmp_path / "library", create=True) as library:
        library.core.keep_settings(other)
        with pytest.raises(SingeridError, match="made with other settings or weights than the"):
            library.import_from(folder.address)
        assert enrolled(library) == {}


def test_import_of_several_settings_takes_the_librarys(folder, tmp_path):
    other = HeardFolder(folder.address, HeardBy(replace(SETTINGS, identity="others")), SIZE)
    folder.write([row(1)])
    other.write([row(2)])
    with Library.open(tmp_path / "library", create=True) as library:
        with pytest.raises(SingeridError, match="holds vectors of several settings"):
            library.import_from(folder.address)
        library.core.keep_settings(SETTINGS)
        assert library.import_from(folder.address) == (1, 0)
        assert set(enrolled(library)) == {"Ada1"}


def test_the_singer_given_to_enroll_wins_over_answers(folder, tmp_path):
    answered = replace(folder, by=HeardBy(SETTINGS, "0123"), answers=True)
    answered.write([replace(row(1), singer="", decision="known", answer="{}")])
    folder.write([row(1)])
    with Library.open(tmp_path / "library", create=True) as library:
        assert library.import_from(folder.address) == (1, 0)
        assert enrolled(library) == {"Ada1": ("Ada", row(1).vectors.tobytes())}


def test_answers_of_networks_hold_no_voices(folder, tmp_path):
    network = HeardFolder(folder.address, HeardBy(replace(SETTINGS, encoder="run"), "0123"), 0, answers=True)
    network.write([replace(row(1), vectors=None, decision="known", answer="{}")])
    with Library.open(tmp_path / "library", create=True) as library:
        with pytest.raises(SingeridError, match="holds only answers of networks"):
            library.import_from(folder.address)
        assert library.core.contents.settings is None
        folder.write([row(1)])
        assert library.import_from(folder.address) == (1, 0)
