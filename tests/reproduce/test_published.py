"""Published values against the paper's own text, and parameter counts against our networks."""

import re

import pytest

from singerid.config import ReproduceConfig
from singerid.models.registry import MODELS, build_model, count_parameters
from singerid.reproduce.tables import TABLES, published_f1, published_parameters

COLUMNS = TABLES[1].columns(ReproduceConfig())


@pytest.mark.parametrize("number", range(1, 7))
def test_every_cell_of_a_published_table_has_values(number):
    for model in TABLES[number].models:
        for column in COLUMNS:
            value = published_f1(number, model, column)
            assert value is not None
            assert 0 < value.average <= value.best < 1
            assert (value.std is None) == (number <= 3)
    assert published_f1(number, "crnn_square", COLUMNS[0]) is None
    assert published_f1(7, "crnn_fgnl", COLUMNS[0]) is None


def test_tables_of_the_paper_are_those_of_its_text(test_data):
    """Every row of numbers in the paper's text is that of our tables 1-3, in this order."""
    text = (test_data / "paper" / "fgnl_paper.txt").read_text(encoding="utf-8").replace("<b>", "")
    rows = re.findall(r"\t(Average|Best)((?:\t0\.\d\d){12})", text.replace("</b>", ""))
    printed = [(kind.lower(), [float(value) for value in values.split()]) for kind, values in rows]
    ours = []
    for number in (1, 2, 3):
        for model in TABLES[number].models:
            values = [published_f1(number, model, column) for column in COLUMNS]
            ours += [(kind, [getattr(value, kind) for value in values]) for kind in ("average", "best")]
    assert sorted(map(str, printed)) == sorted(map(str, ours))


def test_our_networks_have_the_published_numbers_of_parameters():
    counted = {name: published_parameters(name) for name in MODELS if published_parameters(name)}
    assert len(counted) == 6
    assert counted == {name: count_parameters(build_model(name, 20))[0] for name in counted}
