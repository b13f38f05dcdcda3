"""beets: a real library, a real import and re-import, by the program itself."""

from functools import partial
from pathlib import Path

import mutagen
import pytest
import yaml

import music_files
from singerid.tags.undo import take_back

EARS = Path(__file__).parent.parent / "small_ears.py"
SOURCE = Path(__file__).parent.parent.parent / "src"
BEETS = "import sys; from beets.ui import main; main(sys.argv[1:])"


class Beets:
    """A folder with a configuration and a library of beets; each call runs beets as a new process."""

    def __init__(self, program, folder, library, **options):
        self.program, self.folder, self.music = program, folder, folder / "sorted"
        plugins = folder / "plugins"
        plugins.mkdir(parents=True)
        # A plugin registers the small encoder of the tests.
        (plugins / "ears.py").write_text(
            "import runpy\nfrom beets.plugins import BeetsPlugin\n"
            f"runpy.run_path({str(EARS)!r}, run_name='<run_path>')\n"
            "class EarsPlugin(BeetsPlugin):\n    pass\n"
        )
        config = {
            "directory": str(self.music),
            "library": str(folder / "beets.db"),
            "pluginpath": [str(plugins)],
            "plugins": ["ears", "singers"],
            "import": {"autotag": False, "copy": True, "write": True, "resume": False},
            "singers": {"library": str(library), "threads": 1} | options,
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    def __call__(self, *arguments, code=0, fresh=False):
        run = self.program.fresh if fresh else self.program
        done = run(*arguments, code=BEETS, BEETSDIR=str(self.folder))
        assert done.returncode == code, done.stderr
        return done

    def fields(self, query=""):
        told = self("ls", *([query] if query else []), "-f", "$title|$singers|$singers_decision").stdout
        return sorted(told.splitlines())

    def file(self, title):
        [path] = self("ls", "-p", f"title:{title}").stdout.splitlines()
        return Path(path)


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "unsorted" / "album"
    for name, pitch, ending in (("Ada", 200.0, "flac"), ("Bea", 290.0, "mp3"), ("Nobody", 1000.0, "ogg")):
        music_files.write_song(
            folder / f"{name}.{ending}", pitch, title=f"Song by {name}", artist="The Band", album="Album"
        )
    return folder


@pytest.fixture
def beets_of(tmp_path, singerid):
    """Makes beets that uses a library."""
    return partial(Beets, singerid, tmp_path / "beets")


@pytest.fixture
def beets(beets_of, tag_library):
    return beets_of(tag_library)


BY_ADA, BY_BEA = "Song by Ada|Ada|known", "Song by Bea|Bea|known"
ALL = [BY_ADA, BY_BEA, "Song by Nobody||unknown"]


def test_import_queries_and_tags(beets, music, tag_library):
    originals = {path.name: path.read_bytes() for path in music.iterdir()}
    beets("import", "-q", music, fresh=True)  # as a user starts it, with nothing imported before
    assert beets.fields() == ALL
    assert beets.fields("singers:ada") == [BY_ADA]
    assert beets.fields("singers_decision:unknown") == ALL[2:]
    assert beets.fields("singers_probability:0.9..") == [BY_ADA, BY_BEA]
    # What was imported is tagged, what it was copied from is not.
    file = mutagen.File(beets.file("Ada"))
    assert file["performer"] == ["Ada (vocals)"]
    assert file["artist"] == ["The Band"]
    assert file["singerid_library"] == ["my singers"]
    assert {path.name: path.read_bytes() for path in music.iterdir()} == originals
    # beets keeps the tags, and singerid can take them back.
    assert not beets("update", "-p").stdout.strip()
    beets("write")
    assert mutagen.File(beets.file("Ada"))["performer"] == ["Ada (vocals)"]
    taken = [one for one in take_back(tag_library) if isinstance(one, str)]
    assert sorted(Path(one).suffix for one in taken) == [".flac", ".mp3"]
    assert "performer" not in mutagen.File(beets.file("Ada"))


def test_import_again_keeps_what_is_known(beets, music):
    beets("import", "-q", music)
    path = beets.file("Ada")
    before = path.read_bytes()
    told = beets("import", "-q", "-L", "singers:ada").stderr
    assert "Ada (vocals)" not in told  # it is not heard again
    assert beets.fields() == ALL
    assert beets.file("Ada").read_bytes() == before


def test_the_command_pretends_then_writes_and_again_has_nothing_to_do(beets_of, tag_library, music):
    beets = beets_of(tag_library, auto=False)
    beets("import", "-q", music)
    assert beets.fields("singers_decision::.") == []
    path = beets.file("Ada")
    before = path.read_bytes()
    pretended = beets("singers", "-p").stdout
    assert f"{path}: would write: + Ada (vocals)" in pretended
    assert path.read_bytes() == before
    assert beets.fields("singers_decision::.") == []
    beets("singers", "title:Ada")
    assert beets.fields("singers_decision::.") == [BY_ADA]
    assert mutagen.File(path)["performer"] == ["Ada (vocals)"]
    beets("singers")
    assert beets.fields() == ALL
    assert "Ada" not in beets("singers").stderr
    assert "up to date: Ada" in beets("-v", "singers", "-f", "title:Ada").stderr


def test_without_import_write_fields_are_kept_and_files_are_not_touched(beets_of, tag_library, music):
    beets = beets_of(tag_library)
    beets("import", "-q", "-W", music)  # beets itself writes nothing either
    config = beets.folder / "config.yaml"
    config.write_text(config.read_text().replace("write: true", "write: false"))
    beets("singers", "-f")
    assert beets.fields() == ALL


def test_a_library_that_is_not_calibrated_is_told_and_the_import_goes_on(beets_of, own_library, music):
    beets = beets_of(own_library)
    told = beets("import", "-q", music).stderr
    assert "--fpir 1%" in told
    assert len(beets.fields()) == 3
    assert beets.fields("singers_decision::.") == []
    assert "--fpir 1%" in beets("singers", code=1).stderr
    beets("singers", "-f", "title:Ada")
    assert beets.fields("singers:ada") == [BY_ADA]


@pytest.mark.parametrize(("library", "message"), [("", "library: FOLDER"), ("nowhere", "is no library")])
def test_a_library_that_is_not_told_or_is_none(beets_of, tmp_path, music, library, message):
    beets = beets_of(tmp_path / library if library else "")
    beets("import", "-q", "-W", music)
    assert message in beets("singers", code=1).stderr


def test_a_file_that_is_gone_is_told_and_the_rest_is_done(beets_of, tag_library, music):
    beets = beets_of(tag_library, auto=False)
    beets("import", "-q", music)
    beets.file("Bea").unlink()
    told = beets("singers").stderr
    assert "check its name" in told
    assert beets.fields("singers:ada") == [BY_ADA]


def test_other_plugins_share_its_folder():
    assert not (SOURCE / "beetsplug" / "__init__.py").exists()
