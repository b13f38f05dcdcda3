"""The demo on synthetic songs: a library knows most of the singers, a network is trained on all of them."""

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

OnResult = Callable[[str], None]


@dataclass(frozen=True)
class _Condition:
    """A library for one of the corpus's sounds: mixture, separated vocals or true vocals.

    Attributes:
        name: its name on the page.
        what: a short description.
        folder: folder of the library.
        tree: the corpus's folder with the recordings that are enrolled and asked about.
        audio: what the library listens to in them.
    """

    name: str
    what: str
    folder: str
    tree: str
    audio: AudioCondition = "mixture"


_MIXTURE = _Condition("mixture", "voice and band together", "library", "mixture")
_SEPARATED = _Condition(
    "separated vocals", "extracted from the mixture by {}", "library-vocals", "mixture", "vocals"
)
_TRUE = _Condition("true vocals", "the voice alone, as synthesised", "library-true-vocals", "vocals")


@dataclass(frozen=True)
class _Cast:
    """Which tracks are enrolled, and which are asked about.

    Attributes:
        strangers: singers who are not enrolled.
        twins: (stranger, enrolled singer) pairs that were made to be hard to tell apart.
        learned: tracks to enroll.
        asked: tracks of all singers, from albums that are neither enrolled nor trained on.
        bands: one of the `asked` tracks of each singer; its band is asked about without the voice.
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
    on_result: OnResult = lambda _: None,
) -> Path:
    """Make a corpus; enroll, calibrate and ask libraries; train a network; write a self-contained page.

    If it is interrupted and called again, it continues where it stopped.

    Args:
        out: folder for everything that the demo makes.
        config: settings of the demo.
        device: where networks run.
        workers: processes for making songs and features; by default one per core.
        full: train the control, too, and compare both with a classical system.
        show_progress: draw progress bars on standard error.
        on_result: called with each line of the results, as soon as it is known.

    Returns:
        The page, `out`/report.html.

    Raises:
        SingeridError: `out` cannot be written or holds a demo of other settings.
    """
    corpus = out / "corpus"
    write_corpus(corpus, config.corpus, workers, show_progress=show_progress)
    tracks = scan_tree(corpus / "mixture")
    on_result(f"{counted(len(singers_of(tracks)), 'synthetic singer')}, {counted(len(tracks), 'song')}")
    cast = _cast(tracks, config)
    deaf = _why_not(lambda: open_encoder(DEFAULT_ENCODER, device))
    asked: dict[_Condition, Asked] = {}
    no_vocals = ""
    if deaf:
        on_result(f"no library, for its network is missing: {deaf}")
    else:
        asked, no_vocals = _libraries(out, cast, config, device, show_progress, on_result)
    tree = corpus / "mixture"
    report = prepare(tracks, tree, out / "store", workers=workers, show_progress=show_progress)
    if report.failures:
        raise SingeridError(f"{report.failures[0]}; delete {out} and run the demo again")
    runs = train_networks(out / "store", out / "runs", config, device, full, show_progress)
    network = network_part(config, corpus, runs, device, full)
    on_result(f"{FGNL}, trained for {clock(network.seconds)}: {network.findings[0]}")
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
                f"{where.what.format(config.separator)}; enrolled with {found.recordings} of "
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
    """Choose strangers and tracks. Of two strangers among eight singers, one has an enrolled near twin."""
    singers, count = singers_of(tracks), config.strangers
    away = {singers[len(singers) * at // count] for at in range(1, count)} | {singers[-1]}
    twins = {song.singer.name: song.singer.near_twin for song in draw_corpus(config.corpus).songs}
    split = album_split(tracks, config.training.seed)  # the same split as for the networks
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
    out: Path, cast: _Cast, config: DemoConfig, device: torch.device, show_progress: bool, on_result: OnResult
) -> tuple[dict[_Condition, Asked], str]:
    """The libraries' answers, and the reason if there is no library of separated vocals, else ""."""
    on_result(
        f"a library of {counted(len(cast.enrolled), 'singer')}, enrolled with "
        f"{counted(len(cast.learned), 'song')}; asked about {counted(len(cast.asked), 'song')} on other "
        f"albums and {counted(len(cast.bands), 'band')} alone:"
    )
    no_vocals = _why_not(lambda: open_separator(config.separator, device=device))
    told: set[str] = set()

    def first_answers(answer: Answer) -> None:
        """Print the first answer of each kind, to show something while the rest is processed."""
        question = answer.question
        if question.kind not in told:
            told.add(question.kind)
            who = question.singer or "nobody"
            on_result(f"  {question.title} ({who} sings): {answer.text}; {answer.verdict[1]}")

    asked = {}
    for where in (_MIXTURE, _SEPARATED, _TRUE):
        if where is _SEPARATED and no_vocals:
            on_result(f"  {where.name}: left out: {no_vocals}")
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
        known_by = f"enrolled with {asked[where].recordings} of {counted(len(cast.learned), 'song')}"
        on_result(f"  {where.name} ({known_by}): {in_words(asked[where].answers)}")
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
    """The counts in plain sentences."""
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
            "With so few singers, the library cannot promise that hardly any stranger is named. So it names "
            "a singer only at a very high score, and leaves many songs open."
        )
    return told


def _why_not(attempt: Callable[[], object]) -> str:
    """The error of an attempt to open something, in one line; "" if it succeeds."""
    try:
        attempt()
    except SingeridError as error:
        return str(error)
    return ""
