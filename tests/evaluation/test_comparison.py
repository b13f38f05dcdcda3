"""Two runs side by side, against votes and differences counted by hand."""

import ast
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.metrics import f1_score

from singerid.analysis.embedding import draw_embeddings, embed_all, project
from singerid.analysis.report import embedding_table
from singerid.data.splits import Split
from singerid.data.tracks import scan_tree
from singerid.errors import SingeridError
from singerid.evaluation.comparison import compare_runs, draw_comparison, names_of, path_tails
from singerid.evaluation.report import comparison_tables
from singerid.models.registry import build_model
from singerid.models.weights import save_model
from singerid.preparation.prepare import prepare
from singerid.runs.run import Run
from singerid.sound.separation.separators import open_separator

CPU = torch.device("cpu")


def make(trained, path, split=None, **changes):
    """An untrained run like the trained one."""
    torch.manual_seed(5)
    config = replace(trained.config, **changes)
    run = Run.create(path, config, split or trained.split)
    save_model(build_model(config.model, len(config.singers), **config.options), run.state_path())
    return run


@pytest.fixture(scope="module")
def untrained(trained, tmp_path_factory):
    return make(trained, tmp_path_factory.mktemp("untrained") / "run")


@pytest.fixture(scope="module")
def comparison(trained, untrained):
    return compare_runs(trained, untrained, CPU)


@torch.no_grad()
def named_by_hand(run, clip_frames=32):
    """Clip labels, and track -> (singer, confidence), by votes counted one by one."""
    store, model = run.store, run.network()
    clips, tracks = [], {}
    for track in sorted(store.tracks, key=lambda track: track.path):
        if track.path not in run.split.test:
            continue
        mel = torch.from_numpy(np.load(store.path_of(track, "features/mixture")).astype(np.float32).T)
        probabilities = torch.stack(
            [
                model(mel[None, :, first : first + clip_frames])[0].softmax(0)
                for first in range(0, mel.shape[1] - clip_frames + 1, clip_frames)
            ]
        ).numpy()
        clips += probabilities.argmax(1).tolist()
        sure = probabilities[probabilities.max(1) > 0.5]
        voting = sure if len(sure) else probabilities
        votes = voting.argmax(1).tolist()
        winner = min(range(3), key=lambda singer: (-votes.count(singer), singer))
        tracks[track.path] = winner, voting[:, winner].mean(), len(probabilities)
    return clips, tracks


def test_disagreements_and_differences_equal_those_counted_by_hand(trained, untrained, comparison):
    singers = ["alto", "bass", "tenor"]
    (first_clips, first), (second_clips, second) = named_by_hand(trained), named_by_hand(untrained)
    expected = [path for path in sorted(first) if first[path][0] != second[path][0]]
    assert [each.path for each in comparison.disagreements] == expected
    assert expected  # otherwise the test proves nothing
    for each in comparison.disagreements:
        assert each.truth == each.path.split("/")[0]
        assert (each.first, each.second) == tuple(singers[own[each.path][0]] for own in (first, second))
        assert each.first_confidence == pytest.approx(first[each.path][1], abs=1e-5)
        assert each.second_confidence == pytest.approx(second[each.path][1], abs=1e-5)
    assert comparison.tracks == len(first) == 6
    truth = [singers.index(path.split("/")[0]) for path in sorted(first)]
    clip_truth = [t for t, path in zip(truth, sorted(first), strict=True) for _ in range(first[path][2])]
    pairs = {
        "track": (truth, [first[p][0] for p in sorted(first)], [second[p][0] for p in sorted(first)]),
        "clip": (clip_truth, first_clips, second_clips),
    }
    for level, (true, ours, theirs) in pairs.items():
        difference = f1_score(true, ours, average="weighted") - f1_score(true, theirs, average="weighted")
        found = {each.measure: each for each in getattr(comparison, level)}
        assert found["f1_weighted"].value == pytest.approx(difference)
        assert found["f1_weighted"].interval.low <= difference <= found["f1_weighted"].interval.high
        assert found["f1_weighted"].albums == 3


