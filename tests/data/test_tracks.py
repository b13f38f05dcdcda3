"""Scanning trees and reading manifests."""

import csv
import hashlib
import io
import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from singerid.data.names import clean_name
from singerid.data.tracks import Track, read_manifest, scan_tree, singers_of
from singerid.errors import Failure, SingeridError
from singerid.sound.listing import find_audio

NAMES = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="/\0"), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 100)

any_bytes = pytest.mark.skipif(sys.platform != "linux", reason="file names must be UTF-8 on this system")


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def write_manifest(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_first_folder_is_the_singer_and_the_second_the_album(tmp_path: Path) -> None:
    touch(tmp_path, "b/two/1.mp3", "b/two/CD2/1.FLAC", "a/loose.wav", "歌手/アルバム/曲.m4a", "a/z/cover.jpg")
    assert scan_tree(tmp_path) == (
        Track("a/loose.wav", "a", ""),
        Track("b/two/1.mp3", "b", "two"),
        Track("b/two/CD2/1.FLAC", "b", "two"),
        Track("歌手/アルバム/曲.m4a", "歌手", "アルバム"),
    )


def test_a_folder_named_like_a_recording_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a/live.mp3/1.wav")
    assert scan_tree(tmp_path) == (Track("a/live.mp3/1.wav", "a", "live.mp3"),)


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "tree", "a/b/1.wav")
    touch(tmp_path / "elsewhere", "2.wav")
    (tmp_path / "tree/a/c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tree/a/b/up").symlink_to(tmp_path / "tree")
    (tmp_path / "elsewhere/self").symlink_to(tmp_path / "elsewhere")
    assert find_audio(tmp_path / "tree").audio == ("a/b/1.wav", "a/c/2.wav")


@any_bytes
def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    touch(tmp_path, f"{name}/album/1.wav")
    (track,) = scan_tree(tmp_path)
    assert track.singer == name
    assert (tmp_path / track.path).is_file()
    assert track.id == hashlib.sha256(b"caf\xe9/album/1.wav").hexdigest()[:16]


def test_a_singer_named_in_two_unicode_forms_is_one(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Beyoncé") for form in ("NFC", "NFD"))
    touch(tmp_path, f"{composed}/x/1.wav", f"{decomposed}/y/2.wav")
    tracks = scan_tree(tmp_path)
    assert singers_of(tracks) == (composed,)
    assert {track.path.split("/")[0] for track in tracks} == {composed, decomposed}


def test_blanks_make_no_other_singer_and_no_other_album(tmp_path: Path) -> None:
    folders = (
        "The Beatles/Help!",
        "The Beatles /Help! ",
        " The  Beatles/Help!",
        "The\u00a0Beatles\u3000/ Help!",
    )
    touch(tmp_path, *(f"{folder}/{number}.wav" for number, folder in enumerate(folders)))
    tracks = scan_tree(tmp_path)
    assert len(tracks) == 4
    assert {(track.singer, track.album) for track in tracks} == {("The Beatles", "Help!")}
    assert all((tmp_path / track.path).is_file() for track in tracks)
    rows = (
        f"{track.path},{folder.split('/')[0]},Help!" for track, folder in zip(tracks, folders, strict=True)
    )
    manifest = write_manifest(tmp_path / "m.csv", "path,singer,album", *rows)
    assert singers_of(read_manifest(manifest, tmp_path)) == ("The Beatles",)


def test_a_folder_of_blanks_is_no_singer(tmp_path: Path) -> None:
    touch(tmp_path, "  /x/1.wav", "a/x/1.wav")
    failures: list[Failure] = []
    assert len(scan_tree(tmp_path, failures.append)) == 1
    assert "lies in no singer's folder" in failures[0].reason


def test_albums_that_may_be_taken_for_singers_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path / "music", "Ada/One/1.wav", "Ada/Two/1.wav", "Bea/One/1.wav", "Cy/One/1.wav")
    assert singers_of(scan_tree(tmp_path / "music")) == ("Ada", "Bea", "Cy")
    assert caplog.messages == []
    assert singers_of(scan_tree(tmp_path / "music" / "Ada")) == ("One", "Two")
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}/music/Ada: its folders are taken for singers (One, Two); if they are")
    assert line.endswith(f"give the folder above: {tmp_path}/music")
    caplog.clear()
    assert singers_of(scan_tree(tmp_path)) == ("music",)
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}: its only folder is taken for one singer (music); if it holds")
    assert line.endswith(f"give it: {tmp_path}/music")
    # A folder without albums among folders of another kind is laid out as documented.
    caplog.clear()
    touch(tmp_path / "home", "music/Ada/1.wav", "music/Bea/1.wav", "podcasts/one/1.mp3", "letters/x.txt")
    (tmp_path / "home" / "pictures").mkdir()
    assert singers_of(scan_tree(tmp_path / "home" / "music")) == ("Ada", "Bea")
    assert caplog.messages == []


