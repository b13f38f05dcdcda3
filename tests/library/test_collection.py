"""Collections: what is in the table, what is added when, who is found, and how that is measured."""

import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest

import made_parquet
from made_parquet import BOTH, SETTINGS, row, voices, write_folder, write_rows
from singerid.encoders.back_end import unit
from singerid.library import collecting, collection_index
from singerid.library.collecting import collect
from singerid.library.collection import About, Collection
from singerid.library.collection_index import Kind, bring_up_to_date, exact_nearest

pytest.importorskip("lancedb", reason="the extra [scale] is not installed")

SMALL = (Kind("IvfSq", {}, 100), Kind("IvfFlat", {}, 100, is_exact=True))
GRAPH = Kind("HnswSq", {"m": 8, "ef_construction": 40}, 10_000, is_graph=True)


@pytest.fixture(autouse=True)
def _few_queries(monkeypatch):
    monkeypatch.setattr(collection_index, "QUERIES", 80)
    monkeypatch.setattr(collection_index, "FAST_MS", 1e9)
    monkeypatch.setattr(
        collection_index, "_is_worth_it", lambda *_: True
    )  # comparing thousands takes almost no time


def compared(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, K, D) in the form in which they are compared, from the definition: (N, K, D)."""
    count = len(vectors)
    return unit(vectors - vectors.astype(np.float64).mean(0) * count / (count + 2))


def scores(vectors: np.ndarray) -> np.ndarray:
    """The score of each pair of recordings, (N, N): the mean of the sounds' cosines."""
    own = compared(vectors)
    return np.mean([own[:, sound] @ own[:, sound].T for sound in range(own.shape[1])], axis=0)


