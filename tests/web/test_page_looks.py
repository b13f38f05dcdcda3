"""The page for everybody: on a phone, in the dark, by keyboard alone, with a screen reader."""

import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from browsing import Watch, ask, browsing, chromium
from made_voices import PITCHES, write_noise, write_voice
from servers import serving

VIEWS = {
    "songs": "#/songs",
    "song": "#/song/1",
    "singers": "#/singers",
    "singer": "#/singer?name=Ada",
    "review": "#/review",
    "voices": "#/voices",
    "trust": "#/trust",
    "nowhere": "#/nowhere",
}
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}


@pytest.fixture(scope="module")
def server(sung, tmp_path_factory):
    """A server on a library that has heard songs by each of its singers, and by a stranger."""
    chromium()
    folder = tmp_path_factory.mktemp("looks")
    library = Path(shutil.copytree(sung.library, folder / "a library with a rather long name"))
    songs = folder / "songs"
    for singer, pitch in PITCHES.items():
        write_voice(
            songs / f"a song by {singer} whose name goes on and on and on.wav", pitch * 1.004, 4.0, 40
        )
    for number in range(3):
        write_voice(songs / f"stranger {number}.wav", 640.0 + number, 4.0, 50 + number)
    write_noise(songs / "rain.wav")
    with serving(library, [songs]) as server:
        yield server, songs


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def cookies(server, browser):
    """Signed in once; all songs are heard and grouped."""
    running, songs = server
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.address)
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    ask(page, ("/hear", {"paths": [str(songs)]}), ("/voices/discover", {}))
    found = context.cookies()
    assert [(one["httpOnly"], one["sameSite"]) for one in found] == [(True, "Strict")]
    context.close()
    return found


@contextmanager
def looking(browser, cookies, server, look: str, **options):
    """A context with a page of this look, and its watcher."""
    context = browser.new_context(reduced_motion="reduce", **LOOKS[look], **options)
    context.add_cookies(cookies)
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch = Watch(page)
    page.goto(f"http://127.0.0.1:{server[0].port}/#/songs")
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    try:
        yield page, watch
    finally:
        context.close()


def show(page, view: str) -> None:
    """Go to a view, by a step that a person could do."""
    page.evaluate(
        """hash => {
            if (location.hash === hash) return;
            document.querySelector("main").ariaBusy = "true"; // until the view is there
            location.hash = hash;
        }""",
        VIEWS[view],
    )
    page.locator("main:not([aria-busy]) h1").wait_for()
    if view == "song":
        page.get_by_role("slider").wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious(browser, cookies, server, look) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # axe is put into the page as a script, which the page's own policy forbids.
    with looking(browser, cookies, server, look, bypass_csp=True) as (page, _):
        for view in VIEWS:
            show(page, view)
            found = axe.run(page).response["violations"]
            grave = [one for one in found if one["impact"] in ("serious", "critical")]
            assert not [(one["id"], one["nodes"][0]["html"]) for one in grave], view
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        found = axe.run(page).response["violations"]
        assert "button-name" in [one["id"] for one in found], "axe finds nothing at all"


@pytest.mark.parametrize("look", LOOKS)
def test_every_view_fits_and_keeps_its_policy(browser, cookies, server, look) -> None:
    with looking(browser, cookies, server, look) as (page, watch):
        for view in VIEWS:
            show(page, view)
            widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert widths[0] <= widths[1], f"{view} scrolls sideways at {widths[1]} px"
            assert not watch.wrong, view
        assert watch.asked == {"127.0.0.1"}


def test_buttons_of_a_phone_are_large_enough_for_a_finger(browser, cookies, server) -> None:
    with looking(browser, cookies, server, "phone") as (page, _):
        for view in VIEWS:
            show(page, view)
            # The width of a turn is its length in time.
            small = page.evaluate(
                """() => [...document.querySelectorAll("button:not(.turn):not(.skip), nav a")].filter(at => {
                    const { width, height } = at.getBoundingClientRect();
                    return width > 0 && Math.min(width, height) < 24;
                }).map(at => at.outerHTML)"""
            )
            assert not small, view


def luminance(colour: str) -> float:
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


@pytest.mark.parametrize(("look", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_system(browser, cookies, server, look, is_dark) -> None:
    with looking(browser, cookies, server, look) as (page, _):
        style = "getComputedStyle(document.documentElement)"
        ground, ink = page.evaluate(f"[{style}.backgroundColor, {style}.color]")
        assert (luminance(ground) < luminance(ink)) == is_dark


def test_by_keyboard_alone(browser, cookies, server) -> None:
    with looking(browser, cookies, server, "light") as (page, _):

        def focused() -> str:
            return page.evaluate(
                "(at => (at.getAttribute('aria-label') || at.innerText).trim())(document.activeElement)"
            )

        def tab_to(name: str) -> None:
            for _ in range(60):
                if focused().startswith(name):
                    # Without a mouse, a person must see where the focus is.
                    assert page.evaluate("document.activeElement.matches(':focus-visible')")
                    return
                page.keyboard.press("Tab")
            raise AssertionError(f"the tab key never comes to {name!r}")

        page.keyboard.press("Tab")
        assert focused() == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        tab_to("a song by Bea")
        page.keyboard.press("Enter")
        page.get_by_role("slider").wait_for()
        # A step to another view moves the focus to its heading, and the screen reader reads that.
        assert page.evaluate("document.activeElement.tagName") == "H1"
        tab_to("Place in the song")
        page.keyboard.press("ArrowRight")
        assert page.get_by_role("slider").get_attribute("aria-valuenow") == "4"  # five seconds on, at its end
        page.keyboard.press("Home")
        assert page.get_by_role("slider").get_attribute("aria-valuetext") == "0:00"
        tab_to("Somebody else")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.tagName") == "INPUT"
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
        assert focused().startswith("Somebody else")  # and comes back to where it was


def test_letters_in_a_field_are_no_answers(browser, cookies, server) -> None:
    with looking(browser, cookies, server, "light") as (page, _):
        show(page, "review")
        page.locator(".question h2").wait_for()
        before = page.locator(".view-head .quiet").inner_text()
        page.get_by_label(re.compile("Answer with keys")).uncheck()
        page.keyboard.press("k")
        page.wait_for_timeout(300)
        assert page.locator(".view-head .quiet").inner_text() == before