def test_names_that_are_alike_and_names_of_nobody_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = (
        "ABBA",
        "Abba",
        "ＡＢＢＡ",
        "Beyoncé",
        "Various Artists",
        "V.A.",
        "Unbekannter Künstler",
        "Madonna",
    )
    touch(tmp_path, *(f"{name}/x/1.wav" for name in names))
    tracks = scan_tree(tmp_path)
    told = caplog.messages
    assert len(singers_of(tracks)) == len(names)
    manifest = write_manifest(
        tmp_path / "m.csv", "path,singer,album", *(f"{track.path},{track.singer},x" for track in tracks)
    )
    caplog.clear()
    read_manifest(manifest, tmp_path)
    assert told == caplog.messages
    alike, nobody = told
    assert "'ABBA' and 'Abba' and 'ＡＢＢＡ'" in alike
    assert "'Unbekannter Künstler', 'V.A.', 'Various Artists'" in nobody
    assert not any(name in line for line in told for name in ("Beyoncé", "Madonna"))


def test_what_cannot_be_a_track_is_reported_and_the_rest_done(tmp_path: Path) -> None:
    touch(tmp_path, "stray.mp3", "a/b/1.wav")
    (tmp_path / "a/gone.mp3").symlink_to(tmp_path / "nowhere")
    failures: list[Failure] = []
    assert [track.path for track in scan_tree(tmp_path, failures.append)] == ["a/b/1.wav"]
    assert [failure.path for failure in sorted(failures)] == ["a/gone.mp3", "stray.mp3"]
    with pytest.raises(SingeridError, match=r"stray\.mp3|gone\.mp3"):
        scan_tree(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/1.wav", "a/closed/2.wav")
    (tmp_path / "a/closed").chmod(0)
    failures: list[Failure] = []
    try:
        assert len(scan_tree(tmp_path, failures.append)) == 1
    finally:
        (tmp_path / "a/closed").chmod(0o755)
    assert [failure.path for failure in failures] == ["a/closed"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("missing", "does not exist"), ("file", "is a file"), ("empty", r"SINGER/\[ALBUM/\]TRACK")],
)
def test_a_folder_that_is_no_tree(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SingeridError, match=message):
        scan_tree(tmp_path / path)


def test_manifest(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.wav", "y, z/2.wav", "3.bin")
    manifest = write_manifest(
        tmp_path / "m.csv",
        "\ufeffAlbum,title,path , singer",
        'first,"a, ""title""",x/../x/1.wav,Ann'.replace("x/../", "./"),
        "",
        " , , , ",
        f',,"{tmp_path}/y, z/2.wav",  Bo ',
        "last,t,3.bin,Ann",
    )
    assert read_manifest(manifest, tmp_path) == (
        Track("3.bin", "Ann", "last"),
        Track("x/1.wav", "Ann", "first"),
        Track("y, z/2.wav", "Bo", ""),
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,singer", "a.wav,Ann"], r"line 1: lacks the column 'album'"),
        (["path;singer;album", "a.wav;Ann;x"], r"line 1: lacks the column 'path'.*commas"),
        (["path,singer,album,path", "a.wav,Ann,x,a.wav"], r"line 1: has more than one column 'path'"),
        ([""], r"line 1: lacks"),
        (["path,singer,album"], r"lists no track"),
        (["path,singer,album", "a.wav,Ann"], r"line 2: has 2 fields, the header 3"),
        (["path,singer,album", "a.wav"], r"line 2: has 1 field, the header 3"),
        (["path,singer,album", "a.wav, ,x"], r"line 2: the singer is empty"),
        (["path,singer,album", "", "../a.wav,Ann,x"], r"line 3: '../a.wav' is no path of a file inside"),
        (["path,singer,album", "/etc/hosts,Ann,x"], r"line 2: '/etc/hosts' is no path"),
        (["path,singer,album", ".,Ann,x"], r"line 2: '\.' is no path"),
        (["path,singer,album", "a.wav,Ann,x", "./a.wav,Bo,x"], r"line 3: 'a.wav' is listed on line 2"),
        (["path,singer,album", '"a.wav', "b.wav,Ann,x", "gone.wav,Ann,x"], r"line 4"),
        (
            ["path,singer,album,note", 'a.wav,Ann,x,"two\nlines"', '"b\n.wav",,x,'],
            r"line 4: the singer is empty",
        ),
    ],
)
def test_manifest_errors_name_the_line(tmp_path: Path, lines: list[str], message: str) -> None:
    touch(tmp_path, "a.wav", "b.wav")
    with pytest.raises(SingeridError, match=message):
        read_manifest(write_manifest(tmp_path / "m.csv", *lines), tmp_path)


