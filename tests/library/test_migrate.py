"""Migration makes all vectors again and keeps names; recordings without their file wait for it."""

import shutil

import pytest

import made_voices
from singerid.errors import SingeridError
from singerid.library import migrate as migrating
from singerid.library.library import Library


@pytest.fixture
def tree(sung, tmp_path):
    return shutil.copytree(sung.tree, tmp_path / "tree")


@pytest.fixture
def library(own_library, tree):
    with Library.open(own_library) as opened:
        for path in sorted(tree.rglob("*.wav")):  # the copy is the latest known path
            opened.enroll(path.parts[-3], [path])
        yield opened


def _elsewhere(library, tree):
    """Forget all known paths of the recordings outside the tree."""
    with library.core.database.changing() as change:
        change.run("DELETE FROM places WHERE path NOT LIKE ?", (f"{tree}%",))


def test_vectors_are_of_the_new_encoder_and_names_stay(library, sung):
    before = library.overview()
    library.calibrate(0.4)
    report = library.migrate("other")
    assert (report.made, report.failures) == (9, [])
    assert library.core.contents.vectors.shape == (9, 1, 64)
    assert library.core.settings.encoder == "other"
    assert library.calibration is None
    assert [row["recordings"] for row in library.overview()] == [row["recordings"] for row in before]
    assert library.identify(sung.tree / "Ada/album 0/0.wav").singer == "Ada"


def test_a_missing_file_waits_until_it_is_enrolled_again(library, tree, tmp_path):
    _elsewhere(library, tree)
    path = tree / "Ada/album 0/0.wav"
    moved = path.rename(tmp_path / "moved.wav")
    library.say(moved, singer="Cy")
    path, moved = moved, moved.rename(tmp_path / "moved again.wav")
    report = library.migrate("other")
    assert report.made == 8
    assert [(failure.path, failure.reason) for failure in report.failures] == [
        (str(path), "is not there any more; if it was moved, enroll it again from its new place")
    ]
    assert len(library.recordings_of("Cy")) == 3
    library.enroll("Cy", [moved])
    rows = library.recordings_of("Cy")
    assert len(rows) == 4
    assert [row["said"] for row in rows].count(True) == 1
    assert library.identify(moved).singer == "Cy"


def test_another_sound_at_the_same_place_is_not_taken_for_it(library, tree):
    _elsewhere(library, tree)
    path = tree / "Ada/album 0/0.wav"
    made_voices.write_voice(path, 900, 1.5)
    report = library.migrate("other")
    assert report.made == 8
    assert report.failures[0].path == str(path)


def test_interrupted_it_goes_on(library, monkeypatch):
    heard = []
    hear = migrating.hear_again

    def tired(*arguments):
        heard.append(arguments[2])
        if len(heard) == 5:
            raise KeyboardInterrupt
        return hear(*arguments)

    monkeypatch.setattr(migrating, "hear_again", tired)
    with pytest.raises(KeyboardInterrupt):
        library.migrate("other")
    assert library.core.settings.encoder == "small", "until all is there it is what it was"
    assert library.migrate("other").made == 9
    assert len(heard) == 5 + 5


def test_changed_decisions_are_reported(library, tmp_path):
    """A voice between two others, which only one of the encoders can distinguish from both."""
    library.discover([made_voices.write_voice(tmp_path / "x.wav", 244, 2.5)])
    report = library.migrate("other")
    for one in report.changed:
        assert one.before != one.after


def test_an_unknown_encoder_changes_nothing(library):
    before = made_voices.dump(library)
    with pytest.raises(SingeridError, match="unknown encoder 'nothing'"):
        library.migrate("nothing")
    assert made_voices.dump(library) == before
