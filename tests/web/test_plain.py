"""Names that are not UTF-8, as the API shows and takes them."""

import json
import os
import sys

import pytest

from singerid.web.plain import PlainJSON, in_plain, meant_name, meant_path, plain_json

ODD = "caf\udce9"
SHOWN = r"caf\udce9"
posix = pytest.mark.skipif(sys.platform != "linux", reason="file systems of this system refuse such names")


def test_every_text_of_a_value_is_shown():
    value = {ODD: [1, None, (ODD, {"a": True})], "b": 2.5}
    assert in_plain(value) == {SHOWN: [1, None, [SHOWN, {"a": True}]], "b": 2.5}
    assert json.loads(plain_json(value)) == in_plain(value)
    assert plain_json(["椎名"]).isascii()


def test_a_response_holds_any_name():
    assert json.loads(PlainJSON({"name": ODD}).body) == {"name": SHOWN}
    assert json.loads(PlainJSON({"name": "椎名"}).body) == {"name": "椎名"}


def test_a_name_that_was_shown_means_the_one_that_is_known():
    assert meant_name(SHOWN, ["Ann", ODD]) == ODD
    assert meant_name("Ann", ["Ann", ODD]) == "Ann"
    assert meant_name("Bob", ["Ann", ODD]) == "Bob"


@posix
def test_a_path_that_was_shown_means_the_one_that_is_there(tmp_path):
    path = tmp_path / ODD / "new\nline" / f"{ODD}.mp3"
    path.parent.mkdir(parents=True)
    path.touch()
    shown = tmp_path / SHOWN / r"new\nline" / f"{SHOWN}.mp3"
    assert meant_path(shown) == path
    assert meant_path(path) == path
    assert meant_path(shown.with_name("other.mp3")) == shown.with_name("other.mp3")
    assert meant_path(tmp_path / "none" / "a.mp3") == tmp_path / "none" / "a.mp3"


@posix
def test_no_folder_is_listed_that_may_not_be(tmp_path, monkeypatch):
    (tmp_path / ODD).mkdir()
    listed = []
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or [])
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path))
    assert meant_path(tmp_path / SHOWN, may_list=lambda folder: folder != tmp_path) == tmp_path / SHOWN
    assert listed == []
