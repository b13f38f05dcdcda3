"""Splits: an independent re-statement of the draw, and what must hold for any tracks and any seed."""

import json
import os
import random
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singerid.data.splits import (
    Split,
    album_split,
    check_split,
    leave_one_album_out,
    read_split,
    spelled_as,
    split_around,
    stratified_folds,
    track_split,
    with_min_albums,
)
from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.system.files import write_json


def make_tracks(albums: dict[str, list[int]]) -> list[Track]:
    """Tracks of each singer: one album for each number, with that many tracks."""
    return [
        Track(f"{singer}/{album}/{n}", singer, f"{album}")
        for singer, sizes in albums.items()
        for album, size in enumerate(sizes)
        for n in range(size)
    ]


def corpora(minimum: int) -> st.SearchStrategy[list[Track]]:
    sizes = st.lists(st.integers(1, 4), min_size=minimum, max_size=7)
    return st.dictionaries(st.text("abcé", min_size=1), sizes, min_size=1, max_size=5).map(make_tracks)


ARTIST20_LIKE = make_tracks({f"singer{s:02}": [12] * 6 for s in range(20)})
SEEDS = st.integers(0, 2**32)


def assert_partition(split: Split, tracks: list[Track]) -> None:
    assert sorted(split.train + split.valid + split.test) == sorted(track.path for track in tracks)
    for part in (split.train, split.valid, split.test):
        assert list(part) == sorted(part)


def albums_in(part: tuple[str, ...], tracks: list[Track]) -> Counter[str]:
    """Number of the part's albums of each singer."""
    return Counter(
        singer for singer, _ in {(track.singer, track.album) for track in tracks if track.path in part}
    )


# As a manifest may have it: the order of the paths is not that of the albums, nor of the singers.
MANIFEST_LIKE = [
    Track(f"{n % 12:02}-{71 - n % 72}-{n}", track.singer, track.album)
    for n, track in enumerate(ARTIST20_LIKE)
]


@pytest.mark.parametrize("seed", [0, 21, 42])
@pytest.mark.parametrize("tracks", [ARTIST20_LIKE, MANIFEST_LIKE], ids=["tree", "manifest"])
def test_the_album_split_is_the_draw_of_the_contract(tracks: list[Track], seed: int) -> None:
    generator = random.Random(seed)
    expected: dict[str, set[str]] = {"test": set(), "valid": set(), "train": set()}
    for singer in sorted({track.singer for track in tracks}):
        names = sorted({track.album for track in tracks if track.singer == singer})
        generator.shuffle(names)
        for part, chosen in (("test", names[:1]), ("valid", names[1:2]), ("train", names[2:])):
            own = {track.path for track in tracks if track.singer == singer and track.album in chosen}
            expected[part] |= own
    split = album_split(tracks, seed)
    assert {part: set(paths) for part, paths in split.to_json().items()} == expected


@given(corpora(minimum=3), SEEDS, st.randoms())
def test_album_split_properties(tracks: list[Track], seed: int, order: random.Random) -> None:
    split = album_split(tracks, seed)
    assert_partition(split, tracks)
    singers = {track.singer for track in tracks}
    assert albums_in(split.test, tracks) == dict.fromkeys(singers, 1)
    assert albums_in(split.valid, tracks) == dict.fromkeys(singers, 1)
    whole = albums_in(tuple(track.path for track in tracks), tracks)
    assert albums_in(split.train, tracks) == {singer: count - 2 for singer, count in whole.items()}
    shuffled = list(tracks)
    order.shuffle(shuffled)
    assert album_split(shuffled, seed) == split


def test_seeds_give_different_albums() -> None:
    assert len({album_split(ARTIST20_LIKE, seed).test for seed in range(10)}) == 10


@given(corpora(minimum=3), SEEDS, st.randoms())
def test_track_split_properties(tracks: list[Track], seed: int, order: random.Random) -> None:
    split = track_split(tracks, seed)
    assert_partition(split, tracks)
    singer_of = {track.path: track.singer for track in tracks}
    for part in (split.train, split.valid, split.test):
        assert {singer_of[path] for path in part} == set(singer_of.values())
    shuffled = list(tracks)
    order.shuffle(shuffled)
    assert track_split(shuffled, seed) == split


