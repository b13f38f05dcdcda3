"""Long work in a real server: heard, cancelled, cut off by kill -9, and gone on with."""

import signal
import socket
import subprocess
import sys
import time
from threading import Event

import pytest
import requests
import uvicorn
from served import API, Browser, served

from made_voices import write_noise, write_voice
from singerid.library.library import Library
from singerid.web import serving
from singerid.web.desk import Desk
from singerid.web.settings import Settings


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    for number, pitch in enumerate((203.0, 294.0, 520.0)):
        write_voice(folder / f"{number}.wav", pitch, 2.5, 90 + number)
    write_noise(folder / "noise.wav")
    return folder


def test_from_the_address_to_an_answer_and_its_correction(own_library, music, tmp_path):
    outside = write_voice(tmp_path / "outside.wav", 333.0)
    (music / "link.wav").symlink_to(outside)
    (music / "broken.mp3").write_bytes(b"ID3 no sound at all" * 50)
    with served(own_library, "--root", music) as server:
        with server.http.get(f"{API}/events", stream=True) as events:
            job = server.hear(music)
            assert (job["state"], job["done"], job["total"]) == ("done", 6, 6)
            assert "4 songs heard; 2 could not be used" in job["message"]
            assert "link.wav: a link leads out of the folders" in job["message"]
            seen = b"".join(part for part, _ in zip(events.iter_content(64), range(12), strict=False))
            assert b"event: job" in seen
        songs = {song["name"]: song for song in server.get("/songs")["songs"]}
        assert songs["0.wav"]["singers"][0]["singer"] == "Ada"
        assert songs["noise.wav"]["decision"] == "no_voice"
        assert songs["2.wav"]["decision"] == "unknown"
        assert server.hear(music)["message"].startswith("0 songs heard; 4 known already")
        said = server.post(f"/songs/{songs['2.wav']['id']}/say", {"is": "Dora"})
        assert (said["decision"], said["said"], said["stale"]) == ("known", True, False)
        assert server.get("/state")["undo"]["command"] == "say"
        assert server.get("/songs", params={"singer": "dora"})["total"] == 1
        for ending in ("csv", "json", "rttm", "txt"):
            answer = server.http.get(f"{API}/answers.{ending}", params={"singer": "Dora"})
            assert answer.status_code == 200
            assert answer.headers["content-disposition"].startswith("attachment")
            assert b"Dora" in answer.content
        assert server.end() == 130


def test_killed_in_mid_job_it_goes_on_after_a_restart(own_library, tmp_path):
    folder = tmp_path / "music"
    for number in range(40):
        write_voice(folder / f"{number:02}.wav", 200.0 + 9 * number, 2.0, number)
    with served(own_library, "--root", folder) as server:
        job = server.post("/hear", {"paths": [str(folder)]})["id"]
        server.until(lambda: server.job(job)["done"] >= 2)
        assert len(server.processes()) >= 3
        server.end(signal.SIGKILL)  # the server alone
        end = time.monotonic() + 10
        while server.processes():  # its worker ends by itself, and leaves nothing half done
            assert time.monotonic() < end
            time.sleep(0.05)
    with Library.open(own_library) as library:
        heard = library.answers.counts()
        assert library.jobs.get(job).state == "running"
        assert 2 <= sum(heard.values()) < 40
    with served(own_library, "--root", folder) as server:
        ended = server.done(job)
        assert ended["state"] == "done"
        assert f"{40 - sum(heard.values())} songs heard" in ended["message"]
        assert server.get("/state")["songs"]["total"] == 40


def test_all_kinds_of_jobs_are_done(own_library, tmp_path):
    tone = write_voice(tmp_path / "new.wav", 700.0)
    with served(own_library, "--root", tmp_path) as server:
        server.hear(tone)
        asked = [
            server.post("/trust/calibrate", {"fpir": 0.3}),
            server.post("/voices/discover", {}),
            server.post("/migrate", {"encoder": "other"}),
        ]
        done = [server.done(job["id"]) for job in asked]
        assert [job["state"] for job in done] == ["done"] * 3, done
        assert done[1]["message"] == "0 voices without a name; 1 recording like no other"
        assert done[2]["message"] == "10 recordings heard again; calibrate next"
        state = server.get("/state")
        assert (state["library"]["encoder"], state["library"]["calibration"]) == ("other", None)
        assert not server.get("/songs")["songs"][0]["stale"]


