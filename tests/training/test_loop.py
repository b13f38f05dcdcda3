"""Training: the states it keeps, interruptions, and what stops it."""

import math
import random
import shutil
import signal
import time
from dataclasses import astuple, replace

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from conftest import SAMPLE_RATE, voice
from singerid.data.splits import Split
from singerid.data.tracks import scan_tree
from singerid.errors import SingeridError
from singerid.models.spec import InputSpec
from singerid.preparation.prepare import prepare
from singerid.runs.config import SplitConfig
from singerid.runs.history import Epoch, read_history
from singerid.runs.new import configure, make_split
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.training.learner import sequence
from singerid.training.loop import train

CPU = torch.device("cpu")
STATES = ("best_loss", "best_accuracy", "best_f1", "last")


def short(config, **changes):
    return replace(config, training=replace(config.training, **{"epochs": 3, **changes}))


def same_weights(first, second):
    one, two = load_file(first), load_file(second)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_it_learns_and_keeps_four_states(trained):
    history = read_history(trained)
    assert len(history) == 12
    assert history[-1].loss < history[0].loss
    assert max(epoch.valid_f1 for epoch in history) > 0.9
    assert sorted(path.stem for path in (trained.path / "states").iterdir()) == sorted(STATES)
    assert (trained.path / "curves.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_states_are_those_of_their_epochs(trained, recordings, tmp_path):
    """Each best state equals the last state of a run that stops at that epoch."""
    history = read_history(trained)
    store, split = Store.open(recordings.store), trained.split
    best = {
        "best_loss": min(history, key=lambda e: (e.valid_loss, e.epoch)),
        "best_accuracy": min(history, key=lambda e: (-e.valid_accuracy, e.epoch)),
        "best_f1": min(history, key=lambda e: (-e.valid_f1, e.epoch)),
    }
    for state, epoch in best.items():
        config = short(trained.config, epochs=epoch.epoch)
        run = train(store, tmp_path / state, config, split, CPU)
        assert same_weights(run.state_path("last"), trained.state_path(state)), state


def test_ties_go_to_the_earlier_epoch(trained, recordings, tmp_path):
    """A network that hardly moves scores the same in every epoch; its batch-norm statistics do move."""
    store, split = Store.open(recordings.store), trained.split
    still = short(trained.config, learning_rate=1e-12)
    still = replace(still, options={"width": 0.0625, "batch_norm_momentum": 1e-5})
    run = train(store, tmp_path / "run", still, split, CPU)
    assert len({epoch.valid_f1 for epoch in read_history(run)}) == 1
    once = replace(still, training=replace(still.training, epochs=1))
    first = train(store, tmp_path / "first", once, split, CPU)
    for state in ("best_accuracy", "best_f1"):
        assert same_weights(run.state_path(state), first.state_path("last"))
    assert not same_weights(run.state_path("last"), first.state_path("last"))


def test_an_epoch_depends_on_seed_and_number_alone(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    whole = train(store, tmp_path / "whole", short(trained.config, augment="all"), split, CPU)
    for epochs in (1, 2, 3):  # prolonged epoch by epoch, with other random numbers drawn in between
        torch.rand(epochs)
        parts = train(
            store, tmp_path / "parts", short(trained.config, augment="all", epochs=epochs), split, CPU
        )
    for state in STATES:
        assert same_weights(whole.state_path(state), parts.state_path(state))
    scores = [replace(epoch, seconds=0) for epoch in read_history(whole)]
    assert scores == [replace(epoch, seconds=0) for epoch in read_history(parts)]
    other = train(store, tmp_path / "other", short(trained.config, seed=1), split, CPU)
    assert not same_weights(whole.state_path("last"), other.state_path("last"))


def test_every_epoch_draws_other_numbers():
    drawn = [sequence(seed, epoch, purpose) for seed in (0, 1) for epoch in (1, 2) for purpose in (0, 1)]
    assert len(set(drawn)) == 8


def command(recordings, run, epochs):
    options = {
        "--model": "crnn_fgnl",
        "--width": 0.0625,
        "--clip-seconds": 1,
        "--epochs": epochs,
        "--batch-size": 4,
        "--learning-rate": 3e-3,
        "--augment": "all",
        "--threads": 1,
    }
    arguments = [str(part) for option in options.items() for part in option]
    return ["train", str(recordings.store), str(run), *arguments]


@pytest.mark.slow
def test_killed_at_random_moments_it_reaches_the_same_weights(singerid, recordings, tmp_path):
    epochs = 6
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert singerid(*command(recordings, whole, epochs)).returncode == 0
    draw = random.Random(4)
    kills = 0
    process = singerid.start(*command(recordings, killed, epochs))
    while not killed.exists():  # the folder is just being made
        time.sleep(0.001)
    process.kill()
    process.communicate()
    for _ in range(3):
        process = singerid.start(*command(recordings, killed, epochs))
        for line in process.stderr:
            if ": epoch" in line:  # at least one epoch further; then at any moment of the next
                time.sleep(draw.uniform(0, 0.4))
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills > 0
    assert singerid(*command(recordings, killed, epochs)).returncode == 0
    for state in STATES:
        paths = (folder / "states" / f"{state}.safetensors" for folder in (whole, killed))
        assert same_weights(*paths), state
    assert not list(killed.rglob(".tmp-*"))
    assert len(read_history(Run.open(killed))) == epochs


def test_interrupted_it_says_so_and_exits_130(singerid, recordings, tmp_path):
    process = singerid.start(*command(recordings, tmp_path / "run", 500))
    for line in process.stderr:
        if ": epoch 1/" in line:
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate()
    *_, last = errors.splitlines()
    assert process.returncode == 130
    assert last == "singerid: interrupted; run the same command again to go on"
    assert read_history(Run.open(tmp_path / "run"))


def test_a_loss_that_is_not_finite_stops_and_keeps_the_states(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    good = train(store, tmp_path / "run", short(trained.config, epochs=1), split, CPU)
    resume = good.path / "resume.safetensors"
    tensors = load_file(resume)
    tensors["model/output.bias"].fill_(math.inf)  # as after a step that was far too long
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(resume, framework="pt") as file:
        metadata = file.metadata()
    save_file(tensors, resume, metadata)
    before = good.state_path("last").read_bytes()
    with pytest.raises(SingeridError, match=r"not finite in epoch 2; .*epoch 1 are kept: .*`learning_rate`"):
        train(store, tmp_path / "run", short(trained.config), split, CPU)
    assert good.state_path("last").read_bytes() == before
    assert len(read_history(good)) == 1


def test_patience_stops_after_the_best_epoch(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    config = short(trained.config, epochs=60, patience=2)
    history = read_history(train(store, tmp_path / "run", config, split, CPU))
    best = min(history, key=lambda epoch: (-epoch.valid_f1, epoch.epoch))
    assert len(history) == best.epoch + 2 < 60
    again = train(store, tmp_path / "run", config, split, CPU)  # finished: nothing more is done
    assert len(read_history(again)) == len(history)


def test_another_run_in_the_folder_is_refused_by_name(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    message = r"other settings: learning_rate 0\.005 instead of 0\.1; give the same"
    with pytest.raises(SingeridError, match=message):
        train(store, trained.path, short(trained.config, learning_rate=0.1), split, CPU)
    with pytest.raises(SingeridError, match=r"options .*0\.0625.* instead of"):
        train(store, trained.path, replace(trained.config, options={"width": 1.0}), split, CPU)
    with pytest.raises(SingeridError, match="the store's recordings"):
        train(store, trained.path, replace(trained.config, store_identity="other"), split, CPU)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SingeridError, match="is no run and not empty"):
        train(store, tmp_path, trained.config, split, CPU)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "crnn_fgln"}, "near names: crnn_fgnl"),
        ({"model": "crnnm"}, "needs a melody"),
        (
            {"options": {"width": 0.3}},
            "model crnn: width 0.3 does not leave whole channels: .*; see `option` and `width`",
        ),
        ({"options": {"softmax": "queries"}}, "'softmax' has no effect"),
        ({"model": "crnn_square", "options": {"n_mels": 64}}, "reads 64 mel bands, the store has 128"),
        ({"spec": InputSpec(audio="vocals")}, "tracks have no vocals"),
    ],
)
def test_what_cannot_be_trained_is_named_before_a_folder_is_made(
    changes, message, trained, recordings, tmp_path
):
    config = replace(trained.config, **changes)
    with pytest.raises(SingeridError, match=message):
        train(Store.open(recordings.store), tmp_path / "run", config, trained.split, CPU)
    assert not (tmp_path / "run").exists()


