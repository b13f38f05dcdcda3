"""singerid enroll, library, discover and identify LIBRARY: what they print, and how they end."""

import json
import re
import shutil
from pathlib import Path

import pytest

import made_voices
from conftest import require_weights

EARS = Path(__file__).parent.parent / "small_ears.py"


@pytest.fixture
def run(singerid):
    """Runs the program with the encoder `small`, from the plugin small_ears.py."""

    def start(*arguments, **options):
        return singerid("--plugin", EARS, *arguments, **options)

    return start


def _errors(done):
    return [line for line in done.stderr.splitlines() if line.startswith("singerid: ")]


def _one_error(done, message, code=2):
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert message in done.stderr


def test_a_folder_of_singers_is_enrolled_and_a_second_time_nothing_is_new(run, sung, tmp_path):
    library = tmp_path / "library"
    done = run("enroll", library, sung.tree, "--encoder", "small")
    assert done.returncode == 0, done.stderr
    assert "3 singers, 9 recordings (9 new, 0 changed, 0 unchanged)" in done.stdout + done.stderr
    again = run("enroll", library, sung.tree)
    assert "(0 new, 0 changed, 9 unchanged)" in again.stdout + again.stderr
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    some = run("enroll", library, "--as", "ADA", sung.tree / "Ada", tmp_path / "broken.wav")
    assert some.returncode == 3
    assert "(0 new, 0 changed, 3 unchanged, 1 left out)" in some.stdout
    assert "'ADA' is taken to be 'Ada'" in some.stderr


def test_files_are_enrolled_by_a_name_and_by_a_table(run, sung, tmp_path):
    files = sorted((sung.tree / "Ada").rglob("*.wav"))
    done = run("enroll", tmp_path / "a", "--as", "Somebody", *files, "--encoder", "small")
    assert done.returncode == 0, done.stderr
    table = tmp_path / "table.csv"
    table.write_text("path,singer,album\nAda/album 0/0.wav,Eve,one\nBea/album 1/1.wav,Fay,two\n")
    done = run("enroll", tmp_path / "b", sung.tree, "--manifest", table, "--encoder", "small")
    assert done.returncode == 0, done.stderr
    rows = json.loads(run("library", "list", tmp_path / "b", "--json").stdout)
    assert [(row["singer"], row["recordings"]) for row in rows] == [("Eve", 1), ("Fay", 1)]


def test_vectors_of_a_store_are_enrolled_and_nothing_is_heard(singerid, encoded, tmp_path):
    done = singerid("enroll", tmp_path / "library", "--store", encoded.store, "--encoder", encoded.encoder)
    voiceless = done.stderr.count("nobody is heard to sing in it")  # in so short songs it happens
    assert done.returncode == (3 if voiceless else 0), done.stderr
    assert f"3 singers, {9 - voiceless} recordings ({9 - voiceless} new" in done.stdout + done.stderr


def test_a_file_without_voice_is_refused_and_listed_while_the_rest_is_done(run, sung, tmp_path):
    noise = made_voices.write_noise(tmp_path / "noise.wav")
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no sound" * 100)
    song = sung.tree / "Ada/album 0/0.wav"
    done = run("enroll", tmp_path / "library", "--as", "Ada", noise, broken, song, "--encoder", "small")
    assert done.returncode == 3
    refused = [line for line in _errors(done) if "warning" not in line]
    assert len(refused) == 2
    assert any(f"{noise}: nobody is heard to sing in it; leave it out" in line for line in refused)
    alone = run("enroll", tmp_path / "other", "--as", "Ada", noise, "--encoder", "small")
    assert alone.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["enroll", "LIBRARY"], "nothing to enroll"),
        (["enroll", "LIBRARY", "TREE", "TREE"], "who sings in these?"),
        (["enroll", "LIBRARY", "TREE", "--encoder", "other"], "its encoder is small, not other"),
        (["enroll", "LIBRARY", "TREE", "--audio", "vocals"], "its audio is mixture, not vocals"),
        (["enroll", "LIBRARY", "TREE", "--as", "Ada", "--as", "Bea"], "--as may be given once"),
        (
            ["library", "calibrate", "LIBRARY", "--fpir", "1"],
            "one percent is 0.01 (on the command line also 1%)",
        ),
        (["library", "rename", "LIBRARY", "Nobody", "X"], "nobody in the library is called 'Nobody'"),
        (["library", "merge", "LIBRARY", "Ada", "ADA"], "are one singer already"),
        (["library", "forget", "LIBRARY", "Ada"], "forget cannot be undone; confirm it with --yes"),
        (["library", "undo", "LIBRARY", "0"], "Invalid value"),
        (["library", "calibrate", "LIBRARY", "--fpir", "many"], "give a share, for example 5% or 0.05"),
        (["library", "list", "TREE"], "is no library"),
        (["identify", "LIBRARY", "TREE", "--prior", "1"], "give a share above 0 and below 1"),
    ],
)
def test_wrong_usage_is_one_line(run, own_library, sung, arguments, message):
    places = {"LIBRARY": own_library, "TREE": sung.tree}
    _one_error(run(*(places.get(word, word) for word in arguments)), message)


