"""`singerid reproduce` on small recordings: resumed at any point, nothing lost, nothing silent."""

import csv
import json
import shutil
import signal
import time
from dataclasses import replace

import pytest
import torch
from filelock import FileLock

from singerid.config import ReproduceConfig, TrainingConfig
from singerid.errors import SingeridError
from singerid.evaluation.record import SCORES
from singerid.reproduce.plan import make_plan
from singerid.reproduce.run import reproduce
from singerid.reproduce.tables import Cell
from singerid.store.reader import Store

CONFIG = ReproduceConfig(
    tables=(1,),
    audio=("mixture",),
    clip_seconds=(1.0,),
    seeds=(0, 21),
    width=0.0625,
    training=TrainingConfig(epochs=3, batch_size=4, learning_rate=5e-3),
)
CELLS = [Cell(model, "mixture", 1.0, seed) for seed in (0, 21) for model in ("crnn", "crnn_fgnl")]
ARGUMENTS = (
    *("--table", "1", "--audio", "mixture", "--clip-seconds", "1", "--seeds", "0,21", "--epochs", "3"),
    *("--width", "0.0625", "--batch-size", "4", "--learning-rate", "5e-3"),
    *("--device", "cpu", "--threads", "1"),
)


def run(store, out, config=CONFIG):
    return reproduce(store, out, config, device="cpu", threads=1)


def stamps(out):
    """When the states and results were written."""
    kept = [*out.rglob("*.safetensors"), *out.rglob(SCORES)]
    return {path: path.stat().st_mtime_ns for path in kept}


def named(out):
    """The singers named by all runs; equal weights name the same singers."""
    results = {path.parent.name: json.loads(path.read_text()) for path in out.rglob(SCORES)}
    kept = {name: result["evaluations"]["mixture"] for name, result in results.items()}
    return {name: (entry["scores"]["states"], entry["tracks"]) for name, entry in kept.items()}


@pytest.fixture(scope="module")
def done(recordings, tmp_path_factory):
    out = tmp_path_factory.mktemp("reproduced") / "out"
    return out, run(recordings.store, out)


def test_runs_the_cells_that_the_store_can_serve_and_lists_the_others(done):
    out, made = done
    assert set(made.results) == set(CELLS)
    assert sorted(path.name for path in (out / "runs").iterdir()) == sorted(cell.name for cell in CELLS)
    (skipped,) = made.report.failures
    assert skipped.path == "4 runs of crnnm, crnnm_fgnl on mixture skipped"
    assert "has no melody; extract it: singerid prepare TREE STORE --melody crepe" in skipped.reason
    assert (made.report.done, made.report.runs) == (4, 8)


def test_writes_the_same_numbers_in_every_form(done):
    out, made = done
    with (out / "tables.csv").open(newline="") as file:
        rows = {
            (row["model"], row["level"], row["audio"], row["clip_seconds"]): row
            for row in csv.DictReader(file)
        }
    assert len(rows) == 4 * 2 * 2 * 4
    for level in ("clip", "track"):
        values = [made.results[cell].f1["best_f1"][level] for cell in CELLS if cell.model == "crnn"]
        row = rows["crnn", level, "mixture", "1.0"]
        assert float(row["average"]) == pytest.approx(sum(values) / 2, abs=1e-4)
        assert (row["seeds"], row["parameters"]) == ("2", "394516")
        average = f"{sum(values) / 2:.2f}"
        assert f"<td>{average}</td>" in (page := made.page.read_text()) or f"<b>{average}</b>" in page
        assert average in (out / "tables.md").read_text(encoding="utf-8")
    published = rows["crnn_fgnl", "track", "vocals", "10.0"]
    assert (published["average"], published["published_average"]) == ("", "0.79")
    assert all(row["difference_average"] == "" for row in rows.values())


def test_called_again_it_neither_trains_nor_scores(done, recordings):
    out, made = done
    before = stamps(out)
    again = run(recordings.store, out)
    assert stamps(out) == before
    assert again.results == made.results


def test_a_table_that_shares_runs_uses_them(done, recordings):
    out, _ = done
    before = stamps(out)
    made = run(recordings.store, out, replace(CONFIG, tables=(2,), seeds=(0,)))
    assert {path: stamp for path, stamp in stamps(out).items() if path in before} == before
    assert {cell.model for cell in made.results} == {"crnn", "crnn_nl", "crnn_fgnl_light", "crnn_fgnl"}


