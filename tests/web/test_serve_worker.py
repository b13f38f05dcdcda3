"""What a job meets: files that end processes, a full disk, another program that writes, no library."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from listening_here import listen_here
from served import API, Within

import made_voices
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.library import database
from singerid.library.database import FullDiskError, UnusableDatabaseError
from singerid.library.hearing import Hearing
from singerid.library.jobs import Job
from singerid.library.library import Library
from singerid.web import bench, decoding, desk, kept, worker
from singerid.web.looking import Looking
from singerid.web.settings import Limits, Settings


@pytest.fixture
def music(tmp_path) -> Path:
    for number, pitch in enumerate((203.0, 294.0, 520.0)):
        made_voices.write_voice(tmp_path / "music" / f"{number}.wav", pitch, 2.5, 90 + number)
    return tmp_path / "music"


@pytest.fixture
def here(monkeypatch) -> None:
    """This process listens instead of others, and `poison.wav` ends it."""
    listen_here(monkeypatch)
    monkeypatch.setattr(bench, "AGAIN_SECONDS", 0.05)


def worked(library: Library, settings: Settings) -> Job:
    """Do the next job; gives the job after its end."""
    taken = library.jobs.take()
    assert taken is not None
    worker.do(bench.Bench(library, settings), *taken)
    found = library.jobs.get(taken[0].id)
    assert found is not None
    return found


def test_a_file_that_ends_its_decoder_is_told_and_the_rest_is_heard(own_library, music, here):
    (music / "1.wav").rename(music / "poison.wav")
    with Library.open(own_library) as library:
        library.jobs.add(
            "hear", {"paths": [str(music / "0.wav"), str(music / "poison.wav"), str(music / "2.wav")]}
        )
        job = worked(library, Settings(own_library, (music,)))
    assert job.state == "done"
    assert job.message.startswith("2 songs heard; 1 could not be used: ")
    assert "its process crashed" in job.message


def test_a_file_that_ends_the_worker_three_times_is_left_out(own_library, music, here):
    with Library.open(own_library) as library:
        made = library.jobs.add("hear", {"paths": [str(music)]})
        for _ in range(3):
            library.jobs.take()
            library.jobs.progress(made.id, 1, 3, "1.wav")
            library.jobs.resume()  # the worker has died of it
        library.jobs.take()
        library.jobs.progress(made.id, 1, 3, "1.wav")
        library.jobs.resume(died=False)  # the server was ended in order
        job = worked(library, Settings(own_library, (music,)))
        names = {answer.name for answer in library.answers.of(library.answers.choose()[0])}
    assert job.message.startswith("2 songs heard; 1 could not be used: ")
    assert "1.wav: has ended the process 3 times; it is left out" in job.message
    assert names == {"0.wav", "2.wav"}


def test_what_it_died_of_elsewhere_is_not_held_against_a_file(own_library, music, here):
    with Library.open(own_library) as library:
        made = library.jobs.add("hear", {"paths": [str(music)]})
        for place in (0, 1, 1, 2):
            library.jobs.take()
            library.jobs.progress(made.id, place, 3, f"{place}.wav")
            library.jobs.resume()
        assert worked(library, Settings(own_library, (music,))).message == "3 songs heard"


def test_other_work_that_ends_the_worker_three_times_fails(own_library, music):
    with Library.open(own_library) as library:
        library.jobs.add("discover", {})
        for _ in range(3):
            library.jobs.take()
            library.jobs.resume()
        job = worked(library, Settings(own_library, (music,)))
        assert job.state == "failed"
        assert "has ended 3 times in a row at one step" in job.message
        library.jobs.add("discover", {})
        assert worked(library, Settings(own_library, (music,))).state == "done"


def test_while_the_disk_is_full_a_job_waits_and_says_so(own_library, music, here, monkeypatch, caplog):
    full, really = [3], Library.keep

    def keep(self, *given):
        if full[0]:
            full[0] -= 1
            with self.core.database.explained():
                raise sqlite3.OperationalError("database or disk is full")
        return really(self, *given)

    monkeypatch.setattr(Library, "keep", keep)
    with Library.open(own_library) as library:
        library.jobs.add("hear", {"paths": [str(music)]})
        assert worked(library, Settings(own_library, (music,))).message == "3 songs heard"
    told = "\n".join(caplog.messages)
    assert told.count("the disk is full; free some space") == 1
    assert "the job waits until then, and goes on by itself" in told


def test_where_the_disk_is_full_the_state_says_so(own_library, monkeypatch):
    with Within(Settings(own_library)) as server:
        assert server.http.get(f"{API}/state").json()["notice"] == ""
        monkeypatch.setattr(kept.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
        assert "the disk is full; free some space" in server.http.get(f"{API}/state").json()["notice"]


def test_a_full_disk_is_told_from_a_damaged_database(own_library):
    with Library.open(own_library) as library:
        for said, is_full in (("database or disk is full", True), ("disk I/O error", False)):
            with pytest.raises(UnusableDatabaseError) as raised, library.core.database.explained():
                raise sqlite3.OperationalError(said)
            assert isinstance(raised.value, FullDiskError) is is_full


WRITES = """
import sys
from pathlib import Path
from singerid.library.database import Database
with Database(Path(sys.argv[1])) as other, other.command("enroll"):
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_while_another_process_writes_it_is_told_and_jobs_wait(own_library, music, here, monkeypatch):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.2)
    settings = Settings(own_library, (music,))
    with (
        Within(settings) as server,
        subprocess.Popen(
            [sys.executable, "-c", WRITES, own_library], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other,
    ):
        assert other.stdout.readline() == b"writing\n"
        answer = server.http.post(f"{API}/singers/rename", json={"name": "Ada", "to": "Eve"})
        assert answer.status_code == 503
        assert "another command is writing to this library; try again" in answer.json()["detail"]
        job = server.http.post(f"{API}/hear", json={"paths": [str(music)]}).json()
        library = Library.open(own_library)
        thread = Thread(target=worked, args=(library, settings))
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        assert server.http.get(f"{API}/jobs").json()["jobs"][0]["state"] == "running"
        other.communicate(b"", 30)
        thread.join(60)
        library.close()
        assert server.http.get(f"{API}/jobs").json()["jobs"][0]["message"] == "3 songs heard"
        assert job["kind"] == "hear"
        answer = server.http.post(f"{API}/singers/rename", json={"name": "Ada", "to": "Eve"})
        assert answer.status_code == 200


def test_a_library_that_was_deleted_is_not_made_anew(own_library, music):
    settings = Settings(own_library, (music,))
    looking = Looking(settings)
    with Library.open(own_library) as library:
        server = desk.Desk(settings)
        shutil.rmtree(own_library)
        with pytest.raises(UnusableDatabaseError, match="is not there any more"):
            library.say(music / "0.wav", singer="Ada")
        with pytest.raises(SingeridError):
            server.notes.skip("one")
    worker.work(settings)  # returns
    with pytest.raises(SingeridError), worker.only_worker(settings):
        pass
    assert looking.kept(music / "0.wav", "type", lambda: b"audio/wav") == b"audio/wav"
    with pytest.raises(SingeridError):
        settings.make(settings.uploads)
    assert not own_library.exists()


class Slow:
    """A separator that gives its first block late."""

    name, origin, notice, sample_rate = "slow", "slow 1", "", 16_000

    def blocks(self, path, mixture, warn) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for block in mixture():
            yield block, np.zeros_like(block)


def test_separating_tells_that_it_goes_on(own_library, music):
    """Decoding, reading, separating and listening: a long song gives signs of progress all the time."""
    path = made_voices.write_voice(music / "long.wav", 200.0, 60.0)
    stages: list[str] = []
    hearing = Hearing(open_encoder("small"), "vocals", Slow())
    reply = decoding.heard_reply(hearing, path, True, Settings(own_library), lambda: stages.append("beat"))
    assert reply["seconds"] == pytest.approx(60)
    assert len(stages) > 30  # of 6 blocks of 10 s that are weighed, and twice as many of the others


def test_listing_tells_that_it_goes_on(music):
    found: list[str] = []
    reply = decoding.listed_reply([str(music)], lambda: found.append("beat"))
    assert reply["files"].count(b".wav") == 3
    assert len(found) == 3


def test_a_voice_of_another_shape_is_not_kept(own_library, music, here, monkeypatch):
    """A decoder that was taken over can tell what was heard, and nothing else."""
    from singerid.web import replies

    real = decoding.plain_voice
    for harm in (
        {"vectors": np.ones((2, 96), np.float32)},
        {"vectors": np.full((1, 96), np.nan, np.float32)},
        {"vectors": np.ones((1, 95), np.float32)},
        {"vectors": np.ones((1, 95), np.float32), "cells": None},
        {"seconds": -1.0},
        {"seconds": "long"},
        {"warning": ["x"]},
        {"cells": {}},
        {"seconds": 10**400},
        {"seconds": True},
        {"vectors": np.full((1, 96), 1e300)},
        {"vectors": np.full((1, 96), 3e38, np.float32)},
        {"vectors": np.ones((1, 96), bool)},
        *({"cells": {"seconds": seconds}} for seconds in (0, 0.0, -1.0, 1e300, 10**400, 1e5)),
        {"cells": {"vectors": np.zeros((0, 1, 96), np.float32), "sung": np.zeros(0, np.float32)}},
        {"cells": {"vectors": np.full((5, 1, 96), 3e38, np.float32), "sung": np.zeros(5, np.float32)}},
        {"cells": {"vectors": np.zeros((9**4, 1, 96), np.float32), "sung": np.zeros(9**4, np.float32)}},
        {"cells": {"sung": np.full(5, -1, np.float32)}},
        {"cells": {"sung": np.full(5, 7)}},
        {"cells": {"several": np.zeros(5, bool)}},
        {"cells": {"sounds": np.zeros(27, np.float32)}},
        {"cells": {"sounds": np.ones(10**6, bool)}},
    ):

        def harmed(*given, harm=harm):
            told = real(*given)
            cells = told["cells"] | harm["cells"] if harm.get("cells") else told["cells"]
            return (
                told | {"cells": cells} | {key: one for key, one in harm.items() if key != "cells" or not one}
            )

        monkeypatch.setattr(decoding, "plain_voice", harmed)
        with Library.open(own_library) as library:
            before = made_voices.dump(library)
            library.jobs.add("hear", {"paths": [str(music / "0.wav")]})
            job = worked(library, Settings(own_library, (music,)))
            assert job.state == "failed", harm
            assert "the result of listening is invalid" in job.message
            assert made_voices.dump(library) == before
    assert replies.plain_voice is real


def test_a_useless_result_fails_only_its_file(own_library, music, here, monkeypatch):
    """Such a file made the whole job fail."""
    really = Library.keep

    def keep(self, path, *given):
        if path.name == "1.wav":
            raise ValueError("no such shape")
        return really(self, path, *given)

    monkeypatch.setattr(Library, "keep", keep)
    with Library.open(own_library) as library:
        library.jobs.add("hear", {"paths": [str(music)]})
        job = worked(library, Settings(own_library, (music,)))
    assert job.message.startswith("2 songs heard; 1 could not be used: ")
    assert "1.wav: cannot be used: the result of listening is invalid (no such shape)" in job.message


def test_uploads_that_cannot_be_listed_or_removed_end_nothing(own_library, monkeypatch):
    """They ended the process that works on the queue, again and again."""
    settings = Settings(own_library)
    gone, shut = settings.uploads / "gone" / "1.wav", settings.uploads / "shut" / "1.wav"
    for path in (gone, shut):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"RIFF")
        os.utime(path, (0, 0))
    really = Path.iterdir

    def iterdir(folder):
        if folder.name == "shut":
            raise PermissionError(13, "Permission denied")
        return really(folder)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with Library.open(own_library) as library:
        kept.remove_forgotten(library, settings)
        assert (gone.exists(), shut.exists()) == (False, True)
        monkeypatch.setattr(bench, "Child", None)  # whatever is done with it fails
        monkeypatch.setattr(Path, "unlink", refused)
        library.jobs.add("hear", {"paths": [str(shut.absolute())]})
        assert worked(library, settings).state == "failed"
    assert shut.exists()