def test_a_file_missing_from_the_tree_does_not_stop_the_manifest(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    manifest = write_manifest(tmp_path / "m.csv", "path,singer,album", "gone.wav,Ann,x", "a.wav,Ann,x")
    failures: list[Failure] = []
    assert [track.path for track in read_manifest(manifest, tmp_path, failures.append)] == ["a.wav"]
    assert [failure.path for failure in failures] == ["gone.wav"]
    assert "line 2" in failures[0].reason
    with pytest.raises(SingeridError, match=r"gone\.wav"):
        read_manifest(manifest, tmp_path)


@pytest.mark.parametrize(
    "written",
    [
        unicodedata.normalize("NFC", "Beyoncé/é/1.wav"),
        unicodedata.normalize("NFD", "Beyoncé/é/1.wav"),
        "Beyoncé\\é\\1.wav",
        ".\\Beyoncé\\é\\1.wav",
        "beyoncé/É/1.WAV",
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_paths_of_another_system_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str, written: str
) -> None:
    on_disk = unicodedata.normalize(form, "Beyoncé/é/1.wav")
    touch(tmp_path, on_disk)
    manifest = write_manifest(tmp_path / "m.csv", "path,singer,album", f"{written},Ann,x")
    assert read_manifest(manifest, tmp_path) == (Track(on_disk, "Ann", "x"),)
    assert len(caplog.messages) == (written != on_disk)
    assert all("found, though spelled differently on disk" in line for line in caplog.messages)


def test_a_path_that_two_files_match_finds_none(tmp_path: Path) -> None:
    touch(tmp_path, "a/X.wav", "a/x.wav", "b.wav")
    if len(list((tmp_path / "a").iterdir())) == 1:
        pytest.skip("this disk does not tell cases apart")
    manifest = write_manifest(
        tmp_path / "m.csv", "path,singer,album", "A/x.wav,Ann,x", "b.wav,Ann,x", r"..\b.wav,Ann,x"
    )
    failures: list[Failure] = []
    assert [track.path for track in read_manifest(manifest, tmp_path, failures.append)] == ["b.wav"]
    assert [failure.path for failure in failures] == ["A/x.wav", r"..\b.wav"]


def test_a_file_that_another_row_names_is_that_rows(tmp_path: Path) -> None:
    touch(tmp_path, "Ann/x/1.wav")
    manifest = write_manifest(
        tmp_path / "m.csv", "path,singer,album", "Ann/x/1.WAV,Ann,x", "Ann/x/1.wav,Ann,x"
    )
    failures: list[Failure] = []
    assert [track.path for track in read_manifest(manifest, tmp_path, failures.append)] == ["Ann/x/1.wav"]
    assert [failure.path for failure in failures] == ["Ann/x/1.WAV"]


def test_a_manifest_none_of_whose_files_is_there_names_the_first_rows(tmp_path: Path) -> None:
    rows = [f"d/{number}.flac,Ann,x" for number in range(5)]
    manifest = write_manifest(tmp_path / "m.csv", "path,singer,album", *rows)
    with pytest.raises(
        SingeridError,
        match=r"has 5 paths, none of which is a file in .*line 2 'd/0\.flac', line 3 .*, \.\.\.; give",
    ):
        read_manifest(manifest, tmp_path, lambda failure: None)


@any_bytes
def test_manifest_paths_may_be_any_bytes_and_names_must_be_text(tmp_path: Path) -> None:
    path = os.fsdecode(b"caf\xe9.wav")
    touch(tmp_path, path)
    (tmp_path / "good.csv").write_bytes(b"path,singer,album\ncaf\xe9.wav,Ann,x\n")
    assert read_manifest(tmp_path / "good.csv", tmp_path) == (Track(path, "Ann", "x"),)
    (tmp_path / "bad.csv").write_bytes(b"path,singer,album\ncaf\xe9.wav,Beyonc\xe9,x\n")
    with pytest.raises(SingeridError, match=r"line 2: the singer is not UTF-8"):
        read_manifest(tmp_path / "bad.csv", tmp_path)


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SingeridError, match=r"gone\.csv: cannot be read"):
        read_manifest(tmp_path / "gone.csv", tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(NAMES, NAMES.filter(clean_name), NAMES),
        min_size=1,
        max_size=5,
        unique_by=lambda row: row[0],
    ),
    bom=st.booleans(),
    columns=st.permutations(["path", "singer", "album", "extra"]),
)
def test_every_written_manifest_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    bom: bool,
    columns: list[str],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="beside")
    writer.writeheader()
    expected = []
    for path, singer, album in rows:
        (root / path).touch()
        writer.writerow({"path": path, "singer": singer, "album": album})
        expected.append(Track(path, clean_name(singer), clean_name(album)))
    manifest = root / ".manifest"
    manifest.write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    assert read_manifest(manifest, root) == tuple(sorted(expected))


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(alphabet=',"\n\r;.aü /\0', max_size=60).map(str.encode)
    )
)
@pytest.mark.parametrize("header", [b"", b"path,singer,album\n"])
def test_any_content_gives_tracks_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, content: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "any"
    root.mkdir(exist_ok=True)
    manifest = root / "m.csv"
    manifest.write_bytes(header + content)
    try:
        tracks = read_manifest(manifest, root, lambda failure: None)
    except SingeridError as error:
        message = str(error)
    else:
        assert all((root / track.path).is_file() and track.singer for track in tracks)
        return
    assert str(manifest) in message
    assert "\n" not in message