@pytest.mark.parametrize(
    ("count", "test", "valid"),
    [(3, 1, 1), (10, 1, 1), (14, 1, 1), (15, 2, 1), (17, 2, 2), (25, 3, 2), (100, 10, 9), (1413, 141, 127)],
)
def test_track_split_counts(count: int, test: int, valid: int) -> None:
    split = track_split(make_tracks({"a": [count]}), seed=5)
    assert (len(split.test), len(split.valid)) == (test, valid)


def test_track_split_mixes_albums_and_seeds_matter() -> None:
    split = track_split(ARTIST20_LIKE, 0)
    assert max(albums_in(split.test, ARTIST20_LIKE).values()) > 1
    assert len({track_split(ARTIST20_LIKE, seed).test for seed in range(10)}) == 10


@given(corpora(minimum=3))
def test_leave_one_album_out(tracks: list[Track]) -> None:
    folds = leave_one_album_out(tracks)
    assert sorted(path for fold in folds for path in fold.test) == sorted(track.path for track in tracks)
    album_of = {track.path: (track.singer, track.album) for track in tracks}
    singers = {track.singer for track in tracks}
    for fold in folds:
        assert_partition(fold, tracks)
        parts = [{album_of[path] for path in part} for part in (fold.train, fold.valid, fold.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)), "an album is in two parts"
        assert {singer for singer, _ in parts[0]} == singers
        assert Counter(singer for singer, _ in parts[1]) == dict.fromkeys(singers, 1)
        assert max(Counter(singer for singer, _ in parts[2]).values()) == 1


@given(corpora(minimum=3), st.integers(2, 6), SEEDS, st.randoms())
def test_stratified_folds(tracks: list[Track], count: int, seed: int, order: random.Random) -> None:
    count = min(count, len(tracks))
    folds = stratified_folds(tracks, count, seed)
    assert len(folds) == count
    assert sorted(path for fold in folds for path in fold.test) == sorted(track.path for track in tracks)
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    singer_of = {track.path: track.singer for track in tracks}
    for fold in folds:
        assert_partition(fold, tracks)
        assert {singer_of[path] for path in fold.valid} == set(singer_of.values())
    for singer in set(singer_of.values()):
        own = [sum(singer_of[path] == singer for path in fold.test) for fold in folds]
        assert max(own) - min(own) <= 1, "not stratified"
    shuffled = list(tracks)
    order.shuffle(shuffled)
    assert stratified_folds(shuffled, count, seed) == folds


def test_stratified_folds_have_a_tenth_of_the_rest_to_validate_on() -> None:
    folds = stratified_folds(make_tracks({"a": [100]}), 5, seed=0)
    assert [(len(fold.test), len(fold.valid), len(fold.train)) for fold in folds] == [(20, 8, 72)] * 5
    assert len({path for fold in folds for path in fold.valid}) == 5 * 8, "each fold validates on others"


def test_too_few_albums_names_the_singers_and_the_remedy() -> None:
    tracks = make_tracks({"Ann": [3, 3, 3], "Bo": [9, 9], "Cy": [5]})
    with pytest.raises(SingeridError, match=r"Bo \(2\), Cy \(1\).*`split='track'`.*`min_albums=3`"):
        album_split(tracks, 0)
    with pytest.raises(SingeridError, match=r"Bo \(2\), Cy \(1\).*`min_albums=3`"):
        leave_one_album_out(tracks)
    kept = with_min_albums(tracks, 3)
    assert {track.singer for track in kept} == {"Ann"}
    assert album_split(kept, 0)
    with pytest.raises(SingeridError, match="no singer has 4 albums"):
        with_min_albums(tracks, 4)


def test_too_few_tracks() -> None:
    tracks = make_tracks({f"singer{n}": [2] for n in range(5)} | {"Ann": [3]})
    for split in (lambda: track_split(tracks, 0), lambda: stratified_folds(tracks, 2, 0)):
        with pytest.raises(SingeridError, match=r"singer0 \(2\), singer1 \(2\), singer2 \(2\) and 2 more"):
            split()
    with pytest.raises(SingeridError, match="3 tracks cannot make 4 folds"):
        stratified_folds(make_tracks({"Ann": [3]}), 4, 0)
    with pytest.raises(SingeridError, match="no tracks to split"):
        album_split([], 0)


