"""Embeddings against the network's own GRU, tables and silhouettes against plain loops."""

import csv
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from singerid.analysis import embedding as em
from singerid.data.splits import Split
from singerid.errors import SingeridError
from singerid.figures import figure_svg
from singerid.models.registry import build_model
from singerid.models.weights import save_model
from singerid.runs.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def embedded(trained):
    return em.embed(trained, CPU)


def another(run, path, model="crnn_fgnl", split=None, **changes):
    """An untrained run like another one."""
    torch.manual_seed(1)
    config = replace(run.config, model=model, options={"width": 0.0625}, **changes)
    made = Run.create(path, config, split or run.split)
    save_model(build_model(model, len(config.singers), **config.options), made.state_path())
    return made


def clips_by_loops(run):
    """(path, clip, features) of every test clip, read straight from the store's files."""
    store, found = run.store, []
    for track in sorted(store.tracks, key=lambda track: track.path):
        if track.path in run.split.test:
            features = np.load(store.path_of(track, "features/mixture")).astype(np.float32)
            clip = 0
            while 32 * (clip + 1) <= len(features):  # 1 s are 32 frames
                found.append((track, clip, features[32 * clip : 32 * (clip + 1)].T))
                clip += 1
    return found


def silhouette_by_loops(points, labels):
    """Rousseeuw 1987: (b - a) / max(a, b), 0 for a point without companions; the mean of all."""
    values = []
    for i, point in enumerate(points):
        distance = {c: [] for c in set(labels)}
        for j, other in enumerate(points):
            if i != j:
                distance[labels[j]].append(float(np.linalg.norm(point - other)))
        own = distance.pop(labels[i])
        if not own:
            values.append(0.0)
            continue
        a, b = np.mean(own), min(np.mean(others) for others in distance.values())
        values.append((b - a) / max(a, b))
    return np.mean(values)


@torch.no_grad()
def test_an_embedding_is_the_last_output_of_the_last_gru(trained, embedded):
    model, states = trained.load_network(), []
    model.gru.register_forward_hook(lambda module, inputs, output: states.append(output[0][:, -1]))
    clips = clips_by_loops(trained)
    for _, _, mel in clips:
        model(torch.from_numpy(mel)[None])
    np.testing.assert_allclose(embedded.clips, torch.cat(states).numpy(), atol=1e-5)
    assert embedded.clips.shape == (len(clips), 32)


def test_rows_say_what_each_embedding_is_of(trained, embedded):
    expected = [
        {"path": t.path, "singer": t.singer, "album": t.album, "clip": clip, "start_s": clip * 32 * 0.032}
        for t, clip, _ in clips_by_loops(trained)
    ]
    assert embedded.clip_rows == [row | {"start_s": pytest.approx(row["start_s"])} for row in expected]
    for vector, row in zip(embedded.tracks, embedded.track_rows, strict=True):
        own = [embedded.clips[i] for i, clip in enumerate(expected) if clip["path"] == row["path"]]
        np.testing.assert_allclose(vector, np.mean(own, axis=0), rtol=1e-5, atol=1e-6)
        assert row["clips"] == len(own)
        assert row["singer"] == row["path"].split("/")[0]
    assert len(embedded.tracks) == 6


def test_parts(trained):
    split = trained.split
    for name, paths in (("valid", split.valid), ("all", split.train + split.valid + split.test)):
        assert {row["path"] for row in em.embed(trained, CPU, name).track_rows} == set(paths)


def test_the_plane_is_scikit_learns_t_sne_and_the_same_every_time(embedded):
    few = replace(embedded, clips=embedded.clips + 0)
    projection = em.project(embedded)
    count = len(embedded.clips)
    assert 4 < count <= 30  # too few for the default
    assert projection.perplexity == (count - 1) // 3
    with threadpool_limits(limits=1):
        expected = TSNE(perplexity=projection.perplexity, random_state=0).fit_transform(embedded.clips)
    np.testing.assert_array_equal(projection.points, expected)
    np.testing.assert_array_equal(em.project(few).points, expected)


