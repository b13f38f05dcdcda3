"""Collecting what cannot be collected, and being killed: one line for people, nothing lost, nothing twice."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import small_ears
from made_parquet import BOTH, SETTINGS, row, voices, write_folder, write_rows
from made_voices import write_noise, write_voice
from programs import MAIN
from singerid.errors import SingeridError
from singerid.library.collecting import collect
from singerid.library.collection import Collection, lance_errors
from singerid.library.hearing import Hearing
from singerid.library.records import Settings

pytest.importorskip("lancedb", reason="the extra [scale] is not installed")

EARS = Path(small_ears.__file__)
KILLS = max(3, int(os.environ.get("SINGERID_KILLS", "20")) // 20)


def told(*arguments: object) -> str:
    with pytest.raises(SingeridError) as caught:
        collect(*map(str, arguments))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def heard(tmp_path):
    return write_folder(tmp_path / "heard", voices(60), a_file=20)


# What is read


def test_no_such_folder(tmp_path):
    assert told(tmp_path / "none", tmp_path / "c") == f"{tmp_path}/none: does not exist; check the name"
    assert not (tmp_path / "c").exists()


def test_a_file_in_place_of_a_folder(heard, tmp_path):
    [file, *_] = sorted(heard.rglob("*.parquet"))
    assert told(file, tmp_path / "c") == f"{file}: is a file; give the folder that it lies in"


def test_no_parquet_in_it(tmp_path):
    (tmp_path / "empty").mkdir()
    assert told(tmp_path / "empty", tmp_path / "c").startswith(
        f"{tmp_path}/empty: has no Parquet files in it;"
    )


def test_a_damaged_file_stops_nothing_else_and_is_named(heard, tmp_path):
    first, second, third = sorted(heard.rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:700])
    content = bytearray(second.read_bytes())
    content[400:2400] = bytes(2000)  # in its columns; the footer, which says where they are, stays intact
    second.write_bytes(content)
    report = collect(str(heard), str(tmp_path / "c"))
    assert report.count == 20
    assert sorted(one.path for one in report.failures) == [str(first), str(second)]
    for failure in report.failures:
        assert "is damaged or not a Parquet file (" in failure.reason
        assert failure.reason.endswith("; remove it, and hear its recordings again")
    third.unlink()
    assert told(heard, tmp_path / "d").startswith(f"{first}: is damaged or not a Parquet file (")


def test_recordings_of_a_damaged_file_are_taken_from_another_one(tmp_path):
    vectors = voices(2)
    broken = row(0, 3 * vectors[0])  # not of unit length
    write_rows(tmp_path / "heard/a/1.parquet", [broken])
    write_rows(tmp_path / "heard/b/1.parquet", [row(0, vectors[0]), row(1, vectors[1])])
    report = collect(str(tmp_path / "heard"), str(tmp_path / "c"))
    assert (report.added, report.count) == (2, 2)
    [failure] = report.failures
    assert failure.path == str(tmp_path / "heard/a/1.parquet")
    assert failure.reason.startswith("its vectors are not of unit length;")


def test_a_parquet_file_of_something_else(heard, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "sales").mkdir()
    pq.write_table(pa.table({"price": [1, 2]}), tmp_path / "sales/1.parquet")
    assert told(tmp_path / "sales", tmp_path / "c") == (
        f"{tmp_path}/sales/1.parquet: is not a Parquet file of heard recordings; give the folder that "
        "`parquet` named when they were heard"
    )
    pq.write_table(pa.table({"price": [1, 2]}), heard / "1.parquet")
    assert [one.path for one in collect(str(heard), str(tmp_path / "c")).failures] == [f"{heard}/1.parquet"]


def test_vectors_of_several_settings(heard, tmp_path):
    write_folder(heard, voices(20, 2), BOTH, first=100)
    message = told(heard, tmp_path / "c")
    assert (
        "holds vectors of several settings, which cannot be compared; give one of these folders: " in message
    )
    folders = [str(path) for path in heard.iterdir()]
    assert all(folder in message for folder in folders)
    assert "(small, both by repet, small, 96 bands)" in message
    assert sum(collect(folder, f"{tmp_path}/{at}").count for at, folder in enumerate(folders)) == 80


def test_nobody_sings_in_any(tmp_path):
    write_rows(tmp_path / "heard/a/1.parquet", [row(0, None), row(1, None)])
    message = told(tmp_path / "heard", tmp_path / "c")
    assert message == f"{tmp_path}/heard: nobody is heard to sing in any of 2 recordings"


def test_an_object_store_that_may_not_be_read(tmp_path):
    import fsspec

    class Denied(fsspec.AbstractFileSystem):
        protocol = "denied"

        def ls(self, path, detail=True, **_):
            raise PermissionError("AccessDenied")

        info = find = ls

    fsspec.register_implementation("denied", Denied, clobber=True)
    message = told("denied://bucket/heard", tmp_path / "c")
    assert message == (
        "denied://bucket/heard: cannot be listed (AccessDenied); check your access rights there, and the "
        "network"
    )


def test_an_address_that_nobody_knows(tmp_path):
    assert told("gopher://heard", tmp_path / "c").startswith("gopher://heard: cannot be opened (")


# What is written


def test_a_folder_of_other_things(heard, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/letter.txt").touch()
    assert told(heard, tmp_path / "c") == (
        f"{tmp_path}/c: holds other things (letter.txt); give an empty or a new folder"
    )
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["letter.txt"]
    assert "is a file; give a folder" in told(heard, tmp_path / "c/letter.txt")


def test_a_table_of_something_else(heard, tmp_path):
    import lancedb

    lancedb.connect(tmp_path / "c").create_table("recordings", [{"price": 1}])
    message = f"{tmp_path}/c: its table 'recordings' is not a collection of singerid; choose another folder"
    assert told(heard, tmp_path / "c") == message


def test_vectors_that_cannot_be_compared_with_the_collections(heard, tmp_path):
    collect(str(heard), str(tmp_path / "c"))
    other = Settings("small", "other weights", "mixture")
    more = write_folder(tmp_path / "more", voices(5), other)
    assert told(more, tmp_path / "c") == (
        f"{tmp_path}/c: holds vectors by small of the mixture (small, 96 bands), and {more} holds "
        "vectors by small of the mixture (other weights), which cannot be compared; collect them into "
        "another folder"
    )


def test_a_table_that_is_damaged(heard, tmp_path):
    collect(str(heard), str(tmp_path / "c"))
    for file in (tmp_path / "c/recordings.lance/data").iterdir():
        file.write_bytes(b"x" * 100)
    assert told(heard, tmp_path / "c").startswith(f"{tmp_path}/c: LanceDB failed (")


def test_two_commands_at_once(heard, tmp_path):
    from filelock import FileLock

    (tmp_path / "c").mkdir()
    with FileLock(tmp_path / "c/.lock"):
        assert "another command is adding to it" in told(heard, tmp_path / "c")


def _in_a_process(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="sets a limit of Unix")
def test_a_full_disk_is_told_and_when_there_is_room_it_goes_on(tmp_path):
    heard = write_folder(tmp_path / "heard", voices(3000))
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + MAIN
    )
    done = _in_a_process(code, "library", "collect", heard, tmp_path / "c")
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("singerid:")][-1:]
    assert f"{tmp_path}/c: LanceDB failed (" in line
    assert line.endswith("; free some space, then run the same command again: it continues")
    assert collect(str(heard), str(tmp_path / "c")).count == 3000


_KILLED = """
import contextlib, os, signal, sys
from singerid.library import collecting, collection, collection_index
left = int(sys.argv[3])
old = collection.lance_errors
@contextlib.contextmanager
def counted(where):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    with old(where):
        yield
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
for module in (collecting, collection, collection_index):
    module.lance_errors = counted