def test_the_other_way_round_is_the_opposite(trained, untrained, comparison):
    turned = compare_runs(untrained, trained, CPU)
    assert turned.names == tuple(reversed(comparison.names))
    for level in ("clip", "track"):
        for one, other in zip(getattr(comparison, level), getattr(turned, level), strict=True):
            assert one.value == pytest.approx(-other.value)
    assert [d.first for d in turned.disagreements] == [d.second for d in comparison.disagreements]


def test_runs_of_clips_of_different_length_are_compared_by_track(trained, untrained, tmp_path):
    other = make(trained, tmp_path / "run", training=replace(trained.config.training, clip_seconds=2.0))
    found = compare_runs(trained, other, CPU)
    assert found.clip == ()
    assert [each.measure for each in found.track] == ["f1_weighted", "f1_macro", "accuracy"]
    _, tracks = named_by_hand(other, clip_frames=63)
    for each in found.disagreements:
        assert each.second == ["alto", "bass", "tenor"][tracks[each.path][0]]


def test_names_say_who_heard_what_unless_all_hear_the_mixture(trained, untrained, tmp_path):
    vocals = untrained.hearing("vocals")
    other = make(trained, tmp_path / "a", model="crnn_square").hearing("vocals")
    assert names_of([trained, vocals]) == ("crnn (mixture)", "crnn (vocals)")
    assert names_of([trained, other]) == ("crnn (mixture)", "crnn_square (vocals)")
    both = tuple(f"{name} (vocals)" for name in path_tails([trained.path, untrained.path]))
    assert names_of([trained.hearing("vocals"), vocals]) == both
    assert names_of([trained, untrained]) == path_tails([trained.path, untrained.path])
    three = names_of(
        [trained, make(trained, tmp_path / "b"), make(trained, tmp_path / "c").hearing("vocals")]
    )
    assert three == (f"{trained.path.name} (mixture)", "b (mixture)", "c (vocals)")


def test_a_run_on_vocals_beside_one_on_the_mixture(trained, recordings, tmp_path):
    """Table, note, picture and JSON of two runs that hear different things."""
    for stem in ("mixture", "vocals", "accompaniment"):
        (tmp_path / stem).symlink_to(recordings.tree)
    tree, store = tmp_path / "mixture", tmp_path / "store"
    prepare(scan_tree(tree), tree, store, separator=open_separator("stems", tree=tree, stems=tmp_path))
    mixture = make(trained, tmp_path / "a", store=str(store))
    heard = replace(trained.config.spec, audio="vocals", separator="stems")
    vocals = make(trained, tmp_path / "b", store=str(store), spec=heard)
    found = compare_runs(mixture, vocals, CPU)
    assert [(run["name"], run["audio"]) for run in found.to_json()["runs"]] == [
        ("crnn (mixture)", "mixture"),
        ("crnn (vocals)", "vocals"),
    ]
    out = io.StringIO()
    Console(file=out, width=300).print(comparison_tables(found))
    assert "difference: crnn (mixture) minus crnn (vocals);" in out.getvalue()
    assert "crnn (vocals): clips" in out.getvalue()
    assert "crnn (vocals): clips" in [axes.get_title() for axes in draw_comparison(found).axes]
    both = embed_all([mixture, vocals], CPU)
    projections = [project(each) for each in both]
    titles = [axes.get_title() for axes in draw_embeddings(both, projections).axes]
    assert {"crnn (mixture)", "crnn (vocals)"} <= set(titles)
    Console(file=out, width=300).print(embedding_table(both, projections))
    assert re.search(r"/b +│ crnn +│ vocals ", out.getvalue())