def test_while_all_decoders_are_busy_the_answer_says_to_try_again(own_library, music):
    with Within(Settings(own_library, (music,), limits=Limits(quiet_seconds=0.1))) as server:
        with Library.open(own_library) as library:
            content = {"path": "x", "decision": "unknown", "seconds": 2.0, "voice_seconds": 1.0}
            song = library.answers.put(str(music / "0.wav"), 1, 1, None, content, library.state)
        taken = [server.app.state.looking.free.get() for _ in range(2)]
        answer = server.http.get(f"{API}/songs/{song}/peaks")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "the decoders are busy; try again" in answer.json()["detail"]
        for child in taken:
            server.app.state.looking.free.put(child)


def test_more_pages_than_may_listen_are_refused_before_the_stream_begins(own_library, monkeypatch):
    monkeypatch.setattr(desk, "MOST_LISTENERS", 2)
    with Within(Settings(own_library)) as server:
        streams = [server.http.get(f"{API}/events", stream=True) for _ in range(2)]
        assert [stream.status_code for stream in streams] == [200, 200]
        answer = server.http.get(f"{API}/events", stream=True)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert "too many pages are open at once" in answer.json()["detail"]
        for stream in streams:
            stream.close()
        server.desk.tell("library", {})

        def listens() -> bool:
            with server.http.get(f"{API}/events", stream=True) as again:
                return again.status_code == 200

        end = time.monotonic() + 20
        while not listens():
            assert time.monotonic() < end
            time.sleep(0.2)