def test_runs_of_other_settings_are_refused_before_anything_is_done(done, recordings):
    out, _ = done
    before = stamps(out)
    other = replace(CONFIG, training=replace(CONFIG.training, learning_rate=1e-3))
    with pytest.raises(
        SingeridError, match=r"crnn-mixture-1s-seed0: holds a run with other settings \(learning"
    ):
        run(recordings.store, out, other)
    assert stamps(out) == before


def test_more_epochs_prolong_the_runs(done, recordings, tmp_path):
    shutil.copytree(done[0], tmp_path / "out")
    one = replace(CONFIG, seeds=(0,))
    made = run(recordings.store, tmp_path / "out", replace(one, training=replace(one.training, epochs=4)))
    assert {result.epochs for result in made.results.values()} == {4}


def test_fewer_epochs_than_the_runs_have_are_refused(done, recordings):
    """Their numbers would come from more epochs than the report says."""
    out, made = done
    page = made.page.read_bytes()
    fewer = replace(CONFIG, training=replace(CONFIG.training, epochs=2))
    message = (
        "crnn-mixture-1s-seed0: is a run of 3 epochs, more than the 2 asked for; give `epochs=3` or more"
    )
    with pytest.raises(SingeridError, match=message):
        run(recordings.store, out, fewer)
    assert made.page.read_bytes() == page


def test_an_unfinished_run_of_more_epochs_is_refused_too(done, recordings, tmp_path):
    """It has two of three epochs: if it went on, it would train for three and be reported as two."""
    shutil.copytree(done[0], tmp_path / "out")
    metrics = tmp_path / "out" / "runs" / CELLS[0].name / "metrics.csv"
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:-1]))
    fewer = replace(CONFIG, training=replace(CONFIG.training, epochs=2))
    with pytest.raises(SingeridError, match=f"{CELLS[0].name}: is a run of 3 epochs"):
        run(recordings.store, tmp_path / "out", fewer)


def test_a_call_that_can_run_nothing_leaves_the_report_alone(done, recordings):
    """Two reasons: no vocals, and no melody."""
    out, _ = done
    before = {path: path.read_bytes() for path in out.glob("tables.*")}
    with pytest.raises(SingeridError, match=r"has no melody.*; .*has no vocals"):
        run(recordings.store, out, replace(CONFIG, tables=(4,), audio=("mixture", "vocals")))
    assert {path: path.read_bytes() for path in out.glob("tables.*")} == before
    assert len(before) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"clip_seconds": (1.0, 100.0)},
            r"`clip_seconds=100`: no track of .* is as long as a clip, the longest",
        ),
        ({"clip_seconds": (4.0,), "protocol": "authors"}, r"`clip_seconds=4`: .* as long as two clips"),
        ({"clip_seconds": (1.0, 1.0000001)}, r"1\.0 and 1\.0000001 are too close to tell apart"),
        ({"clip_seconds": (1.0, 1.031)}, r"1\.0 and 1\.031 are too close"),  # a frame lasts 0.032 s
        ({"clip_seconds": (3.0000001,)}, r"3\.0 and 3\.0000001 are too close"),  # a column of the paper
        ({"seeds": (0, 2**64)}, "`seeds=18446744073709551616`: choose from 0 to 18446744073709551615"),
        ({"width": float("nan")}, "`width` must be a positive number, not nan"),
    ],
)
def test_unusable_settings_are_refused_before_anything_is_made(recordings, tmp_path, settings, message):
    with pytest.raises(SingeridError, match=message):
        run(recordings.store, tmp_path / "out", replace(CONFIG, **settings))
    assert not (tmp_path / "out").exists()


def test_clips_a_frame_apart_and_the_largest_seed_are_taken(recordings, tmp_path):
    config = replace(CONFIG, clip_seconds=(1.0, 1.033), seeds=(2**64 - 1,))
    plan = make_plan(Store.open(recordings.store), tmp_path / "out", config)
    assert len({cell.name for cell in plan.waiting}) == 2 * 2
    torch.manual_seed(config.seeds[0])


def test_one_call_at_a_time_works_in_a_folder(done, recordings):
    out, made = done
    page = made.page.read_bytes()
    with (
        FileLock(out / ".lock"),
        pytest.raises(SingeridError, match="out: another `singerid reproduce` works there; wait for it"),
    ):
        run(recordings.store, out, replace(CONFIG, seeds=(0,)))
    assert made.page.read_bytes() == page


