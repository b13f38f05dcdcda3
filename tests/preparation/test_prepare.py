"""`prepare`: what is extracted, what is left out and why, and what a crash leaves."""

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

from conftest import voice
from programs import Program
from singerid.config import MIXTURE, FeatureConfig
from singerid.data.tracks import Track, scan_tree
from singerid.errors import ExitCode, Failure, SingeridError
from singerid.preparation import worker
from singerid.preparation.duplicates import SameSound, drop_duplicates
from singerid.preparation.prepare import PrepareReport, find_tracks, prepare, usual_workers
from singerid.preparation.worker import Extraction, Job, Source
from singerid.runs.config import SplitConfig
from singerid.runs.new import make_split
from singerid.sound.audio import load
from singerid.sound.features import DEFAULT_FEATURES
from singerid.sound.separation.separators import open_separator
from singerid.store.arrays import features_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.store.writer import open_writer

OLD = 1_600_000_000  # seconds: a change that lies far enough back to be told by its time


def write_song(path: Path, seed: int, seconds: float = 3.2, old: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * 16_000)) / 16_000
    signal = 0.2 * np.sin(2 * np.pi * rng.uniform(200, 800) * time) + 0.01 * rng.normal(size=len(time))
    with path.open("wb") as file:
        soundfile.write(file, signal, 16_000, format="WAV")
    if old:
        os.utime(path, (OLD, OLD))
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number in range(4):
        write_song(tmp_path / "tree" / f"singer{number % 2}" / "album" / f"{number}.wav", number)
    return tmp_path / "tree"


def run(tree: Path, workers: int = 1, **options: object) -> PrepareReport:
    return prepare(scan_tree(tree), tree, tree.parent / "store", workers=workers, **options)  # type: ignore[arg-type]


def paths(tree: Path) -> list[str]:
    return [track.path for track in Store.open(tree.parent / "store").tracks]


def contents(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store / "features").rglob("*.npy")}


def test_features_are_librosas_in_half_precision(tree: Path) -> None:
    assert run(tree) == PrepareReport(4, 0, 0, (), ())
    store = Store.open(tree.parent / "store", FeatureConfig())
    assert paths(tree) == [track.path for track in scan_tree(tree)]
    for track in store.tracks:
        waveform = load(tree / track.path)
        power = librosa.feature.melspectrogram(
            y=waveform, sr=16_000, n_fft=2048, hop_length=512, n_mels=128, pad_mode="reflect"
        )
        expected = librosa.amplitude_to_db(power, ref=1.0, top_db=80).T
        got = store.features(track)
        assert got.shape == (track.frames, 128) == (101, 128)
        assert np.abs(got - expected).max() < 0.04  # float16 between 64 and 128
        assert track.duration_s == 3.2
        assert (track.singer, track.album) == (track.path.split("/")[0], "album")


def test_workers_change_nothing(tree: Path) -> None:
    run(tree)
    prepare(scan_tree(tree), tree, tree.parent / "other", workers=2)
    assert contents(tree.parent / "store") == contents(tree.parent / "other")


@pytest.mark.parametrize(
    ("songs", "megabytes", "device", "separator", "expected"),
    [
        (3, 1, "cpu", None, 1),  # done before a process would have started
        (100, 5, "cpu", None, 8),
        (40, 5, "cpu", None, 5),
        (1, 500, "cpu", None, 1),
        (3, 1, "cpu", "repet", 4),
        (3, 1, "cuda", "repet", 1),
    ],
)
def test_as_many_workers_as_the_work_is_worth(
    monkeypatch: pytest.MonkeyPatch,
    songs: int,
    megabytes: int,
    device: str,
    separator: str | None,
    expected: int,
) -> None:
    monkeypatch.setattr("singerid.preparation.prepare.usable_processors", lambda: 8)
    source = Source(Track("a", "b", "c"), "", megabytes * 1_000_000, 0)
    jobs = [Job(source, None, frozenset({"features/mixture"}))] * songs
    made_by = None if separator is None else open_separator(separator)
    work = Extraction(Path(), Path(), FeatureConfig(), 1.0, torch.device(device), made_by)
    assert usual_workers(jobs, work) == expected