@pytest.fixture
def in_the_background():
    """As a shell starts programs in the background: Ctrl-C is ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_by_a_host_and_a_token_others_are_let_in(own_library, in_the_background):
    with served(own_library, "--host", "0.0.0.0", "--token", "a-token-of-my-own", enter=False) as server:
        assert server.base.startswith("http://127.0.0.1:")  # which a browser here can open
        port = server.base.rpartition(":")[2]
        assert f"http://{socket.gethostname()}:{port}/?token=a-token" in "".join(server.server.log)
        for name in ("127.0.0.1", "127.0.0.2"):  # an address as another machine would use
            other = Browser(f"http://{name}:{port}")
            assert other.get(f"{API}/state").status_code == 401
            assert other.get("/?token=another-token-of-mine").status_code == 403
            for _ in range(2):
                assert other.get(f"/?token={server.token}").status_code == 303
            assert other.get(f"{API}/state").status_code == 200
            asked = other.get(f"{API}/state", headers={"host": f"{socket.gethostname()}:{port}"})
            assert asked.status_code == 401  # by its name, too; cookies are of an address
            assert other.get(f"{API}/state", headers={"host": f"evil.example:{port}"}).status_code == 421
        assert server.end() == 130


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.7", "10.0.0.7")]
)
def test_an_address_is_shown_that_can_be_opened(host, shown):
    assert serving.shown_host(host) == shown


def test_whatever_a_thread_waits_for_the_server_ends(own_library, monkeypatch):
    ended = Event()
    monkeypatch.setattr(serving, "_END_SECONDS", 0.05)
    monkeypatch.setattr(serving.os, "_exit", lambda code: ended.set() if code == 130 else None)
    for is_over in (False, True):
        ended.clear()
        desk = Desk(Settings(own_library))
        server = serving._Server(uvicorn.Config(lambda: None), desk)
        server.handle_exit(signal.SIGINT, None)
        assert desk.closing.is_set()
        if is_over:  # by itself
            server.ended()
        assert ended.wait(0.5) is not is_over


def test_a_job_is_cancelled_while_it_runs_and_while_it_waits(own_library, tmp_path):
    folder = tmp_path / "music"
    for number in range(60):
        write_voice(folder / f"{number:02}.wav", 200.0 + 9 * number, 2.0, number)
    with served(own_library, "--root", folder) as server:
        running, waiting = (server.post("/hear", {"paths": [str(folder)]})["id"] for _ in range(2))
        server.until(lambda: server.job(running)["done"] >= 1)
        for number in (waiting, running):
            assert server.http.delete(f"{API}/jobs/{number}").json()["state"] == "cancelled"
        time.sleep(1.5)
        heard = server.get("/state")["songs"]["total"]
        assert 1 <= heard < 60
        assert server.job(running)["state"] == "cancelled"
        assert server.hear(folder)["state"] == "done"  # the next one is done


def test_a_port_in_use_is_one_line(own_library):
    with served(own_library) as server:
        port = server.base.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "singerid", "serve", own_library, "--port", port],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "cannot listen there" in done.stderr
        assert done.stderr.count("\n") == 1
        assert requests.get(server.base, headers={"host": "evil.example"}, timeout=9).status_code == 421


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "give a secret with --token"),
        (("--host", "0.0.0.0", "--token", "short"), "easy to guess"),
        (("--root", "/nowhere"), "is not a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(singerid, own_library, options, said):
    done = singerid("serve", own_library, *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_its_packages_it_says_how_to_get_them(singerid, own_library, tmp_path):
    (tmp_path / "without.py").write_text("import sys; sys.modules['uvicorn'] = None\n")
    done = singerid("--plugin", tmp_path / "without.py", "serve", own_library)
    assert done.returncode == 2
    assert "pip install 'singerid[web]'" in done.stderr
