"""Several processes train one network: they learn what one device learns, and end together."""

import json
import os
import signal
import socket
import time
from dataclasses import astuple, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from singerid import plugins
from singerid.errors import SingeridError
from singerid.models.registry import MODELS
from singerid.runs.config import SplitConfig
from singerid.runs.history import read_history
from singerid.runs.new import configure, make_split
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.nodes import Node
from singerid.training.learner import measures
from singerid.training.loop import train
from singerid.training.together import check_devices, synchronised

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
STATES = ("best_loss", "best_accuracy", "best_f1", "last")
CERTAIN = {"width": 0.0625, "dropout": 0.0, "output_dropout": 0.0}

# crnn with batch norm that keeps the statistics it begins with: those of a batch depend on who shares it.
FROZEN = """
from torch.nn import BatchNorm1d, BatchNorm2d
from singerid.models.registry import MODELS, ModelEntry, register_model

def frozen(singers, **options):
    model = MODELS["crnn"].build(singers, **options)
    for layer in model.modules():
        if isinstance(layer, BatchNorm1d | BatchNorm2d):
            layer.train = lambda mode=True, layer=layer: type(layer).train(layer, False)
        if isinstance(layer, BatchNorm1d):  # of what is heard: decibels
            layer.running_mean.fill_(-40)
            layer.running_var.fill_(400)
    return model

register_model("frozen", ModelEntry(frozen, "crnn with frozen batch norm"))
"""


@pytest.fixture
def frozen(tmp_path, monkeypatch):
    """A model of that name, here and in processes that are started."""
    monkeypatch.setattr(plugins, "LOADED", plugins.LOADED.copy())
    monkeypatch.setattr("singerid.training.together.LOADED", plugins.LOADED)
    file = tmp_path / "frozen.py"
    file.write_text(FROZEN)
    with MODELS.restored():
        plugins.load_plugin(file)
        yield "frozen"


def same_within_rounding(one, other):
    for state in STATES:
        found, expected = (load_file(run.state_path(state)) for run in (one, other))
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5, msg=f"{state} {name}")
    for left, right in zip(read_history(one), read_history(other), strict=True):
        assert astuple(replace(left, seconds=0)) == pytest.approx(
            astuple(replace(right, seconds=0)), abs=1e-4
        )


def test_two_processes_learn_what_one_device_learns(trained, recordings, frozen, tmp_path):
    """With uneven parts, a last batch of one clip, augmentation and penalties; one device then goes on."""
    store, split = Store.open(recordings.store), trained.split
    clips = len(trained.part("train").clips)
    uneven = next(size for size in range(5, 40, 2) if clips % size == 1)
    training = replace(
        trained.config.training,
        epochs=2,
        batch_size=uneven,
        augment="all",
        output_l1=0.01,
        output_l2=0.01,
        learning_rate=1e-3,
    )
    _, how = make_split(store, SplitConfig())
    config = configure(store, split, how, frozen, training, options=CERTAIN)
    told = []
    one = train(store, tmp_path / "one", config, split, CPU)
    two = train(store, tmp_path / "two", config, split, CPU, devices=2, on_epoch=told.append)
    same_within_rounding(two, one)
    assert told == read_history(two)
    assert (Run.open(one.path).config.devices, Run.open(two.path).config.devices) == (1, 2)
    assert "up to 2 at once" in (two.path / "README.md").read_text(encoding="utf-8")
    assert (two.path / "curves.svg").exists()
    longer = replace(config, training=replace(training, epochs=3))
    for run in (one, two):
        train(store, run.path, longer, split, CPU)
    same_within_rounding(two, one)
    assert Run.open(two.path).config.devices == 2


def command(recordings, run, epochs, *options):
    fixed = ["--model", "crnn", "--width", 0.0625, "--clip-seconds", 1, "--batch-size", 4, "--threads", 2]
    return ["train", recordings.store, run, *fixed, "--epochs", epochs, *options]


