"""What the two protocols make of a cell, and the regularisers of the authors' program."""

from dataclasses import replace

import pytest
import torch

from singerid.config import FeatureConfig, ReproduceConfig
from singerid.errors import SingeridError
from singerid.models.registry import build_model
from singerid.reproduce.protocols import check_protocol, options_of, run_config, states_of, training_of
from singerid.reproduce.tables import TABLES, Cell
from singerid.runs.history import read_history
from singerid.store.reader import Store
from singerid.training.learner import penalty
from singerid.training.loop import train

CPU = torch.device("cpu")
SMALL = ReproduceConfig(width=0.0625)
MODELS_OF_TABLES = sorted({model for number in range(1, 8) for model in TABLES[number].models})


def cell(model, protocol):
    return Cell(model, "mixture", 1.0, 21, protocol)


def test_the_paper_protocol_changes_nothing_but_clip_length_and_seed():
    for model in MODELS_OF_TABLES:
        training = training_of(cell(model, "paper"), SMALL)
        assert training == replace(SMALL.training, clip_seconds=1.0, seed=21)
        assert options_of(cell(model, "paper"), SMALL) == {"width": 0.0625}
        assert options_of(cell(model, "paper"), ReproduceConfig()) == {}
    assert states_of("paper") == ("best_f1",)


def test_the_authors_protocol_is_what_their_program_does():
    trained = {model: training_of(cell(model, "authors"), SMALL) for model in MODELS_OF_TABLES}
    assert all(training.drop_last_clip for training in trained.values())
    regularised = {model for model, training in trained.items() if training.output_l2 or training.output_l1}
    assert regularised == {
        "crnn_fgnl",
        "crnn_fgnl_light",
        "crnn_fgnl_no_mose",
        "crnn_fgnl_no_smoothing",
        "crnn_fgnl_se",
    }
    assert (trained["crnn_fgnl"].output_l2, trained["crnn_fgnl"].output_l1) == (0.01, 0.01)
    for model in MODELS_OF_TABLES:
        options = options_of(cell(model, "authors"), SMALL)
        assert options.get("softmax") == ("queries" if "_fgnl" in model else None)
        build_model(model, 3, **options)
    assert states_of("authors") == ("best_loss", "best_accuracy", "best_f1", "last")


def test_seed_is_that_of_the_split_too(recordings):
    store = Store.open(recordings.store)
    drawn = [run_config(store, replace(cell("crnn", "paper"), seed=seed), SMALL) for seed in (0, 21)]
    assert [config.split.seed for config, _ in drawn] == [0, 21]
    assert drawn[0][1] != drawn[1][1]


def test_features_padded_with_zeros_are_refused_under_the_authors_protocol(recordings):
    store = Store.open(recordings.store)
    check_protocol(store, "authors")
    zeros = replace(store, config=FeatureConfig(pad_mode="constant"))
    check_protocol(zeros, "paper")
    with pytest.raises(SingeridError, match=r"`pad_mode='constant'`.*`pad_mode='reflect'`"):
        check_protocol(zeros, "authors")


def test_penalties_are_those_of_keras():
    model = build_model("crnn_fgnl", 3, width=0.0625)
    logits = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.0, -4.0]])
    settings = replace(ReproduceConfig().training, output_l2=0.01, output_l1=0.03)
    squares = sum(float(weight) ** 2 for row in model.output.weight.detach() for weight in row)
    absolute = sum(abs(float(value)) for row in logits for value in row)
    found = penalty(model, logits, settings).detach()
    assert float(found) == pytest.approx(0.01 * squares + 0.03 * absolute / 2, rel=1e-5)
    assert penalty(model, logits, ReproduceConfig().training) == 0


def test_the_penalty_is_part_of_the_loss_that_is_trained(recordings, tmp_path):
    """With weights that hardly move, the loss is higher by just the penalty of the first weights."""
    store = Store.open(recordings.store)
    still = replace(SMALL, training=replace(SMALL.training, learning_rate=1e-9, epochs=1))
    config, split = run_config(store, cell("crnn_fgnl", "paper"), still)
    losses = []
    for strength in (0.0, 0.5):
        regularised = replace(config, training=replace(config.training, output_l2=strength))
        run = train(store, tmp_path / str(strength), regularised, split, CPU)
        losses.append(read_history(run)[0].loss)
    squares = float(run.network(state="last").output.weight.detach().square().sum())
    assert losses[1] - losses[0] == pytest.approx(0.5 * squares, rel=1e-3)
