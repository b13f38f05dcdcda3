"""What else a person presses: split, cancel, tags, on a library of one's own and on one that is read-only."""

import hashlib
import re
import shutil
from pathlib import Path

import mutagen
import pytest

from browsing import Watch, ask, browsing, chromium, delay, go, undo, watched
from made_voices import PITCHES, write_singers, write_voice
from servers import EARS, Server, serving
from singerid.library.library import Library

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra [dev]: playwright")
expect = sync_api.expect
WAIT_MS = 30_000
sync_api.expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(calibrated, tmp_path_factory):
    """A server on a library that is calibrated to 1 %, so that its names may become tags."""
    chromium()
    folder = tmp_path_factory.mktemp("putting-right")
    library = Path(shutil.copytree(calibrated, folder / "library"))
    write_singers(folder / "records", takes=1)
    (folder / "many").mkdir()
    with serving(library, [folder / "records", folder / "many"]) as server:
        yield server


@pytest.fixture(scope="module")
def context(browser, server):
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(server.address)
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    ask(page, ("/hear", {"paths": [str(server.library.parent / "records")]}))
    page.close()
    return context


@pytest.fixture
def page(context, server):
    with watched(context, server) as page:
        yield page


def test_chosen_recordings_become_another_singers(page) -> None:
    go(page, "Singers")
    page.get_by_role("main").get_by_role("link", name="Cy", exact=True).click()
    page.get_by_role("heading", name="Cy", level=1).wait_for()
    expect(page.locator(".singer-head")).to_contain_text("3 recordings")
    page.get_by_role("checkbox").nth(1).check()
    page.get_by_role("button", name="Split…").click()
    page.get_by_text("1 chosen recording").wait_for()
    page.get_by_label("Name of the other singer").fill("Cyrus")
    page.get_by_role("button", name="Split", exact=True).click()
    page.get_by_role("heading", name="Cyrus", level=1).wait_for()
    page.get_by_text(re.compile("1 recording went to .*Cyrus")).wait_for()
    expect(page.locator(".lines").first.get_by_role("listitem")).to_have_count(1)
    undo(page)
    page.get_by_role("heading", name="Singers", level=1).wait_for()  # nobody has that name any more
    page.get_by_role("main").get_by_role("link", name="Cy", exact=True).click()
    expect(page.locator(".singer-head")).to_contain_text("3 recordings")


def test_work_in_progress_is_cancelled(page, server) -> None:
    """What was heard by then stays; the rest is not begun."""
    folder = server.library.parent / "many"
    for number in range(60):
        write_voice(folder / f"{number:02}.wav", PITCHES["Ada"] * (1 + 0.0001 * number), 2.0, number)
    page.get_by_role("button", name="Add songs").first.click()
    page.get_by_label("Path of a folder or a file").fill(str(folder))
    page.get_by_role("button", name="Listen to this folder").click()
    page.get_by_role("link", name=re.compile(r"^\d\d\.wav")).first.wait_for()
    page.get_by_role("button", name=re.compile("^Cancel")).click()
    page.get_by_text(re.compile("cancelled", re.IGNORECASE)).first.wait_for()
    page.locator(".jobs > *").first.wait_for(state="detached")
    total = page.evaluate("async () => (await (await fetch('/api/v1/state')).json()).songs.total")
    assert 4 <= total < 63
    shutil.rmtree(folder)


def test_tags_are_looked_at_then_written_then_taken_back(page, server) -> None:
    file = server.library.parent / "records" / "Bea" / "album 0" / "0.wav"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    page.get_by_label("Search songs").fill("Bea")
    found = page.get_by_role("table").get_by_role("link")
    expect(found).to_have_count(1)
    found.click()
    page.get_by_role(
        "heading", name="0.wav", level=1
    ).wait_for()  # the list has a button Tags, too, for all songs
    page.get_by_role("button", name="Tags").click()
    page.get_by_role("heading", name="Write who sings into this song’s tags").wait_for()
    write = page.get_by_role("button", name="Write these tags")
    expect(write).to_be_disabled()  # there was no preview yet
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text(re.compile("adds .*Bea")).first.wait_for()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    # A late preview does not replace the report of what was written, and no new preview begins meanwhile.
    delay(page, '"write":false', 900)
    delay(page, '"write":true', 500)
    page.get_by_role("button", name="Show what would change").click()
    write.click()
    for name in ("Show what would change", "Write these tags", "Take back what was written into this song"):
        assert page.get_by_role("button", name=name).is_disabled(), name
    report = page.locator(".report")
    expect(report).to_contain_text("1 file written")
    page.wait_for_timeout(600)
    expect(report).to_contain_text("1 file written")
    assert "Bea" in str(mutagen.File(file).tags)
    page.get_by_role("button", name="Take back what was written into this song").click()
    expect(report).to_contain_text("The tags of 1 file are as before.")
    expect(write).to_be_disabled()  # until there is a new preview
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_the_interface_is_documented_on_the_machine(page, server, context) -> None:
    """Its page comes from this server alone, under the policy of the others."""
    documents = context.new_page()
    watch = Watch(documents)
    documents.goto(f"http://127.0.0.1:{server.port}/docs")
    documents.get_by_text("/api/v1/songs", exact=True).first.wait_for()
    assert watch.asked == {"127.0.0.1"}
    assert not watch.wrong
    documents.close()


def test_a_read_only_library_is_looked_at_and_offers_nothing_to_change(
    browser, own_library, tmp_path
) -> None:
    song = write_voice(tmp_path / "a stranger.wav", 640.0, 4.0)
    with Library.open(own_library) as library:
        library.keep(song, library.hearing(song, lambda _: None, with_cells=True))
    # The tests may run as root, who can write everywhere: here the server finds that it cannot.
    plugin = tmp_path / "read_only_ears.py"
    plugin.write_text(
        f"import os, runpy\nrunpy.run_path({str(EARS)!r})\n"
        "real = os.access\n"
        "os.access = lambda path, mode, **options: mode != os.W_OK and real(path, mode, **options)\n"
    )
    server = Server(own_library, plugin=plugin)
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watch = Watch(page)
    try:
        page.goto(server.start())
        page.get_by_text("This library is read-only: songs").first.wait_for()
        go(page, "Singers")
        page.get_by_role("main").get_by_role("link", name="Ada", exact=True).click()
        page.get_by_role("heading", name="Ada", level=1).wait_for()
        for name in ("Rename…", "Merge…", "Split…", "Forget…", "Undo"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        for view in ("Songs", "Unnamed", "Trust"):
            go(page, view)
        expect(page.get_by_role("button", name="Calibrate")).to_have_count(0)
        go(page, "Review")
        page.get_by_text("This library is read-only: you can listen, but answers cannot be kept.").wait_for()
        expect(page.locator("button.answer")).to_have_count(0)
        expect(page.get_by_label(re.compile("Answer with keys"))).to_have_count(0)
        page.get_by_role("button", name=re.compile("^Play")).wait_for()
        page.get_by_role("link", name="a stranger.wav").click()
        page.get_by_role("heading", name="a stranger.wav", level=1).wait_for()
        for name in ("Hear again", "Take out of the list", "Nobody sings"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        assert not watch.wrong
    finally:
        server.end()
        context.close()
