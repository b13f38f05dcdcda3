"""Every table that a command prints, on 80 and on 40 columns, with long names and with Chinese ones.

The names are of letters that stand nowhere else, each once: whatever column a name stands in and however it
folds, each of its letters must have been printed as often as the others.
"""

import json
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import soundfile
import torch
from rich.cells import cell_len
from typer.main import get_command

from conftest import SAMPLE_RATE, voice
from singerid.cli import app
from singerid.config import TrainingConfig
from singerid.data.tracks import read_manifest
from singerid.errors import Failure
from singerid.models.pretrained import PRETRAINED
from singerid.models.registry import MODELS, ModelEntry
from singerid.preparation.prepare import prepare
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.store.reader import Store
from singerid.system.console import print_rich
from singerid.training.loop import train

LONG = "Αβγδεζ ηθικλμνξο Πρστυφχψ ωΔΘΛΞΣΦ Ωабвгдежз ийклмнопр СТУФХЦЧШ щыэюяБГ"
WIDE = "宇多田光東京事変椎名林檎中島美雪松任谷由実"
SONG = "אבגדהוזחטיכלמנסעפצקרשת.flac"
FOLDER = "ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑ"
MODEL = "ա-բգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրց"
ALBUMS = ("first", "second", "third")


@pytest.fixture(scope="module")
def registered():
    """Register networks with long names; they are removed after the tests."""
    with MODELS.restored(), PRETRAINED.restored():
        entry = MODELS["crnn_fgnl"]
        MODELS.register(MODEL, ModelEntry(entry.build, "crnn_fgnl by another name"))
        PRETRAINED.register(MODEL, replace(PRETRAINED["hsieh-artist20"], description=LONG))
        yield