def test_an_empty_library_says_whom_to_enroll(run, tmp_path, sung):
    from singerid.library.library import Library

    Library.open(tmp_path / "empty", create=True).close()
    _one_error(run("identify", tmp_path / "empty", sung.tree), "is empty; enroll somebody first")
    assert json.loads(run("library", "list", tmp_path / "empty", "--json").stdout) == []


def test_identify_as_json_says_what_the_contract_says(run, own_library, sung, tmp_path):
    files = [
        made_voices.write_voice(tmp_path / "ada.wav", 203, 2.6, 77),
        made_voices.write_voice(tmp_path / "stranger.wav", 900, 2.6, 77),
        made_voices.write_noise(tmp_path / "noise.wav"),
        sung.tree / "Bea/album 0/0.wav",
    ]
    (tmp_path / "broken.mp3").write_bytes(b"no sound" * 100)
    done = run("identify", own_library, *files, tmp_path / "broken.mp3", "--json")
    assert done.returncode == 3
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    known, unknown, noise, enrolled = answers[:4]
    assert {
        "path",
        "decision",
        "singers",
        "candidates",
        "nearest",
        "voice_seconds",
        "seconds",
        "calibrated",
    } <= set(known)
    assert (known["decision"], known["calibrated"]) == ("known", False)
    assert set(known["singers"][0]) == {"singer", "probability", "seconds"}
    assert set(known["candidates"][0]) == {"singer", "score", "probability"}
    assert set(known["nearest"][0]) == {"path", "singer", "score"}
    assert (unknown["decision"], "singers" in unknown) == ("unknown", False)
    assert (noise["decision"], "candidates" in noise) == ("no_voice", False)
    assert (enrolled["decision"], enrolled["singers"][0]["singer"], enrolled["said"]) == (
        "known",
        "Bea",
        True,
    )
    assert "error" in answers[4] if len(answers) > 4 else "broken.mp3" in done.stderr
    assert "is not calibrated" in done.stderr


def test_verify_ends_with_yes_or_no(run, own_library, tmp_path):
    song = made_voices.write_voice(tmp_path / "ada.wav", 203, 2.6, 77)
    yes = run("library", "verify", own_library, song, "--as", "ada")
    assert (yes.returncode, (yes.stdout + yes.stderr).startswith("yes (score ")) == (0, True)
    no = run("library", "verify", own_library, song, "--as", "Bea")
    assert (no.returncode, (no.stdout + no.stderr).startswith("no (score ")) == (1, True)
    # Somebody else is more like it, and must be beaten.
    score, needs = map(float, re.findall(r"-?\d\.\d\d", no.stdout))
    assert score < needs < 1
    gone = run("library", "verify", own_library, tmp_path / "no.wav", "--as", "Ada")
    assert gone.returncode == 2