def short_singer(recordings, folder, part):
    """A store in which bass's recordings of one part are half a second long; and the split."""
    tree = folder / "tree"
    shutil.copytree(recordings.tree, tree)
    store = Store.open(recordings.store)
    split, how = make_split(store, SplitConfig())
    for path in getattr(split, part):
        if path.startswith("bass/"):
            soundfile.write(tree / path, voice(95.0, 0.8, len(path) + ord(path[-6])), SAMPLE_RATE)
    prepare(scan_tree(tree), tree, folder / "store", min_seconds=0.5)
    return Store.open(folder / "store"), split, how


def test_a_singer_without_a_clip_to_train_on_is_refused_by_name(trained, recordings, tmp_path):
    store, split, how = short_singer(recordings, tmp_path, "train")
    config = configure(store, split, how, "crnn", trained.config.training, options=trained.config.options)
    message = r"no recording to train on of bass is as long as a clip of 1 s \(the longest has 0.8 s\)"
    with pytest.raises(SingeridError, match=message):
        train(store, tmp_path / "run", config, split)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_singer_without_a_clip_elsewhere_is_told(trained, recordings, tmp_path, part, caplog):
    store, split, how = short_singer(recordings, tmp_path, part)
    training = replace(trained.config.training, epochs=1)
    config = configure(store, split, how, "crnn", training, options=trained.config.options)
    train(store, tmp_path / "run", config, split)
    told = f"bass: no recording in the {part} part is as long as a clip, so none counts there"
    assert caplog.messages == [f"{tmp_path / 'run'}: {told}"]


