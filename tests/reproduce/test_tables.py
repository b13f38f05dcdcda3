"""The tables as data, against what the networks say about themselves and against the published values."""

import csv
from itertools import product
from pathlib import Path

import pytest
from torch import nn

import singerid.reproduce
from singerid.config import ReproduceConfig
from singerid.models.registry import MODELS, ModelEntry
from singerid.reproduce.tables import TABLES, Cell, audited, cells, network_of

PUBLISHED = Path(singerid.reproduce.__file__).parent / "values" / "f1.csv"


@pytest.mark.parametrize("number", TABLES)
def test_a_table_has_the_networks_that_name_it(number):
    assert {network_of(row) for row in TABLES[number].models} == {
        name for name, entry in MODELS.items() if number in entry.tables
    }
    assert TABLES[number].number == number


def test_published_tables_have_the_published_rows_in_their_order():
    with PUBLISHED.open(newline="") as file:
        rows = [(int(row["table"]), row["model"]) for row in csv.DictReader(file)]
    for number in range(1, 7):
        assert TABLES[number].models == tuple(
            dict.fromkeys(model for table, model in rows if table == number)
        )
    assert TABLES[7].models[0] == TABLES[7].control == "crnn_square"


def test_columns_are_those_of_the_paper_and_other_clip_lengths_join_them():
    paper = [
        (audio, level, seconds)
        for audio in ("mixture", "vocals")
        for level in ("clip", "track")
        for seconds in (3, 5, 10)
    ]
    assert [(c.audio, c.level, c.clip_seconds) for c in TABLES[1].columns(ReproduceConfig())] == paper
    other = TABLES[1].columns(ReproduceConfig(audio=("mixture",), clip_seconds=(4.0,)))
    assert [c.clip_seconds for c in other] == [3, 4, 5, 10] * 4


def test_tables_share_their_runs_and_every_run_is_named_once():
    found = cells(ReproduceConfig())
    models = {model for number in range(1, 8) for model in TABLES[number].models}
    wanted = {Cell(*key) for key in product(models, ("mixture", "vocals"), (3.0, 5.0, 10.0), (0, 21, 42))}
    assert set(found) == wanted
    assert len(found) == len(wanted) == len({cell.name for cell in found})
    assert Cell("crnn_fgnl", "vocals", 2.5, 21, "authors").name == "crnn_fgnl-vocals-2.5s-seed21-authors"


def test_the_first_seed_of_everything_comes_first():
    seeds = [cell.seed for cell in cells(ReproduceConfig(tables=(1, 7)))]
    assert seeds == sorted(seeds)


@pytest.fixture
def registered():
    with MODELS.restored():
        MODELS.register("mine", ModelEntry(lambda singers: nn.Identity(), "mine", (7,)))
        yield


@pytest.mark.usefixtures("registered")
def test_a_registered_network_joins_the_tables_it_names():
    assert TABLES[7].rows == (*TABLES[7].models, "mine")
    assert TABLES[1].rows == TABLES[1].models
    assert any(cell.model == "mine" for cell in cells(ReproduceConfig(tables=(7,))))


def test_table_8_hears_both_where_vectors_are_heard_and_its_clips_are_the_windows():
    found = cells(ReproduceConfig(tables=(8,), seeds=(0,), clip_seconds=(5.0,)))
    heads = ("centroids", "probe")
    rows = ("crnn_square", "crnn_fgnl", "crnn_fgnl+augment", *heads)
    expected = {Cell(row, audio, 3.0, 0) for row in rows for audio in ("mixture", "vocals")}
    assert set(found) == expected | {Cell(row, "both", 3.0, 0) for row in heads}
    assert [cell.augmented for cell in found if cell.model == "crnn_fgnl+augment"] == [True, True]
    assert {cell.network for cell in found} == {"crnn_square", "crnn_fgnl", *heads}
    one = cells(ReproduceConfig(tables=(8,), seeds=(0,), audio=("mixture",)))
    assert {cell.audio for cell in one} == {"mixture"}
    columns = {(column.audio, column.clip_seconds) for column in TABLES[8].columns(ReproduceConfig())}
    assert columns == {("mixture", 3.0), ("vocals", 3.0), ("both", 3.0)}


def test_only_runs_of_table_8_are_audited():
    config = ReproduceConfig(tables=(1, 8), seeds=(0,))
    asked = {cell for cell in cells(config) if audited(cell, config)}
    assert Cell("crnn_fgnl", "mixture", 3.0, 0) in asked
    assert Cell("crnn_fgnl", "mixture", 5.0, 0) not in asked
    assert Cell("crnn", "mixture", 3.0, 0) not in asked
