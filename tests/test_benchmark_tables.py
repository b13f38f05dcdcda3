"""The tables of docs/performance.md, which `make bench` writes."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks/perf/both.py"


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Runs the script over these rows of a benchmark; gives what became of a page."""
    spec = importlib.util.spec_from_file_location("both", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(name, native, avx2, page):
        for isa, rows in (("AVX512", native), ("AVX2", avx2)):
            about = {"processor": "A", "threads": 1, "isa": isa, "matmul_gflops": 90.5, "date": "2026-01-01"}
            (tmp_path / isa).mkdir()
            (tmp_path / isa / f"{name}.json").write_text(json.dumps({"about": about, "rows": rows}))
        (tmp_path / "page.md").write_text(page)
        words = [str(tmp_path / "AVX512"), str(tmp_path / "AVX2"), "--into", str(tmp_path / "page.md")]
        monkeypatch.setattr(sys, "argv", ["both.py", *words])
        module.main()
        return (tmp_path / "page.md").read_text()

    return run


def test_figures_of_both_sets_stand_in_one_cell(both):
    native = [{"what": "folded", "s": 0.12345, "of_plain": 0.5}, {"what": "plain", "s": 1234.5}]
    avx2 = [{"what": "plain", "s": 2.0}, {"what": "folded", "s": 1.5, "of_plain": 0.75}]
    end = "<!-- end of table -->"
    page = f"A\n<!-- table: separation -->\nold\n{end}\nB\n<!-- table: other -->\nold\n{end}\n"
    assert both("separation", native, avx2, page).splitlines() == [
        "A",
        "<!-- table: separation -->",
        "A, threads 1, AVX512 (90.5 GFLOP/s) / AVX2 (90.5 GFLOP/s), 2026-01-01",
        "",
        "| | s | of the plain form |",
        "|---|---|---|",
        "| folded | 0.123 / 1.5 | 0.5 / 0.75 |",
        "| plain | 1,234 / 2 |  |",
        "<!-- end of table -->",
        "B",
        "<!-- table: other -->",
        "old",
        "<!-- end of table -->",
    ]


def test_the_page_has_a_place_for_each_table():
    page = (SCRIPT.parents[2] / "docs/performance.md").read_text("utf-8")
    for name in ("network", "training", "operation", "encoders", "separation"):
        _, table = page.split(f"<!-- table: {name} -->\n")
        assert "| " in table.partition("<!-- end of table -->")[0], name
