"""artist20 is recognised by its singers, albums and tracks; other recordings are described as such."""

from dataclasses import replace

import pytest

from singerid.data.datasets.artist20 import ARTISTS, TRACKS
from singerid.reproduce.tables import subject_of
from singerid.store.reader import Store


@pytest.fixture
def store(recordings):
    return Store.open(recordings.store)


def artist20(store, count=TRACKS):
    (first, *_) = store.tracks
    tracks = []
    for number in range(count):
        artist, album = ARTISTS[number % 20], f"album{number // 20 % 6}"
        path = f"{artist}/{album}/{number}.mp3"
        tracks.append(replace(first, path=path, singer=artist, album=album, duration_s=200.0))
    return replace(store, tracks=tuple(sorted(tracks, key=lambda track: track.path)))


def test_recordings_of_ones_own_are_not_artist20(store):
    found = subject_of(store)
    assert found.text.startswith("store: 18 tracks of 3 singers on 9 albums")
    assert found.text.endswith("; not artist20")
    assert not found.has_artist20_singers
    assert subject_of(store, "my choir").text.startswith("my choir: ")


def test_artist20_is_recognised(store):
    found = subject_of(artist20(store))
    assert found.text.startswith("artist20: 1,413 tracks of 20 singers on 120 albums")
    assert found.has_artist20_singers
    assert found.singers == ARTISTS


def test_an_incomplete_artist20_says_so(store):
    found = subject_of(artist20(store, TRACKS - 5))
    assert found.text.startswith("artist20, but 1,408 tracks instead of 1,413: ")
    assert found.has_artist20_singers
