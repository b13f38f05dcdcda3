"""The model card: its content is that of the run, its store and its scores, whatever the names are."""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from singerid.config import CorpusConfig
from singerid.data.splits import Split
from singerid.data.synthetic.cast import draw_corpus, is_synthetic
from singerid.errors import SingeridError
from singerid.evaluation.card import escape_markdown, write_card
from singerid.evaluation.evaluate import evaluate, keep_scores
from singerid.evaluation.record import SCORES, record_audit, record_evaluation, recorded_evaluations
from singerid.identifier import Identifier
from singerid.models.registry import build_model
from singerid.models.weights import save_model
from singerid.runs.run import Run
from singerid.system.files import write_json
from singerid.text import printable


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run, to write into."""
    shutil.copytree(trained.path, tmp_path / "run")
    return Run.open(tmp_path / "run")


@pytest.fixture(scope="module")
def evaluation(trained):
    return evaluate(trained, torch.device("cpu"), baseline=True, keep=False)


def card(run):
    return write_card(run).read_text(encoding="utf-8")


def table_after(text, heading):
    """Rows of the first table below a heading, parsed as Markdown."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text[text.index(f"## {heading}\n") :])
    end = next(i for i, token in enumerate(tokens) if token.type == "table_close")
    cells, table = [], []
    for before, token in pairwise(tokens[:end]):
        if before.type in ("td_open", "th_open"):
            cells.append("".join(child.content for child in token.children))
        if token.type == "tr_close":
            table.append(cells)
            cells = []
    return table


def test_the_data_are_those_of_the_split_and_the_store(run):
    text = card(run)
    split, tracks = run.split, {track.path: track for track in run.store.tracks}
    expected = []
    for name, paths in (("train", split.train), ("valid", split.valid), ("test", split.test)):
        seconds = sum(tracks[path].duration_s for path in paths)
        albums = {path.rsplit("/", 1)[0] for path in paths}
        minutes = f"{int(seconds // 60)}:{int(seconds % 60):02d}"
        expected.append([name, str(len(paths)), "3", str(len(albums)), minutes])
    assert table_after(text, "Data")[1:] == expected
    assert "Singers: alto, bass, tenor.\n" in text
    assert "Albums are kept whole" in text
    assert "Synthetic" not in text
    assert "Recordings: 18 tracks." in text


def test_scores_come_with_intervals_and_go_with_their_weights(run, evaluation):
    assert "Not evaluated" in card(run)
    record_evaluation(run, evaluation)
    table = table_after(card(run), "Scores")
    assert [row[:3] for row in table[1:]] == [
        ["mixture", system, level]
        for system in ("this network", "classical baseline")
        for level in ("clips", "tracks")
    ]
    clip = evaluation.states["best_f1"].clip
    interval = clip.intervals["f1_weighted"]
    numbers = [float(number) for number in re.split(r"[ (\-)]+", table[1][3])[:3]]
    assert numbers == pytest.approx([clip.f1_weighted, interval.low, interval.high], abs=0.005)
    assert table[1][6] == str(clip.count)
    other = run.load_network()
    torch.nn.init.zeros_(other.output.bias)
    save_model(other, run.state_path())
    run = Run.open(run.path)
    assert "Not evaluated with its current weights" in card(run)
    record_evaluation(
        run, replace(evaluation, audio="vocals")
    )  # the earlier scores are of other weights: they are dropped
    assert {row[0] for row in table_after(card(run), "Scores")[1:]} == {"vocals"}


def test_audio_conditions_stand_side_by_side(run, evaluation):
    record_evaluation(run, evaluation)
    record_evaluation(run, replace(evaluation, audio="vocals", baseline=None))
    heard = [row[0] for row in table_after(card(run), "Scores")[1:]]
    assert heard == ["mixture"] * 4 + ["vocals"] * 2


def test_the_audit_is_quoted_while_it_is_of_these_weights(run):
    record_audit(run, {"summary": ["Half of it is the *album*.", "Beware."]})
    assert r"The audit says: Half of it is the \*album\*. Beware." in card(run)
    other = {"weights": {"best_f1": "0" * 64}, "summary": ["Of other weights."]}
    write_json(run.path / SCORES, {"audit": other})
    text = card(run)
    assert "Of other weights" not in text
    assert "Not audited" in text


def test_scores_of_a_state_that_was_trained_on_are_not_believed(run):
    """An evaluation of several states depends on the weights of each state."""
    record_evaluation(run, evaluate(run, states=("best_f1", "last")))
    assert set(recorded_evaluations(run)) == {"mixture"}
    save_model(build_model("crnn", 3, width=0.0625), run.state_path("last"))
    assert recorded_evaluations(Run.open(run.path)) == {}


