"""Which files the server reads and writes, wherever links lead."""

import sys

import pytest

from singerid.web.desk import NotThereError
from singerid.web.problems import RefusedError
from singerid.web.reach import may_write, readable, within
from singerid.web.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege there")


@pytest.fixture
def place(tmp_path):
    """A folder that may be heard, one that may not, and links between them."""
    for name in ("music/deep", "library/serve/uploads", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("music/a.mp3", "music/deep/b.mp3", "elsewhere/c.mp3", "library/serve/uploads/d.mp3"):
        (tmp_path / name).touch()
    (tmp_path / "music/out.mp3").symlink_to(tmp_path / "elsewhere/c.mp3")
    (tmp_path / "music/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "music/in.mp3").symlink_to(tmp_path / "music/deep/b.mp3")
    (tmp_path / "elsewhere/back.mp3").symlink_to(tmp_path / "music/a.mp3")
    return tmp_path


@pytest.fixture
def settings(place):
    return Settings(place / "library", roots=(place / "music",))


@pytest.mark.parametrize(
    ("name", "is_within"),
    [
        ("music/a.mp3", True),
        ("music/in.mp3", True),
        ("library/serve/uploads/d.mp3", True),
        ("elsewhere/back.mp3", True),
        ("music/deep/../a.mp3", True),
        ("music/../elsewhere/c.mp3", False),
        ("music/out.mp3", False),
        ("music/folder/c.mp3", False),
        ("elsewhere/c.mp3", False),
        ("music2/a.mp3", False),
        ("library/library.db", False),
    ],
)
def test_only_what_really_lies_in_the_folders_is_written(place, settings, name, is_within):
    assert may_write(settings, place / name) == is_within


def test_a_root_that_is_a_link_reaches_what_it_leads_to(place):
    (place / "link").symlink_to(place / "music")
    assert within(place / "music/a.mp3", [place / "link"])
    assert within(place / "link/a.mp3", [place / "music"])
    assert not within(place / "music/a.mp3", [])


@pytest.mark.parametrize("name", ["music/a.mp3", "music/in.mp3", "elsewhere/c.mp3"])
def test_what_is_listed_is_read_where_it_lies(place, settings, name):
    assert readable(settings, place / name) == place / name


@pytest.mark.parametrize("name", ["music/out.mp3", "music/folder/c.mp3"])
def test_what_a_link_took_out_is_refused(place, settings, name):
    with pytest.raises(RefusedError, match="a link leads out of the folders that may be heard"):
        readable(settings, place / name)


@pytest.mark.parametrize("name", ["music/none.mp3", "music/deep"])
def test_what_is_no_file_is_told(place, settings, name):
    with pytest.raises(NotThereError, match="is not there any more"):
        readable(settings, place / name)