def test_a_run_that_fails_is_listed_and_the_others_go_on(recordings, tmp_path):
    folder = tmp_path / "out" / "runs" / CELLS[0].name
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    made = run(recordings.store, tmp_path / "out", replace(CONFIG, seeds=(0,)))
    assert set(made.results) == {CELLS[1]}
    failed = made.report.failures[-1]
    assert failed.path == CELLS[0].name
    assert "is no run and not empty" in failed.reason
    assert "is no run and not empty" in made.page.read_text(encoding="utf-8")


def test_a_loss_that_is_not_finite_is_a_listed_failure(recordings, tmp_path):
    wild = replace(CONFIG, seeds=(0,), training=replace(CONFIG.training, learning_rate=1e30))
    made = run(recordings.store, tmp_path / "out", wild)
    assert not made.results
    assert [failure.path for failure in made.report.failures[1:]] == [cell.name for cell in CELLS[:2]]
    assert all("loss is not finite" in failure.reason for failure in made.report.failures[1:])


def test_a_track_without_vocals_is_named(recordings, tmp_path):
    """As after `prepare` in a folder of stems where one is missing."""
    shutil.copytree(recordings.store, tmp_path / "store")
    index = tmp_path / "store" / "index.jsonl"
    entries = [json.loads(line) for line in index.read_text().splitlines()]
    for entry in entries:
        if not entry["path"].startswith("bass/second/1"):
            entry["arrays"]["features/vocals"] = entry["arrays"]["features/mixture"]
    index.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    origins = {"separator": "stems", "separator_version": "1", "trackers": {}}
    (tmp_path / "store" / "origins.json").write_text(json.dumps(origins))
    shutil.copytree(tmp_path / "store" / "features" / "mixture", tmp_path / "store" / "features" / "vocals")
    vocals = replace(CONFIG, audio=("mixture", "vocals"), seeds=(0,), tables=(1,))
    made = run(tmp_path / "store", tmp_path / "out", vocals)
    assert {cell.audio for cell in made.results} == {"mixture"}
    (reason,) = [failure.reason for failure in made.report.failures if "vocals of" in failure.reason]
    assert "lacks the vocals of 1 of 18 tracks, the first is 'bass/second/1.flac'" in reason


def test_a_store_without_vocals_is_one_line(recordings, singerid, tmp_path):
    options = ("--table", "1", "--audio", "vocals", "--clip-seconds", "3")
    result = singerid("reproduce", recordings.store, tmp_path / "out", *options)
    assert result.returncode == 2
    assert "has no vocals; extract them: singerid prepare TREE STORE --vocals" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_authors_protocol_scores_four_states_and_says_what_was_chosen(recordings, tmp_path):
    made = run(recordings.store, tmp_path / "out", replace(CONFIG, seeds=(0,), protocol="authors"))
    for cell, result in made.results.items():
        assert cell.name.endswith("-authors")
        assert set(result.f1) == {"best_loss", "best_accuracy", "best_f1", "last"}
        config = json.loads((tmp_path / "out" / "runs" / cell.name / "config.json").read_text())
        assert config["training"]["drop_last_clip"]
        fgnl = cell.model == "crnn_fgnl"
        assert config["options"] == {"width": 0.0625} | ({"softmax": "queries"} if fgnl else {})
        assert config["training"]["output_l2"] == (0.01 if fgnl else 0.0)
    by_path = {track.path: track for track in Store.open(recordings.store).tracks}
    for track in result.tracks:
        assert len(track.clips["last"]) == by_path[track.path].frames // 32 - 1  # a clip of 1 s
    assert "chosen on test" in made.page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_interrupted_and_resumed_it_ends_as_if_it_never_was(singerid, done, recordings, tmp_path, how):
    """Stopped after the first epoch of the second run, in a real process."""
    out = tmp_path / "out"
    process = singerid.start("reproduce", recordings.store, out, *ARGUMENTS)
    metrics = out / "runs" / CELLS[1].name / "metrics.csv"
    while not metrics.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(how)
    _, errors = process.communicate()
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert how == signal.SIGKILL or errors.endswith("run the same command again to go on\n")
    assert len(list(out.rglob(SCORES))) < len(CELLS)
    before = stamps(out / "runs" / CELLS[0].name)
    result = singerid("reproduce", recordings.store, out, *ARGUMENTS)
    assert result.returncode == 3, result.stderr  # the networks with melody are listed
    assert "4 runs of crnnm, crnnm_fgnl on mixture skipped" in result.stderr
    assert stamps(out / "runs" / CELLS[0].name) == before
    reference = {name: value for name, value in named(done[0]).items() if name in named(out)}
    assert named(out) == reference
    assert "Table 1: CRNN and CRNNM without and with FGNL (on store: 18 tracks" in result.stdout