def test_thirty_one_clips_are_enough_for_the_default_perplexity():
    vectors = np.random.default_rng(0).normal(size=(31, 3)).astype(np.float32)
    points, perplexity = em.plane_of(vectors)
    assert perplexity == 30
    assert points.shape == (31, 2)
    assert em.plane_of(vectors[:30])[1] == 9
    for count in (1, 2, 3):
        assert em.plane_of(vectors[:count])[0].shape == (count, 2)
    np.testing.assert_array_equal(em.plane_of(np.ones((9, 3), np.float32))[0], np.zeros((9, 2)))


SCALES = {"huge": 1e30, "tiny": 1e-30, "denormal": 1e-41}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_vectors_of_any_scale_are_laid_out_without_a_word(scale):
    """scikit-learn's t-SNE warns about some of them, and crashes with others."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 3)) + np.arange(20)[:, None] % 2 * 9
    labels = np.arange(20) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points, _ = em.plane_of((scale * vectors).astype(np.float32))
        found = em.silhouette((scale * vectors).astype(np.float32), labels)
    assert np.isfinite(points).all()
    assert np.ptp(points, axis=0).all()
    assert em.silhouette(points, labels) > 0
    assert found == pytest.approx(em.silhouette(vectors.astype(np.float32), labels), abs=1e-3)


@pytest.mark.parametrize("count", [2, 3, 30, 40])
@pytest.mark.parametrize("size", [1, 2, 32])
def test_clips_that_are_one_but_for_rounding_are_one(count, size):
    """As from a network that hears no difference: batches of different sizes round differently."""
    rng = np.random.default_rng(1)
    vectors = (0.3 + 3e-8 * rng.integers(-1, 2, (count, size))).astype(np.float32)
    vectors[0], vectors[1] = 0.3, 0.3 + 3e-8
    assert 0 < np.ptp(vectors) < 1e-7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points, _ = em.plane_of(vectors)
    np.testing.assert_array_equal(points, np.zeros((count, 2)))


@pytest.mark.parametrize("count", [2, 9, 40])
def test_vectors_of_one_number_are_laid_out(count):
    points, _ = em.plane_of(np.arange(count, dtype=np.float32)[:, None])
    assert np.isfinite(points).all()
    assert points.shape == (count, 2)


def test_silhouettes_equal_their_definition(embedded):
    projection = em.project(embedded)
    labels = [row["singer"] for row in embedded.clip_rows]
    assert projection.silhouette == pytest.approx(silhouette_by_loops(embedded.clips, labels), abs=1e-5)
    plane = silhouette_by_loops(projection.points, labels)
    assert projection.plane_silhouette == pytest.approx(plane, abs=1e-5)
    tracks = silhouette_by_loops(embedded.tracks, [row["singer"] for row in embedded.track_rows])
    assert projection.track_silhouette == pytest.approx(tracks, abs=1e-5)
    for undefined in ([0, 0, 0], [0, 1, 2]):
        assert em.silhouette(embedded.clips[:3], np.array(undefined)) is None


def test_files_hold_the_embeddings_to_the_last_bit(embedded, tmp_path):
    em.write_embeddings(embedded, tmp_path / "a")
    em.write_embeddings(embedded, tmp_path / "b")
    with np.load(tmp_path / "a" / "embeddings.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["clips"], embedded.clips)
        np.testing.assert_array_equal(file["tracks"], embedded.tracks)
        assert file["clips_path"].tolist() == [row["path"] for row in embedded.clip_rows]
        assert file["tracks_album"].tolist() == [row["album"] for row in embedded.track_rows]
    for name, vectors in (("clips", embedded.clips), ("tracks", embedded.tracks)):
        rows = list(csv.reader((tmp_path / "a" / f"{name}.csv").read_text().splitlines()))
        assert rows[0][:3] == ["path", "singer", "album"]
        numbers = np.array([row[-32:] for row in rows[1:]], dtype=np.float32)
        np.testing.assert_array_equal(numbers, vectors)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_folders(tmp_path):
    one, *others = (tmp_path / name for name in ("a/run", "b/run", "b/x"))
    assert em.folders_for([one], None) == (one / "embeddings", (one / "embeddings",))
    assert em.folders_for([one], tmp_path) == (tmp_path, (tmp_path,))
    assert em.folders_for([one, others[0]], tmp_path)[1] == (tmp_path / "a" / "run", tmp_path / "b" / "run")
    assert em.folders_for(others, tmp_path)[1] == (tmp_path / "run", tmp_path / "x")
    joined = [tmp_path / name for name in ("x/a-b/c", "x/a/b-c", "y/a-b/c", "y/a/b-c")]
    assert em.folders_for(joined, tmp_path / "out")[1] == tuple(
        tmp_path / "out" / path.relative_to(tmp_path) for path in joined
    )
    at_the_root = em.folders_for([Path("/run"), Path("/x/run")], tmp_path)[1]
    assert at_the_root == (tmp_path / "run", tmp_path / "x" / "run")
    with pytest.raises(SingeridError, match="given twice"):
        em.folders_for([one, one], None)


def test_runs_that_do_not_fit_into_one_picture_are_refused(trained, tmp_path):
    split = trained.split
    swapped = Split(split.train, split.test, split.valid)
    longer = replace(trained.config.training, clip_seconds=2.0)
    singers = tuple(reversed(trained.config.singers))
    for name, changes, message in (
        ("split", {"split": swapped}, "`split_file="),
        ("clips", {"training": longer}, "clips of 1 s and 2 s"),
        ("singers", {"singers": singers}, "different singers"),
    ):
        with pytest.raises(SingeridError, match=message):
            em.embed_all([trained, another(trained, tmp_path / name, **changes)], CPU)


class Odd(torch.nn.Module):
    """A user's own model whose `embed` is wrong."""

    def __init__(self, embed=None):
        super().__init__()
        if embed is not None:
            self.embed = embed


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Odd(), "gives no embeddings; write a method embed"),
        (Odd(lambda mel: mel), "gives 2 axes per clip"),
        (Odd(lambda mel: mel.mean(-1) * torch.nan), "not finite"),
    ],
)
def test_networks_without_proper_embeddings_are_one_line(model, message, trained, monkeypatch):
    monkeypatch.setattr(Run, "network", lambda *_: model)
    with pytest.raises(SingeridError, match=message):
        em.embed(trained, CPU)


