"""Uploads: files over a limit, files without sound, hostile files."""

import re
from collections import Counter
from pathlib import Path

import hostile_uploads
import pytest
from served import API, Within, served

from made_voices import write_voice
from singerid.web.settings import Limits, Settings
from singerid.web.uploads import shown_name

LIMITS = Limits(upload_bytes=400_000, uploads_at_once=3, seconds=10, jobs=4, quiet_seconds=30)


@pytest.fixture
def within(own_library):
    with Within(Settings(own_library, limits=LIMITS)) as server:
        yield server


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return write_voice(tmp_path_factory.mktemp("voices") / "a.wav", 200.0).read_bytes()


def uploads(server):
    return [path for path in server.desk.settings.uploads.rglob("*") if path.is_file()]


def test_what_is_sent_is_kept_under_a_name_of_the_servers(within, voice):
    answer = within.upload(("../../My Söng.wav", voice), ("page.html", b"<script>alert(1)</script>"))
    assert answer.status_code == 200
    told = answer.json()
    assert told["job"]["kind"] == "hear"
    assert [one["name"] for one in told["refused"]] == ["page.html"]
    (kept,) = uploads(within)
    assert kept.read_bytes() == voice
    assert "S" not in kept.name
    assert kept.suffix == ".wav"


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ([("large.wav", bytes(400_001))], 413, "is larger than 0 MB"),
        ([(f"{number}.wav", b"x") for number in range(4)], 413, "more than 3 files"),
        ([("page.html", b"<script>alert(1)</script>")], 415, "is no sound"),
        ([("empty.wav", b"")], 415, "is empty"),
    ],
)
def test_what_is_over_a_limit_is_refused_and_not_kept(within, files, status, said):
    answer = within.upload(*files)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert uploads(within) == []


def test_a_sound_that_is_too_long_is_refused(within, tmp_path):
    long = write_voice(tmp_path / "long.wav", 200.0, 11.0).read_bytes()
    answer = within.upload(("long.wav", long))
    assert answer.status_code == 415
    assert "is longer than 0:10" in answer.json()["detail"]
    assert uploads(within) == []


def test_no_more_jobs_wait_than_may(within, voice):
    for _ in range(4):
        assert within.upload(("a.wav", voice)).status_code == 200
    for answer in (
        within.upload(("a.wav", voice)),
        within.http.post(f"{API}/migrate", json={}),
    ):
        assert answer.status_code == 429
        assert "4 jobs wait already" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"x", 415),
        ("multipart/form-data", b"x", 415),
        ("multipart/form-data; boundary=b", b"nonsense", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n", 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nx\r\n--b--',
            422,
        ),
    ],
)
def test_what_is_no_upload_is_refused(within, kind, body, status):
    answer = within.http.post(f"{API}/upload", data=body, headers={"content-type": kind})
    assert (answer.status_code, "detail" in answer.json()) == (status, True)
    assert list(within.desk.settings.uploads.glob("*")) == []


def test_names_are_shown_and_lead_nowhere():
    assert shown_name("a\u202eb\n.wav") == "ab.wav"
    assert shown_name("x" * 999) == "x" * 200
    assert shown_name("") == "file"


def test_a_read_only_library_takes_none(own_library, voice, monkeypatch):
    from singerid.library import database

    monkeypatch.setattr(database.os, "access", lambda *_: False)  # root may write anywhere
    with Within(Settings(own_library, limits=LIMITS)) as server:
        answer = server.upload(("a.wav", voice))
        assert answer.status_code == 403
        assert "read-only" in answer.json()["detail"]
        assert server.http.get(f"{API}/state").json()["writable"] is False


def test_the_documents_table_is_of_the_uploads_that_are_sent():
    kinds = Counter(kind for kind, _, _ in hostile_uploads.hostile(0, 200))
    text = (Path(__file__).parents[2] / "docs/serve.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.split("| upload |")[1].splitlines()[2:] if line[:1] == "|"]
    assert sorted(int(row[1]) for row in rows) == sorted(kinds.values())
    for row in rows:
        told = [int(number) for cell in row[2:] for number in re.findall(r"^ *(\d+)", cell)]
        assert sum(told) == int(row[1]), row


def test_hostile_uploads_do_nothing(own_library):
    with served(own_library, "--upload-limit", hostile_uploads.UPLOAD_MB, enter=False) as server:
        found = hostile_uploads.run(server.address, server.process.pid, own_library, seed=1, count=40)
    print(found.table())
    assert found.problems == []
    assert found.memory[1] < found.memory[0] + 60
    assert sum(statuses.total() for statuses in found.statuses.values()) == 40