collecting.PART, collecting._FILES = 200, 3
collection_index.QUERIES = 20
kinds = (collection_index.Kind("IvfFlat", {}, 100, is_exact=True),)
def finish(found):
    return collection_index.bring_up_to_date(found, kinds, 1000)
if sys.argv[4] != "0":
    signal.setitimer(signal.ITIMER_REAL, float(sys.argv[4]))
collecting.collect(sys.argv[1], sys.argv[2], finish=finish)
print(10**6 - left)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such signals")
def test_killed_anywhere_it_goes_on_and_nothing_is_lost_or_twice(tmp_path):
    vectors = voices(2400)
    heard = write_folder(tmp_path / "heard", vectors[:1600])
    _in_a_process(_KILLED, heard, tmp_path / "start", 10**6, 0)
    write_folder(heard, vectors[1600:], first=1600)
    chance = random.Random(1)
    # A new collection, and one that gets more recordings.
    steps = [
        int(_in_a_process(_KILLED, heard, tmp_path / name, 10**6, 0).stdout) for name in ("new", "start")
    ]
    assert min(steps) > 30
    most = int(0.8 * steps[0])  # some runs have fewer steps
    for kill in range(KILLS):
        where = tmp_path / f"killed {kill}"
        seconds = 0.0 if kill % 3 < 2 else chance.uniform(0.01, 0.1)
        step = 10**6 if seconds else chance.randint(1, most)
        times = 0
        while (done := _in_a_process(_KILLED, heard, where, step, seconds)).returncode < 0:
            times += 1
            # The next run may get further or less far.
            step = 10**6 if seconds or times > 2 else chance.randint(1, most)
            seconds = seconds + 0.2 if seconds and times < 3 else 0.0
        assert times, "it was done before it was killed"
        assert done.returncode == 0, done.stderr
        rows = Collection.open(str(where)).table.to_arrow()["path"].to_pylist()
        assert sorted(rows) == sorted(f"/music/{at}.mp3" for at in range(2400))


