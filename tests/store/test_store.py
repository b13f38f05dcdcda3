"""The store's format: which folders are refused, torn and damaged indexes, and who may write."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.store.index import StoredTrack
from singerid.store.reader import FORMAT, Store
from singerid.store.writer import StoreWriter, open_writer

CONFIG = FeatureConfig(n_mels=4)


def stored(path: str = "s/a/1.wav", frames: int = 3, content: str = "x") -> StoredTrack:
    return StoredTrack(
        path=path,
        singer="s",
        album="a",
        duration_s=frames * 0.032,
        frames=frames,
        source_hash=content,
        source_size=7,
        source_mtime_ns=8,
    )


def put(writer: StoreWriter, track: StoredTrack, condition: str = "mixture", value: float = 1.0) -> None:
    writer.incoming.mkdir(parents=True, exist_ok=True)
    made = writer.incoming / "made.npy"
    np.save(made, np.full((track.frames, CONFIG.n_mels), value, np.float16))
    writer.put(track, {f"features/{condition}": made})


def make_store(path: Path, *tracks: StoredTrack) -> Path:
    with open_writer(path, CONFIG) as writer:
        for track in tracks:
            put(writer, track)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", stored("s/a/2.wav"), stored("s/a/1.wav", frames=5))


def test_what_is_written_is_read(store: Path) -> None:
    opened = Store.open(store, CONFIG)
    assert opened.config == CONFIG
    assert [track.path for track in opened.tracks] == ["s/a/1.wav", "s/a/2.wav"]
    features = opened.features(opened.tracks[0])
    assert isinstance(features, np.memmap)
    assert features.dtype == np.float16
    assert np.array_equal(features, np.ones((5, 4)))
    assert sorted(path.name for path in store.iterdir()) == [
        ".lock",
        "config.json",
        "features",
        "index.jsonl",
    ]
    line = json.loads((store / "index.jsonl").read_text().splitlines()[0])
    assert line["id"] == opened.tracks[1].id
    assert (store / "features" / "mixture" / f"{line['id']}.npy").exists()


def test_conditions_are_added_to_a_track_that_is_there(store: Path) -> None:
    with open_writer(store, CONFIG) as writer:
        put(writer, stored("s/a/2.wav"), "vocals", 2.0)
    opened = Store.open(store)
    first, second = opened.tracks
    assert sorted(second.arrays) == ["features/mixture", "features/vocals"]
    assert opened.features(second, "vocals")[0, 0] == 2
    assert opened.features(second)[0, 0] == 1
    with pytest.raises(SingeridError, match=r"no vocals features of s/a/1\.wav, only mixture"):
        opened.features(first, "vocals")


def test_a_changed_recording_loses_its_other_conditions(store: Path) -> None:
    with open_writer(store, CONFIG) as writer:
        put(writer, stored("s/a/2.wav"), "vocals")
        put(writer, stored("s/a/2.wav", content="y"), value=3.0)
    opened = Store.open(store)
    assert sorted(opened.tracks[1].arrays) == ["features/mixture"]
    assert not opened.path_of(opened.tracks[1], "features/vocals").exists()
    assert opened.features(opened.tracks[1])[0, 0] == 3


@pytest.mark.parametrize("content", ["x", "y"])
def test_a_track_is_out_of_the_index_before_its_file_is_replaced(
    store: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """If the process is killed in between, the old line must not stand beside the new file."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with open_writer(store, CONFIG) as writer:
        writer.incoming.mkdir(parents=True)
        made = writer.incoming / "made.npy"
        np.save(made, np.zeros((3, 4), np.float16))
        monkeypatch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            writer.put(stored("s/a/2.wav", content=content), {"features/mixture": made})
        monkeypatch.undo()
    assert [track.path for track in Store.open(store).tracks] == ["s/a/1.wav"]


def test_removed_tracks_leave_nothing(store: Path) -> None:
    with open_writer(store, CONFIG) as writer:
        writer.remove([stored("s/a/2.wav").id])
    assert [track.path for track in Store.open(store).tracks] == ["s/a/1.wav"]
    assert len(list((store / "features/mixture").iterdir())) == 1


