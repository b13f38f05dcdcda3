"""The command line as a user meets it: real processes, exit codes, one-line errors."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from singerid.cli import app

ROOT = Path(__file__).parents[2]


def test_help_names_every_command_and_imports_nothing_heavy():
    script = (
        "import sys; from singerid.cli import main; sys.argv = ['singerid', '--help']\n"
        "try: main()\n"
        "except SystemExit as exit: code = exit.code\n"
        "heavy = {'torch', 'numpy', 'scipy', 'librosa', 'sklearn', 'matplotlib', 'av'} & set(sys.modules)\n"
        "print(heavy, file=sys.stderr); sys.exit(code or len(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    commands = get_command(app).commands
    assert len(commands) > 15
    for name in commands:
        assert re.search(rf"^\W*{name} ", result.stdout, re.M), f"--help does not list {name}"


def test_help_of_prepare_names_every_data_set(singerid):
    text = re.sub(r"\W", "", singerid("prepare", "--help", COLUMNS="200").stdout)
    assert "artist20artist20coursevocalset" in text


def test_importing_the_package_is_cheap_and_lists_its_names():
    script = (
        "import sys, singerid; assert 'torch' not in sys.modules; print(dir(singerid)); singerid.build_model"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "build_model" in result.stdout


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("prepare", ("open-unmix|umxl|spleeter|repet|stems", "crepe|crepe-tiny|pyin")),
        ("identify", ("open-unmix|umxl|spleeter|repet|stems",)),
        ("train", ("crepe|crepe-tiny|pyin",)),
    ],
)
def test_help_shows_the_names_of_separators_and_trackers(command, names, singerid):
    shown = re.sub(r"\W", "", singerid(command, "--help", COLUMNS="200").stdout)
    assert all(re.sub(r"\W", "", choices) in shown for choices in names)


def test_models_table_and_json(singerid):
    rows = json.loads(singerid("models", "--json").stdout)
    assert {"name", "parameters", "trainable_parameters", "tables"} <= rows[0].keys()
    by_name = {row["name"]: row for row in rows}
    assert by_name["crnn_fgnl"]["parameters"] == 584_141
    table = singerid("models").stdout
    assert re.search(r"crnnm_fgnl .*1,175,381", table)


def test_version_and_no_arguments(singerid):
    assert re.fullmatch(r"singerid \d+\.\d+\.\d+\n", singerid("--version").stdout)
    bare = singerid()
    assert bare.returncode == 0
    assert "Usage" in bare.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modls"], "No such command 'modls'"),
        (["models", "--jsn"], "No such option: --jsn"),
        (["--plugin", "missing.py", "models"], r"missing\.py: does not exist"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, message, singerid):
    result = singerid(*arguments)
    assert result.returncode == 2
    assert re.match(f"singerid: {message}", result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_a_reader_that_leaves_early_is_no_error(singerid):
    reading, writing = os.pipe()
    os.close(reading)
    with singerid.start("models", "--json", stdout=writing) as ended:
        os.close(writing)
        assert (ended.stderr.read(), ended.wait()) == ("", 0)


def test_plugin_registers_a_model_and_its_failure_is_one_line(tmp_path, singerid):
    page = (ROOT / "docs" / "add_a_model.md").read_text(encoding="utf-8")
    plugin = tmp_path / "my_model.py"
    plugin.write_text(re.search(r"```python\n(.*?)```", page, re.S)[1], encoding="utf-8")
    assert "mean_pool" in singerid("--plugin", plugin, "models").stdout
    plugin.write_text("1 / 0")
    broken = singerid("--plugin", plugin, "models")
    assert broken.returncode == 2
    assert broken.stderr.count("\n") == 1
    assert "ZeroDivisionError" in broken.stderr


def test_debug_shows_the_traceback(tmp_path, singerid):
    (tmp_path / "broken.py").write_text("1 / 0")
    result = singerid("--debug", "--plugin", tmp_path / "broken.py", "models")
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "STORE", "RUN", "--option", "foo"], "write NAME=VALUE"),
        (["train", "STORE", "RUN", "--width", "1", "--option", "width=2"], "give one of them"),
        (["train", "STORE", "RUN", "--split-file", "x", "--min-albums", "3"], "--split-file already sets"),
        (["train", "STORE", "RUN", "--split-file", "x"], "x: cannot be read"),
        (["train", "MISSING", "RUN"], "is no store"),
        (["prepare", "TREE", "RUN", "--min-seconds", "inf"], "a finite number of seconds"),
        (["prepare", "TREE", "RUN", "--vocals", "stems"], "--stems-dir go together"),
        (["prepare", "TREE", "RUN", "--weights", "x"], "choose one with --vocals"),
        (
            ["prepare", "TREE", "RUN", "--dataset", "vocal", "--weights", "x"],
            "near names: vocalset; your own",
        ),
        (["prepare", "TREE", "RUN", "--dataset", "vocalset"], "holds no singer of VocalSet; give"),
        (["prepare", "TREE", "RUN", "--vocals", "repett"], "unknown separator 'repett'; near names: repet."),
        (["prepare", "TREE", "RUN", "--melody", "pyn"], "unknown melody tracker 'pyn'; near names: pyin."),
        (["identify", "RUN", "x.mp3", "--separator", "umx"], "unknown separator 'umx'; near names: umxl"),
        (["train", "STORE", "RUN", "--melody", "pyn"], "unknown melody tracker 'pyn'; near names: pyin."),
        (["train", "STORE", "RUN", "--audio", "vocals"], "has no vocals; extract them"),
        (["train", "STORE", "RUN", "--model", "crnnm"], "has no melody; extract it"),
        (["train", "STORE", "RUN", "--melody", "pyin"], "reads no melody"),
        (["prepare", "TREE", "RUN", "--device", "cuda:9"], "--device cuda:9: this machine has"),
        (["evaluate", "RUN", "--figure", "x.bmp"], "saved as .svg, .png or .pdf"),
        (["identify", "RUN", "x.mp3", "--json", "--csv"], "choose one"),
    ],
)
def test_odd_options_are_one_line(arguments, message, recordings, tmp_path, singerid):
    places = {
        "STORE": recordings.store,
        "TREE": recordings.tree,
        "RUN": tmp_path / "run",
        "MISSING": tmp_path,
    }
    result = singerid(*(places.get(argument, argument) for argument in arguments))
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, ASCII])
def test_an_output_that_is_no_utf8_gets_plain_characters_and_escapes(
    environment, singerid, trained, recordings, tmp_path
):
    song = tmp_path / "宇多田.flac"
    shutil.copy(recordings.tree / "alto" / "first" / "0.flac", song)
    result = singerid.fresh("identify", trained.path, song, "--all-clips", COLUMNS="400", **environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert "alto" in result.stdout
    assert re.search(r" [#.]{20,30} ", result.stdout)  # the timeline's bar, blank behind the last whole clip
    assert "\\u2588" not in result.stdout
    assert re.search(r"\\u5b87\\u591a\\u7530|\\udce5", result.stdout)
    lines = [line for line in result.stdout.splitlines() if "|" in line or "+" in line]
    assert lines[0].startswith("+--")
    assert len({len(line) for line in lines[:3]}) == 1


@pytest.mark.parametrize("command", [["--help"], ["train", "--help"], ["models"], ["doctor"]])
def test_what_is_drawn_on_an_ascii_terminal(command, singerid):
    result = singerid.fresh(*command, **ASCII)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert "\\u" not in result.stdout


def test_python_m_runs_the_same_program(tmp_path):
    """It shows the same program name, whatever the current folder is."""

    def run(*arguments):
        command = [sys.executable, "-m", "singerid", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    assert run("--version").stdout.startswith("singerid ")
    assert "Usage: singerid [OPTIONS] COMMAND" in run("--help").stdout
    assert "Usage: singerid train [OPTIONS]" in run("train", "--help").stdout
    wrong = run("modls")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("singerid: No such command")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("name", ["my run (1)", "it's; $HOME", "-run"])
def test_the_next_command_can_be_pasted(name, singerid, recordings, tmp_path, monkeypatch):
    options = ["--model", "crnn", "--clip-seconds", "1", "--epochs", "1", "--width", "0.0625"]
    options += ["--device", "cpu", "--threads", "1"]
    monkeypatch.chdir(tmp_path)
    done = singerid("train", *options, "--", recordings.store, name)
    assert done.returncode == 0, done.stderr
    pasted = re.search(r"Next: (singerid .*)", done.stdout)[1]
    told = subprocess.run(
        ["bash", "-c", f"singerid() {{ printf '%s\\n' \"$@\"; }}; {pasted}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    command, folder = told.stdout.splitlines()
    assert command == "evaluate"
    assert not folder.startswith("-")
    assert (tmp_path / folder / "config.json").exists()


@pytest.mark.parametrize(
    ("ending", "code"),
    [("sys.exit()", 2), ("sys.exit(0)", 2), ("sys.exit(7)", 7), ("raise BrokenPipeError", 2)],
)
def test_no_command_succeeds_because_something_in_it_ends_the_program(ending, code, tmp_path, singerid):
    """A plugin that ends the program at once is refused; here an entry that it registered does so later."""
    (tmp_path / "mine.py").write_text(
        "import sys\n"
        "from singerid import ModelEntry, register_model\n"
        "def build(singers, **options):\n"
        f"    {ending}\n"
        "register_model('mine', ModelEntry(build, 'gives up'))\n",
        encoding="utf-8",
    )
    ended = singerid("--plugin", tmp_path / "mine.py", "models")
    assert ended.returncode == code
    assert not ended.stdout
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("ending", ["sys.exit()", "sys.exit(0)", "sys.exit('enough')"])
def test_a_plugin_that_ends_the_program_is_named(ending, tmp_path, singerid):
    (tmp_path / "mine.py").write_text(f"import sys\n{ending}\n", encoding="utf-8")
    ended = singerid("--plugin", tmp_path / "mine.py", "models")
    assert ended.returncode == 2
    assert "mine.py: this plugin fails with SystemExit" in ended.stderr
