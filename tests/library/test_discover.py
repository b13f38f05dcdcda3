"""Unnamed voices: grouped, numbered for good, named by a person, and kept apart if a person says so."""

import pytest

import made_voices
from singerid.errors import SingeridError
from singerid.library.library import Library

VOICES = {"low": 150.0, "high": 700.0}


@pytest.fixture
def files(tmp_path):
    found = [
        made_voices.write_voice(tmp_path / f"{name} {n}.wav", pitch * (1 + 0.004 * n), 2 + 0.3 * n, n)
        for name, pitch in VOICES.items()
        for n in range(3 if name == "low" else 2)
    ]
    return [*found, made_voices.write_voice(tmp_path / "alone.wav", 1100, 2.2)]


@pytest.fixture
def library(own_library):
    with Library.open(own_library) as opened:
        yield opened


def _named(library, found):
    return [
        (voice.name, sorted(path.split("/")[-1] for path in library.paths(voice.recordings).values()))
        for voice in found.voices
    ]


EXPECTED = [
    ("voice 1", ["low 0.wav", "low 1.wav", "low 2.wav"]),
    ("voice 2", ["high 0.wav", "high 1.wav"]),
]


def test_voices_are_grouped_the_biggest_first_and_single_ones_stay_visible(library, files, sung):
    found, _ = library.discover([*files, sung.tree / "Ada/album 0/0.wav"])
    assert _named(library, found) == EXPECTED
    assert [path.split("/")[-1] for path in library.paths(found.single).values()] == ["alone.wav"]
    assert found.known == ()


def test_again_nothing_is_heard_and_numbers_stay(library, files):
    library.discover(files[3:])
    found, report = library.discover(files)
    assert report.unchanged == 3
    assert dict(_named(library, found))["voice 1"] == EXPECTED[1][1]
    again, _ = library.discover([])
    assert _named(library, again) == _named(library, found)


def test_a_name_enrolls_a_voice_and_its_number_is_not_used_again(library, files):
    library.discover(files)
    assert library.say("voice 1", singer="Dee") == 3
    assert len(library.recordings_of("Dee")) == 3
    assert all(row["said"] for row in library.recordings_of("Dee"))
    found, _ = library.discover([])
    assert [voice.name for voice in found.voices] == ["voice 2"]
    library.say("voice 2", singer="Eve")
    with pytest.raises(SingeridError, match="no such voice"):
        library.say("voice 1", singer="Fay")


def test_a_rejection_is_for_ever_also_of_the_name(library, files):
    library.discover(files)
    library.say(files[0], never="voice 1")
    for _ in range(2):
        found, _ = library.discover([])
        assert dict(_named(library, found))["voice 1"] == ["low 1.wav", "low 2.wav"]
    library.say("voice 1", singer="Dee")
    assert library.identify(files[0]).singer is None


def test_an_unknown_voice_is_one_line(library):
    with pytest.raises(SingeridError, match="voice 7: there is no such file and no such voice"):
        library.say("voice 7", singer="Dee")


def test_a_library_of_nobody_can_discover(sung, tmp_path):
    with Library.open(tmp_path / "new", create=True) as library:
        library.core.settle(None, "small")
        found, report = library.discover(sorted(sung.tree.rglob("*.wav")))
        assert report.added == 9
        assert sum(len(voice.recordings) for voice in found.voices) + len(found.single) == 9
