"""Make pictures of every view of `singerid serve`, and a short recording, with a library of synthetic voices.

    python tools/serve_pictures.py [--to docs/images/serve] [--corpus FOLDER] [--work FOLDER]

`singerid synth` makes a small corpus (or an existing one is taken from --corpus FOLDER), five of its singers
are enrolled, a real server hears the rest, and Debian's chromium shows it: light, dark, and as a phone. Paths
in the pictures begin with WORK, which must not exist before. The library is calibrated after the pictures of
a song and the recording: with only five singers, it then hardly ever names both singers of a duet.
Texts are drawn in the system's fonts: the pictures in docs/ were made with Debian's package fonts-inter.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from singerid.library.library import Library

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browsing import ask, browsing, drop  # noqa: E402  (both are in tests/)
from servers import Server  # noqa: E402

# Invented names, for invented voices.
SINGERS = ("Mara Lindqvist", "Tomás Iriarte", "Aiko Hoshino", "Leïla Benali", "Joon Park")
TITLES = (
    *("Paper Boats", "North Window", "Salt and Cedar", "Evening Train", "Half a Lantern", "Blue Corridor"),
    *("Letters Home", "The Slow Tide", "Orchard Road", "Winter Radio", "Copper Rain", "Small Hours"),
    *("A Field of Chairs", "Moth Song", "Harbour Lights", "Glass Garden", "Late Swallows", "Open Drawer"),
)
VIEWS = {
    "songs": "#/songs",
    "song": "#/song/{song}",
    "singers": "#/singers",
    "singer": "#/singer?name=Mara+Lindqvist",
    "review": "#/review",
    "voices": "#/voices",
    "trust": "#/trust",
}
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "device_scale_factor": 2},
}
COLOURS = 192  # of a PNG: enough for a spectrogram, and the files stay small
FRAME_MS = 250
MOST_BYTES = 2_000_000  # of the recording


def main() -> None:
    """Make all pictures and the recording."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images" / "serve")
    parser.add_argument("--corpus", type=Path, help="a corpus of `singerid synth` with 8 singers and duets")
    parser.add_argument(
        "--work", type=Path, help="temporary folder for library and music; by default any folder"
    )
    parser.add_argument("--no-recording", action="store_true", help="make only the pictures")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    with working(options.work) as folder:
        corpus = options.corpus or sung(folder / "corpus")
        music, dropped = laid_out(corpus, folder)
        server = Server(folder / "My singers", [music], plugin=None)
        server.start()
        try:
            with browsing() as browser:
                cookies = entered(browser, server, music)
                for look, settings in LOOKS.items():
                    take_pictures(browser, server, cookies, ["song"], look, settings, options.to)
                if not options.no_recording:
                    record(browser, server, cookies, dropped, options.to / "serve.webp")
                calibrated(browser, server, cookies)
                others = [view for view in VIEWS if view != "song"]
                for look, settings in LOOKS.items():
                    take_pictures(browser, server, cookies, others, look, settings, options.to)
        finally:
            server.end()


@contextmanager
def working(work: Path | None) -> Iterator[Path]:
    """Provide a folder to work in while the context is open."""
    if work is None:
        with tempfile.TemporaryDirectory(prefix="serve-pictures-") as kept:
            yield Path(kept)
        return
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work)


def sung(folder: Path) -> Path:
    """Make a new corpus; this takes a minute."""
    command = [sys.executable, "-m", "singerid", "synth", str(folder), "--singers", "8", "--albums", "3"]
    subprocess.run([*command, "--songs", "2", "--seconds", "24", "--duets", "6"], check=True)
    return folder


