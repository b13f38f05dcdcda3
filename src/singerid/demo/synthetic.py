"""The demo on songs that it makes: a library knows most of the singers, a network learns all."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from singerid.config import AudioCondition
from singerid.data.splits import album_split
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.corpus import write_corpus
from singerid.data.tracks import Track, scan_tree, singers_of
from singerid.demo.answers import Answer, Question, count, in_words
from singerid.demo.asking import Asked, ask_library
from singerid.demo.config import DemoConfig
from singerid.demo.network import FGNL, network_part, train_networks
from singerid.demo.rows import count_row, song_rows
from singerid.encoders.registry import DEFAULT_ENCODER, open_encoder
from singerid.errors import SingeridError
from singerid.figures.pages import render_page
from singerid.library.enroll import Entrant
from singerid.preparation.prepare import prepare
from singerid.runs.config import current_versions
from singerid.sound.separation.separators import open_separator
from singerid.system.files import atomic_write
from singerid.text import clock, counted

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class _Condition:
    """A library of one sound of the corpus.

    Attributes:
        name: what the page calls it.
        what: in a few words.
        folder: of the library.
        tree: which recordings of the corpus it is made of and asked about.
        audio: what it listens to in them.
    """

    name: str
    what: str
    folder: str
    tree: str
    audio: AudioCondition = "mixture"


_MIXTURE = _Condition("mixture", "voice and band as they are", "library", "mixture")
_SEPARATED = _Condition(
    "separated vocals", "taken out of the mixture by {}", "library-vocals", "mixture", "vocals"
)
_TRUE = _Condition("true vocals", "the voice alone, as it was made", "library-true-vocals", "vocals")


@dataclass(frozen=True)
class _Cast:
    """Who is enrolled, and what is asked.

    Attributes:
        strangers: singers who are not enrolled.
        twins: (stranger, enrolled singer) pairs that were made to be hard to tell apart.
        learned: tracks of the enrolled singers that make them known.
        asked: tracks of all singers on albums that nobody heard.
        bands: of those, one of each singer, whose bands are asked about without the singer.
    """

    strangers: tuple[str, ...]
    twins: tuple[tuple[str, str], ...]
    learned: tuple[Track, ...]
    asked: tuple[Track, ...]
    bands: tuple[Track, ...]

    @property
    def enrolled(self) -> tuple[str, ...]:
        """Singers who are enrolled."""
        return singers_of(self.learned)


def run_demo(
    out: Path,
    config: DemoConfig,
    device: torch.device,
    workers: int | None = None,
    *,
    full: bool = False,
    show_progress: bool = False,
    on_line: OnLine = lambda _: None,
) -> Path:
    """Make a corpus; enroll, calibrate and ask libraries; train a network; write a self-contained page.

    Interrupted and called again it goes on where it stopped.

    Args:
        out: folder for everything.
        config: how large and how long.
        device: where networks run.
        workers: processes for making songs and features; by default one a core.
        full: train the control, too, and compare both with a classical system.
        show_progress: draw progress bars on standard error.
        on_line: is called with each line of what was found, as it is found.

    Returns:
        The page, `out`/report.html.

    Raises:
        SingeridError: `out` cannot be written or holds a demo of other settings.
    """
    corpus = out / "corpus"
    write_corpus(corpus, config.corpus, workers, show_progress=show_progress)
    tracks = scan_tree(corpus / "mixture")
    on_line(f"{counted(len(singers_of(tracks)), 'synthetic singer')}, {counted(len(tracks), 'song')}")
    cast = _cast(tracks, config)
    deaf = _why_not(lambda: open_encoder(DEFAULT_ENCODER, device))
    asked: dict[_Condition, Asked] = {}
    no_vocals = ""
    if deaf:
        on_line(f"no library, for its network is missing: {deaf}")
    else:
        asked, no_vocals = _libraries(out, cast, config, device, show_progress, on_line)
    tree = corpus / "mixture"
    report = prepare(tracks, tree, out / "store", workers=workers, show_progress=show_progress)
    if report.failures:
        raise SingeridError(f"{report.failures[0]}; delete {out} and run the demo again")
    runs = train_networks(out / "store", out / "runs", config, device, full, show_progress)
    network = network_part(config, corpus, runs, device, full)
    on_line(f"{FGNL}, trained for {clock(network.seconds)}: {network.findings[0]}")
    page = render_page(
        "demo.html.j2",
        corpus=config.corpus,
        cast=cast,
        deaf=deaf,
        no_vocals=no_vocals,
        separator=config.separator,
        counts=[
            count_row(
                where.name,
                f"{where.what.format(config.separator)}; enrolled by {found.recordings} of "
                f"{counted(len(cast.learned), 'song')}",
                found.answers,
            )
            for where, found in asked.items()
        ],
        library=asked.get(_MIXTURE),
        true_vocals=asked.get(_TRUE),
        songs={where.name: song_rows(asked[where].answers) for where in (_MIXTURE, _TRUE) if where in asked},
        findings=_findings(asked),
        network=network.values,
        full=full,
        versions=current_versions(),
    )
    path = out / "report.html"
    with atomic_write(path, "w") as file:
        file.write(page)
    return path


def _cast(tracks: Sequence[Track], config: DemoConfig) -> _Cast:
    """Strangers are the last singer and some before: of two among eight, one has an enrolled near twin."""
    singers, count = singers_of(tracks), config.strangers
    away = {singers[len(singers) * at // count] for at in range(1, count)} | {singers[-1]}
    twins = {song.singer.name: song.singer.near_twin for song in draw_corpus(config.corpus).songs}
    split = album_split(tracks, config.training.seed)  # that of the networks, too
    train, tested = set(split.train), set(split.test)
    albums: dict[tuple[str, str], list[Track]] = defaultdict(list)
    for track in tracks:
        if track.path in train and track.singer not in away:
            albums[track.singer, track.album].append(track)
    asked = tuple(track for track in tracks if track.path in tested)
    first: dict[str, Track] = {}
    for track in asked:
        first.setdefault(track.singer, track)
    return _Cast(
        tuple(sorted(away)),
        tuple((name, twins[name]) for name in sorted(away) if twins[name] and twins[name] not in away),
        tuple(track for own in albums.values() for track in own[: config.enrolled_songs]),
        asked,
        tuple(first.values()),
    )


def _libraries(
    out: Path, cast: _Cast, config: DemoConfig, device: torch.device, show_progress: bool, on_line: OnLine
) -> tuple[dict[_Condition, Asked], str]:
    """The libraries' answers, and why there is none of separated vocals; "": there is one."""
    on_line(
        f"a library of {counted(len(cast.enrolled), 'singer')} by {counted(len(cast.learned), 'song')}, "
        f"asked about {counted(len(cast.asked), 'song')} on albums that it never heard and "
        f"{counted(len(cast.bands), 'band')} alone:"
    )
    no_vocals = _why_not(lambda: open_separator(config.separator, device=device))
    told: set[str] = set()

    def first_answers(answer: Answer) -> None:
        """The first of each kind: there is something to see while the rest is heard."""
        question = answer.question
        if question.kind not in told:
            told.add(question.kind)
            who = question.singer or "nobody"
            on_line(f"  {question.title} ({who} sings): {answer.text}; {answer.verdict[1]}")

    asked = {}
    for where in (_MIXTURE, _SEPARATED, _TRUE):
        if where is _SEPARATED and no_vocals:
            on_line(f"  {where.name}: left out: {no_vocals}")
            continue
        asked[where] = ask_library(
            out / where.folder,
            [Entrant(out / "corpus" / where.tree / t.path, t.singer, t.album) for t in cast.learned],
            _questions(out / "corpus", where.tree, cast),
            device,
            audio=where.audio,
            separator=config.separator if where.audio == "vocals" else None,
            show_progress=show_progress,
            on_answer=first_answers if where is _MIXTURE else lambda _: None,
        )
        known_by = f"known by {asked[where].recordings} of {counted(len(cast.learned), 'song')}"
        on_line(f"  {where.name} ({known_by}): {in_words(asked[where].answers)}")
    return asked, no_vocals


