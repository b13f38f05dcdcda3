"""The demo from nothing to its report, on the smallest corpus that a network can be trained on."""

import re
from dataclasses import replace

import pytest
import torch

from singerid.data.synthetic import CorpusConfig
from singerid.demo import DemoConfig, run_demo
from singerid.errors import SingeridError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small():
    config = DemoConfig(corpus=CorpusConfig(singers=4, albums=3, songs=1, seconds=8), width=0.0625)
    return replace(config, training=replace(config.training, epochs=1))


@pytest.mark.slow
def test_writes_one_page_that_needs_nothing_else_and_goes_on_when_called_again(small, tmp_path):
    torch.set_num_threads(2)  # the networks are then trained side by side, in processes of their own
    path = run_demo(tmp_path / "demo", small, CPU, workers=1)
    page = path.read_text(encoding="utf-8")
    for text in ("baseline", "crnn_square", "crnn_fgnl", "singer-03 and singer-04", "never chosen on it"):
        assert text in page
    assert len(re.findall("<svg", page)) == 6  # a timeline, three pairs of matrices, two pairs of curves
    assert 'src="data:audio/mpeg;base64,' in page
    links = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert all(link.startswith("data:") for link in links)
    assert "learned from 4 songs and were tested on 4" in " ".join(page.split())
    states = sorted((tmp_path / "demo" / "runs").rglob("*.safetensors"))
    before = [(state.stat().st_mtime_ns, state.stat().st_size) for state in states]
    assert run_demo(tmp_path / "demo", small, CPU, workers=1) == path
    assert [(state.stat().st_mtime_ns, state.stat().st_size) for state in states] == before
    other = replace(small, corpus=replace(small.corpus, seed=1))
    with pytest.raises(SingeridError, match="seed 0 instead of 1"):
        run_demo(tmp_path / "demo", other, CPU, workers=1)
