"""What goes wrong around the page: files move, names bite, servers die, browsers lack things."""

import re
import shutil
from pathlib import Path

import pytest

from browsing import Watch, browsing, chromium, go
from made_voices import PITCHES, write_voice
from servers import Server

BITING = '"><img src=x onerror=document.title=1> \u202edrow'
MANY = 1000


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture
def served(own_library, tmp_path):
    """A server of this test alone, and the folder whose songs it may hear."""
    chromium()
    (tmp_path / "songs").mkdir()
    server = Server(own_library, [tmp_path / "songs"])
    yield server, tmp_path / "songs"
    server.end()


def opened(browser, server, **options):
    context = browser.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    watch = Watch(page)
    page.goto(server.address)
    return page, watch


def hear(page, folder: Path) -> None:
    page.get_by_role("button", name="Add songs").first.click()
    page.get_by_label("Path of a folder or a file").fill(str(folder))
    page.get_by_role("button", name="Listen to this folder").click()


def test_moved_files_and_names_that_bite(browser, served) -> None:
    """A file that moved keeps its answer and says why it is silent; a name is never markup."""
    server, songs = served
    name = BITING.replace("/", "")
    write_voice(songs / f"{name}.wav", PITCHES["Ada"], 3.0)
    moved = write_voice(songs / "moved.wav", PITCHES["Bea"], 3.0)
    server.start()
    page, watch = opened(browser, server)
    assert "token" not in page.url
    hear(page, songs)
    page.get_by_role("link", name="moved.wav").wait_for()
    page.get_by_role("link", name=re.compile("onerror")).click()
    page.get_by_role("heading", name=re.compile("onerror"), level=1).wait_for()
    assert "\u202e" not in page.locator("h1").inner_text()
    page.get_by_role("button", name="Somebody else…").click()
    page.get_by_label("Singer’s name").fill(BITING)
    page.get_by_role("button", name="That is who sings").click()
    page.locator(".decision").get_by_text(re.compile("onerror")).wait_for()
    go(page, "Singers")
    page.get_by_role("link", name=re.compile("onerror")).click()
    page.get_by_role("heading", name=re.compile("onerror"), level=1).wait_for()
    assert page.locator("img[src=x]").count() == 0

    moved.rename(songs.parent / "elsewhere.wav")
    go(page, "Songs")
    page.get_by_text("file moved").wait_for()
    page.get_by_role("link", name="moved.wav").click()
    page.get_by_text("The file is no longer where it was").wait_for()
    assert "Bea" in page.locator(".decision").inner_text()
    assert not watch.wrong


def test_a_server_that_is_killed_in_mid_job_goes_on_after_its_restart(browser, served) -> None:
    server, songs = served
    for number in range(24):
        write_voice(songs / f"{number:02}.wav", PITCHES["Cy"] * (1 + 0.0001 * number), 3.0, number)
    server.start()
    page, _ = opened(browser, server)
    hear(page, songs)
    page.get_by_role("link", name=re.compile(r"^\d\d\.wav")).first.wait_for()
    server.kill()
    page.get_by_text("The server does not answer").first.wait_for()
    first = server.address
    server.start()
    assert server.address != first  # another token; the port is the same
    # The old cookie is worth nothing at the new server, and the page says what to do.
    page.get_by_text("Open the address that singerid serve printed").first.wait_for()
    page.goto(server.address)
    page.get_by_text("24 songs heard").wait_for()
    page.locator(".jobs > *").first.wait_for(state="detached")


def test_a_thousand_songs_are_there_at_once(browser, served) -> None:
    import small_ears
    from singerid.library.answers import Answers
    from singerid.library.library import Library

    server, songs = served
    with small_ears.known(), Library.open(server.library) as library:
        answers = Answers(library.core.database)
        for number in range(MANY):
            content = {
                "path": str(songs / f"{number:04}.wav"),
                "decision": "known",
                "singers": [{"singer": "Ada", "probability": 0.9, "seconds": 60.0}],
                "probability": 0.9,
                "voice_seconds": 60.0,
                "seconds": 180.0,
                "calibrated": False,
            }
            answers.put(content["path"], 1, 1, None, content, "old")
    server.start()
    page, watch = opened(browser, server)
    page.get_by_text("1,000 songs heard").wait_for()
    paints = []
    for _ in range(3):  # the machine may be busy with something else
        page.reload()
        page.get_by_role("table").get_by_role("link").first.wait_for()
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    assert min(paints) < 1000
    rows = page.get_by_role("row")
    assert page.get_by_role("table").get_attribute("aria-rowcount") == str(MANY + 1)
    assert rows.count() < 80  # only what is in sight is in the page
    page.get_by_label("Sort by").select_option("name")
    page.get_by_role("link", name="0000.wav").wait_for()
    # Rows that fail are not asked for again and again, and they come when the trouble is over.
    asked = []
    far = re.compile("offset=800")
    page.route(far, lambda route: (asked.append(1), route.fulfill(status=503, json={"detail": "in trouble"})))
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    page.get_by_role("alert").get_by_text("in trouble").wait_for()
    page.wait_for_timeout(500)
    assert len(asked) == 1
    page.unroute(far)
    page.get_by_role("link", name="0999.wav").wait_for()
    assert rows.count() < 80
    assert not watch.wrong


def test_what_is_lacking_is_told(browser, served) -> None:
    server, _ = served
    server.start()
    page, _ = opened(browser, server)
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    cookies = page.context.cookies()
    page.context.close()

    bare = browser.new_context(java_script_enabled=False)
    bare.add_cookies(cookies)
    page = bare.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.get_by_text("This page needs JavaScript").wait_for()
    bare.close()

    deaf = browser.new_context()
    deaf.add_cookies(cookies)
    deaf.add_init_script("delete window.AudioContext; delete window.webkitAudioContext")
    page = deaf.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.get_by_text("This browser has no Web Audio").wait_for()
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    deaf.close()

    # Last, as nothing is left after it: the library is deleted under the server.
    page = browser.new_context(reduced_motion="reduce").new_page()
    page.context.add_cookies(cookies)
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    shutil.rmtree(server.library)
    page.get_by_role("link", name="Singers", exact=True).click()
    told = page.locator("main").get_by_role("alert")
    told.get_by_text(server.library.name).wait_for()