def laid_out(corpus: Path, folder: Path) -> tuple[Path, Path]:
    """Enroll five singers with two albums each; return a folder to be heard, and a song to be dropped."""
    titles = iter(
        [*TITLES, *(f"{title}, take two" for title in TITLES), *(f"{title}, live" for title in TITLES)]
    )
    music, records = folder / "music", folder / "records"
    singers = sorted((corpus / "vocals").iterdir())
    with Library.open(folder / "My singers", create=True) as library:
        for name, voice in zip(SINGERS, singers, strict=False):
            albums = sorted(voice.iterdir())
            enrolled = [
                copied(song, records / name / album.name / f"{next(titles)}{song.suffix}")
                for album in albums[:2]
                for song in sorted(album.iterdir())
            ]
            library.enroll(name, enrolled, encoder="campplus")
            for song in sorted(albums[2].iterdir()):
                copied(song, music / "Evening sessions" / f"{next(titles)}{song.suffix}")
    for voice in singers[len(SINGERS) :]:
        for song in sorted(voice.glob("*/*.flac"))[:4]:
            copied(song, music / "Found tapes" / f"Tape {voice.name[-2:]}, {next(titles)}{song.suffix}")
    for number, duet in enumerate(sorted((corpus / "duets").glob("*/vocals/*.flac")), start=1):
        copied(duet, music / "Duets" / f"Duet {number}, {next(titles)}{duet.suffix}")
    first = sorted((corpus / "vocals" / singers[0].name).glob("*/*.flac"))[-1]
    shutil.move(music / "Evening sessions" / copied_name(music, first), folder / "A song I found.flac")
    return music, folder / "A song I found.flac"


def copied(song: Path, place: Path) -> Path:
    """A copy of a song, under another name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(song, place))


def copied_name(music: Path, song: Path) -> str:
    """The name of a song of the corpus in the folder "Evening sessions"."""
    content = song.read_bytes()
    return next(one.name for one in (music / "Evening sessions").iterdir() if one.read_bytes() == content)


def entered(browser, server: Server, music: Path) -> list[dict]:
    """Sign in, and let the server hear and group all songs."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.address)
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    ask(page, ("/hear", {"paths": [str(music)]}), ("/voices/discover", {}))
    cookies = context.cookies()
    context.close()
    return cookies


def calibrated(browser, server: Server, cookies: list[dict]) -> None:
    """Let the server calibrate the library."""
    page = opened(browser, server, cookies, "songs")
    ask(page, ("/trust/calibrate", {}))
    page.context.close()


def telling_song(page) -> int:
    """The id of the duet whose answer names most singers; in a tie, the surest answer."""
    return page.evaluate(
        """async () => {
            const { songs } = await (await fetch("/api/v1/songs?q=Duet&limit=200")).json();
            const of = async song => await (await fetch(`/api/v1/songs/${song.id}`)).json();
            const all = await Promise.all(songs.map(of));
            all.sort((a, b) => b.singers.length - a.singers.length || b.probability - a.probability);
            return all[0].id;
        }"""
    )


def opened(browser, server: Server, cookies: list[dict], view: str, **settings):
    """A page that shows a view, after everything is drawn."""
    context = browser.new_context(reduced_motion="reduce", **settings)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/#/songs")
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    page.evaluate("hash => { location.hash = hash }", VIEWS[view].format(song=telling_song(page)))
    page.wait_for_timeout(300)
    page.locator("main:not([aria-busy]) h1").wait_for()
    page.wait_for_timeout(1200)  # pictures appear after texts
    for image in page.locator("main img").all():
        image.evaluate("at => at.decode()")
    for voice in page.locator(
        "main .drawing"
    ).all():  # masks of the style sheet: no event tells when they are loaded
        voice.evaluate(
            """at => {
                const image = new Image();
                image.src = at.style.getPropertyValue("--picture").slice(5, -2);
                return image.decode();
            }"""
        )
    page.wait_for_timeout(300)
    # The heading has the focus for screen readers; in a picture the focus ring would only distract.
    page.evaluate("document.activeElement.blur()")
    return page


def take_pictures(
    browser, server: Server, cookies: list[dict], views: list[str], look: str, settings: dict, to: Path
) -> None:
    """Take a picture of each of these views."""
    for view in views:
        page = opened(browser, server, cookies, view, **settings)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(to / f"{view}-{look}.png", optimize=True)
        page.context.close()