def ranks_of(pid):
    """The training processes of a program: those that it started and that are still alive."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def is_alive(pid):
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="how processes are found there is Linux's")
@pytest.mark.parametrize("ended", ["one of them", "by Ctrl-C", "who started them"])
def test_when_one_ends_all_end_and_what_was_kept_stays(ended, singerid, recordings, tmp_path):
    process = singerid.start(*command(recordings, tmp_path / "run", 500, "--devices", 2))
    lines = []
    for line in process.stderr:
        lines.append(line)
        if ": epoch 2/" in line:
            break
    assert [line for line in lines if ": epoch " not in line] == []
    ranks = ranks_of(process.pid)
    assert len(ranks) == 2
    if ended == "one of them":
        os.kill(ranks[1], signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT if ended == "by Ctrl-C" else signal.SIGKILL)
    began = time.monotonic()
    _, errors = process.communicate()
    said = [line for line in errors.splitlines() if ": epoch " not in line]
    if ended == "one of them":
        assert process.returncode == 2
        assert len(said) == 1
        assert "of the 2 that work together was ended (SIGKILL" in said[0]
    elif ended == "by Ctrl-C":
        assert process.returncode == 130
        assert said == ["singerid: interrupted; run the same command again to go on"]
    else:
        assert process.returncode == -signal.SIGKILL
        assert said == []
    while any(map(is_alive, ranks)):
        assert time.monotonic() - began < 10
        time.sleep(0.05)
    run = Run.open(tmp_path / "run")
    assert len(read_history(run)) >= 2
    assert all(load_file(run.state_path(state)) for state in STATES)


def test_two_machines_are_as_two_devices(singerid, recordings, tmp_path):
    """Both are this machine: the second has no folder of the run."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    runs = [tmp_path / "first", tmp_path / "second"]
    begun = [
        singerid.start(*command(recordings, run, 1, "--nodes", 2), NODE_RANK=str(number), **place)
        for number, run in enumerate(runs)
    ]
    (first, errors), (second, others) = (process.communicate() for process in begun)
    assert [process.returncode for process in begun] == [0, 0], errors + others
    assert "best validation F1" in first
    assert second == f"{runs[1]}: is trained; the run is saved on the first machine (127.0.0.1)\n"
    assert [line for line in (errors + others).splitlines() if ": epoch 1/1" not in line] == []
    assert not runs[1].exists()
    assert json.loads((runs[0] / "config.json").read_text())["devices"] == 2
    run = Run.open(runs[0])  # validation heard what is kept, whichever process heard which clips
    (epoch,) = read_history(run)
    found = measures(run.network(CPU, "last"), run.part("valid").clips, CPU)
    assert (epoch.valid_loss, epoch.valid_accuracy, epoch.valid_f1) == pytest.approx(found, abs=1e-5)


def test_machines_with_other_settings_are_named(singerid, recordings, tmp_path):
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    begun = [
        singerid.start(
            *command(recordings, tmp_path / "run", 1, "--nodes", 2, "--seed", number, "--split-seed", 0),
            NODE_RANK=str(number),
            **place,
        )
        for number in range(2)
    ]
    for process in begun:
        _, errors = process.communicate()
        assert process.returncode == 2
        assert len(errors.splitlines()) == 1
        assert "(NODE_RANK 1) has settings, split and store with the digest" in errors
    assert not (tmp_path / "run" / "resume.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--devices", 0), "Invalid value for '--devices'"),
        (("--nodes", 0), "Invalid value for '--nodes'"),
        (("--devices", 5), "--batch-size 4: 5 devices share each batch; make it at least 5"),
        (("--devices", 2, "--compile", "yes"), "--compile yes: works on one device, not on 2; leave it out"),
        (("--nodes", 2), "--nodes 2: MASTER_ADDR, MASTER_PORT, NODE_RANK is not set"),
    ],
)
def test_what_cannot_be_is_one_line(options, message, singerid, recordings, tmp_path):
    output = singerid(*command(recordings, tmp_path / "run", 1, *options))
    assert (output.returncode, output.stdout) == (2, "")
    assert message in output.stderr
    assert len(output.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_more_gpus_than_there_are_are_named_with_the_machine(trained, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    config = trained.config
    message = (
        f"`devices=2`: {socket.gethostname()} has 1 CUDA device\\(s\\); give `devices=1`, or `device='cpu'`"
    )
    with pytest.raises(SingeridError, match=message):
        check_devices(2, Node(), GPU, config, "auto")
    with pytest.raises(SingeridError, match="`devices` must be at least 1"):
        check_devices(0, Node(), CPU, config, "auto")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    check_devices(2, Node(), GPU, config, "auto")
    with pytest.raises(SingeridError, match=r"`device='cuda:1'`: is one GPU"):
        check_devices(2, Node(), torch.device("cuda", 1), config, "auto")


def test_batch_norm_is_synchronised_on_gpus_alone():
    def norms(device):
        model = synchronised(MODELS["crnn_fgnl"].build(3, width=0.0625), device)
        return {type(layer).__name__ for layer in model.modules() if "Norm" in type(layer).__name__}

    assert norms(GPU) == {"SyncBatchNorm"}
    assert "SyncBatchNorm" not in norms(CPU)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices")
def test_two_gpus_learn_what_one_learns(trained, recordings, tmp_path):
    """With batch norm, whose statistics are those of the whole batch."""
    store, split = Store.open(recordings.store), trained.split
    training = replace(trained.config.training, epochs=2, batch_size=6, learning_rate=1e-3)
    config = replace(trained.config, training=training, options=CERTAIN)
    runs = [train(store, tmp_path / str(n), config, split, GPU, devices=n) for n in (1, 2)]
    for state in STATES:
        found, expected = (load_file(run.state_path(state)) for run in runs)
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-2, atol=1e-3, msg=f"{state} {name}")