def test_only_what_is_new_or_changed_is_done(tree: Path) -> None:
    run(tree)
    index = (tree.parent / "store/index.jsonl").read_bytes()
    assert run(tree) == PrepareReport(0, 4, 0, (), ())
    assert (tree.parent / "store/index.jsonl").read_bytes() == index
    write_song(tree / "singer0/album/9.wav", 9)
    write_song(tree / "singer0/album/0.wav", 10, seconds=4.0)
    (tree / "singer1/album/1.wav").unlink()
    assert run(tree) == PrepareReport(2, 2, 1, (), ())
    fresh = tree.parent / "fresh"
    prepare(scan_tree(tree), tree, fresh, workers=1)
    assert contents(tree.parent / "store") == contents(fresh)
    assert Store.open(tree.parent / "store").identity == Store.open(fresh).identity


def test_the_content_decides_not_the_time(tree: Path) -> None:
    run(tree)
    song = tree / "singer0/album/0.wav"
    os.utime(song, (OLD + 1000, OLD + 1000))
    assert run(tree) == PrepareReport(0, 4, 0, (), ())
    before = song.stat()
    write_song(song, 99)
    os.utime(song, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert song.stat().st_size == before.st_size
    assert run(tree, check_contents=True) == PrepareReport(1, 3, 0, (), ())


def test_a_file_changed_within_the_clocks_tick_is_seen(tree: Path) -> None:
    song = write_song(tree / "singer0/album/0.wav", 0, old=False)
    before = song.stat()
    run(tree)
    write_song(song, 99)
    os.utime(song, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(tree).done == 1


def test_features_that_are_gone_or_cut_are_made_again(tree: Path) -> None:
    run(tree)
    whole = contents(tree.parent / "store")
    first, second, *_ = sorted((tree.parent / "store/features/mixture").iterdir())
    first.unlink()
    os.truncate(second, 1000)
    assert run(tree) == PrepareReport(2, 2, 0, (), ())
    assert contents(tree.parent / "store") == whole


def test_new_labels_need_no_extraction(tree: Path) -> None:
    run(tree)
    tracks = [Track(track.path, "someone", "else") for track in scan_tree(tree)]
    assert prepare(tracks, tree, tree.parent / "store", workers=1).unchanged == 4
    assert {(t.singer, t.album) for t in Store.open(tree.parent / "store").tracks} == {("someone", "else")}


def test_what_cannot_be_used_is_listed_and_the_rest_is_done(tree: Path) -> None:
    album = tree / "singer0/album"
    (album / "text.mp3").write_text("no sound\n" * 1000)
    (album / "empty.wav").touch()
    write_song(album / "short.wav", 50, seconds=2.9)
    write_song(album / "just long enough.wav", 51, seconds=2.98)  # 94 frames
    soundfile.write(album / "silent.wav", np.zeros(64_000), 16_000)
    soundfile.write(album / "nan.wav", np.full(64_000, np.nan), 16_000, subtype="FLOAT")
    soundfile.write(album / "huge.wav", np.full(64_000, 1e30), 16_000, subtype="FLOAT")
    cut = write_song(album / "cut.wav", 52, seconds=8.0)
    os.truncate(cut, cut.stat().st_size // 2)
    shutil.copy(album / "0.wav", album / "z copy.wav")
    shutil.copy(tree / "singer1/album/3.wav", album / "stolen.wav")
    report = run(tree)
    failures = {failure.path.removeprefix("singer0/album/"): failure.reason for failure in report.failures}
    for name, reason in {
        "text.mp3": "no sound file",
        "empty.wav": "is empty",
        "short.wav": "is too short (2.90 s, a clip has 3 s)",
        "silent.wav": "is silent",
        "nan.wav": "NaN, infinite",
        "huge.wav": "absurd",
        "z copy.wav": "is byte-identical to singer0/album/0.wav, which is kept",
        "stolen.wav": "is byte-identical to singer1/album/3.wav; keep it under one singer only",
        "singer1/album/3.wav": "is byte-identical to singer0/album/stolen.wav; keep it under one singer only",
    }.items():
        assert reason in failures.pop(name)
    assert failures == {}
    assert [warning.path for warning in report.warnings] == ["singer0/album/cut.wav"]
    assert report.done == len(paths(tree)) == 5
    again = run(tree)
    assert again.failures == report.failures
    assert again.warnings == report.warnings
    assert (again.done, again.unchanged) == (0, 5)


def test_a_recording_that_became_useless_leaves_the_store(tree: Path) -> None:
    run(tree)
    write_song(tree / "singer0/album/0.wav", 0, seconds=1.0)
    shutil.copy(tree / "singer0/album/2.wav", tree / "singer1/album/3.wav")
    report = run(tree)
    assert (report.done, report.unchanged, report.removed) == (0, 1, 3)
    assert paths(tree) == ["singer1/album/1.wav"]
    assert len(contents(tree.parent / "store")) == 1


def test_a_longer_clip_leaves_out_what_is_too_short_for_it(tree: Path) -> None:
    run(tree)
    report = run(tree, min_seconds=5.0)
    assert [failure.reason for failure in report.failures] == [
        "is too short (3.20 s, a clip has 5 s); see `min_seconds`"
    ] * 4
    assert paths(tree) == []


def test_a_recording_that_cannot_be_opened_keeps_its_features(tree: Path) -> None:
    run(tree)
    tracks = scan_tree(tree)
    song = tree / "singer0/album/0.wav"
    song.unlink()
    song.mkdir()
    report = prepare(tracks, tree, tree.parent / "store", workers=1)
    assert report == PrepareReport(
        0, 3, 0, (Failure("singer0/album/0.wav", "is a folder; give an audio file"),), ()
    )
    assert len(paths(tree)) == 4


def test_what_cannot_be_listed_keeps_its_features(tree: Path) -> None:
    run(tree)
    for place in ("singer0/album/0.wav", "singer1/album"):
        (tree / place).rename(tree.parent / place.replace("/", "-"))
    (tree / "singer0/album/0.wav").symlink_to("nowhere")
    found = find_tracks(tree)
    assert [failure.path for failure in found.failures if "link" in failure.reason] == ["singer0/album/0.wav"]
    unlisted = [*found.failures, Failure("singer1/album", "cannot be listed")]
    report = prepare(found.tracks, tree, tree.parent / "store", workers=1, unlisted=unlisted)
    assert (report.unchanged, report.removed) == (1, 0)
    assert set(unlisted) <= set(report.failures)
    assert len(paths(tree)) == 4


def test_a_file_changed_while_it_is_read_is_not_stored(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = tree / "singer0/album/0.wav"
    read_blocks = worker.read_blocks

    def change_at_the_end(path: Path, *arguments: object, **options: object) -> Iterator[np.ndarray]:
        yield from read_blocks(path, *arguments, **options)  # type: ignore[arg-type]
        if path == song:
            write_song(song, 77)

    monkeypatch.setattr(worker, "read_blocks", change_at_the_end)
    report = run(tree)
    assert [failure.path for failure in report.failures] == ["singer0/album/0.wav"]
    assert "was changed while it was read" in report.failures[0].reason
    monkeypatch.undo()
    assert run(tree) == PrepareReport(1, 3, 0, (), ())


def test_another_trees_store_is_refused(tree: Path, tmp_path: Path) -> None:
    run(tree)
    write_song(tmp_path / "elsewhere/a/b/c.wav", 1)
    with pytest.raises(SingeridError, match="holds the tracks of another tree"):
        prepare(scan_tree(tmp_path / "elsewhere"), tmp_path / "elsewhere", tree.parent / "store")
    assert len(paths(tree)) == 4


def test_names_may_be_anything(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    names = [
        "歌/ア/曲.wav",
        "a\nb/\t/\r.wav",
        os.fsdecode(b"\xff/\xfe/\x80.wav"),
        f"{'s' * 255}/{'a' * 255}/x.wav",
    ]
    for seed, name in enumerate(names):
        write_song(tree / name, seed)
    assert run(tree).done == 4
    assert sorted(paths(tree)) == sorted(names)


def source(path: str, content: str) -> Source:
    return Source(Track(path, path.split("/")[0], ""), content, 1, 1)


def test_duplicates() -> None:
    sources = [
        source(*pair) for pair in (("a/1", "x"), ("a/2", "y"), ("a/3", "x"), ("b/1", "y"), ("b/2", "z"))
    ]
    kept, left_out = drop_duplicates(sources)
    assert [item.track.path for item in kept] == ["a/1", "b/2"]
    assert sorted(failure.path for failure in left_out) == ["a/2", "a/3", "b/1"]


def tagged(source: Path, target: Path, title: str) -> Path:
    """The same sound with another tag in front, under another name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    text = title.encode()
    frame = b"TIT2" + (len(text) + 1).to_bytes(4, "big") + b"\0\0\0" + text
    content = source.read_bytes()
    target.write_bytes(b"ID3\x03\0\0\0\0\0" + bytes([len(frame)]) + frame + content)
    return target


@pytest.fixture
def mp3_tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for singer in "abc":
        song = tree / singer / "first/song.mp3"
        song.parent.mkdir(parents=True)
        soundfile.write(song, voice(100.0 + ord(singer), 4.0, ord(singer)), 16_000)
    return tree


def test_the_same_sound_under_another_tag_or_in_another_file_is_kept_once(mp3_tree: Path) -> None:
    song = mp3_tree / "a/first/song.mp3"
    tagged(song, mp3_tree / "a/second/song.mp3", "Best of")
    tagged(song, mp3_tree / "a/0/song.mp3", "Single")
    report = run(mp3_tree)
    reason = "has the same sound as a/0/song.mp3, which is kept; remove one of them"
    assert [(failure.path, failure.reason) for failure in report.failures] == [
        ("a/first/song.mp3", reason),
        ("a/second/song.mp3", reason),
    ]
    assert paths(mp3_tree) == ["a/0/song.mp3", "b/first/song.mp3", "c/first/song.mp3"]
    again = run(mp3_tree)
    assert again.failures == report.failures
    assert (again.done, again.unchanged, again.removed) == (0, 3, 0)


def test_the_same_sound_under_two_singers_is_left_out_of_both(mp3_tree: Path) -> None:
    assert run(mp3_tree).done == 3
    tagged(mp3_tree / "a/first/song.mp3", mp3_tree / "b/second/song.mp3", "Cover")
    samples, rate = soundfile.read(mp3_tree / "c/first/song.mp3", dtype="float32")
    soundfile.write(mp3_tree / "c/first/song.flac", samples, rate, subtype="PCM_24")  # not the same: rounded
    report = run(mp3_tree)
    assert [(failure.path, failure.reason) for failure in report.failures] == [
        ("a/first/song.mp3", "has the same sound as b/second/song.mp3; keep it under one singer only"),
        ("b/second/song.mp3", "has the same sound as a/first/song.mp3; keep it under one singer only"),
    ]
    assert (report.done, report.unchanged, report.removed) == (1, 2, 1)
    assert paths(mp3_tree) == ["b/first/song.mp3", "c/first/song.flac", "c/first/song.mp3"]
    assert run(mp3_tree).failures == report.failures
    (mp3_tree / "b/second/song.mp3").unlink()
    assert run(mp3_tree).failures == ()
    assert "a/first/song.mp3" in paths(mp3_tree)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "AIFF", "CAF", "W64"])
def test_the_same_sound_in_another_container(mp3_tree: Path, format: str) -> None:
    samples = (32_767 * voice(300.0, 4.0, 7)).astype(np.int16)
    for number, container in enumerate(("WAV", format)):
        soundfile.write(mp3_tree / f"a/first/{number}.x", samples, 16_000, format=container, subtype="PCM_16")
    if format == "WAV":
        with (mp3_tree / "a/first/1.x").open("ab") as file:
            file.write(b"LIST\4\0\0\0INFO")
    report = run(mp3_tree)
    assert [failure.path for failure in report.failures] == ["a/first/1.x"]
    assert "has the same sound as a/first/0.x" in report.failures[0].reason


@pytest.mark.parametrize("order", list(permutations(["a/1", "a/2", "b/1"])))
def test_which_is_kept_does_not_depend_on_who_is_done_first(tmp_path: Path, order: tuple[str, ...]) -> None:
    with open_writer(tmp_path / "store", DEFAULT_FEATURES) as writer:
        same = SameSound(writer, ())
        for path in order:
            writer.incoming.mkdir(parents=True, exist_ok=True)
            file = writer.incoming / "features.npy"
            np.save(file, np.arange(128 * 100, dtype=np.float16).reshape(100, 128))
            made = StoredTrack(path, path[0], "", 3.2, 100, path, 1, 1)
            if same.admit(made, file):
                writer.put(made, {features_of(MIXTURE): file})
            assert len(writer.tracks) <= 1  # at no moment both
        assert writer.tracks == {}
        assert sorted(failure.path for failure in same.failures()) == ["a/1", "a/2", "b/1"]


def test_recordings_that_were_renamed_or_moved_are_no_duplicates(mp3_tree: Path) -> None:
    soundfile.write(mp3_tree / "a/first/2.mp3", voice(222.0, 4.0, 9), 16_000)
    assert run(mp3_tree).done == 4
    (mp3_tree / "a/first/song.mp3").rename(mp3_tree / "a/first/z.mp3")  # to a later name
    assert run(mp3_tree).failures == ()
    assert "a/first/z.mp3" in paths(mp3_tree)
    (mp3_tree / "a/first/z.mp3").rename(mp3_tree / "swap")
    (mp3_tree / "a/first/2.mp3").rename(mp3_tree / "a/first/z.mp3")
    (mp3_tree / "swap").rename(mp3_tree / "a/first/2.mp3")
    report = run(mp3_tree)
    assert (report.failures, len(paths(mp3_tree))) == ((), 4)
    (mp3_tree / "a").rename(mp3_tree / "zoe")  # the singer has another name
    report = run(mp3_tree)
    assert (report.failures, len(paths(mp3_tree))) == ((), 4)
    (mp3_tree / "zoe/first/2.mp3").rename(mp3_tree / "b/first/2.mp3")  # and a song another singer
    report = run(mp3_tree)
    assert (report.failures, len(paths(mp3_tree))) == ((), 4)


def test_artist20_is_told_how_it_deviates(tree: Path, tmp_path: Path) -> None:
    write_song(tmp_path / "artist20/mp3s-32k/queen/news/01.wav", 0)
    found = find_tracks(tmp_path / "artist20", dataset="artist20")
    assert found.root == tmp_path / "artist20/mp3s-32k"
    deviations = [str(deviation) for deviation in found.deviations]
    assert "artist20: queen: has 1 album instead of 6" in deviations
    assert "artist20: u2: is missing" in deviations
    assert find_tracks(tree).deviations == ()


# The command itself, without capabilities: nothing would stop root from reading and writing.

NO_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def singerid() -> Iterator[Program]:
    if NO_POWERS and not shutil.which(NO_POWERS[0]):
        pytest.skip("runs as root without setpriv (util-linux), which takes root's powers away")
    program = Program(NO_POWERS)
    yield program
    program.close()


def test_the_command_lists_failures_and_says_so_with_its_exit_code(
    singerid: Program, tree: Path, tmp_path: Path
) -> None:
    (tree / "singer0/album/a\nb.mp3").write_text("no sound\n" * 1000)
    (tree / "nobody.wav").touch()
    done = singerid("prepare", tree, tmp_path / "store")
    assert done.returncode == ExitCode.SOME_FAILED
    assert done.stdout == (
        f"{tmp_path}/store: 4 tracks of 2 singers on 2 albums, 0 h 0 min (4 new, 0 unchanged, 0 removed, "
        "2 left out)\n"
    )
    first, second = done.stderr.splitlines()
    assert first.startswith("singerid: nobody.wav: lies in no singer's folder")
    assert second.startswith("singerid: singer0/album/a\\nb.mp3: is no sound file")
    useless = tmp_path / "useless"
    (useless / "s/a").mkdir(parents=True)
    (useless / "s/a/x.mp3").write_text("x")
    assert singerid("prepare", useless, tmp_path / "store2").returncode == ExitCode.UNUSABLE


def test_the_command_reads_a_manifest(singerid: Program, tree: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,singer,album\nsinger0/album/0.wav,Ann,One\n", encoding="utf-8")
    assert singerid("prepare", tree, tmp_path / "store", "--manifest", manifest).returncode == ExitCode.DONE
    (track,) = Store.open(tmp_path / "store").tracks
    assert (track.path, track.singer, track.album) == ("singer0/album/0.wav", "Ann", "One")


def test_the_command_writes_the_split_that_comes_with_a_data_set(singerid: Program, tmp_path: Path) -> None:
    """Only with tracks that are in the store: one is too short, so it is in no part."""
    course, store = tmp_path / "artist20", tmp_path / "store"
    songs = [f"{artist}/album{n}/1.wav" for artist in ("queen", "u2") for n in range(4)]
    for seed, song in enumerate([*songs, "u2/album1/short.wav"]):
        write_song(course / "train_val" / song, seed, 1.0 if "short" in song else 3.2)
    for name, own in (("val", songs[3::4]), ("train", [s for s in songs if s not in songs[3::4]])):
        short = ["./train_val/u2/album1/short.wav"] if name == "train" else []
        (course / f"{name}.json").write_text(json.dumps([f"./train_val/{song}" for song in own] + short))
    done = singerid("prepare", "--dataset", "artist20-course", course, store)
    assert done.returncode == ExitCode.SOME_FAILED
    told = "the data set's own split (train 4, valid 2, test 2), for `train --split-file`"
    assert done.stdout.splitlines()[1:] == [f"{store}/split.json: {told}"]
    assert "warning: artist20-course: 9 tracks instead of 1,180" in done.stderr
    split, how = make_split(Store.open(store), SplitConfig(), store / "split.json")
    assert (how.kind, split.test) == ("file", tuple(songs[3::4]))
    assert sorted(split.train + split.valid) == sorted(set(songs) - set(songs[3::4]))
    for song in songs[3::4]:
        (course / "train_val" / song).write_text("no sound")
    (store / "split.json").unlink()
    without = singerid("prepare", "--dataset", "artist20-course", course, store)
    assert f"{store}/split.json: is not written, as the store lacks a whole part" in without.stderr
    assert not (store / "split.json").exists()


def test_a_full_disk_is_named_and_a_later_run_goes_on(singerid: Program, tree: Path) -> None:
    """The system refuses files beyond 20 kB, as it would on a full disk; features take 26 kB."""
    store = tree.parent / "store"
    stopped = singerid("prepare", tree, store, "--workers", 1, file_limit=20_000)
    assert stopped.returncode == ExitCode.UNUSABLE
    assert stopped.stderr.count("\n") == 1
    assert f"{store}/" in stopped.stderr
    assert os.strerror(errno.EFBIG) in stopped.stderr
    assert "free some space" in stopped.stderr
    assert run(tree).done == 4


def test_a_read_only_folder_is_named(singerid: Program, tree: Path) -> None:
    place = tree.parent / "locked"
    place.mkdir()
    place.chmod(0o555)
    done = singerid("prepare", tree, place / "store")
    assert (done.returncode, done.stdout) == (ExitCode.UNUSABLE, "")
    assert done.stderr == (
        f"singerid: {place}/store: cannot be written (Permission denied); "
        "free some space or choose a folder you may write to\n"
    )


def test_an_unreadable_recording_is_named(singerid: Program, tree: Path) -> None:
    (tree / "singer0/album/0.wav").chmod(0)
    done = singerid("prepare", tree, tree.parent / "store")
    assert done.returncode == ExitCode.SOME_FAILED
    assert "singer0/album/0.wav: cannot be opened (Permission denied)" in done.stderr


def test_a_second_command_on_a_store_is_refused(singerid: Program, tree: Path) -> None:
    store = tree.parent / "store"
    with open_writer(store, FeatureConfig()):
        refused = singerid("prepare", tree, store)
    assert refused.returncode == ExitCode.UNUSABLE
    assert refused.stderr.count("\n") == 1
    assert "another singerid process is writing to it" in refused.stderr
    assert singerid("prepare", tree, store).returncode == ExitCode.DONE


def test_killed_at_any_moment_the_store_ends_up_the_same(singerid: Program, tmp_path: Path) -> None:
    tree, store, fresh = tmp_path / "tree", tmp_path / "store", tmp_path / "fresh"
    songs = [tree / f"singer{number % 3}/album/{number}.wav" for number in range(12)]
    for seed, song in enumerate(songs):
        write_song(song, seed)
    rng = random.Random(0)
    attempt, kills, longest = 0, 0, 0.2
    while kills < 20:
        attempt += 1
        process = singerid.start("prepare", tree, store, "--workers", 1)
        time.sleep(rng.uniform(0, longest))
        process.kill()
        process.communicate()
        killed = process.returncode == -signal.SIGKILL
        kills += killed
        longest *= 1.05 if killed else 0.8  # as long as it takes, on any machine
        if (store / "config.json").exists():
            opened = Store.open(store)
            for track in opened.tracks:
                checksum = hashlib.sha256(opened.path_of(track, "features/mixture").read_bytes()).hexdigest()
                assert track.arrays == {"features/mixture": checksum}
        for song in rng.sample(songs, 4):  # recordings change, some of them back to what they were
            write_song(song, songs.index(song) + rng.choice([0, 100 * (attempt + 1)]))
    assert singerid("prepare", tree, store, "--check-contents").returncode == ExitCode.DONE
    assert singerid("prepare", tree, fresh).returncode == ExitCode.DONE
    assert contents(store) == contents(fresh)
    assert Store.open(store).tracks == Store.open(fresh).tracks
    assert sorted(path.name for path in store.iterdir()) == [
        ".lock",
        "config.json",
        "features",
        "index.jsonl",
    ]


@pytest.mark.slow
def test_killed_with_workers_the_store_ends_up_the_same(singerid: Program, tmp_path: Path) -> None:
    tree, store, fresh = tmp_path / "tree", tmp_path / "store", tmp_path / "fresh"
    for number in range(120):
        write_song(tree / f"singer{number % 3}/album/{number}.wav", number)
    rng = random.Random(1)
    command = "prepare", tree, store, "--workers", 2
    for _ in range(3):
        with singerid.start(*command) as process:
            index = store / "index.jsonl"
            before = index.stat().st_size if index.exists() else 0
            while process.poll() is None and not (index.exists() and index.stat().st_size > before):
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
    assert 0 < len(Store.open(store).tracks) < 120
    assert singerid(*command).returncode == ExitCode.DONE
    assert prepare(scan_tree(tree), tree, fresh, workers=1).done == 120
    assert contents(store) == contents(fresh)
    assert Store.open(store).tracks == Store.open(fresh).tracks


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_makes_the_same_features_to_rounding(recordings, tmp_path):
    """The store of the fixture was made on the CPU."""
    tracks = scan_tree(recordings.tree)
    prepare(tracks, recordings.tree, tmp_path / "store", device=torch.device("cuda", 0), workers=1)
    ours, theirs = Store.open(tmp_path / "store"), Store.open(recordings.store)
    for track in theirs.tracks:
        np.testing.assert_allclose(ours.features(track), theirs.features(track), atol=0.1)
