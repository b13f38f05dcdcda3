"""What a calibration measures and writes, and when it says that it is out of date."""

import json
from dataclasses import replace

import pytest

import made_voices
from made_voices import made, put, take
from singerid.errors import SingeridError
from singerid.library.enroll import Entrant
from singerid.library.entrants import strangers_of
from singerid.library.library import Library
from singerid.library.pages import sentences

MANY = tuple(f"Singer {number}" for number in range(12))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    with made(tmp_path_factory.mktemp("many") / "library", MANY, 6) as opened:
        opened.calibrate(0.3)
        yield opened


def _quiet(*_):
    pass


def test_it_counts_singers_and_songs(many):
    found = many.calibration
    assert (found.stranger_songs, found.stranger_singers) == (72, 12)
    assert (found.enrolled_songs, found.enrolled_singers) == (72, 12)
    assert found.right + found.wrong + found.ambiguous <= 72
    assert found.fnir == pytest.approx(1 - found.right / 72)
    assert found.right >= 65, "made-up voices are easily told apart"
    assert found.too_little == found.one_album == found.alike == ()


def test_the_promise_is_said_with_its_bound(many):
    found = many.calibration
    said = " ".join(sentences(found))
    assert found.is_kept
    assert found.bound <= 0.3
    assert f"at most {found.bound:.1%} get a name (this holds for 95 of 100 libraries)" in said


def test_a_promise_that_cannot_be_kept_is_reported_with_what_it_needs(tmp_path):
    with made(tmp_path / "library", MANY, 3) as library:
        found, _ = library.calibrate(0.05)
    said = " ".join(sentences(found))
    assert not found.is_kept
    assert found.bound == pytest.approx(1 - 0.05 ** (1 / 12), abs=0.2)
    assert "It cannot be promised that at most 5.0% of strangers' songs get a name" in said
    assert f"{found.needed - 12} more singers would be enough, enrolled or given as strangers" in said


def test_its_files_are_written_and_go_with_forget(many, tmp_path):
    kept = json.loads((many.path / "calibration.json").read_text())
    assert kept["id"] == many.calibration.id
    assert (many.path / "calibration.svg").read_text().startswith("<?xml")
    page = (many.path / "README.md").read_text()
    assert "12 singers" in page
    assert all(name in page for name in MANY)
    assert "biometric data" in page
    with made(tmp_path / "library", MANY[:4], 4) as library:
        library.calibrate(0.4)
        library.forget(MANY[0])
        names = {path.name for path in library.path.iterdir()}
        assert not {"calibration.json", "calibration.svg"} & names
        assert MANY[0] not in (library.path / "README.md").read_text()
        assert "It is not calibrated" in (library.path / "README.md").read_text()


def test_undo_restores_the_files_of_the_previous_calibration(tmp_path):
    with made(tmp_path / "library", MANY[:5], 4) as library:
        first, _ = library.calibrate(0.4)
        library.calibrate(0.2)
        library.undo()
        assert library.calibration == first
        assert json.loads((library.path / "calibration.json").read_text())["id"] == first.id
        library.undo()
        assert not (library.path / "calibration.json").exists()


def test_a_library_that_has_changed_says_by_how_much(tmp_path):
    with made(tmp_path / "library", MANY[:5], 4) as library:
        assert "is not calibrated, so its error rates are not known" in library.notice
        library.calibrate(0.4)
        assert library.notice == ""
        put(library, [take(MANY[0], 30), take(MANY[0], 31), take("Newcomer", 0)])
        assert "has changed since it was calibrated (3 recordings of 2 singers)" in library.notice
        library.calibrate(0.4)
        assert library.notice == ""


def test_its_back_end_stays_until_the_next(tmp_path):
    with made(tmp_path / "library", MANY[:6], 4) as library:
        library.calibrate(0.4)
        before = library.core.contents.back_end
        put(library, [take(MANY[0], 30), take("Newcomer", 0)])
        library.rename("Newcomer", "Eve")
        assert library.core.contents.back_end == before == library.calibration.back_end
        library.calibrate(0.4)
        assert library.core.contents.back_end == library.calibration.back_end != before


@pytest.mark.parametrize(("singers", "takes"), [((), 0), (("Ada",), 4), (("Ada", "Bea"), 3), (MANY[:4], 1)])
def test_too_few_is_one_line_and_changes_nothing(tmp_path, singers, takes):
    with made(tmp_path / "library", singers, takes) as library:
        before = made_voices.dump(library)
        with pytest.raises(SingeridError) as caught:
            library.calibrate()
        assert "\n" not in str(caught.value)
        assert "enroll" in str(caught.value)
        assert made_voices.dump(library) == before


@pytest.mark.parametrize("share", [0, 1, -0.1, 5, float("nan")])
def test_an_invalid_share_is_one_line(many, share):
    with pytest.raises(SingeridError, match="must be between 0 and 1"):
        many.calibrate(share)


def test_strangers_come_from_a_folder_and_stay(own_library, tmp_path):
    for who, pitch in (("one", 500), ("two", 630)):
        for number in range(2):
            path = tmp_path / "strangers" / who / f"{number}.wav"
            made_voices.write_voice(path, pitch + 5 * number, 1.4 + 0.3 * number, number)
    strangers = strangers_of(tmp_path / "strangers", _quiet)
    with Library.open(own_library) as library:
        alone, _ = library.calibrate(0.4)
        found, report = library.calibrate(0.4, strangers=strangers)
        assert report.added == 4
        assert (found.stranger_singers, found.stranger_songs) == (alone.stranger_singers + 2, 9 + 4)
        assert library.calibrate(0.4)[0].stranger_singers == found.stranger_singers
        assert set(library.singers) == {"Ada", "Bea", "Cy"}
        library.undo(2)
        assert library.calibration.id == alone.id


def test_an_enrolled_song_cannot_be_a_strangers(own_library, sung):
    with Library.open(own_library) as library:
        _, report = library.calibrate(0.4, strangers=strangers_of(sung.tree / "Ada", _quiet))
    assert len(report.failures) == 3
    assert all("is enrolled as 'Ada', so it is not a stranger's" in one.reason for one in report.failures)


def _as(library, singer, voices):
    """Enroll recordings of one singer under another name."""
    takes = []
    for entrant, file, voice in voices:
        as_whom = Entrant(entrant.path, singer, entrant.album)
        takes.append((as_whom, replace(file, fingerprint=f"{singer} {file.fingerprint}"), voice))
    put(library, takes)


def test_one_voice_under_two_names_and_two_under_one_are_reported(tmp_path):
    with made(tmp_path / "library", MANY[:8], 6) as library:
        _as(library, "Double", [take(MANY[0], 20 + number) for number in range(6)])
        _as(library, MANY[1], [take("Third", number) for number in range(6)])
        found, _ = library.calibrate(0.3)
    assert [pair[:2] for pair in found.alike] == [("Double", MANY[0])]
    ((who, group),) = found.two_voices
    assert who == MANY[1]
    said = " ".join(sentences(found))
    assert f"Double and {MANY[0]} sound like one singer" in said
    assert f"{MANY[1]} sounds like two voices" in said
    assert group


def test_a_misplaced_song_is_reported_by_its_name(tmp_path):
    with made(tmp_path / "library", MANY[:8], 6) as library:
        _as(library, MANY[1], [take(MANY[0], 20, "/music/wrong.wav")])
        found, _ = library.calibrate(0.3)
    assert found.doubtful == (("/music/wrong.wav", MANY[1], MANY[0]),)