def test_the_identity_tells_recordings_labels_and_settings(tmp_path: Path, store: Path) -> None:
    reference = Store.open(store)
    again = make_store(tmp_path / "again", stored("s/a/1.wav", frames=5), stored("s/a/2.wav"))
    assert Store.open(again).identity == reference.identity
    for change in ({"source_hash": "z"}, {"singer": "z"}, {"album": "z"}):
        other = replace(reference, tracks=(replace(reference.tracks[0], **change), reference.tracks[1]))
        assert other.identity != reference.identity
    assert replace(reference, config=FeatureConfig(n_mels=5)).identity != reference.identity


def test_the_identity_is_what_runs_wrote_down_before(store: Path) -> None:
    assert Store.open(store).identity == "2a8a1e543283c4cd9de3f6674835a47c01f5d9331c5be17c2605030294654146"


NAMES = [
    "歌手/アルバム/曲.mp3",
    "a\nb/\r/\t\u2028.wav",
    os.fsdecode(b"\xff/\x80/\xc3.mp3"),
    'q"\\/x/' + "y" * 250,
]


def test_names_may_be_anything(tmp_path: Path) -> None:
    path = make_store(tmp_path / "store", *(stored(name) for name in NAMES))
    opened = Store.open(path)
    assert sorted(track.path for track in opened.tracks) == sorted(NAMES)
    assert all(opened.features(track).shape == (3, 4) for track in opened.tracks)
    assert (path / "index.jsonl").read_bytes().isascii()


def test_an_index_cut_anywhere_gives_the_tracks_before_the_cut(store: Path) -> None:
    index = store / "index.jsonl"
    whole = index.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(len(whole)):
        index.write_bytes(whole[:length])
        assert len(Store.open(store).tracks) == (length >= first)


def test_a_torn_line_is_cut_off_before_the_next_is_written(store: Path) -> None:
    index = store / "index.jsonl"
    for torn in (b'{"id": "12', b"\0" * 5000):
        with index.open("ab") as file:
            file.write(torn)
        with open_writer(store, CONFIG) as writer:
            put(writer, stored(f"s/a/{len(torn)}.wav"))
        assert f"s/a/{len(torn)}.wav" in {track.path for track in Store.open(store).tracks}


GOOD = asdict(stored()) | {"id": stored().id}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({**GOOD, "frames": "3"}).encode(),
        json.dumps({**GOOD, "frames": True}).encode(),
        json.dumps({**GOOD, "id": "../../etc"}).encode(),
        json.dumps({**GOOD, "arrays": {"../x": "y"}}).encode(),
        json.dumps({**GOOD, "arrays": {"features/../x": "y"}}).encode(),
        json.dumps({**GOOD, "arrays": {"features/mixture/x": "y"}}).encode(),
        json.dumps({**GOOD, "arrays": {"f0/mixture": "y"}}).encode(),
        json.dumps({**GOOD, "arrays": {"sounds/mixture": "y"}}).encode(),
        json.dumps({**GOOD, "arrays": {"features/mixture": 1}}).encode(),
        json.dumps({**GOOD, "extra": 1}).encode(),
        json.dumps({key: value for key, value in GOOD.items() if key != "album"}).encode(),
    ],
)
def test_a_damaged_line_is_named(store: Path, line: bytes) -> None:
    with (store / "index.jsonl").open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(SingeridError, match=r"index\.jsonl, line 3: is damaged; delete that line"):
        Store.open(store)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
fields = st.fixed_dictionaries(
    {}, optional={key: st.just(value) | json_values for key, value in GOOD.items()}
)
lines = st.binary(max_size=60) | fields.map(lambda entry: json.dumps(entry).encode())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(lines, max_size=4).map(b"\n".join))
def test_any_index_is_read_or_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    store = tmp_path / "fuzzed"
    if not store.exists():
        make_store(store)
    (store / "index.jsonl").write_bytes(content)
    message, tracks = "", ()
    try:
        tracks = Store.open(store).tracks
    except SingeridError as error:
        message = str(error)
    assert "\n" not in message
    assert all(type(track.frames) is int and type(track.path) is str for track in tracks)