def test_all_corrections_one_after_the_other(run, own_library, sung, tmp_path):
    song = made_voices.write_voice(tmp_path / "song.wav", 203, 2.6, 77)
    told = []
    for arguments in (
        ["say", own_library, song, "--is", " New  comer "],
        ["rename", own_library, "new comer", "Eve "],
        ["merge", own_library, "Cy", "Bea"],
        ["split", own_library, "Bea", "--into", "Cy"],
        ["undo", own_library, "--list"],
        ["undo", own_library, "4"],
        ["check", own_library],
        ["export", own_library, tmp_path / "export"],
        ["import", tmp_path / "other", tmp_path / "export"],
        ["calibrate", own_library, "--fpir", "40%"],
        ["migrate", own_library, "--encoder", "other"],
        ["forget", own_library, "Ada", "--yes"],
    ):
        done = run("library", *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        told.append(done.stdout)
    assert told[0] == f"{song}: is New comer (1 recording)\n"
    first, *_, last = told[4].splitlines()
    assert first.startswith("1  split (")
    assert last.startswith("5  enroll (")
    assert told[1] == "New comer is now called Eve\n"
    rows = json.loads(run("library", "list", own_library, "--json").stdout)
    assert [(row["singer"], row["recordings"]) for row in rows] == [("Bea", 3), ("Cy", 3)]
    other = json.loads(run("library", "list", tmp_path / "other", "--json").stdout)
    assert [(row["singer"], row["recordings"]) for row in other] == [("Ada", 3), ("Bea", 3), ("Cy", 3)]


def test_what_is_listed_is_json_too(run, own_library, sung, tmp_path):
    song = made_voices.write_voice(tmp_path / "song.wav", 203, 2.6, 77)
    rows = json.loads(run("library", "info", own_library, "ADA", "--json").stdout)
    assert len(rows) == 3
    assert {"id", "path", "album", "seconds", "voice_seconds", "exemplar", "score", "said"} == set(rows[0])
    found = json.loads(run("library", "similar", own_library, song, "--json").stdout)
    assert [row["singer"] for row in found[:3]] == ["Ada"] * 3
    calibrated = run("library", "calibrate", own_library, "--fpir", "0.4", "--json")
    assert calibrated.returncode == 0, calibrated.stderr
    content = json.loads(calibrated.stdout)
    assert (content["wanted"], content["stranger_singers"]) == (0.4, 3)
    groups = json.loads(run("discover", own_library, song, "--json").stdout)
    assert {"voices", "single", "known"} <= set(groups)


def test_tables_and_json_carry_names_that_are_no_utf8(run, sung, tmp_path):
    song = sung.tree / "Ada/album 0/0.wav"
    odd = b"Bj\xf6rk\n2".decode("utf-8", "surrogateescape")
    done = run("enroll", tmp_path / "library", "--as", odd, song, "--encoder", "small")
    assert done.returncode == 0, done.stderr
    assert json.loads(run("library", "list", tmp_path / "library", "--json").stdout)[0]["singer"] == odd
    assert "Bj\\udcf6rk\\n2" in run("library", "list", tmp_path / "library", COLUMNS="200").stdout
    (answer,) = map(json.loads, run("identify", tmp_path / "library", song, "--json").stdout.splitlines())
    assert answer["singers"][0]["singer"] == odd


def test_a_full_disk_is_one_line_and_nothing_is_lost(run, own_library, tmp_path):
    files = [made_voices.write_voice(tmp_path / f"{n}.wav", 600 + n, 1.2 + 0.3 * n, n) for n in range(5)]
    done = run("enroll", own_library, "--as", "Dee", *files, file_limit=40_000)
    assert done.returncode == 2
    assert len(_errors(done)) == 1
    done = run("enroll", own_library, "--as", "Dee", *files)
    assert done.returncode == 0, done.stderr
    rows = json.loads(run("library", "list", own_library, "--json").stdout)
    assert [(row["singer"], row["recordings"]) for row in rows] == [
        ("Ada", 3), ("Bea", 3), ("Cy", 3), ("Dee", 5)
    ]  # fmt: skip


def test_with_real_ears_a_singer_is_known(singerid, test_data, tmp_path):
    require_weights("campplus")
    voices = sorted(path for path in (test_data / "voices").iterdir() if path.is_dir())[:2]
    tree = tmp_path / "tree"
    held = {}
    for folder in voices:
        files = sorted(path for path in folder.rglob("*") if path.is_file())[:3]
        held[folder.name] = files[2]
        for path in files[:2]:
            target = tree / folder.name / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    done = singerid("enroll", tmp_path / "library", tree)
    assert done.returncode == 0, done.stderr
    done = singerid("identify", tmp_path / "library", *held.values(), "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["candidates"][0]["singer"] for answer in answers] == list(held)


def test_a_name_that_is_nearly_another_is_warned_of(run, own_library, sung):
    song = next(iter(sorted((sung.tree / "Ada").rglob("*.wav"))))
    for name, warned in (("Dorothea", False), ("dorotea", True), ("dorotea", False)):
        done = run("library", "say", own_library, song, "--is", name)
        assert done.returncode == 0, done.stderr
        assert ("is a new singer; if it is 'Dorothea': singerid library merge" in done.stderr) == warned