def test_a_written_split_is_read_back_even_with_names_that_are_no_utf8(tmp_path: Path) -> None:
    tracks = [Track(os.fsdecode(b"caf\xe9/") + name, "Ann", name) for name in ("é", '"', "\n", "歌")]
    split = album_split(tracks, 3)
    write_json(tmp_path / "split.json", split.to_json())
    assert read_split(tmp_path / "split.json") == split


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "is no split"),
        ({"train": ["a"], "valid": ["b"]}, "is no split"),
        ({"train": ["a"], "valid": ["b"], "test": []}, "'test' is no list of tracks, or empty"),
        ({"train": "a", "valid": ["b"], "test": ["c"]}, "'train' is no list"),
        ({"train": ["a"], "valid": [2], "test": ["c"]}, "2 in 'valid' is no path"),
        ({"train": ["a"], "valid": ["b"], "test": ["a"]}, "'a' is in train and in test"),
        ({"train": ["a", "a"], "valid": ["b"], "test": ["c"]}, "'a' is in train and in train"),
    ],
)
def test_a_split_file_of_another_form(tmp_path: Path, value: object, message: str) -> None:
    (tmp_path / "split.json").write_text(json.dumps(value))
    with pytest.raises(SingeridError, match=message):
        read_split(tmp_path / "split.json")


def test_a_split_that_was_written_on_another_system() -> None:
    names = [unicodedata.normalize("NFD", f"Beyoncé/É/{number}.wav") for number in range(3)]
    tracks = [Track(name, "Beyoncé", "É") for name in names]
    written = [[unicodedata.normalize("NFC", name).replace("/", "\\")] for name in names]
    split = spelled_as(Split(*(tuple(part) for part in written)), tracks)
    assert split == Split(*((name,) for name in names))
    check_split(split, tracks)
    twice = spelled_as(Split((names[0],), (written[0][0],), (names[2], "x")), tracks)
    assert twice.test == (names[2], "x")
    with pytest.raises(SingeridError, match="'x', which is no track"):
        check_split(twice, tracks)
    with pytest.raises(SingeridError, match="twice; keep one of them"):
        check_split(Split(twice.train, twice.valid, (names[2],)), tracks)


def test_a_split_must_suit_the_tracks() -> None:
    tracks = make_tracks({"a": [4], "b": [4]})
    check_split(Split(("a/0/0", "b/0/0"), ("a/0/1",), ("b/0/1",)), tracks)
    with pytest.raises(SingeridError, match="'a/0/9', which is no track"):
        check_split(Split(("a/0/0",), ("a/0/9",), ("a/0/1",)), tracks)
    with pytest.raises(SingeridError, match="b has tracks in 'valid' or 'test' and none in 'train'"):
        check_split(Split(("a/0/0",), ("a/0/1",), ("b/0/1",)), tracks)


@given(corpora(3), SEEDS, SEEDS, st.randoms(use_true_random=False))
def test_a_given_test_part_stays_and_one_other_album_per_singer_is_valid(
    tracks: list[Track], first: int, second: int, order: random.Random
) -> None:
    test = set(album_split(tracks, first).test)
    split = split_around(tracks, test, second)
    order.shuffle(tracks)
    assert split_around(tracks, test, second) == split
    assert_partition(split, tracks)
    assert set(split.test) == test
    for part in (split.test, split.valid):
        assert set(albums_in(part, tracks).values()) == {1}
    parts = [{(t.singer, t.album) for t in tracks if t.path in part} for part in vars(split).values()]
    assert sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        (set(), "none of the tracks is in the test part"),
        ({"ann/0/0", "ann/1/0", "bob/0/0"}, "too few albums outside the test part.*: ann;"),
        ({f"{singer}/{album}/0" for singer in ("ann", "bob") for album in range(3)}, "there are none"),
    ],
)
def test_a_test_part_that_leaves_too_little_is_refused(test: set[str], problem: str) -> None:
    with pytest.raises(SingeridError, match=problem):
        split_around(make_tracks({"ann": [1, 1, 1], "bob": [1, 1, 1]}), test, 0)