def write_config(store: Path, content: str) -> None:
    (store / "config.json").write_text(content)


def test_stores_that_are_refused(store: Path, tmp_path: Path) -> None:
    for asked, found in (
        (FeatureConfig(), "n_mels=4 instead of 128"),
        (FeatureConfig(n_mels=4, pad_mode="constant"), "pad_mode='reflect' instead of 'constant'"),
    ):
        with pytest.raises(SingeridError, match=found) as caught:
            Store.open(store, asked)
        assert str(store) in str(caught.value)
        with pytest.raises(SingeridError, match=found), open_writer(store, asked):
            pass
    content = json.loads((store / "config.json").read_text())
    for written, found in (
        (
            json.dumps({**content, "format": FORMAT + 1}),
            rf"newer singerid \(store format {FORMAT + 1}.*update",
        ),
        (json.dumps({**content, "format": "1"}), "not the configuration of a store"),
        (json.dumps({**content, "features": {"colour": 1}}), "not the configuration of a store"),
        ("[]", "not the configuration of a store"),
        ("{", "not valid JSON"),
    ):
        write_config(store, written)
        with pytest.raises(SingeridError, match=found):
            Store.open(store)
        with pytest.raises(SingeridError, match=found), open_writer(store, CONFIG):
            pass
    with pytest.raises(SingeridError, match="is no store"):
        Store.open(tmp_path / "nowhere")


def test_a_store_of_an_older_format_is_refused_with_the_remedy(store: Path) -> None:
    content = json.loads((store / "config.json").read_text())
    assert content["format"] == FORMAT == 2
    write_config(store, json.dumps({**content, "format": 1}))
    index = (store / "index.jsonl").read_bytes()
    for open_it in (Store.open, lambda path: open_writer(path, CONFIG).__enter__()):
        with pytest.raises(
            SingeridError, match=r"older singerid \(store format 1.*singerid prepare TREE NEW_STORE$"
        ) as caught:
            open_it(store)
        assert "\n" not in str(caught.value)
    assert (store / "index.jsonl").read_bytes() == index


F0 = {"f0": np.full(3, 220, np.float32), "confidence": np.ones(3, np.float32)}
VECTORS = {
    "vectors": np.ones((2, 192), np.float16),
    "starts": np.array([0, 1.5], np.float32),
    "voice_share": np.ones(2, np.float32),
}


def put_packed(writer: StoreWriter, name: str, arrays: dict[str, np.ndarray]) -> None:
    writer.incoming.mkdir(parents=True, exist_ok=True)
    np.savez(writer.incoming / "made.npz", **arrays)
    writer.put(stored("s/a/2.wav"), {name: writer.incoming / "made.npz"})


def test_arrays_of_every_kind_are_written_read_and_removed_alike(store: Path) -> None:
    names = ("f0/mixture/crepe-tiny", "vectors/mixture/campplus")
    with open_writer(store, CONFIG) as writer:
        for name, arrays in zip(names, (F0, VECTORS), strict=True):
            put_packed(writer, name, arrays)
        assert all(writer.has(writer.tracks[stored("s/a/2.wav").id], name) for name in names)
    opened = Store.open(store)
    track = opened.tracks[1]
    assert list(track.arrays) == ["features/mixture", *names]
    for name in names:
        assert opened.path_of(track, name) == store / name / f"{track.id}.npz"
        assert opened.has(track, name)
    assert track.of_kind("f0") == ["mixture/crepe-tiny"]
    assert np.array_equal(opened.f0(track, "mixture", "crepe-tiny"), F0["f0"])
    assert all(
        np.array_equal(*pair) for pair in zip(opened.read(track, names[1]), VECTORS.values(), strict=True)
    )
    assert not opened.has(opened.tracks[0], names[0])
    for name in names:
        path = opened.path_of(track, name)
        for size in (path.stat().st_size - 1, 5, 0):  # a torn zip is known without being unpacked
            os.truncate(path, size)
            assert not opened.has(track, name)
    opened.path_of(track, names[0]).unlink()
    assert not opened.has(track, names[0])
    with open_writer(store, CONFIG) as writer:
        writer.remove([track.id])
    assert not list(store.rglob(f"{track.id}.*"))


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("f0/mixture/pyin", F0 | {"f0": F0["f0"][:2]}),
        ("f0/mixture/pyin", F0 | {"f0": F0["f0"].astype(np.float64)}),
        ("vectors/mixture/ge2e", VECTORS | {"vectors": VECTORS["vectors"].astype(np.float32)}),
        ("vectors/mixture/ge2e", VECTORS | {"vectors": np.ones(2, np.float16)}),
        ("vectors/mixture/ge2e", VECTORS | {"starts": np.zeros(3, np.float32)}),
    ],
)
def test_an_array_of_another_shape_or_type_is_named(store: Path, name: str, arrays: dict) -> None:
    with open_writer(store, CONFIG) as writer:
        put_packed(writer, name, arrays)
    opened = Store.open(store)
    with pytest.raises(SingeridError, match="is not what the index says"):
        opened.read(opened.tracks[1], name)