def _questions(corpus: Path, tree: str, cast: _Cast) -> list[Question]:
    """Songs by enrolled singers, by strangers, and bands alone."""
    ours = [track for track in cast.asked if track.singer not in cast.strangers]
    others = [track for track in cast.asked if track.singer in cast.strangers]
    return [
        *(Question(corpus / tree / t.path, _title(t), "enrolled", t.singer) for t in ours),
        *(Question(corpus / tree / t.path, _title(t), "stranger", t.singer) for t in others),
        *(
            Question(corpus / "accompaniment" / t.path, f"{_title(t)}, the band alone", "band")
            for t in cast.bands
        ),
    ]


def _title(track: Track) -> str:
    return " / ".join(Path(track.path).with_suffix("").parts)


def _findings(asked: dict[_Condition, Asked]) -> list[str]:
    """What the counts say, plainly."""
    if not asked:
        return []
    ours = {where: count(heard.answers, "enrolled") for where, heard in asked.items()}
    strangers = count(asked[_MIXTURE].answers, "stranger")
    bands = count(asked[_MIXTURE].answers, "band")
    told = [
        f"{heard}, an enrolled singer is named right in {found.right} of {counted(found.songs, 'song')}, and "
        f"is the likeliest of an ambiguous answer in {found.guessed} more."
        for heard, found in (("Heard with the band", ours[_MIXTURE]), ("Heard alone", ours[_TRUE]))
    ]
    told.append(
        f"With the band, {strangers.wrong} of {counted(strangers.songs, 'song')} by strangers and "
        f"{bands.wrong} of {counted(bands.songs, 'band')} alone were given a name."
    )
    if not asked[_MIXTURE].is_promised:
        told.append(
            "So few singers are not enough to promise that hardly any stranger is named. A name then needs a "
            "very high score, and much is left open."
        )
    return told


def _why_not(attempt: Callable[[], object]) -> str:
    """Why something cannot be opened, in one line; "": it can."""
    try:
        attempt()
    except SingeridError as error:
        return str(error)
    return ""
