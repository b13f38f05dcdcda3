"""artist20: its layouts and its expected counts, on trees of empty files."""

from pathlib import Path

import pytest

from singerid.data.datasets.artist20 import ARTISTS, artist20_root, check_artist20
from singerid.data.tracks import Track, scan_tree
from singerid.errors import SingeridError


def complete() -> list[Track]:
    """1,413 tracks: 93 albums of 12 and 27 of 11 (12 * 93 + 11 * 27 = 1,413)."""
    albums = [(artist, f"album{n}") for artist in ARTISTS for n in range(6)]
    return [
        Track(f"{artist}/{album}/{n:02}.mp3", artist, album)
        for place, (artist, album) in enumerate(albums)
        for n in range(12 if place < 93 else 11)
    ]


def test_the_classes_are_twenty_sorted_names() -> None:
    assert len(set(ARTISTS)) == 20
    assert list(ARTISTS) == sorted(ARTISTS)


def test_a_complete_data_set_has_no_deviations() -> None:
    assert check_artist20(complete()) == ()
    assert check_artist20(reversed(complete())) == ()


def test_every_deviation_is_named() -> None:
    tracks = [track for track in complete() if track.singer != "queen"]
    tracks = [track for track in tracks if (track.singer, track.album) != ("u2", "album5")]
    tracks.append(Track("abba/x/1.mp3", "abba", "x"))
    tracks.append(Track("The Cure/x/1.mp3", "The Cure", "x"))
    tracks.append(Track("prince/1.mp3", "prince", ""))
    assert check_artist20(tracks) == (
        "The Cure: is named cure in artist20; rename the folder",
        "abba: is no artist of artist20",
        "queen: is missing",
        "u2: has 5 albums instead of 6",
        "prince: 1 track in no album",
        f"{len(tracks):,} tracks instead of 1,413",
    )


@pytest.mark.parametrize(
    "layout",
    ["", "mp3s-32k", "artist20/mp3s-32k", "artist20-mp3s-32k/artist20/mp3s-32k", "artist20/train_val"],
)
def test_the_artists_are_found_in_every_known_layout(tmp_path: Path, layout: str) -> None:
    inner = tmp_path / layout
    (inner / "aerosmith/Pump").mkdir(parents=True)
    (inner / "aerosmith/Pump/01-Young_Lust.mp3").touch()
    (tmp_path / "lists").mkdir()
    assert artist20_root(tmp_path) == inner
    assert scan_tree(artist20_root(tmp_path)) == (
        Track("aerosmith/Pump/01-Young_Lust.mp3", "aerosmith", "Pump"),
    )


@pytest.mark.parametrize("folder", ["", "missing", "file"])
def test_a_folder_without_an_artist(tmp_path: Path, folder: str) -> None:
    (tmp_path / "abba").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SingeridError, match="holds no artist of artist20"):
        artist20_root(tmp_path / folder)