def test_settings_versions_and_parameters_are_those_of_the_run(run):
    text = card(run)
    parameters = sum(p.numel() for p in run.network().parameters())
    assert f"({parameters:,} trainable)" in text
    history = (run.path / "metrics.csv").read_text().splitlines()
    best = max((line.split(",") for line in history[1:]), key=lambda row: float(row[4]))
    assert f"epoch {best[0]}, best weighted F1 on validation clips, {float(best[4]):.3f}" in text
    for setting in (r"learning\_rate=0.005", r"pad\_mode=reflect", "width=0.0625", "Drawn with seed 0"):
        assert setting in text
    assert f"torch {torch.__version__}" in text


def test_notes_are_taken_over_and_a_readme_of_ones_own_is_left_alone(run):
    assert "Of the weights: unknown" in card(run)
    (run.path / "NOTES.md").write_text("Weights: **CC0**. All singers consented.\n", encoding="utf-8")
    text = card(run)
    assert "\nWeights: **CC0**. All singers consented.\n" in text
    assert "Of the weights: unknown" not in text
    (run.path / "README.md").write_text("mine")
    assert card(run) == "mine"


def test_synthetic_singers_are_called_so(run):
    corpus = draw_corpus(replace(CorpusConfig(), singers=2, albums=3, songs=1))
    paths = [f"{song.path}.flac" for song in corpus.songs]
    assert all(map(is_synthetic, paths))
    assert not is_synthetic("alto/first/0.flac")
    write_json(run.path / "split.json", Split(tuple(paths[:4]), (paths[4],), (paths[5],)).to_json())
    assert "**Synthetic:**" in card(run)


def test_a_store_that_is_gone_or_changed_is_said(run):
    gone = Run.create(run.path, replace(run.config, store="/nowhere"), run.split)
    text = card(gone)
    assert "could not be opened" in text
    train = table_after(text, "Data")[1]
    assert (train[0], train[2:]) == ("train", ["?", "?", "?"])
    changed = Run.create(run.path, replace(run.config, store_identity="other"), run.split)
    assert "The store has changed since the training" in card(changed)


ENTRY = '{"weights": {"best_f1": "%s"}}'


@pytest.mark.parametrize("content", ["[]", "{", '{"evaluations": {"mixture": ' + ENTRY + "}}"])
def test_damaged_scores_are_one_line(run, content):
    (run.path / SCORES).write_text(content.replace("%s", run.digest()))
    with pytest.raises(SingeridError, match=r"scores\.json: is .*; delete it and run `singerid evaluate`"):
        write_card(run)


@pytest.mark.parametrize("evaluations", [["x"], "mixture", 5, None, {"mixture": 5}])
def test_kept_scores_of_another_form_are_replaced(run, evaluation, evaluations):
    write_json(run.path / SCORES, {"evaluations": evaluations})
    record_evaluation(run, replace(evaluation, audio="vocals"))
    assert {row[0] for row in table_after(card(run), "Scores")[1:]} == {"vocals"}


@pytest.mark.parametrize("summary", [5, "Beware.", None, {"a": "Beware."}, [5, ["Beware."]]])
def test_an_audit_of_another_form_is_ignored(run, summary):
    record_audit(run, {"summary": summary})
    text = card(run)
    assert "Not audited" in text
    assert "Beware" not in text


def test_scores_and_audit_do_not_disturb_each_other(run, evaluation):
    record_evaluation(run, evaluation)
    record_audit(run, {"summary": ["One."]})
    record_evaluation(run, replace(evaluation, audio="vocals"))
    text = card(run)
    assert "One." in text
    assert {row[0] for row in table_after(text, "Scores")[1:]} == {"mixture", "vocals"}


@pytest.mark.parametrize("name", ["README.md", "NOTES.md"])
def test_a_folder_in_place_of_a_text_is_one_line_that_names_it(run, name):
    (run.path / "README.md").unlink(missing_ok=True)
    (run.path / name).mkdir()
    with pytest.raises(SingeridError, match=rf"{name}: cannot be read \(Is a directory\); .* move it away"):
        write_card(run)
    assert not list(run.path.glob(".tmp-*"))
    assert not (run.path / "README.md").is_file()


