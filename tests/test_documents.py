"""README, guides, notebooks: their Python runs, their commands are commands, figures are those published."""

import csv
import json
import logging
import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from documents import README_BEGINS, command_lines, command_spans, notebook_code, python_blocks

import singerid
import small_ears
from singerid.cli import app

ROOT = Path(__file__).parent.parent
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FORMS = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]


def name_of(path: Path) -> str:
    return path.name


@pytest.fixture(autouse=True)
def logging_as_before():
    """What a document does with `logging` ends with it."""
    loggers = [logging.getLogger(name) for name in (None, "singerid")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def place(own_library, trained, recordings, tmp_path, monkeypatch):
    """A folder with everything that the guides use: a library, a run, songs, a tree of music."""
    own_library.rename(tmp_path / "my-singers")
    (tmp_path / "run").symlink_to(trained.path)
    (tmp_path / "MUSIC").symlink_to(recordings.tree)
    for name, singer in (("a", "alto"), ("b", "alto"), ("song", "bass")):
        shutil.copy(
            recordings.tree / singer / ("second" if name == "b" else "first") / "0.flac",
            f"{tmp_path}/{name}.mp3",
        )
    monkeypatch.chdir(tmp_path)
    with small_ears.known():
        yield tmp_path


def run(blocks, begin=""):
    namespace: dict[str, object] = {}
    for block in [begin, *blocks]:
        exec(compile(block, "document", "exec"), namespace)
    return namespace


def test_the_readme_runs(place):
    named = run(python_blocks(ROOT / "README.md"), README_BEGINS)
    assert named["logits"].shape[0] == 2
    assert named["block"].layer_channels == (128, 64)


@pytest.mark.parametrize("page", ["library.md", "music.md"])
def test_what_a_guide_does_with_a_library_runs(place, page, capsys):
    (block,) = python_blocks(ROOT / "docs" / page)
    named = run([block])
    assert named["result"].decision in ("known", "ambiguous", "unknown")
    assert capsys.readouterr().out.startswith(named["result"].decision)


def test_the_page_of_concepts_runs():
    (block,) = python_blocks(ROOT / "docs/concepts.md")
    assert run([block])["z"].shape == (1, 128, 16, 19)  # it compares by itself


def test_the_page_of_encoders_runs(place, capsys):
    (block,) = python_blocks(ROOT / "docs/encoders.md")
    assert block.count('open_encoder("campplus")') == 1
    run([block.replace("campplus", "small")])
    assert capsys.readouterr().out


def test_the_index_of_a_data_set_is_made_as_shown(tmp_path, monkeypatch, capsys):
    recording = tmp_path / "VocalSet11/FULL/female1/scales/belt/f1_scales_belt_a.wav"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"sound")
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in python_blocks(ROOT / "docs/data.md") if "loader_index" in block)
    run([block])
    assert capsys.readouterr().out == "() ()\n"
    assert "female1/scales/belt/f1_scales_belt_a" in (tmp_path / "vocalset_index_1.1.json").read_text()


def test_stores_are_read_and_made_as_the_guides_say(place, recordings, capsys):
    (place / "STORE").symlink_to(recordings.store)
    run([python_blocks(ROOT / "docs/data.md")[-1]])

    assert "alto" in capsys.readouterr().out
    (place / "STORE").unlink()
    (block,) = python_blocks(ROOT / "docs/conditions.md")
    (place / "MUSIC").unlink()
    song = recordings.tree / "bass" / "first" / "0.flac"
    (place / "MUSIC" / "bass" / "first").mkdir(parents=True)
    shutil.copy(song, place / "MUSIC" / "bass" / "first")
    block = block.replace('"STORE", ', '"STORE", workers=1, ')  # more workers take longer to start
    named = run([block])
    assert len(named["f0"]) == len(named["vocals"])


@pytest.mark.parametrize("page", sorted((ROOT / "docs/reference").glob("*.md")), ids=name_of)
def test_the_reference_runs(place, page):
    run(python_blocks(page))


def test_every_block_of_python_is_run_by_a_test():
    """In this file, in test_docs.py or in test_export.py: a new page gets a test."""
    run_elsewhere = {"add_a_model", "data", "export", "formats", "insert", "pretrained"}
    run_here = {"concepts", "conditions", "data", "encoders", "library", "music"}
    assert {page.stem for page in GUIDES if python_blocks(page)} == run_elsewhere | run_here


