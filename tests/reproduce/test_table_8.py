"""Table 8 on a small corpus: heads on an encoder beside networks, each with the verdict of its audit."""

import pytest

from singerid.config import ReproduceConfig, TrainingConfig
from singerid.reproduce.rendering import MARKDOWN
from singerid.reproduce.run import reproduce


@pytest.fixture(scope="module")
def made(encoded, tmp_path_factory):
    config = ReproduceConfig(
        tables=(8,),
        seeds=(0,),
        width=0.0625,
        encoder=str(encoded.encoder),
        training=TrainingConfig(epochs=1, batch_size=4),
    )
    out = tmp_path_factory.mktemp("table8") / "out"
    return reproduce(encoded.store, out, config, device="cpu"), out, config


@pytest.mark.slow
def test_every_row_has_its_numbers_and_the_verdict_of_its_audit(made):
    result, out, _ = made
    assert not result.report.failures
    assert len(result.results) == 12
    text = (out / MARKDOWN).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if "| goes by |" in line]
    assert len(rows) == 5
    for line in rows:
        cells = [cell.strip() for cell in line.split("|")[3:9]]
        assert set(cells[:4]) <= {"voice", "accompaniment", "open", "no verdict"}
        assert "" not in cells[:4]
    assert sum(line.split("|")[7].strip() != "" for line in rows) == 2  # both: centroids and probe


@pytest.mark.slow
def test_called_again_it_has_nothing_to_do_until_an_audit_is_missing(made, encoded):
    first, out, config = made
    times = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/scores.json")}
    again = reproduce(encoded.store, out, config, device="cpu")
    assert again.results == first.results
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/*/scores.json")} == times