def test_one_singer_alone_is_refused(trained, recordings, tmp_path):
    store = Store.open(recordings.store)
    split, how = make_split(store, SplitConfig())
    alone = Split(*(tuple(path for path in part if path.startswith("alto/")) for part in astuple(split)))
    with pytest.raises(SingeridError, match=r"all recordings to train on are by alto; .* needs two or more"):
        configure(store, alone, how, "crnn", trained.config.training)


def test_clips_longer_than_the_tracks_are_named(trained, recordings, tmp_path):
    with pytest.raises(SingeridError, match=r"none of .* tracks is as long as a clip of 60 s"):
        train(
            Store.open(recordings.store),
            tmp_path / "r",
            short(trained.config, clip_seconds=60),
            trained.split,
            CPU,
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_seconds": 0.2}, "needs clips of at least 0.51 s; raise `clip_seconds`"),
        ({"clip_seconds": math.inf}, "`clip_seconds` must be a positive number"),
        ({"learning_rate": math.inf}, "`learning_rate` must be a positive number"),
        ({"learning_rate": math.nan}, "`learning_rate` must be a positive number"),
        ({"epochs": 0}, "at least 1"),
        ({"precision": "tf32"}, "`precision='tf32'`: cpu has no TF32"),
    ],
)
def test_settings_that_cannot_be_are_named(changes, message, trained, recordings, tmp_path):
    store = Store.open(recordings.store)
    with pytest.raises(SingeridError, match=message):
        train(store, tmp_path / "run", short(trained.config, **changes), trained.split, CPU)
    assert not (tmp_path / "run").exists()


def test_a_failing_compiler_is_one_line_and_changes_nothing(
    trained, recordings, tmp_path, monkeypatch, caplog
):
    def broken(*_, **__):
        raise RuntimeError("there is no compiler\nand this is why")

    store, split, config = Store.open(recordings.store), trained.split, short(trained.config, epochs=1)
    whole = train(store, tmp_path / "whole", config, split, CPU, compiling="no")
    monkeypatch.setattr(torch, "compile", broken)
    run = train(store, tmp_path / "run", config, split, CPU, compiling="yes")
    assert caplog.messages == [
        f"{run.path}: crnn is trained without compiling it, which failed: there is no compiler"
    ]
    assert same_weights(run.state_path("last"), whole.state_path("last"))
    train(store, tmp_path / "auto", config, split, CPU)
    assert len(caplog.messages) == 1, "on a CPU nothing is compiled unless asked for"


