"""Which folders may be OUT: files that are not ours are never overwritten."""

import shutil

import pytest

from singerid.config import ReproduceConfig, TrainingConfig
from singerid.errors import SingeridError
from singerid.reproduce.run import reproduce, require_out
from singerid.reproduce.smoke import make_smoke_store


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (["tables.csv"], "tables.csv"),
        (["runs/mine/events", "tables.csv"], "tables.csv"),
        (["runs/mine/events", "tables.html"], "tables.html"),
        (["notes.txt"], "notes.txt"),
        (["store/index.jsonl", "tables.md"], "tables.md"),
    ],
)
def test_a_folder_of_other_things_is_refused_and_left_as_it_was(recordings, tmp_path, files, named):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = content(tmp_path)
    message = f"holds {named}, which `singerid reproduce` did not write; give a new or empty folder as OUT"
    with pytest.raises(SingeridError, match=message):
        reproduce(recordings.store, tmp_path, ReproduceConfig(tables=(2,), clip_seconds=(1.0,)))
    with pytest.raises(SingeridError, match=message):
        make_smoke_store(tmp_path, ReproduceConfig())
    assert content(tmp_path) == before


def test_a_store_or_a_run_is_refused(recordings, trained, tmp_path):
    store, run = tmp_path / "store", tmp_path / "run"
    shutil.copytree(recordings.store, store)
    shutil.copytree(trained.path, run)
    for out in (store, run):
        before = content(out)
        with pytest.raises(SingeridError, match="is a store or a run; give a new or empty folder as OUT"):
            reproduce(store, out, ReproduceConfig(tables=(2,), clip_seconds=(1.0,)))
        assert content(out) == before


@pytest.mark.parametrize(
    "names",
    [[], [".DS_Store"], ["runs/crnn/config.json"], ["corpus/corpus.json"], ["corpus/a", "store/config.json"]],
)
def test_what_an_interrupted_call_leaves_is_taken(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    require_out(tmp_path)
    require_out(tmp_path / "new")


def test_a_folder_with_a_report_is_taken_whatever_else_is_there(recordings, tmp_path):
    """A report without runs remains if only the runs are deleted; notes beside it do no harm."""
    config = ReproduceConfig(
        tables=(2,),
        audio=("mixture",),
        clip_seconds=(1.0,),
        seeds=(0,),
        training=TrainingConfig(epochs=1, learning_rate=1e30),  # fails at once, and is reported
        width=0.0625,
    )
    made = reproduce(recordings.store, tmp_path, config, device="cpu", threads=1)
    assert made.page.exists()
    shutil.rmtree(tmp_path / "runs")
    (tmp_path / "notes.txt").write_text("mine")
    require_out(tmp_path)
    made.page.unlink()
    with pytest.raises(SingeridError, match=r"holds notes\.txt"):
        require_out(tmp_path)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SingeridError, match=r"out: cannot be read .*; give a new or empty folder as OUT"):
        require_out(tmp_path / "out")