def test_every_public_name_is_in_the_reference():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/reference").glob("*.md"))
    shown = set(re.findall(r"^::: singerid\.(\w+)$", text, re.M))
    assert shown == set(singerid.__all__) - {"__version__"}
    from singerid import nn

    assert set(re.findall(r"^::: singerid\.nn\.(\w+)$", text, re.M)) == set(nn.__all__)


def parse(command, arguments, whole):
    """Raise the command line's error for wrong arguments; the command itself is not run.

    Args:
        command: a command or a group of them.
        arguments: what follows its name.
        whole: whether the command must be complete; otherwise missing arguments are no error.
    """
    try:
        context = command.make_context(command.name or "singerid", list(arguments))
    except Exception as error:
        missing = type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError")
        if not whole and (missing or "'NAME'" in str(error)):
            return
        raise
    rest = [*getattr(context, "_protected_args", ()), *context.args]
    if hasattr(command, "resolve_command") and rest:
        _, inner, rest = command.resolve_command(context, rest)
        if not context.params.get("plugin"):  # a plugin may add options that are not known here
            parse(inner, rest, whole)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_shown_is_valid(page):
    command = typer.main.get_command(app)
    for arguments in command_lines(page):
        try:
            parse(command, arguments, whole=True)
        except Exception as error:
            pytest.fail(f"singerid {' '.join(arguments)}: {type(error).__name__} {error}")
    for arguments in command_spans(page):
        try:
            parse(command, arguments, whole=False)
        except Exception as error:
            pytest.fail(f"`singerid {' '.join(arguments)}`: {type(error).__name__} {error}")


def test_every_command_is_shown_in_a_guide():
    """A new command gets a place in a document; many of `singerid library` are in a table of their own."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    table = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/library.md").read_text(encoding="utf-8"), re.M)
    shown = set(re.findall(r"`(?:library )?([a-z]+)\b", " ".join(table)))
    shown |= set(re.findall(r"\bsingerid library ([a-z]+)\b", text))
    commands = typer.main.get_command(app).commands
    missing = [name for name in commands if not re.search(rf"\bsingerid {name}\b", text)]
    missing += [f"library {name}" for name in commands["library"].commands if name not in shown]
    assert not missing, f"no guide shows singerid {', singerid '.join(missing)}"


def test_invalid_commands_are_found():
    command = typer.main.get_command(app)
    for wrong in (
        "identfy my-singers a.mp3",
        "identify my-singers",
        "library say lib a.mp3 --was X",
        "train a b --audio none",
    ):
        with pytest.raises(Exception, match=r"No such|Missing|is not one of"):
            parse(command, wrong.split(), whole=True)


def test_the_leaderboard_has_the_published_figures():
    values = files("singerid.reproduce") / "values" / "f1.csv"
    published: dict[tuple[str, ...], float] = {}
    for row in csv.DictReader(values.read_text(encoding="utf-8").splitlines()):
        if row["clip_seconds"] == "5":
            published[row["model"], row["audio"], row["level"], row["statistic"]] = float(row["f1"])
    page = (ROOT / "docs/leaderboard.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (mixture|vocals) \| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| no \|", page, re.M
    )
    assert len(rows) == 20
    for audio, model, clips, best_clips, tracks, best_tracks in rows:
        for level, shown, best in (("clip", clips, best_clips), ("track", tracks, best_tracks)):
            mean, *spread = map(float, shown.split(" ± "))
            assert mean == published[model, audio, level, "average"]
            assert spread == [published[key] for key in [(model, audio, level, "std")] if key in published]
            assert float(best) == published[model, audio, level, "best"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_is_python_and_keeps_no_output(path):
    """`make notebooks` runs them."""
    compile("\n".join(notebook_code(path)), path.name, "exec")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs"), "clear its outputs"
        assert cell.get("execution_count") is None


def test_there_are_two_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["insert_fgnl", "name_my_singers"]


@pytest.mark.parametrize("path", FORMS, ids=name_of)
def test_workflows_and_forms_are_yaml_whose_steps_are_targets_of_make(path):
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for job in found.get("jobs", {}).values():
        for step in job["steps"]:
            if "run" in step:
                make, *words = step["run"].split(maxsplit=2)
                assert make == "make"
                assert words[0] in targets


def test_the_archive_of_releases_knows_this_software():
    about = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert about["upload_type"] == "software"
    for said in (about["title"], about["creators"][0]["name"]):
        assert f'"{said}"' in citation