@pytest.mark.parametrize(
    "name", ["mixture", "features", "features/a/b", "f0/mixture", "features/..", "x/mixture", "features/A"]
)
def test_a_name_of_no_array_is_refused_before_anything_is_changed(store: Path, name: str) -> None:
    before = (store / "index.jsonl").read_bytes()
    with open_writer(store, CONFIG) as writer:
        files = dict.fromkeys(("features/mixture", name), store / "config.json")
        with pytest.raises(ValueError, match="not a name of an array"):
            writer.put(stored("s/a/2.wav"), files)
    assert (store / "index.jsonl").read_bytes() == before


def test_a_folder_of_other_things_and_a_file_are_no_place_for_a_store(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "song.mp3").touch()
    for place, found in ((music, "holds other things"), (music / "song.mp3", "is a file")):
        with pytest.raises(SingeridError, match=found), open_writer(place, CONFIG):
            pass
    assert [path.name for path in music.iterdir()] == ["song.mp3"]


def test_the_last_line_of_a_track_holds(store: Path) -> None:
    entries = [stored(f"s/a/{number}.wav", frames=number) for number in (1, 2, 3, 2, 1)]
    entries.append(replace(entries[0], frames=9))
    made = {"arrays": {"features/mixture": "0" * 64}}
    lines = [json.dumps(asdict(entry) | made | {"id": entry.id}) for entry in entries]
    (store / "index.jsonl").write_text("\n".join(lines) + "\n")
    assert [track.frames for track in Store.open(store).tracks] == [9, 2, 3]


def test_missing_and_damaged_features_are_named(store: Path) -> None:
    opened = Store.open(store)
    track = opened.tracks[0]
    path = opened.path_of(track, "features/mixture")
    content = path.read_bytes()
    for damaged, found in (
        (content[:-3], "is damaged"),
        (b"", "is damaged"),
        (b"x" * 200, "is damaged"),
        (opened.path_of(opened.tracks[1], "features/mixture").read_bytes(), "not what the index says"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(SingeridError, match=found) as caught:
            opened.features(track)
        assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(SingeridError, match="is missing; run `singerid prepare` again"):
        opened.features(track)


HOLD = """
import sys, time
from pathlib import Path
from singerid.config import FeatureConfig
from singerid.store.writer import open_writer
with open_writer(Path(sys.argv[1]), FeatureConfig(n_mels=4)):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_one_writer_at_a_time_and_none_after_a_kill(store: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(store)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"locked\n"
    with pytest.raises(SingeridError, match="another singerid process"), open_writer(store, CONFIG):
        pass
    assert len(Store.open(store).tracks) == 2  # readers do not wait
    other.kill()
    other.wait()
    other.stdout.close()
    with open_writer(store, CONFIG) as writer:
        put(writer, stored("s/a/3.wav"))


def test_a_run_is_no_store(tmp_path):
    """Its config.json has a format and features too, and other fields."""
    run = {"format": 1, "features": {}, "model": "crnn"}
    (tmp_path / "config.json").write_text(json.dumps(run))
    with pytest.raises(SingeridError, match="is not the configuration of a store"):
        Store.open(tmp_path)