# What is asked


def test_a_folder_that_is_not_a_collection(tmp_path):
    with pytest.raises(SingeridError, match=r"none: does not exist; make it: singerid library collect"):
        Collection.open(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    with pytest.raises(SingeridError, match="is not a collection; give a folder that"):
        Collection.open(str(tmp_path))


def test_an_encoder_of_other_weights(tmp_path):
    write_folder(tmp_path / "heard", voices(5), Settings("small", "older weights", "mixture"))
    collect(str(tmp_path / "heard"), str(tmp_path / "c"))
    with pytest.raises(SingeridError) as caught:
        Collection.open(str(tmp_path / "c")).similar(write_voice(tmp_path / "a.wav", 200))
    assert str(caught.value) == (
        f"{tmp_path}/c: its vectors were made with other weights of small than those on this machine; use "
        "the same here, or hear its recordings again, and collect them into another folder"
    )


def test_a_separator_of_another_version(tmp_path):
    write_folder(
        tmp_path / "heard", voices(5, 2), Settings("small", "small, 96 bands", "both", "repet", "old")
    )
    collect(str(tmp_path / "heard"), str(tmp_path / "c"))
    with pytest.raises(
        SingeridError,
        match=r"its vocals were made by old, and this machine has .*; use the same",
    ):
        Collection.open(str(tmp_path / "c")).similar(write_voice(tmp_path / "a.wav", 200))


def test_without_lancedb_it_is_one_line(singerid, heard, tmp_path):
    code = f"import sys; sys.modules['lancedb'] = None; {MAIN}"
    done = singerid("library", "collect", heard, tmp_path / "c", code=code)
    assert done.returncode == 2
    assert done.stderr == (
        "singerid: collections need LanceDB, which is not installed: pip install 'singerid[scale]'\n"
    )


def test_without_pyarrow_it_is_one_line(singerid, heard, tmp_path):
    code = f"import sys; sys.modules['pyarrow'] = None; {MAIN}"
    done = singerid("library", "collect", heard, tmp_path / "c", code=code)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'singerid[scale]'" in done.stderr


def test_what_lancedb_says_is_one_line():
    with (
        pytest.raises(SingeridError, match=r"^c: LanceDB failed \(a b\); ") as caught,
        lance_errors("c"),
    ):
        raise RuntimeError("a\n  b")
    assert "\n" not in str(caught.value)


# The commands


@pytest.fixture(scope="module")
def songs(sung, tmp_path_factory):
    """The recordings of `sung` as Parquet, and the collection of them."""
    folder = tmp_path_factory.mktemp("songs")
    with small_ears.known():
        hearing = Hearing.open("small", "mixture", None)
        rows = []
        for at, path in enumerate(sorted(sung.tree.rglob("*.wav"))):
            heard = hearing(path, lambda _: None)
            rows.append(row(at, heard.vectors, path=str(path), singer=path.parts[-3]))
        settings = Settings("small", hearing.encoder.identity, "mixture")
    write_rows(folder / "heard/m/1.parquet", rows, settings, heard.vectors.shape[1])
    return folder / "heard"


def test_the_commands_collect_and_find(singerid, songs, sung, tmp_path):
    done = singerid("library", "collect", songs, tmp_path / "c")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{tmp_path}/c: 9 recordings; 9 added, 0 known already, 0 without a voice or unusable",
        "Search: every recording is compared",
    ]
    again = json.loads(singerid("library", "collect", songs, tmp_path / "c", "--json").stdout)
    assert (again["added"], again["known"], again["count"], again["index"]["kind"]) == (0, 9, 9, "")
    file = sung.tree / "Bea/album 1/1.wav"
    ask = ("--plugin", EARS, "library", "similar", file, "--collection", tmp_path / "c", "--most", 2)
    found = json.loads(singerid(*ask, "--json").stdout)
    assert [one["singer"] for one in found] == ["Bea", "Bea"]
    assert str(file) not in [one["path"] for one in found]
    assert set(found[0]) == {"path", "singer", "score"}
    table = singerid(*ask)
    assert table.returncode == 0, table.stderr
    assert found[0]["path"] in table.stdout
    assert f"{found[0]['score']:.2f}" in table.stdout
    noise = write_noise(tmp_path / "noise.wav")
    refused = singerid("--plugin", EARS, "library", "similar", noise, "--collection", tmp_path / "c")
    assert (refused.returncode, refused.stderr) == (2, f"singerid: {noise}: nobody is heard to sing in it\n")


def test_a_damaged_file_is_listed_and_the_exit_code_says_so(singerid, songs, tmp_path):
    (songs / "m/2.parquet").write_bytes(b"PAR1 no more")
    done = singerid("library", "collect", songs, tmp_path / "c")
    (songs / "m/2.parquet").unlink()
    assert done.returncode == 3
    assert f"{songs}/m/2.parquet: is damaged or not a Parquet file" in done.stderr
    assert "9 recordings" in done.stdout


def test_similar_says_what_it_needs(singerid, sung, tmp_path):
    file = sung.tree / "Bea/album 1/1.wav"
    done = singerid("library", "similar", file)
    assert (done.returncode, done.stderr) == (2, "singerid: similar: give LIBRARY and FILE\n")
    done = singerid("library", "similar", sung.library, file, "--collection", tmp_path / "c")
    assert (done.returncode, done.stderr) == (2, "singerid: --collection: give FILE alone\n")


def test_settings_are_those_of_the_parquet_files(songs, tmp_path):
    collect(str(songs), str(tmp_path / "c"))
    assert Collection.open(str(tmp_path / "c")).settings.encoder == SETTINGS.encoder
