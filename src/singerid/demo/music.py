"""The demo on the user's own music: it hides an album of each singer, enrolls the rest, and asks about it."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from singerid.data.tracks import Track, scan_tree
from singerid.demo.answers import Question, in_words
from singerid.demo.asking import ask_library
from singerid.demo.rows import count_row, song_rows
from singerid.errors import Failure, SingeridError
from singerid.figures.pages import render_page
from singerid.library.enroll import Entrant
from singerid.runs.config import current_versions
from singerid.sound.listing import OnFailure
from singerid.system.files import atomic_write
from singerid.text import counted, printable, shell_word

OnResult = Callable[[str], None]
_ENOUGH = 3  # with at least so many enrolled singers, others can serve as strangers


@dataclass(frozen=True)
class HiddenAlbums:
    """Which tracks are enrolled, and which are asked about.

    Attributes:
        enrolled: tracks to enroll.
        hidden: one album's tracks of each singer with several albums.
        strangers: tracks of singers who are not enrolled.
    """

    enrolled: tuple[Track, ...]
    hidden: tuple[Track, ...]
    strangers: tuple[Track, ...]

    @property
    def digest(self) -> str:
        """A digest of the choice; a library of another choice could know the hidden songs."""
        content = "\0".join(f"{track.path}\0{track.singer}\0{track.album}" for track in self.enrolled)
        return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def hide_albums(tracks: Sequence[Track]) -> HiddenAlbums:
    """Hide the last album of each singer with several albums.

    Singers with one album are strangers if at least three singers have several albums; else they are
    enrolled.

    Raises:
        SingeridError: no singer has two albums.
    """
    albums: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        albums[track.singer].add(track.album)
    several = {singer for singer, own in albums.items() if len(own) > 1}
    if not several:
        raise SingeridError(
            "no singer has two albums, so none can be hidden; lay the music out SINGER/ALBUM/TRACK, or "
            "enroll it as it is: singerid enroll LIBRARY MUSIC"
        )
    last = {singer: max(albums[singer]) for singer in several}
    away = len(several) >= _ENOUGH
    return HiddenAlbums(
        tuple(
            track
            for track in tracks
            if (track.album != last[track.singer] if track.singer in several else not away)
        ),
        tuple(track for track in tracks if track.singer in several and track.album == last[track.singer]),
        tuple(track for track in tracks if away and track.singer not in several),
    )


def run_on_music(
    music: Path,
    out: Path,
    device: torch.device,
    *,
    show_progress: bool = False,
    on_result: OnResult = lambda _: None,
    on_failure: OnFailure | None = None,
) -> tuple[Path, tuple[Failure, ...]]:
    """Hide an album of each singer, enroll the rest, ask about the hidden songs. The music is not changed.

    If it is interrupted and called again, it continues where it stopped.

    Args:
        music: a folder, laid out SINGER/ALBUM/TRACK.
        out: folder for the library and the page.
        device: where networks run.
        show_progress: draw progress bars on standard error.
        on_result: called with each line of the results, as soon as it is known.
        on_failure: called with each failure of `scan_tree`; None: the first one is raised.

    Returns:
        The page, `out`/music.html, and the files that could not be used.

    Raises:
        SingeridError: there is no music, no singer has two albums, or `out` lies in the music.
    """
    if out.resolve().is_relative_to(music.resolve()):
        raise SingeridError(
            f"{out}: lies in {music}, where the demo writes nothing; give another folder with `out`"
        )
    plan = hide_albums(scan_tree(music, on_failure))
    folder = out / f"library-{plan.digest}"
    on_result(
        f"{counted(len({t.singer for t in plan.enrolled}), 'singer')} enrolled with "
        f"{counted(len(plan.enrolled), 'song')}; asked about {counted(len(plan.hidden), 'song')} on hidden "
        f"albums and {counted(len(plan.strangers), 'song')} by strangers"
    )
    asked = ask_library(
        folder,
        [Entrant(music / track.path, track.singer, track.album) for track in plan.enrolled],
        [
            *(Question(music / t.path, _title(t), "enrolled", t.singer) for t in plan.hidden),
            *(Question(music / t.path, _title(t), "stranger", t.singer) for t in plan.strangers),
        ],
        device,
        show_progress=show_progress,
    )
    on_result(in_words(asked.answers) or "none of the songs could be used")
    page = render_page(
        "demo_music.html.j2",
        music=printable(music),
        command=shell_word(folder),
        library=asked,
        counts=[count_row("your music", "as it is", asked.answers)],
        songs=song_rows(asked.answers),
        versions=current_versions(),
    )
    path = out / "music.html"
    with atomic_write(path, "w") as file:
        file.write(page)
    return path, asked.failures


def _title(track: Track) -> str:
    return printable(" / ".join(Path(track.path).with_suffix("").parts))
