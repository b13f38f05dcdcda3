"""`singerid reproduce` as a user types it: options, mistakes in one line, and the smoke test."""

import csv
import importlib.util
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from singerid.cli import ray_options
from singerid.cli.ray_options import RayCommand


@pytest.mark.parametrize(
    ("arguments", "places", "ray"),
    [
        ("STORE OUT", ["STORE", "OUT"], None),
        ("STORE OUT --ray", ["STORE", "OUT"], "local"),
        ("--ray STORE OUT", ["STORE", "OUT"], "local"),
        ("STORE OUT --ray --smoke", ["STORE", "OUT"], "local"),
        ("--ray auto STORE OUT", ["STORE", "OUT"], "auto"),
        ("STORE OUT --ray local", ["STORE", "OUT"], "local"),
        ("STORE --ray host:6379 OUT", ["STORE", "OUT"], "host:6379"),
        ("--ray work:2/store OUT", ["work:2/store", "OUT"], "local"),
        ("--ray a:b OUT", ["a:b", "OUT"], "local"),
        ("--ray store:7 OUT", ["store:7", "OUT"], "local"),  # there is such a folder
        ("OUT --ray ray://head.lan:10001 --smoke", ["OUT"], "ray://head.lan:10001"),
        ("STORE OUT --ray=ray://host:10001", ["STORE", "OUT"], "ray://host:10001"),
    ],
)
def test_ray_takes_an_address_or_none(arguments, places, ray, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("store:7").mkdir()
    monkeypatch.setattr(ray_options, "is_supervised", lambda: True)
    app, seen = typer.Typer(), []

    @app.command(cls=RayCommand)
    def command(places: list[str], ray: str | None = None, smoke: bool = False) -> None:
        seen.append((places, ray))

    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == 0, result.output
    assert seen == [(places, ray)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("STORE", "give STORE and OUT, or OUT --smoke"),
        ("STORE OUT --smoke", "--smoke makes its own store: give OUT alone"),
        ("--smoke", "--smoke makes its own store: give OUT alone"),
        ("STORE OUT --table 9", "--table 9: choose from 1, 2, 3, 4, 5, 6, 7, 8, or all"),
        ("STORE OUT --table 0", "--table 0: choose from 1, 2, 3, 4, 5, 6, 7, 8, or all"),
        ("STORE OUT --table one", "--table 'one': separate numbers by commas"),
        ("STORE OUT --seeds 0,x", "--seeds '0,x': separate numbers by commas"),
        ("STORE OUT --seeds -1", "--seeds '-1': the numbers must be at least 0"),
        ("STORE OUT --seeds 18446744073709551616", "choose from 0 to 18446744073709551615"),
        ("STORE OUT --width 0", "--width must be a positive number, not 0"),
        ("STORE OUT --width nan", "--width must be a positive number, not nan"),
        ("OUT --smoke --width inf", "--width must be a positive number, not inf"),
        ("STORE OUT --clip-seconds 3,0", "--clip-seconds '3,0': the numbers must be at least 0.1"),
        ("STORE OUT --clip-seconds nan", "--clip-seconds 'nan': the numbers must be at least 0.1"),
        ("STORE OUT --audio voice", "--audio"),
        ("STORE OUT --protocol mine", "--protocol"),
        ("STORE OUT --device gpu", "--device gpu is unknown"),
        ("STORE OUT", "STORE: is no store"),
    ],
)
def test_a_mistake_is_one_line(singerid, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = singerid("reproduce", *arguments.split())
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("OUT").exists()


@pytest.mark.slow
def test_smoke_makes_everything_itself(singerid, tmp_path):
    """Table 1: both kinds of audio, networks with and without melody."""
    if importlib.util.find_spec("torchcrepe") is None:
        pytest.skip("the extra [melody] is not installed")
    out = tmp_path / "out"
    options = "--table", 1, "--epochs", 1, "--device", "cpu", "--threads", 1
    result = singerid.fresh("reproduce", out, "--smoke", *options, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
    assert "Plumbing only. Table 1: CRNN and CRNNM" in result.stdout
    assert "the synthetic corpus: 24 tracks of 4 singers on 12 albums" in " ".join(result.stdout.split())
    with (out / "tables.csv").open(newline="") as file:
        run = [row for row in csv.DictReader(file) if row["average"]]
    assert len(run) == 4 * 2 * 2  # networks, audio, levels
    assert {(row["clip_seconds"], row["seeds"], row["std"]) for row in run} == {("3.0", "1", "")}
    for config in sorted(out.glob("runs/*/config.json")):
        settings = json.loads(config.read_text())
        spec = settings["spec"]
        assert spec["separator"] == ("stems" if spec["audio"] == "vocals" else None)
        assert spec["melody"] == ("crepe-tiny" if settings["model"].startswith("crnnm") else None)
        assert (settings["options"], settings["training"]["epochs"]) == ({"width": 0.25}, 1)
    page = (out / "tables.html").read_text(encoding="utf-8")
    assert page.count("Plumbing only") >= 2
