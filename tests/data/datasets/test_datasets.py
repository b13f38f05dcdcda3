"""One contract for all data sets: a recipe lays each one out, and the same must hold for all."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from programs import Program
from singerid.data.datasets.artist20 import ARTISTS
from singerid.data.datasets.dataset import DataSet
from singerid.data.datasets.registry import DATASETS
from singerid.data.datasets.vocalset import CONTEXTS, SINGERS
from singerid.data.splits import check_split, read_split
from singerid.data.tracks import Track
from singerid.errors import SingeridError
from singerid.preparation.prepare import find_tracks
from singerid.system.files import write_json


@dataclass(frozen=True)
class Recipe:
    """A small part of a data set, as it lies on a disk.

    Attributes:
        layouts: where its root lies in the folder that a user gives; "": it is that folder.
        tracks: what is found there, sorted.
        passed_over: other files that are no tracks; they are relative to the root, as "../test/001.mp3" is.
        beside: text files that belong to it, relative to the root.
        deviations: lines that must be told of it.
        has_split: it comes with a split.
    """

    layouts: tuple[str, ...]
    tracks: tuple[Track, ...]
    passed_over: tuple[str, ...]
    deviations: tuple[str, ...]
    beside: dict[str, str] = field(default_factory=dict)
    has_split: bool = False


def track(singer: str, album: str, name: str) -> Track:
    return Track(f"{singer}/{album}/{name}", singer, album)


# Two artists, five albums each, the last of them in val.json.
_COURSE = tuple(track(a, f"album{n}", "01-Song.mp3") for a in ("aerosmith", "u2") for n in range(5))
_VAL = tuple(song.path for song in _COURSE if song.album == "album4")
_TRAIN = tuple(song.path for song in _COURSE if song.album != "album4")


def paths_in_json(paths: tuple[str, ...]) -> str:
    return json.dumps([f"./train_val/{path}" for path in paths])


RECIPES = {
    "artist20": Recipe(
        layouts=("", "mp3s-32k", "artist20/mp3s-32k", "artist20-mp3s-32k/artist20/mp3s-32k"),
        tracks=(track("aerosmith", "Pump", "01-Young_Lust.mp3"), track("u2", "Boy", "01-I_Will_Follow.mp3")),
        passed_over=(".DS_Store", "u2/Boy/._01-I_Will_Follow.mp3", "u2/Boy/folder.jpg"),
        deviations=("queen: is missing", "u2: has 1 album instead of 6", "2 tracks instead of 1,413"),
    ),
    "artist20-course": Recipe(
        layouts=("train_val", "artist20/train_val", "hw1/artist20/train_val", "hw1/hw1/artist20/train_val"),
        tracks=_COURSE,
        passed_over=("../test/001.mp3", "../test/002.mp3", "../test/._002.mp3", "u2/album0/._x.mp3"),
        beside={"../train.json": paths_in_json(_TRAIN), "../val.json": paths_in_json(_VAL)},
        deviations=(
            "queen: is missing",
            "10 tracks instead of 1,180",
            "test: passed over 2 tracks without labels",
        ),
        has_split=True,
    ),
    "vocalset": Recipe(
        layouts=("", "FULL", "VocalSet11/FULL", "VocalSet1-2/data_by_singer", "VocalSet/VocalSet1-2/FULL"),
        tracks=(
            Track("female1/arpeggios/belt/f1_arpeggios_belt_c_a.wav", "female1", "arpeggios"),
            Track("female4/scales/straight/scales_straight_a.wav", "female4", "scales"),
            Track("male8/excerpts/vibrato/m9_caro_vibrato.wav", "male8", "excerpts"),
        ),
        passed_over=(
            "../__MACOSX/FULL/female1/._f1_arpeggios_belt_c_a.wav",
            "../data_by_technique/belt/f1_arpeggios_belt_c_a.wav",
            "../readme-anon.txt",
            "female1/arpeggios/belt/.DS_Store",
        ),
        deviations=(
            "male1: is missing",
            "female1: has no long_tones",
            "male8/excerpts/vibrato/m9_caro_vibrato.wav: its name says male9; the folder decides",
            "3 tracks instead of 3,613 (in version 1.1)",
        ),
    ),
}

EACH = pytest.mark.parametrize("name", DATASETS)
EACH_LAYOUT = pytest.mark.parametrize(
    ("name", "layout"), [(name, layout) for name in RECIPES for layout in RECIPES[name].layouts]
)


def build(recipe: Recipe, root: Path) -> None:
    for path in (*recipe.passed_over, *(song.path for song in recipe.tracks)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    for path, text in recipe.beside.items():
        (root / path).write_text(text, encoding="utf-8")


def test_every_data_set_has_a_recipe_here() -> None:
    assert list(RECIPES) == list(DATASETS), "add how the data set comes to RECIPES"


@EACH
def test_it_says_where_it_comes_from(name: str) -> None:
    entry = DATASETS[name]
    assert isinstance(entry, DataSet)
    assert entry.source.startswith("https://")
    assert all((entry.title, entry.terms, entry.how_to_get))
    assert not any("\n" in text for text in (entry.title, entry.terms, entry.how_to_get))


@EACH_LAYOUT
def test_its_tracks_are_found_in_every_layout(name: str, layout: str, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    build(RECIPES[name], folder / layout)
    root, tracks = DATASETS[name].find(folder)  # without on_failure, whatever fails is raised
    assert root == folder / layout
    assert tracks == RECIPES[name].tracks
    assert list(tracks) == sorted(tracks)
    assert len({song.id for song in tracks}) == len(tracks)
    assert DATASETS[name].find(root) == (root, tracks)


@EACH
def test_paths_and_ids_do_not_depend_on_the_folder_one_is_in(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / RECIPES[name].layouts[-1]
    build(RECIPES[name], root)
    elsewhere = find_tracks(root, dataset=name)
    monkeypatch.chdir(root)
    found = find_tracks(Path(), dataset=name)
    assert (found.tracks, found.split) == (elsewhere.tracks, elsewhere.split)
    assert found.deviations == elsewhere.deviations


@EACH
def test_what_differs_is_told_and_stops_nothing(name: str, tmp_path: Path) -> None:
    build(RECIPES[name], tmp_path / RECIPES[name].layouts[-1])
    found = find_tracks(tmp_path, dataset=name)
    assert found.tracks == RECIPES[name].tracks
    assert found.failures == ()
    assert {failure.path for failure in found.deviations} == {name}
    assert set(RECIPES[name].deviations) <= {failure.reason for failure in found.deviations}


@EACH
@pytest.mark.parametrize("folder", ["", "missing", "file"])
def test_another_folder_is_refused_in_one_line_with_the_remedy(
    name: str, folder: str, tmp_path: Path
) -> None:
    (tmp_path / "abba/hits").mkdir(parents=True)
    (tmp_path / "abba/hits/1.mp3").touch()
    (tmp_path / "file").touch()
    with pytest.raises(SingeridError, match="; give the folder that holds") as refused:
        DATASETS[name].find(tmp_path / folder)
    assert str(refused.value).startswith(f"{tmp_path / folder}: ")
    assert "\n" not in str(refused.value)


@EACH
def test_its_split_can_be_trained_on(name: str, tmp_path: Path) -> None:
    build(RECIPES[name], tmp_path / RECIPES[name].layouts[-1])
    found = find_tracks(tmp_path, dataset=name)
    assert (found.split is not None) == RECIPES[name].has_split
    if found.split is not None:
        write_json(tmp_path / "split.json", found.split.to_json())
        assert read_split(tmp_path / "split.json") == found.split  # parts share nothing, none is empty
        check_split(found.split, found.tracks)
        albums = [{str(Path(path).parent) for path in part} for part in vars(found.split).values()]
        assert sum(map(len, albums)) == len(set.union(*albums)), "an album is in two parts"


@EACH
def test_a_manifest_may_name_its_tracks(name: str, tmp_path: Path) -> None:
    build(RECIPES[name], tmp_path / RECIPES[name].layouts[-1])
    first = RECIPES[name].tracks[0]
    (tmp_path / "tracks.csv").write_text(f"path,singer,album\n{first.path},Ann,One\n", encoding="utf-8")
    found = find_tracks(tmp_path, tmp_path / "tracks.csv", dataset=name)
    assert found.tracks == (Track(first.path, "Ann", "One"),)
    assert found.split is None  # one track makes none, and that is told
    assert any("no split: none of" in told.reason for told in found.deviations) == RECIPES[name].has_split


def complete_vocalset() -> list[Track]:
    per_singer = [181] * 13 + [180] * 7  # 3,613 in all
    return [
        Track(
            f"{singer}/{CONTEXTS[n % 4]}/x/{singer[0]}{singer.rpartition('male')[2]}_{n}.wav",
            singer,
            CONTEXTS[n % 4],
        )
        for singer, count in zip(SINGERS, per_singer, strict=True)
        for n in range(count)
    ]


def test_a_complete_vocalset_has_no_deviations() -> None:
    assert DATASETS["vocalset"].deviations(Path(), complete_vocalset()) == ()


def test_every_deviation_of_vocalset_is_named() -> None:
    tracks = [song for song in complete_vocalset() if song.singer != "male1"]
    tracks += [Track("abba/scales/1.wav", "abba", "scales"), Track("male2/songs/1.wav", "male2", "songs")]
    tracks.append(Track("male2/1.wav", "male2", ""))
    assert DATASETS["vocalset"].deviations(Path(), tracks) == (
        "abba: is no singer of VocalSet",
        "male1: is missing",
        "no folder: 1 track in it, and in none of arpeggios, excerpts, long_tones, scales",
        "songs: 1 track in it, and in none of arpeggios, excerpts, long_tones, scales",
        f"{len(tracks):,} tracks instead of 3,613 (in version 1.1)",
    )


@pytest.fixture
def course(tmp_path: Path) -> Path:
    build(RECIPES["artist20-course"], tmp_path / "artist20/train_val")
    return tmp_path / "artist20"


def test_the_courses_validation_is_the_test_part_and_valid_is_drawn_from_train(course: Path) -> None:
    found = find_tracks(course, dataset="artist20-course")
    assert found.split is not None
    assert found.split.test == _VAL
    assert sorted(found.split.train + found.split.valid) == sorted(_TRAIN)
    assert [Path(path).parts[0] for path in found.split.valid] == ["aerosmith", "u2"]
    assert find_tracks(course, dataset="artist20-course").split == found.split


def test_a_complete_course_edition_tells_only_of_its_test(tmp_path: Path) -> None:
    """100 albums of 11 or 12 tracks: 1,180 (11 * 20 + 12 * 80)."""
    songs = [
        track(artist, f"album{n}", f"{number:02}.mp3")
        for artist in ARTISTS
        for n in range(5)
        for number in range(11 if n == 4 else 12)
    ]
    parts = [tuple(song.path for song in songs if (song.album == "album4") == val) for val in (False, True)]
    root = tmp_path / "train_val"
    build(
        Recipe(
            ("train_val",),
            tuple(songs),
            ("../test/001.mp3",),
            (),
            {"../train.json": paths_in_json(parts[0]), "../val.json": paths_in_json(parts[1])},
        ),
        root,
    )
    (deviation,) = find_tracks(tmp_path, dataset="artist20-course").deviations
    assert deviation.reason == "test: passed over 1 track without labels"


def test_lists_and_tracks_that_differ_are_told(course: Path) -> None:
    (course / "train_val/u2/album0/01-Song.mp3").unlink()
    (course / "train_val/u2/album0/02-Other.mp3").touch()
    (course / "train_val/u2/album1/02-Other.mp3").touch()
    found = find_tracks(course, dataset="artist20-course")
    reasons = [deviation.reason for deviation in found.deviations]
    assert "u2/album0/01-Song.mp3: listed in train.json, not there" in reasons
    assert (
        "u2/album0/02-Other.mp3 and 1 more: in neither train.json nor val.json, so in no part of the split"
        in reasons
    )
    assert found.split is not None
    assert not any("Other" in path for part in vars(found.split).values() for path in part)


@pytest.mark.parametrize("text", ['{"train_val": 1}', "[1, 2]", "["])
def test_a_damaged_list_is_one_line(course: Path, text: str) -> None:
    (course / "val.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        SingeridError, match=r"val\.json: is no.*, or use `dataset='artist20'`, which reads no split"
    ):
        find_tracks(course, dataset="artist20-course")


def test_without_its_lists_the_course_edition_is_refused(course: Path) -> None:
    (course / "train.json").unlink()
    with pytest.raises(SingeridError, match=r"use `dataset='artist20'`$"):
        find_tracks(course, dataset="artist20-course")
    assert find_tracks(course, dataset="artist20").root == course / "train_val"


def test_an_unknown_name_tells_the_near_ones(tmp_path: Path) -> None:
    with pytest.raises(SingeridError, match="unknown data set 'vocal-set'; near names: vocalset;"):
        find_tracks(tmp_path, dataset="vocal-set")


def test_a_plugin_may_register_one(tmp_path: Path, singerid: Program) -> None:
    """As a user does it: the user's own file, named before the command."""
    plugin = tmp_path / "choir.py"
    plugin.write_text(
        "from singerid.data.datasets.dataset import DataSet\n"
        "from singerid.data.datasets.registry import DATASETS\n"
        "DATASETS.register('choir', DataSet('Choir', 'https://x.org', 'CC0', 'ask', lambda folder: folder,\n"
        "    deviations=lambda root, tracks: ('too few singers',)))\n",
        encoding="utf-8",
    )
    (tmp_path / "tree/ann/one").mkdir(parents=True)
    (tmp_path / "tree/ann/one/1.wav").touch()
    command = ("prepare", tmp_path / "tree", tmp_path / "store", "--dataset", "choir")
    known = singerid("--plugin", plugin, *command)
    assert "singerid: warning: choir: too few singers" in known.stderr
    unknown = singerid(*command)
    assert unknown.returncode == 2
    assert unknown.stderr == (
        "singerid: Invalid value for '--dataset': unknown data set 'choir'; known names: artist20, "
        "artist20-course, vocalset; your own need --plugin FILE.py. See --help.\n"
    )
