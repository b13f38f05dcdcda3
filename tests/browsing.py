"""A real browser that looks at a server's page, and notes what goes wrong there."""

import base64
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REQUIRED = "SINGERID_REQUIRE_BROWSER"


def chromium() -> str:
    """The browser's path; without one the test is skipped, or fails where browsers are required."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "no chromium: install Debian's package of that name"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def browsing() -> Iterator[object]:
    """A context with a browser."""
    path = chromium()
    api = pytest.importorskip("playwright.sync_api", reason="needs the extra [dev]: playwright")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path,
            # Play without a click before, as a person's browser does after the first one.
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


class Watch:
    """Notes what a page must not do: errors, breaches of its policy, requests to elsewhere."""

    def __init__(self, page) -> None:
        self.wrong: list[str] = []
        self.asked: set[str] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.context.on("request", self._request)

    def _console(self, message) -> None:
        # What the server refuses is told on the page; the browser notes it as an error as well.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.asked.add(parts.hostname or "")


@contextmanager
def watched(context, server) -> Iterator[object]:
    """A context with a page that shows the songs; nothing may go wrong on it."""
    page = context.new_page()
    watch = Watch(page)
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    yield page
    page.close()
    assert not watch.wrong
    assert watch.asked == {"127.0.0.1"}


HEADINGS = {
    "Songs": "Songs",
    "Singers": "Singers",
    "Review": "Review",
    "Unnamed": "Unnamed voices",
    "Trust": "Trust",
}


def go(page, view: str) -> None:
    """Go to a view by the page's navigation and wait for it: until then the one before it is shown."""
    page.get_by_role("navigation").get_by_role("link", name=view, exact=True).click()
    page.get_by_role("heading", name=HEADINGS.get(view, view), exact=True, level=1).wait_for()


def drop(page, *paths: Path) -> None:
    """Drop files onto the page, as a person does."""
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(
        """files => {
            const held = new DataTransfer();
            for (const [name, content] of files) {
                const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
                held.items.add(new File([bytes], name));
            }
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const event = new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true });
                document.body.dispatchEvent(event);
            }
        }""",
        files,
    )


def ask(page, *requests: tuple[str, dict[str, object]]) -> None:
    """Post to the API as the page does, one after the other, each when the jobs before it have ended."""
    page.evaluate(
        """async requests => {
            const rest = () => new Promise(again => setTimeout(again, 200));
            for (const [path, body] of requests) {
                const answer = await fetch(`/api/v1${path}`, {
                    method: "POST",
                    headers: { "Content-Type": "application/json" },
                    body: JSON.stringify(body),
                });
                if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
                for (;;) {
                    const { jobs } = await (await fetch("/api/v1/jobs")).json();
                    if (jobs.every(job => !["waiting", "running"].includes(job.state))) break;
                    await rest();
                }
            }
        }""",
        [list(request) for request in requests],
    )


def get(page, path: str) -> dict[str, object]:
    """What the API says."""
    return page.evaluate("async path => (await fetch(`/api/v1${path}`)).json()", path)


def newest(page) -> int:
    """The number of the command that Undo takes back."""
    return get(page, "/state")["undo"]["number"]


def undo(page) -> None:
    """Take back the latest command, once the page says that Undo means it."""
    page.locator(f".undo [data-number='{newest(page)}']").wait_for(state="attached")
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text(re.compile("^Taken back:")).last.wait_for()


def click_again(page) -> None:
    """The second half of a double click, where the pointer is; the first half was a click of its own."""
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)


def click_at(page, target) -> None:
    """Click in the middle, where the pointer stays: what comes there gets the next click."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def delay(page, words: str, milliseconds: int) -> None:
    """From now on answers come late to requests in whose address or body the words stand."""
    page.evaluate(
        """([words, wait]) => {
            const real = window.fetch;
            window.fetch = async (address, options) => {
                const answer = await real(address, options);
                const isMeant = `${address} ${options?.body}`.includes(words);
                if (isMeant) await new Promise(go => setTimeout(go, wait));
                return answer;
            };
        }""",
        [words, milliseconds],
    )
