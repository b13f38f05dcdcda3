"""Standard streams that are closed, full or no longer read; tested with processes started by a shell."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from singerid.doctor import check_store
from singerid.models.registry import build_model
from singerid.models.weights import save_model
from singerid.runs.history import read_history
from singerid.runs.run import Run
from singerid.system.streams import complain

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
FULL = "/dev/full"
full = pytest.mark.skipif(not Path(FULL).exists(), reason=f"this system has no {FULL}")


@pytest.fixture
def shell(singerid):
    """Runs `singerid COMMAND` with its streams redirected, as a shell does it.

    A command that imports next to nothing is a new process of Python, which meets the streams as it starts.
    """

    def run(command, redirected, **environment):
        light = command.endswith(("--help", "--version", "modls"))
        program = [sys.executable, "-m", "singerid"] if light else singerid.shell_command
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {shlex.join(program)} {command} {redirected}"],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )

    return run


LIGHT = ("--help", "--version", "models", "models --json", "identify --help")


@pytest.mark.parametrize("command", LIGHT)
@pytest.mark.parametrize(
    ("redirected", "reason"),
    [
        (">&-", "standard output is closed"),
        pytest.param(f">{FULL}", "standard output cannot be written (No space left", marks=full),
    ],
)
def test_without_an_output_it_is_one_line_and_exit_code_2(shell, command, redirected, reason):
    ended = shell(command, redirected)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"singerid: {reason}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["--version", "models --json"])
@pytest.mark.parametrize(
    "redirected",
    [
        ">&- 2>&-",
        pytest.param(f">{FULL} 2>{FULL}", marks=full),
        pytest.param(f">&- 2>{FULL}", marks=full),
    ],
)
def test_if_nothing_can_be_printed_the_exit_code_still_tells(shell, command, redirected):
    ended = shell(command, redirected)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "")


@pytest.mark.parametrize("redirected", ["2>&-", pytest.param(f"2>{FULL}", marks=full)])
def test_without_standard_error_the_output_is_the_same(shell, redirected):
    """In particular, messages for standard error do not appear in it."""
    assert re.fullmatch(r"singerid \d+\.\d+\.\d+\n", shell("--version", redirected).stdout)
    assert json.loads(shell("models --json", redirected).stdout)
    wrong = shell("modls", redirected)
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.parametrize("command", LIGHT)
@pytest.mark.parametrize("reader", ["true", "head -n 1"])
def test_a_reader_that_closes_the_pipe_is_not_an_error(shell, command, reader):
    ended = shell(command, f"| {reader}")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_closed_input_is_no_matter(shell):
    assert shell("--version", "<&-").stdout.startswith("singerid ")


@pytest.mark.parametrize("option", ["--json", "--csv", ""])
@pytest.mark.parametrize("redirected", [">&-", pytest.param(f">{FULL}", marks=full), "| true"])
def test_identify(shell, option, redirected, trained, recordings):
    song = recordings.tree / "alto" / "first" / "0.flac"
    ended = shell(f"identify {trained.path} {song} {option}", redirected)
    assert ended.returncode == (0 if redirected == "| true" else 2)
    assert ended.stderr.count("\n") == (0 if redirected == "| true" else 1)
    assert "unexpected" not in ended.stderr


def test_identify_does_not_listen_if_it_cannot_print(shell, trained, tmp_path):
    """The closed output is noticed first, so the missing file is not reported."""
    ended = shell(f"identify {trained.path} {tmp_path / 'missing.mp3'}", ">&-")
    assert ended.stderr.startswith("singerid: standard output is closed")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "redirected", "code"),
    [
        ("doctor STORE", ">&-", 2),
        ("doctor STORE --json", ">&-", 2),
        pytest.param("doctor STORE", f">{FULL}", 2, marks=full),
        ("doctor STORE", "| true", 0),
    ],
)
def test_commands_that_print_what_they_found(shell, command, redirected, code, recordings):
    ended = shell(command.replace("STORE", str(recordings.store)), redirected)
    assert ended.returncode == code
    assert ended.stderr.count("\n") == (code > 0)
    assert "unexpected" not in ended.stderr


@pytest.fixture(scope="module")
def fgnl(trained, tmp_path_factory):
    """An untrained run of a network with attention."""
    config = replace(trained.config, model="crnn_fgnl", options={"width": 0.0625})
    run = Run.create(tmp_path_factory.mktemp("fgnl") / "run", config, trained.split)
    save_model(build_model("crnn_fgnl", len(config.singers), width=0.0625), run.state_path())
    return run.path


@pytest.mark.parametrize(
    ("command", "redirected"),
    [
        ("evaluate RUN", ">&-"),
        pytest.param("evaluate RUN --json", f">{FULL}", marks=full),
        ("evaluate RUN", "| true"),
        ("evaluate RUN --against FGNL", ">&-"),
        ("audit RUN", ">&-"),
        ("embed RUN --out FOLDER", ">&-"),
        ("embed RUN --out FOLDER --json", ">&-"),
        ("attention FGNL alto/first/0.flac", ">&-"),
    ],
)
def test_results_in_files_are_written_and_reported(shell, command, redirected, own_run, fgnl, tmp_path):
    """The work itself did not fail: the line about its files goes to standard error."""
    figure = tmp_path / "figure.svg"
    places = {"RUN": own_run, "FGNL": fgnl, "FOLDER": tmp_path}
    words = (str(places.get(word, word)) for word in command.split())
    ended = shell(f"{' '.join(words)} --figure {figure}", redirected)
    assert ended.returncode == (3 if "audit" in command else 0)  # conditions that the store lacks
    said = [line for line in ended.stderr.splitlines() if line.endswith(str(figure))]
    assert len(said) == (redirected != "| true")
    assert "cannot be" not in ended.stderr
    assert "closed" not in ended.stderr
    assert figure.exists()


@pytest.mark.parametrize(
    ("redirected", "told", "workers"),
    [
        (">&-", True, 1),
        (">&- 2>&-", False, 2),
        pytest.param(f">{FULL}", True, 1, marks=full),
        ("| true", False, 1),
    ],
)
def test_work_is_done_and_its_closing_line_goes_to_standard_error(
    shell, redirected, told, workers, recordings, tmp_path
):
    """With workers too: no file may get the number of a closed stream, to which workers write."""
    ended = shell(f"prepare {recordings.tree} {tmp_path / 'store'} --workers {workers}", redirected)
    assert ended.returncode == 0
    assert ended.stdout == ""
    if told:
        assert re.fullmatch(r"singerid: .*store: 18 tracks of 3 singers .*\n", ended.stderr)
    else:
        assert ended.stderr == ""
    check = check_store(tmp_path / "store")
    assert (check.tracks, check.problems, check.leftovers) == (18, (), ())


@pytest.mark.parametrize("redirected", [">&-", ">&- 2>&-", pytest.param(f"2>{FULL}", marks=full)])
def test_training_is_done(shell, redirected, recordings, tmp_path):
    options = "--model crnn --clip-seconds 1 --epochs 2 --width 0.0625 --device cpu --threads 1"
    ended = shell(f"train {recordings.store} {tmp_path / 'run'} {options}", redirected)
    assert ended.returncode == 0
    assert len(read_history(Run.open(tmp_path / "run"))) == 2


NOBODY = """
import os, sys
from singerid.system.streams import guard_streams, say, output_failure
guard_streams()
number = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
assert number > 2, number
os.write(1, b"library"), os.write(2, b"library")  # as code in C does
say("done")
"""


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    script, file = tmp_path / "script.py", tmp_path / "precious"
    script.write_text(NOBODY, encoding="utf-8")
    ended = subprocess.run(["bash", "-c", f'"$0" {script} {file} >&- 2>&- <&-', sys.executable], check=False)
    assert ended.returncode == 0
    assert file.read_bytes() == b""


def test_without_standard_error_no_message_goes_to_the_output(monkeypatch, capsys):
    """Also in a program that embeds singerid: `print(file=None)` would write to standard output."""
    monkeypatch.setattr(sys, "stderr", None)
    complain("a warning")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("option", [[], ["-u"]])
def test_what_an_encoding_cannot_carry_is_plain_or_escaped(option):
    code = (
        "from singerid.system.streams import guard_streams, complain; guard_streams()\n"
        "print('█·✓ é 宇 \\udcff'); complain('é')"
    )
    done = subprocess.run(
        [sys.executable, *option, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert done.stdout == b"#.+ \\xe9 \\u5b87 \\udcff\n"
    assert done.stderr == b"singerid: \\xe9\n"


def test_what_a_library_warns_of_is_one_line(shell, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import warnings\nwarnings.warn('first line\\n   second line')\n", encoding="utf-8"
    )
    done = shell(f"--plugin {tmp_path / 'mine.py'} --version", "")
    assert done.stderr == ""  # --version comes first
    done = shell(f"--plugin {tmp_path / 'mine.py'} models", "")
    assert done.stderr == "singerid: warning: first line second line\n"


def test_a_message_that_does_not_fit_its_arguments_stops_nothing(shell, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import logging\nlogging.getLogger('singerid.here').warning('%d songs', 'three')\n", encoding="utf-8"
    )
    done = shell(f"--plugin {tmp_path / 'mine.py'} models", "")
    assert "crnn_fgnl" in done.stdout
    assert "--- Logging error ---" in done.stderr


def test_a_program_that_calls_it_again_gets_each_line_once():
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import logging\nfrom singerid.system.streams import guard_streams\n"
            "guard_streams(), guard_streams()\nlogging.getLogger('singerid.here').warning('told')",
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "singerid: warning: told\n")


def test_what_singerid_logs_is_one_line_however_others_log(shell, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import logging\nlogging.basicConfig(level='INFO')\nlog = logging.getLogger('singerid.here')\n"
        "log.info('nobody asked')\nlog.warning('a name\\x1b of two\\nlines: 5 %')\n",
        encoding="utf-8",
    )
    done = shell(f"--plugin {tmp_path / 'mine.py'} models", "")
    assert done.stderr == "singerid: warning: a name\\x1b of two lines: 5 %\n"
