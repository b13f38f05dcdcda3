"""The Python in the documentation runs as it is printed."""

import io
import json
import re
from pathlib import Path

import pytest

from singerid.data.datasets.registry import DATASETS
from singerid.data.tracks import Track
from singerid.identify.formats import FORMATS, Document
from singerid.identify.result import Candidate, Named, Nearest, Result, Span
from singerid.models.pretrained import PRETRAINED
from singerid.models.registry import MODELS, count_parameters
from singerid.models.weights import load_model_file, save_model
from singerid.preparation.prepare import find_tracks

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
    with MODELS.restored(), PRETRAINED.restored(), FORMATS.restored():
        yield


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


def test_a_data_set_of_ones_own_works_by_name(tmp_path):
    page = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^### Add a data set$.*?^```python\n(.*?)^```", page, re.S | re.M)
    assert len([line for line in block.splitlines() if line.strip()]) <= 24
    with DATASETS.restored():
        exec(compile(block, "docs/data.md", "exec"), {})
        song = tmp_path / "my-choir" / "audio" / "ann" / "spring" / "1.wav"
        song.parent.mkdir(parents=True)
        song.touch()
        found = find_tracks(tmp_path, dataset="my-choir")
    assert found.tracks == (Track("ann/spring/1.wav", "ann", "spring"),)
    assert [deviation.reason for deviation in found.deviations] == ["bob: is missing", "carla: is missing"]


def test_the_data_page_names_every_data_set():
    page = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.M) == list(DATASETS)


# What docs/formats.md shows in every format.
EXAMPLE = Result(
    path="duets/tea for two.mp3",
    decision="known",
    singers=(Named("Nina Simone", 0.97, 21.5), Named("椎名林檎", 0.91, 9.5)),
    voice_seconds=33.5,
    seconds=48.2,
    timeline=(
        Span(4.0, 19.5, ("Nina Simone",), 0.96),
        Span(19.5, 25.5, ("Nina Simone", "椎名林檎"), 0.71),
        Span(25.5, 29.0, ("椎名林檎",), 0.93),
        Span(36.5, 45.0, (), 0.88, (1,)),
    ),
    probability=0.97,
    candidates=(Candidate("Nina Simone", 0.74, 0.97), Candidate("椎名林檎", 0.69, 0.91)),
    nearest=(Nearest("nina/be my husband.flac", "Nina Simone", 0.7),),
    needs=0.52,
    calibrated=True,
)


def formats_page() -> str:
    return (ROOT / "docs/formats.md").read_text(encoding="utf-8")


def test_the_page_of_formats_says_of_each_what_it_is():
    about = {"everything": "everything", "song": "a song", "singer": "everything, or in a folder a singer"}
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|", formats_page(), re.M)
    assert [name for name, *_ in rows] == list(FORMATS)
    for name, holds, timeline in rows:
        assert holds == about[FORMATS[name].about], name
        assert (timeline == "yes") == FORMATS[name].needs_timeline, name


@pytest.mark.parametrize("name", [name for name in FORMATS if not FORMATS[name].needs_sound])
def test_the_page_of_formats_shows_what_is_written(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    (shown,) = re.findall(rf"^## `{name}`\n.*?^```\w+\n(.*?)^```", formats_page(), re.S | re.M)
    file = io.StringIO()
    FORMATS[name].write([EXAMPLE], Document(file))
    if name == "json":
        assert json.loads(shown) == json.loads(file.getvalue())
    elif name == "jams":
        assert len(shown.splitlines()) > 10
        assert shown in file.getvalue()
    else:
        assert shown == file.getvalue()


def test_a_format_of_ones_own_works_by_name(registered):
    run_blocks("docs/formats.md")
    file = io.StringIO()
    FORMATS["cues"].write([EXAMPLE], Document(file))
    assert file.getvalue() == "4.0 Nina Simone\n19.5 椎名林檎\n36.5 unknown 1\n"