def test_names(trained, untrained, tmp_path):
    assert names_of([trained, make(trained, tmp_path / "a", model="crnn_square")]) == ("crnn", "crnn_square")
    assert names_of([trained, make(trained, tmp_path / "a")]) == (trained.path.name, "a")
    assert path_tails([Path("/r/x/run"), Path("/r/y/run")]) == ("x/run", "y/run")
    assert path_tails([Path("/run")]) == ("run",)
    with pytest.raises(SingeridError, match="given twice"):
        path_tails([Path("/r/x"), Path("/r/y/../x")])


def test_runs_that_cannot_be_compared_are_one_line(trained, recordings, tmp_path):
    split = trained.split
    moved = Split(split.train, split.test, split.valid)
    with pytest.raises(SingeridError, match=r"train one again with `split_file='.*split\.json'`"):
        compare_runs(trained, make(trained, tmp_path / "a", split=moved), CPU)
    more = make(trained, tmp_path / "b", singers=(*trained.config.singers, "zoe"))
    with pytest.raises(SingeridError, match="different singers"):
        compare_runs(trained, more, CPU)
    # The same paths, another recording: as after `prepare` of a changed tree.
    lines = (recordings.store / "index.jsonl").read_text().splitlines()
    (tmp_path / "store").mkdir()
    for name in ("features", "config.json"):
        (tmp_path / "store" / name).symlink_to(recordings.store / name)
    changed = [json.dumps(json.loads(line) | {"source_hash": "0" * 64}) for line in lines]
    (tmp_path / "store" / "index.jsonl").write_text("\n".join(changed) + "\n")
    with pytest.raises(SingeridError, match="different recordings of the same tracks"):
        compare_runs(trained, make(trained, tmp_path / "c", store=str(tmp_path / "store")), CPU)


def test_a_remedy_can_be_pasted(trained, tmp_path):
    split = trained.split
    first = make(trained, tmp_path / "my run (1)")
    moved = make(trained, tmp_path / "a", split=Split(split.train, split.test, split.valid))
    with pytest.raises(SingeridError) as error:
        compare_runs(first, moved, CPU)
    value = ast.literal_eval(str(error.value).partition("`split_file=")[2].removesuffix("`"))
    assert shlex.split(value) == [str(first.path / "split.json")]


def test_the_picture_holds_both_matrices_of_both_levels(comparison):
    figure = draw_comparison(comparison)
    titles = [axes.get_title() for axes in figure.axes]
    first, second = comparison.names
    assert titles[:2] + titles[3:5] == [
        f"{first}: clips",
        f"{second}: clips",
        f"{first}: tracks",
        f"{second}: tracks",
    ]
    counts = [text.get_text() for text in figure.axes[4].texts]
    matrix = np.array(comparison.scores[1].track.confusion)
    assert counts == [str(count) for count in matrix[matrix > 0]]
    squares = figure.axes[5].collections[2]
    f1 = [row.f1 for row in comparison.scores[1].track.singers]
    np.testing.assert_allclose(np.asarray(squares.get_offsets())[:, 0], f1)


def test_command(trained, untrained, comparison, tmp_path, singerid):
    picture = tmp_path / "side.svg"
    arguments = "evaluate", trained.path, "--against", untrained.path, "--figure", picture
    result = singerid(*arguments)
    assert result.returncode == 0, result.stderr
    for text in ("difference", "they name different singers for", "says"):
        assert text in result.stdout
    assert picture.exists()
    elsewhere = singerid(*arguments, "--store", tmp_path / "gone")
    assert elsewhere.stderr.count("gone: no such folder") == 1
    refused = singerid("evaluate", trained.path, "--against", untrained.path, "--baseline")
    assert refused.returncode == 2
    assert "leave out --baseline" in refused.stderr


def test_json_and_a_run_given_twice(trained, comparison):
    value = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert [each["path"] for each in value["disagreements"]] == [d.path for d in comparison.disagreements]
    found = value["difference"]["track"]["accuracy"]["difference"]
    assert found == pytest.approx(comparison.track[2].value)
    with pytest.raises(SingeridError, match="given twice"):
        compare_runs(trained, trained, CPU)