def test_the_picture_says_what_it_shows(trained, embedded):
    projection = em.project(embedded)
    svg = figure_svg(em.draw_embeddings([embedded], [projection]))
    few = f"t-SNE of perplexity {projection.perplexity:g}, as only {len(embedded.clips)} clips can be drawn"
    for text in ("the test clips of 1 s, mixture", few, f"embeddings: {projection.silhouette:.2f}", "tenor"):
        assert text in svg


def test_command_writes_and_draws_runs_side_by_side(trained, embedded, tmp_path, singerid):
    other = another(trained, tmp_path / "other")
    arguments = trained.path, other.path, "--out", tmp_path / "two", "--json"
    result = singerid("embed", *arguments, "--figure", tmp_path / "side.png")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [row["model"] for row in rows] == ["crnn", "crnn_fgnl"]
    assert rows[0]["silhouette_clips"] == pytest.approx(em.project(embedded).silhouette, abs=1e-4)
    written = {path.name for path in (tmp_path / "two" / "other").iterdir()}
    assert written == {"clips.csv", "tracks.csv", "embeddings.npz"}
    assert (tmp_path / "side.png").read_bytes().startswith(b"\x89PNG")


def test_command_prints_a_table_of_one_run(trained, tmp_path, singerid):
    result = singerid.fresh("embed", trained.path, "--part", "valid", "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "silhouette" in result.stdout
    assert (tmp_path / "embeddings.svg").exists()
