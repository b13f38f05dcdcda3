"""A person's statement outweighs every score, for ever."""

import shutil

import pytest

import made_voices
from singerid.errors import SingeridError
from singerid.library.enroll import Entrant
from singerid.library.entrants import entrants_of_tree
from singerid.library.library import Library


@pytest.fixture
def library(own_library):
    with Library.open(own_library) as opened:
        yield opened


@pytest.fixture
def song(tmp_path):
    """A song with Ada's voice that is in no library."""
    return made_voices.write_voice(tmp_path / "song.wav", 203, 2.6, 77)


def _quiet(*_):
    pass


def test_who_it_is(library, song):
    assert library.identify(song).singer == "Ada"
    library.say(song, singer="Cy")
    answer = library.identify(song)
    assert (answer.decision, answer.singer, answer.probability, answer.said) == ("known", "Cy", 1.0, True)


def test_who_it_is_not(library, song):
    library.say(song, never="Ada")
    answer = library.identify(song)
    assert answer.singer is None
    assert "Ada" not in {candidate.singer for candidate in answer.candidates}
    assert not library.verify("Ada", song)[0]
    (failure,) = library.enroll("Ada", [song]).failures
    assert "a person said that this is not 'Ada'" in failure.reason


def test_who_it_is_not_for_an_enrolled_recording(library, sung):
    path = sung.tree / "Ada/album 1/1.wav"
    library.say(path, never="Ada")
    assert len(library.recordings_of("Ada")) == 2
    assert library.identify(path).singer is None


def test_the_last_word_counts(library, song):
    library.say(song, never="Ada")
    library.say(song, singer="Ada")
    assert library.identify(song).singer == "Ada"
    library.say(song, singer="Bea")
    library.say(song, never="Bea")
    assert library.identify(song).singer == "Ada"  # by its score, as if it had never been another's


def test_enrolling_the_folder_again_under_another_name_changes_nothing(library, sung, tmp_path):
    path = sung.tree / "Ada/album 0/0.wav"
    library.say(path, singer="Cy")
    before = made_voices.dump(library)
    tree = shutil.copytree(sung.tree, tmp_path / "tree")
    (tree / "Ada").rename(tree / "Somebody")
    report = library.enroll_all(entrants_of_tree(tree, None, _quiet))
    assert {name.split("'")[1] for name in (failure.reason for failure in report.failures)} == {"Ada", "Cy"}
    assert any("a person said that it is 'Cy'" in failure.reason for failure in report.failures)
    assert made_voices.dump(library) == before


def test_migration_changes_nothing_of_it(library, sung, song):
    path = sung.tree / "Ada/album 0/0.wav"
    library.say(path, singer="Cy")
    library.say(song, never="Ada")
    library.migrate("other")
    assert library.core.settings.encoder == "other"
    assert library.identify(path).singer == "Cy"
    assert library.identify(song).singer is None
    assert "a person said" in library.enroll("Ada", [song]).failures[0].reason


def test_merging_and_splitting_keep_it(library, sung):
    path = sung.tree / "Bea/album 0/0.wav"
    library.say(path, singer="Bea")
    library.merge("Bea", "Ada")
    assert library.identify(path).singer == "Ada"
    assert [row["said"] for row in library.recordings_of("Ada")].count(True) == 1
    library.split("Ada", "Bea again", [path])
    assert library.identify(path).singer == "Bea again"
    assert library.recordings_of("Bea again")[0]["said"]


def test_merging_with_a_singer_who_was_ruled_out_takes_that_back(library, sung):
    path = sung.tree / "Bea/album 0/0.wav"
    library.say(path, never="Ada")
    library.merge("Bea", "Ada")
    assert library.identify(path).singer == "Ada"
    assert library.verify("Ada", path)[0]
    assert library.enroll("Ada", [path]).unchanged == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say who sings or who does not"),
        ({"singer": "Ada", "never": "Bea"}, "say who sings or who does not"),
        ({"never": "Nobody"}, "nobody in the library is called 'Nobody'"),
        ({"singer": " "}, "a name must have a visible character"),
    ],
)
def test_an_invalid_statement_is_one_line_and_changes_nothing(library, song, arguments, message):
    before = made_voices.dump(library)
    with pytest.raises(SingeridError, match=message):
        library.say(song, **arguments)
    assert made_voices.dump(library) == before


def test_a_file_without_a_voice_cannot_get_a_singer(library, tmp_path):
    with pytest.raises(SingeridError, match="nobody is heard to sing in it"):
        library.say(made_voices.write_noise(tmp_path / "noise.wav"), singer="Ada")


def test_a_stranger_can_be_said_to_be_somebody(library, song):
    with library.core.database.command("calibrate") as entry:
        from singerid.library.enroll import enroll

        enroll(library.core, [Entrant(song, stranger="somebody")], entry)
    library.say(song, singer="Ada")
    assert len(library.recordings_of("Ada")) == 4