@dataclass
class Film:
    """Frames of a page, each with its own duration."""

    page: object
    frames: list[Image.Image] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def shoot(self, milliseconds: int = FRAME_MS) -> None:
        """Add a frame; a frame equal to the last one prolongs the last one."""
        frame = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        if self.frames and frame.tobytes() == self.frames[-1].tobytes():
            self.lengths[-1] += milliseconds
        else:
            self.frames.append(frame)
            self.lengths.append(milliseconds)

    def until(self, is_done: Callable[[], bool], most: int = 120) -> None:
        """Add frames until a condition is true."""
        for _ in range(most):
            self.shoot()
            if is_done():
                return
            self.page.wait_for_timeout(FRAME_MS)
        raise SystemExit("the recording waited too long for a change of the page")

    def click(self, at) -> None:
        """Show the pointer's place, then click there."""
        at.scroll_into_view_if_needed()
        box = at.bounding_box()
        self.page.evaluate(
            """([x, y]) => {
                const dot = document.querySelector(".film") ?? document.createElement("i");
                dot.className = "film";
                Object.assign(dot.style, {
                    position: "fixed", left: `${x - 13}px`, top: `${y - 13}px`, width: "26px", height: "26px",
                    borderRadius: "50%", background: "#d5842bcc", zIndex: 99, pointerEvents: "none",
                });
                (document.querySelector("dialog[open]") ?? document.body).append(dot);
            }""",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
        )
        self.shoot(800)
        at.click()
        self.page.evaluate("document.querySelector('.film')?.remove()")

    def save(self, path: Path) -> None:
        """Write an animated WebP, in the best quality that fits the size limit."""
        for quality in (70, 50, 30):
            self.frames[0].save(
                path,
                save_all=True,
                append_images=self.frames[1:],
                duration=self.lengths,
                loop=0,
                quality=quality,
                method=5,
            )
            if path.stat().st_size < MOST_BYTES:
                break
        seconds = sum(self.lengths) / 1000
        print(f"{path}: {seconds:.1f} s, {len(self.frames)} frames, {path.stat().st_size / 1e6:.2f} MB")


def record(browser, server: Server, cookies: list[dict], dropped: Path, to: Path) -> None:
    """Record this: drop a song, read the answer, answer two questions, undo."""
    page = opened(
        browser, server, cookies, "songs", viewport={"width": 1000, "height": 640}, color_scheme="light"
    )
    film = Film(page)
    film.shoot(1500)
    drop(page, dropped)
    song = page.get_by_role("table").get_by_role("link", name=dropped.name)
    film.until(lambda: song.count() > 0)
    film.shoot(1200)
    film.click(song)
    film.until(lambda: page.get_by_role("slider").count() > 0)
    page.wait_for_timeout(700)
    film.shoot(2500)
    film.click(page.locator(".turn").first)
    for _ in range(10):
        page.wait_for_timeout(FRAME_MS)
        film.shoot()
    film.click(page.get_by_role("link", name="Review"))
    page.locator(".question h2").wait_for()
    for _ in range(2):
        film.shoot(1200)
        film.click(page.locator(".question .play"))
        for _ in range(8):
            page.wait_for_timeout(FRAME_MS)
            film.shoot()
        film.click(page.locator(".answer").first)
        page.wait_for_timeout(400)
        if page.get_by_role("dialog").count():
            page.get_by_label("Singer’s name").fill("Ines Okafor")
            film.shoot(1000)
            film.click(page.get_by_role("button", name="That is who sings"))
        page.wait_for_timeout(800)
    film.shoot(1200)
    film.click(page.get_by_role("button", name="Undo", exact=True))
    page.wait_for_timeout(600)
    film.shoot(3000)
    page.context.close()
    film.save(to)


if __name__ == "__main__":
    main()
