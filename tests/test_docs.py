"""The Python in the documentation runs as it is printed."""

import re
from pathlib import Path

import pytest

from singerid.models.pretrained import PRETRAINED
from singerid.models.registry import MODELS, count_parameters
from singerid.models.weights import load_model_file, save_model

ROOT = Path(__file__).parent.parent


def python_blocks(name: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.S | re.M)


def run_blocks(name: str) -> dict[str, object]:
    """All Python blocks of a page, one after the other in one namespace."""
    namespace: dict[str, object] = {}
    for block in python_blocks(name):
        exec(compile(block, name, "exec"), namespace)
    return namespace


@pytest.fixture
def registered():
    """What a test registers is forgotten after it."""
    before = [(registry, dict(registry)) for registry in (MODELS, PRETRAINED)]
    yield
    for registry, entries in before:
        registry.clear()
        registry.update(entries)


def test_insert_page_runs():
    namespace = run_blocks("docs/insert.md")
    assert namespace["within"].shape == (1, 4, 1, 8, 8, 8)
    assert namespace["across"].shape == (1, 4, 1, 8, 16, 16)


def test_a_model_of_ones_own_takes_twenty_lines_and_works_by_name(registered, tmp_path):
    first = python_blocks("docs/add_a_model.md")[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 20
    model = run_blocks("docs/add_a_model.md")["model"]
    assert count_parameters(model)[1] == 2 * 128 + 128 * 5 * 64 + 64 + 64 * 20 + 20
    save_model(model, tmp_path / "mine.safetensors")
    assert load_model_file(tmp_path / "mine.safetensors").conv.out_channels == 64


def test_a_pretrained_network_of_ones_own_works_by_name(registered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    duet = run_blocks("docs/pretrained.md")["duet"]
    assert PRETRAINED["duet"] is duet.entry
    assert duet.model.output.out_features == len(duet.entry.singers)