def test_scores_are_told_though_the_card_cannot_be_written(run, singerid):
    (run.path / "README.md").unlink(missing_ok=True)
    (run.path / "README.md").mkdir()
    told = singerid("evaluate", run.path, "--threads", 1, "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["states"]["best_f1"]["clip"]["count"]
    assert (run.path / "confusion.svg").exists()
    assert re.fullmatch(
        r"singerid: warning: the model card lacks these scores: .*README\.md: cannot .*\n", told.stderr
    )
    kept = json.loads((run.path / SCORES).read_text())["evaluations"]["mixture"]
    assert kept["weights"] == {"best_f1": run.digest()}


MARKUP = st.text(st.sampled_from("\\\\`*_{}[]()<>|&~$@:#+-=.!\"'/;a1 "), min_size=1)
NAMES = (st.text(min_size=1) | MARKUP).filter(lambda name: printable(name).strip() == printable(name))


@given(NAMES)
def test_any_name_is_shown_as_it_is(name):
    """Against a Markdown reader: the name is one text, and takes one cell of a table."""
    escaped = escape_markdown(name)
    reader = MarkdownIt("commonmark").enable("table")
    table = reader.parse(f"| a | b |\n|---|---|\n| {escaped} | after |\n")
    cells = [token for token in table if token.type == "inline"][2:]
    line = next(token for token in reader.parse(f"Singers: {escaped}, other.") if token.type == "inline")
    for token, expected in ((cells[0], name), (line, f"Singers: {name}, other.")):
        assert {child.type for child in token.children} <= {"text", "text_special"}
        assert "".join(child.content for child in token.children) == printable(expected)
    assert cells[1].content == "after"
    assert len(cells) == 2


@pytest.mark.parametrize("name", ["www.example.org", "http://example.org", "me@example.org", "$x$", "<b>"])
def test_what_only_some_readers_take_for_markup_is_broken_up(name):
    """GitHub's extensions: bare links and formulas."""
    assert name not in escape_markdown(name)


def test_names_of_singers_are_escaped_where_they_stand(run, evaluation):
    names = ("a|b", "*c*", "<img src=x>")
    config = replace(run.config, singers=names)
    renamed = Run.create(run.path, config, run.split)
    row = evaluation.states["best_f1"].clip.singers[0]
    singers = (replace(row, singer="a|b", f1=0.25), replace(row, singer="*c*", f1=0.75))
    clip = replace(evaluation.states["best_f1"].clip, singers=singers)
    levels = replace(evaluation.states["best_f1"], clip=clip)
    record_evaluation(renamed, replace(evaluation, states={"best_f1": levels}))
    text = card(renamed)
    html = MarkdownIt("commonmark").enable("table").render(text.split("---", 2)[2])
    assert "Singers: a|b, *c*, &lt;img src=x&gt;." in html
    assert "clip F1 runs from .25 (a|b) to .75 (*c*)." in html


def test_train_and_evaluate_leave_the_card(singerid, recordings, tmp_path):
    options = ("--model", "blstm", "--width", "0.0625", "--clip-seconds", 1, "--epochs", 1, "--threads", 1)
    trained = singerid.fresh("train", recordings.store, tmp_path / "run", *options)
    assert trained.returncode == 0, trained.stderr
    path = tmp_path / "run" / "README.md"
    assert path.read_text(encoding="utf-8").count("Not evaluated") == 1
    evaluated = singerid("evaluate", tmp_path / "run", "--threads", 1)
    assert evaluated.returncode == 0, evaluated.stderr
    assert len(table_after(path.read_text(encoding="utf-8"), "Scores")) == 3
    result = Identifier.load(tmp_path / "run", all_clips=True).identify(
        recordings.tree / "alto" / "first" / "0.flac"
    )
    assert result.singer in ("alto", "bass", "tenor")


def test_scores_of_another_state_do_not_harm_the_card(run):
    evaluate(run, states=("last",))
    assert "Not evaluated" in (run.path / "README.md").read_text()
    evaluate(run)
    assert set(recorded_evaluations(run)["mixture"]["scores"]["states"]) == {"last", "best_f1"}
    assert "Not evaluated" not in (run.path / "README.md").read_text()


def test_the_card_says_what_the_run_learned_on_whatever_it_hears(run, evaluation, monkeypatch, caplog):
    heard = run.hearing("vocals")
    keep_scores(heard, lambda: record_evaluation(heard, replace(evaluation, audio="vocals")))
    assert caplog.messages == []
    text = (run.path / "README.md").read_text()
    assert "voice and accompaniment together" in text
    assert {row[0] for row in table_after(text, "Scores")[1:]} == {"vocals"}


def test_what_is_not_kept_leaves_the_folder_as_it_is(run):
    before = sorted(run.path.rglob("*"))
    evaluate(run, keep=False)
    assert sorted(run.path.rglob("*")) == before