@pytest.mark.parametrize(("capability", "warnings"), [("AVX2", 1), ("AVX512", 0)])
def test_bf16_where_the_processor_has_none_is_warned_of(
    capability, warnings, trained, recordings, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    config = short(trained.config, epochs=1, precision="bf16-mixed")
    train(Store.open(recordings.store), tmp_path / "run", config, trained.split, CPU)
    said = [line.getMessage() for line in caplog.records if line.name.startswith("singerid")]
    assert ["`precision='bf16-mixed'`" in line for line in said] == [True] * warnings


@pytest.mark.parametrize("leftover", ["split.json", ".tmp-0123", ".lock"])
def test_a_folder_whose_making_was_killed_is_used(leftover, trained, recordings, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / leftover).write_text("{}")
    store = Store.open(recordings.store)
    train(store, run, short(trained.config, epochs=1), trained.split, CPU)
    assert not (run / ".tmp-0123").exists()
    assert Run.open(run).split == trained.split


def test_fewer_epochs_than_are_done_change_nothing(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    run = train(store, tmp_path / "run", short(trained.config, epochs=2), split, CPU)
    before = run.state_path("last").read_bytes()
    train(store, run.path, short(trained.config, epochs=1), split, CPU)
    assert Run.open(run.path).config.training.epochs == 2
    assert len(read_history(run)) == 2
    assert run.state_path("last").read_bytes() == before


def test_lost_metrics_are_written_again_and_lost_states_are_named(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    run = train(store, tmp_path / "run", short(trained.config, epochs=1), split, CPU)
    history = read_history(run)
    (run.path / "metrics.csv").unlink()
    train(store, run.path, short(trained.config, epochs=1), split, CPU)
    assert read_history(run) == history
    run.state_path("best_loss").unlink()
    message = (
        r"best_loss\.safetensors: is missing; delete .*resume\.safetensors to train this run from its start"
    )
    with pytest.raises(SingeridError, match=message):
        train(store, run.path, short(trained.config, epochs=1), split, CPU)


def test_two_processes_do_not_train_one_run(trained, recordings, tmp_path):
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with (
        FileLock(tmp_path / "run" / ".lock"),
        pytest.raises(SingeridError, match="is being trained by another process"),
    ):
        train(Store.open(recordings.store), tmp_path / "run", short(trained.config), trained.split, CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_goes_on_on_a_gpu(trained, recordings, tmp_path):
    store, split, device = Store.open(recordings.store), trained.split, torch.device("cuda", 0)
    for epochs in (1, 2):
        run = train(store, tmp_path / "run", short(trained.config, epochs=epochs), split, device)
    assert len(read_history(run)) == 2


def test_a_damaged_resume_point_is_named(trained, recordings, tmp_path):
    store, split = Store.open(recordings.store), trained.split
    run = train(store, tmp_path / "run", short(trained.config, epochs=1), split, CPU)
    resume = run.path / "resume.safetensors"
    resume.write_bytes(resume.read_bytes()[:500])
    with pytest.raises(SingeridError, match=r"resume\.safetensors: is damaged .*; delete .*resume"):
        train(store, run.path, short(trained.config), split, CPU)


def test_history_is_read_back(trained):
    assert all(isinstance(epoch, Epoch) for epoch in read_history(trained))
    assert [epoch.epoch for epoch in read_history(trained)] == list(range(1, 13))


def test_a_folder_of_other_things_is_left_as_it_is(recordings, tmp_path, singerid):
    kept = tmp_path / "work" / ".tmp-mine"
    kept.parent.mkdir()
    kept.touch()
    (tmp_path / "thesis.tex").touch()
    refused = singerid("train", recordings.store, tmp_path, "--epochs", 1, "--clip-seconds", 1)
    assert refused.returncode == 2
    assert "is no run and not empty" in refused.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".tmp-mine", "thesis.tex", "work"]