def content(where: object) -> dict[str, tuple[object, ...]]:
    """All recordings of a collection by their path; none is in it twice."""
    rows = Collection.open(str(where)).table.to_arrow().drop(["vector"]).to_pylist()
    found = {one["path"]: tuple(one.values()) for one in rows}
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A folder of 3,000 recordings, and their vectors."""
    vectors = voices(3000)
    return write_folder(tmp_path_factory.mktemp("heard"), vectors), vectors


@pytest.fixture(scope="module")
def collected(heard, tmp_path_factory):
    where = tmp_path_factory.mktemp("collected") / "collection"
    report = collect(str(heard[0]), str(where))
    assert (report.added, report.known, report.unused, report.count) == (3000, 0, 0, 3000)
    return where


@pytest.fixture
def own_collection(collected, tmp_path):
    return shutil.copytree(collected, tmp_path / "collection")


@pytest.mark.parametrize("settings", [SETTINGS, BOTH], ids=["mixture", "both"])
def test_search_finds_the_most_similar_of_all_recordings(settings, tmp_path):
    vectors = voices(600, len(settings.sounds))
    where = tmp_path / "collection"
    collect(str(write_folder(tmp_path / "heard", vectors, settings)), str(where))
    collection = Collection.open(str(where))
    truth = scores(vectors)
    for asked in (0, 7, 599):
        truth[asked, asked] = -np.inf
        best = np.argsort(-truth[asked])[:10]
        found = collection.alike(vectors[asked], 10, f"print {asked}")
        assert [one.path for one in found] == [f"/music/{at}.mp3" for at in best]
        assert [one.singer for one in found] == [f"singer {at % 40}" if at % 2 else "" for at in best]
        np.testing.assert_allclose([one.score for one in found], truth[asked, best], atol=1e-4)


def test_a_recording_is_not_found_for_itself_by_its_sound_nor_by_its_path(collected, heard):
    collection = Collection.open(str(collected))
    own = heard[1][3]
    assert collection.alike(own, 1)[0].path == "/music/3.mp3"
    by_sound = collection.alike(own, 3, "print 3")
    by_path = collection.alike(own, 3, path="/music/3.mp3")
    assert by_sound == by_path
    assert len(by_sound) == 3
    assert "/music/3.mp3" not in [one.path for one in by_sound]


def test_original_vectors_are_recovered_from_the_table():
    vectors = voices(50, 2)
    about = About(BOTH, vectors.astype(np.float64).mean(0))
    assert np.linalg.norm(about.shared, axis=1).min() > 0.3, "there is something to take off"
    np.testing.assert_allclose(about.heard(about.comparable(vectors)), vectors, atol=1e-5)


def test_run_again_it_adds_only_new_recordings(tmp_path):
    vectors = voices(700)
    folder, where = tmp_path / "heard", tmp_path / "collection"
    write_folder(folder, vectors[:300])
    assert collect(str(folder), str(where)).added == 300
    before = content(where)
    again = collect(str(folder), str(where))
    assert (again.added, again.known, again.count) == (0, 300, 300)
    assert content(where) == before
    write_folder(folder, vectors[300:], first=300)
    more = collect(str(folder), str(where))
    assert (more.added, more.known, more.count) == (400, 300, 700)
    assert len(content(where)) == 700
    # Another folder adds to it as well, and what was there before need not be in it.
    other = write_folder(tmp_path / "other", voices(50, seed=2), first=5000)
    assert collect(str(other), str(where)).count == 750


@pytest.mark.parametrize("seed", [0, 9], ids=["the same voices", "other voices"])
def test_vectors_are_centred_by_all_recordings_also_those_that_come_later(tmp_path, seed):
    first, later = voices(400), voices(400, seed=seed)
    where = tmp_path / "collection"
    collect(str(write_folder(tmp_path / "first", first)), str(where))
    collect(str(write_folder(tmp_path / "later", later, first=400)), str(where))
    collection = Collection.open(str(where))
    every = np.concatenate((first, later))
    shared = every.astype(np.float64).mean(0) * 800 / 802
    assert np.linalg.norm(collection.about.shared - shared) <= collecting._MOVED
    rows = collection.table.to_arrow()
    order = [int(path.split("/")[-1].removesuffix(".mp3")) for path in rows["path"].to_pylist()]
    found = np.stack(rows["vector"].to_pylist())
    np.testing.assert_allclose(found, unit(every[order, 0] - collection.about.shared[0]), atol=1e-5)
    assert collection.settings == SETTINGS


def test_a_recording_is_taken_once_and_from_where_its_singer_is_known(tmp_path):
    vectors = voices(4)
    folder, where = tmp_path / "heard", tmp_path / "collection"
    write_rows(folder / "a/1.parquet", [row(0, vectors[0]), row(2, vectors[2])])
    write_rows(
        folder / "b/1.parquet",
        [
            row(0, vectors[0], path="/moved.mp3", singer="Nina"),  # the same sound
            row(2, vectors[2], fingerprint="by tags", scheme=0),  # the same file, identified another way
            row(3, vectors[3], fingerprint=""),  # identified by its file alone
            row(1, vectors[1], fingerprint=""),
        ],
    )
    report = collect(str(folder), str(where))
    assert (report.added, report.known) == (4, 2)
    assert set(content(where)) == {"/moved.mp3", "/music/2.mp3", "/music/3.mp3", "/music/1.mp3"}
    write_rows(folder / "c/1.parquet", [row(9, vectors[0], fingerprint="print 0")])
    assert collect(str(folder), str(where)).added == 0


def test_recordings_that_could_not_be_used_or_have_no_voice_are_left_out(tmp_path):
    vectors = voices(3)
    rows = [row(0, vectors[0]), row(1, None), row(2, None, reason="cannot be decoded")]
    write_rows(tmp_path / "heard/a/1.parquet", rows)
    report = collect(str(tmp_path / "heard"), str(tmp_path / "collection"))
    assert (report.added, report.known, report.unused) == (1, 0, 2)
    assert set(content(tmp_path / "collection")) == {"/music/0.mp3"}


def test_files_that_are_written_just_now_are_not_looked_into(tmp_path):
    write_rows(tmp_path / "heard/a/1.parquet", [row(0, voices(1)[0])])
    (tmp_path / "heard/a/.tmp-1.parquet").write_bytes(b"half of a")
    assert collect(str(tmp_path / "heard"), str(tmp_path / "collection")).failures == ()


def test_a_part_that_came_twice_is_taken_out_once(own_collection):
    collection = Collection.open(str(own_collection))
    collection.table.add(collection.table.to_arrow().slice(100, 1500))
    assert len(collection) == 4500
    keys, _ = collecting.keys_in(collection)
    assert len(keys) == len(content(own_collection)) == 3000


def test_the_same_is_made_of_parts_of_any_size(heard, collected, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "PART", 170)
    monkeypatch.setattr(collecting, "_FILES", 3)
    collect(str(heard[0]), str(tmp_path / "collection"))
    assert content(tmp_path / "collection") == content(collected)


# The search


def _true_recall(where, vectors, most=10):
    """The true nearest of 100 queries, by comparing all in NumPy."""
    collection = Collection.open(str(where))
    truth = scores(vectors)
    np.fill_diagonal(truth, -np.inf)
    hits = 0
    for asked in range(0, 3000, 30):
        best = {f"/music/{at}.mp3" for at in np.argsort(-truth[asked])[:most]}
        hits += len(best & {one.path for one in collection.alike(vectors[asked], most, f"print {asked}")})
    return hits / (100 * most)


def test_exact_nearest_is_the_same_as_comparing_all(collected, heard):
    collection = Collection.open(str(collected))
    rows = collection.table.search().select(["path"]).with_row_id(True).to_arrow()
    number = {row: int(path.split("/")[-1][:-4]) for row, path in
              zip(rows["_rowid"].to_pylist(), rows["path"].to_pylist(), strict=True)}  # fmt: skip
    which = [5, 77, 2999]
    asked = collection.about.comparable(heard[1][which])
    truth = scores(heard[1])
    for line, at in zip(exact_nearest(collection, asked), which, strict=True):
        assert [number[row] for row in line] == np.argsort(-truth[at])[:10].tolist()


def test_queries_are_held_out_with_their_albums(tmp_path):
    vectors = voices(200)
    rows = [row(at, one, path=f"/music/{at // 4}/{at}.mp3") for at, one in enumerate(vectors)]
    rows += [row(1000 + at, one, path=f"/{at}.mp3") for at, one in enumerate(voices(150, seed=5))]
    write_rows(tmp_path / "heard/m/1.parquet", rows)
    collect(str(tmp_path / "heard"), str(tmp_path / "collection"))
    collection = Collection.open(str(tmp_path / "collection"))
    where = tmp_path / "collection"
    before = content(where)
    with collection_index.holding_out(collection) as exam:
        assert len(exam.queries) == 80
        table = collection.table.search().with_row_id(True).to_arrow()
        vectors, numbers = np.stack(table["vector"].to_pylist()), table["_rowid"].to_numpy()
        for query, nearest in zip(exam.queries, exam.nearest, strict=True):
            assert nearest.tolist() == numbers[np.argsort(-(vectors @ query))[:10]].tolist()
            assert (vectors @ query).max() < 0.999, "it is not there itself"
        gone = set(before) - set(table["path"].to_pylist())
        albums = {path.rpartition("/")[0] for path in gone} - {""}
        assert {path for path in before if path.rpartition("/")[0] in albums} <= gone
        alone = [path for path in gone if path.count("/") == 1]
        assert 0 < len(alone) < 80, "of a folder of all kinds the recording alone"
        assert len(gone) == 4 * len(albums) + len(alone)
        assert exam.measure(collection, collection_index.IndexChoice("", 350)).recall == 1
    assert content(where) == before
    assert collection_index._HELD not in [path.stem for path in where.iterdir()]


def test_recordings_held_out_at_a_kill_are_put_back(own_collection, heard):
    before = content(own_collection)
    collection = Collection.open(str(own_collection))
    out = collection_index.holding_out(collection)
    out.__enter__()
    assert len(collection) == 2920
    other = heard[0] / "none"  # the next command knows nothing of it
    write_rows(other / "m/1.parquet", [row(0, heard[1][0])])
    assert collect(str(other), str(own_collection)).count == 3000
    shutil.rmtree(other)
    assert content(own_collection) == before
    # Killed a little later: all are back in the table, and still in the table of held ones.
    rows = collection.table.to_arrow().slice(0, 80)
    collection_index.connected(collection_index.import_lancedb(), str(own_collection)).create_table(
        "held", rows
    )
    collection_index.put_back(collection)
    assert content(own_collection) == before


def test_a_small_collection_is_searched_exactly(collected, heard):
    collection = Collection.open(str(collected))
    assert collection.index is not None
    assert collection.index.kind == ""
    assert _true_recall(collected, heard[1]) == 1


@pytest.mark.parametrize("kind", [*SMALL, GRAPH], ids=lambda kind: kind.name)
def test_the_recall_of_an_index_is_what_was_measured(own_collection, kind):
    collection = Collection.open(str(own_collection))
    with collection_index.holding_out(collection) as exam:
        collection_index.build(collection, kind)
        choice = collection_index.tune(collection, kind, exam)
        table = collection.table.search().select(["vector"]).with_row_id(True).to_arrow()
        vectors, numbers = np.stack(table["vector"].to_pylist()), table["_rowid"].to_numpy()

        def recall(how):
            hits = 0
            for query in exam.queries:
                best = set(numbers[np.argsort(-(vectors @ query))[:10]].tolist())
                found = collection.search(query, 12, how, ["_rowid", "_distance"])  # as `alike` does
                hits += len(best & set(found["_rowid"].to_pylist()[:10]))
            return hits / (10 * len(exam.queries))

        assert choice.recall == recall(choice) >= 0.98
        assert (choice.kind, choice.count, choice.queries) == (kind.name, 2920, 80)
        less = kind.choices(2920)[0]
        if not kind.is_graph:  # a graph finds nearly all of a few thousand at once
            assert 1 < choice.probes < choice.partitions == 29
            assert recall(less) == exam.measure(collection, less).recall < 0.9


def test_the_index_that_is_chosen_is_kept_and_used(own_collection, heard, caplog):
    caplog.set_level(logging.INFO, "singerid.library")
    collection = Collection.open(str(own_collection))
    choice = bring_up_to_date(collection, SMALL, exact_most=1000)
    assert choice.kind == "IvfSq"
    assert Collection.open(str(own_collection)).index == choice
    assert len(content(own_collection)) == 3000
    assert any(line.startswith(f"{own_collection}: IvfSq: finds 9") for line in caplog.messages)
    assert choice.tried[-1].startswith("every recording is compared: ")
    statistics = collection.table.index_stats("voices")
    assert (statistics.num_indexed_rows, statistics.num_unindexed_rows) == (3000, 0)
    assert _true_recall(own_collection, heard[1]) >= choice.recall - 0.03
    plan = collection.table.search(np.ones(made_parquet.SIZE, np.float32), vector_column_name="vector")
    assert "ANN" in plan.explain_plan()


def test_an_index_of_many_pieces_is_made_anew(own_collection, monkeypatch, caplog):
    collection = Collection.open(str(own_collection))
    bring_up_to_date(collection, kinds=SMALL[:1], exact_most=1000)
    caplog.set_level(logging.INFO, "singerid.library")
    bring_up_to_date(collection, SMALL[:1], exact_most=1000)
    assert caplog.messages == []
    monkeypatch.setattr(collection_index, "_PIECES", 0)
    bring_up_to_date(collection, SMALL[:1], exact_most=1000)
    assert f"{own_collection}: making an index: IvfSq" in caplog.messages


def test_the_fastest_is_chosen_of_those_that_find_enough(own_collection, monkeypatch):
    monkeypatch.setattr(collection_index, "FAST_MS", 0.0)
    times = {"IvfSq": 3.0, "IvfFlat": 2.0}
    tune = collection_index.tune
    monkeypatch.setattr(
        collection_index,
        "tune",
        lambda *given: replace(tune(*given), median_ms=times[given[1].name], slow_ms=9.0),
    )
    collection = Collection.open(str(own_collection))
    for first in (SMALL, SMALL[::-1]):
        collection.index = None
        assert bring_up_to_date(collection, kinds=first, exact_most=1000).kind == "IvfFlat"
        assert collection.table.index_stats("voices").index_type == "IVF_FLAT"


def test_scores_by_an_index_are_cosines_all_the_same(own_collection, heard):
    collection = Collection.open(str(own_collection))
    assert bring_up_to_date(collection, kinds=SMALL[:1], exact_most=1000).kind == "IvfSq"
    truth = scores(heard[1])
    for one in collection.alike(heard[1][0], 5):
        assert abs(one.score - truth[0, int(one.path.split("/")[-1][:-4])]) < 1e-3


def test_if_no_index_finds_enough_all_are_compared_and_it_says_so(own_collection, heard, monkeypatch, caplog):
    monkeypatch.setattr(collection_index, "NEEDED", 1.01)
    caplog.set_level(logging.INFO, "singerid.library")
    collection = Collection.open(str(own_collection))
    choice = bring_up_to_date(collection, SMALL, exact_most=1000)
    assert choice.kind == ""
    assert [line.split(":")[0] for line in choice.tried] == [
        "IvfSq",
        "IvfFlat",
        "every recording is compared",
    ]
    assert any("IvfFlat: finds" in line for line in caplog.messages)
    assert list(collection.table.list_indices()) == []
    assert _true_recall(own_collection, heard[1]) == 1


def test_an_index_that_was_made_but_not_measured_is_not_used(own_collection, heard):
    collection = Collection.open(str(own_collection))
    collection.index = None
    collection_index.build(collection, SMALL[0])  # and then it was killed
    assert _true_recall(own_collection, heard[1]) == 1


def test_the_index_finds_added_recordings_and_is_chosen_again_after_many(own_collection, tmp_path):
    def finish(collection):
        return bring_up_to_date(collection, SMALL, exact_most=1000)

    vectors = voices(4000)
    first = collect(str(write_folder(tmp_path / "none", vectors[:1])), str(own_collection), finish=finish)
    assert (first.index.kind, first.index.count) == ("IvfSq", 2920)
    more = write_folder(tmp_path / "more", vectors[3000:3400], first=3000)
    report = collect(str(more), str(own_collection), finish=finish)
    assert report.index == first.index
    assert report.count == 3400
    collection = Collection.open(str(own_collection))
    statistics = collection.table.index_stats("voices")
    assert (statistics.num_indexed_rows, statistics.num_unindexed_rows) == (3400, 0)
    assert collection.alike(vectors[3333], 1)[0].path == "/music/3333.mp3"
    much = write_folder(tmp_path / "much", vectors[3400:], first=3400)
    again = collect(str(much), str(own_collection), finish=finish)
    assert (again.index.kind, again.index.count, again.count) == ("IvfSq", 3920, 4000)
    assert collect(str(much), str(own_collection), finish=finish).index == again.index


def test_a_report_is_json(collected):
    from dataclasses import asdict

    choice = Collection.open(str(collected)).index
    assert json.loads(json.dumps(asdict(choice)))["kind"] == ""


def test_an_address_that_fsspec_knows_is_read(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    local = write_folder(tmp_path / "heard", voices(120))
    memory = fsspec.filesystem("memory")
    memory.put(str(local), "/bucket/heard", recursive=True)
    try:
        report = collect("memory://bucket/heard", str(tmp_path / "collection"))
    finally:
        memory.rm("/bucket", recursive=True)
    assert report.added == 120
    assert Collection.open(str(tmp_path / "collection")).about.shared.size == made_parquet.SIZE


@pytest.mark.slow
def test_on_ray_the_same_table_is_made(heard, collected, tmp_path, monkeypatch):
    pytest.importorskip("ray.data", reason="the extra [scale] is not installed")
    from singerid.library.collection_on_ray import spreading

    monkeypatch.setattr(collecting, "PART", 500)
    monkeypatch.setattr(collecting, "_FILES", 5)
    monkeypatch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
    with spreading("local") as spread:
        report = collect(str(heard[0]), str(tmp_path / "collection"), spread)
    assert report.added == 3000
    assert content(tmp_path / "collection") == content(collected)
    assert _true_recall(tmp_path / "collection", heard[1]) == 1