@pytest.fixture(scope="module")
def folder(registered, tmp_path_factory):
    """A store of two singers, with an array missing and a leftover, and two runs on it."""
    folder = tmp_path_factory.mktemp("tables")
    rows = ["path,singer,album"]
    for singer, pitch in ((LONG, 330.0), (WIDE, 95.0)):
        for number, album in enumerate(ALBUMS):
            path = f"{len(rows)}-{SONG}"
            soundfile.write(folder / path, voice(pitch, 4, 10 * len(rows) + number), SAMPLE_RATE)
            rows.append(f"{path},{singer},{album}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    store = folder / "store"
    prepare(read_manifest(folder / "manifest.csv", folder), folder, store, workers=1)
    opened = Store.open(store)
    split, how = make_split(opened, SplitConfig())
    training = replace(TrainingConfig(), clip_seconds=1.0, epochs=1, batch_size=4, learning_rate=1e-2)
    for run, seed in ((FOLDER, 0), ("other", 1)):
        config = configure(opened, split, how, MODEL, replace(training, seed=seed), options={"width": 0.0625})
        train(opened, folder / run, config, split, torch.device("cpu"))
    return folder


def command(*arguments, capsys, monkeypatch, columns, code=0):
    """The output of a command on a terminal with this many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    capsys.readouterr()
    assert (app([*map(str, arguments)], standalone_mode=False) or 0) == code
    return capsys.readouterr().out


def check(text, columns, *names, lines=None):
    """No line is too wide, nothing is cut, and the names are whole."""
    assert "…" not in text
    tables = text.splitlines()[:lines]
    assert max(map(cell_len, tables)) <= columns
    counts = Counter(text)
    for name in names:
        found = {counts[letter] for letter in name if letter not in " -.flac0123456789"}
        assert len(found) == 1, f"{name}: {found}"
        assert found != {0}, name


@pytest.fixture(params=[80, 40, 25])
def columns(request):
    return request.param


@pytest.fixture
def run(columns, capsys, monkeypatch):
    return lambda *arguments, code=0: command(
        *arguments, capsys=capsys, monkeypatch=monkeypatch, columns=columns, code=code
    )


def test_identify(folder, run, columns):
    songs = [folder / f"1-{SONG}", folder / f"4-{SONG}"]
    ask = partial(run, "identify", folder / FOLDER, "--all-clips")  # these buzzes are no voices
    text = ask(*songs)
    check(text, columns, SONG)
    named = {result["singers"][0]["singer"] for result in map(json.loads, ask(*songs, "--json").splitlines())}
    check(text, columns, *named)
    single = ask(songs[0])  # with its timeline
    (result,) = map(json.loads, ask(songs[0], "--json").splitlines())
    named = [result["singers"][0]["singer"], *(span["singers"][0] for span in result["timeline"])]
    check(single, columns, SONG, *named)


def test_evaluate(folder, run, columns):
    text = run("evaluate", folder / FOLDER, "--all-states", "--baseline")
    check(text, columns, LONG, WIDE, lines=-1)  # the last line names a file


def test_comparison(folder, run, columns):
    arguments = "evaluate", folder / FOLDER, "--against", folder / "other"
    text = run(*arguments)
    found = json.loads(run(*arguments, "--json"))
    assert [each["name"] for each in found["runs"]] == [FOLDER, "other"]
    check(text, columns, LONG, WIDE, FOLDER, lines=-1)


def test_disagreements(columns, monkeypatch, capsys):
    """Made-up disagreements, because the runs of the fixture may agree by chance."""
    from singerid.evaluation.comparison import Disagreement, RunComparison
    from singerid.evaluation.outcome import LevelScores
    from singerid.evaluation.report import comparison_tables
    from singerid.evaluation.scores import score

    levels = LevelScores(*(score([0, 1], [0, 0], [0, 1], [LONG, WIDE]) for _ in range(2)))
    comparison = RunComparison(
        (FOLDER, MODEL),
        ("mixture",) * 2,
        (levels, levels),
        (),
        (),
        (Disagreement(SONG, LONG, LONG, 0.9, WIDE, 0.8),),
        2,
        (LONG, WIDE),
    )
    comparison = replace(comparison, track=_differences())
    monkeypatch.setenv("COLUMNS", str(columns))
    print_rich(comparison_tables(comparison))
    check(capsys.readouterr().out, columns, LONG, WIDE, SONG, FOLDER, MODEL)


def _differences():
    from singerid.evaluation.counts import MEASURES, Interval
    from singerid.evaluation.significance import SeedMean

    return tuple(SeedMean(measure, 0.1, Interval(0.0, 0.2), 3, 9) for measure in MEASURES)


def test_models(registered, run, columns):
    check(run("models"), columns, MODEL)
    check(run("models", "--pretrained"), columns, MODEL, LONG)


def test_encoders(run, columns):
    for options in ((), ("--separators",)):
        text = run("encoders", *options)
        check(text, columns)
        for row in json.loads(run("encoders", *options, "--json")):
            assert row["name"] in text or columns < 40


def test_embed(folder, run, columns, tmp_path):
    text = run("embed", folder / FOLDER, folder / "other", "--out", tmp_path)
    check(text, columns, FOLDER, MODEL, lines=-1)


def test_attention(folder, run, columns, tmp_path):
    text = run("attention", folder / FOLDER, f"1-{SONG}", "--figure", tmp_path / "a.svg")
    check(text, columns, SONG, lines=-1)


def test_audit(folder, run, columns, tmp_path):
    text = run("audit", folder / FOLDER, "--figure", tmp_path / "a.svg", code=3)
    check(text, columns, lines=-1)


def test_reproduce(columns, monkeypatch, capsys):
    from reproduce.test_rendering import CONFIG, summary
    from singerid.reproduce.rendering import terminal_tables
    from singerid.reproduce.report import Report
    from singerid.reproduce.tables import Subject

    made = summary(7, {"crnn_square": 0.4, "crnn_se": 0.45})
    made = replace(made, rows=tuple(replace(row, model=MODEL) for row in made.rows))
    report = Report(
        (made,), Subject(SONG, ("a", "b"), False), CONFIG, (Failure(LONG, WIDE),), 4, 16, False, {}
    )
    monkeypatch.setenv("COLUMNS", str(columns))
    print_rich(terminal_tables(report))
    check(capsys.readouterr().out, columns, MODEL, SONG)


def test_doctor(run, columns):
    text = run("doctor")
    check(text, columns)
    assert "scikit-learn" in "".join(text.split()) or columns < 30


def test_doctor_of_a_store(folder, run, columns):
    store = Store.open(folder / "store")
    leftover = folder / "store" / "features" / "mixture" / SONG
    array = store.path_of(store.tracks[0], "features/mixture")
    content = array.read_bytes()
    try:
        leftover.touch()
        array.write_bytes(content[:-1])
        check(run("doctor", folder / "store", code=3), columns, SONG.removesuffix(".flac"))
    finally:
        leftover.unlink()
        array.write_bytes(content)


@pytest.mark.parametrize("name", ["", *sorted(get_command(app).commands)])
def test_help(name, run, columns):
    text = run(*([name] if name else []), "--help")
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= columns
    assert columns < 40 or "--help" in text
