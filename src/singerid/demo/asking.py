"""The demo's libraries: enroll singers, calibrate the library, and identify songs with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from singerid.config import AudioCondition
from singerid.demo.answers import Answer, Question
from singerid.errors import Failure, SingeridError
from singerid.library.asking import identify_files
from singerid.library.enroll import Entrant
from singerid.library.library import Library
from singerid.library.pages import sentences
from singerid.system.console import progress, stepping

OnAnswer = Callable[[Answer], None]


@dataclass(frozen=True)
class Asked:
    """A library's content and its answers.

    Attributes:
        folder: folder of the library.
        singers: number of singers it knows.
        recordings: number of recordings that they were enrolled with.
        answers: answers to the questions whose files could be read.
        failures: files that could not be used.
        worth: the calibration's result in plain sentences, or why the library is not calibrated.
        is_promised: whether the recordings suffice to promise that hardly any stranger is named.
    """

    folder: Path
    singers: int
    recordings: int
    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...]
    worth: tuple[str, ...]
    is_promised: bool


def ask_library(
    folder: Path,
    entrants: Sequence[Entrant],
    questions: Sequence[Question],
    device: torch.device,
    *,
    audio: AudioCondition | None = None,
    separator: str | None = None,
    show_progress: bool = False,
    on_answer: OnAnswer = lambda _: None,
) -> Asked:
    """Make a library, calibrate it on its own recordings, and identify songs with it.

    Recordings that are enrolled already are not processed again.

    Args:
        folder: folder of the library.
        entrants: recordings to enroll.
        questions: songs to identify, none of them enrolled.
        device: where networks compute.
        audio: what the library listens to; None: the default.
        separator: the separator that extracts the vocals, if the library listens to them.
        show_progress: draw progress bars.
        on_answer: called with each answer as it comes.

    Raises:
        SingeridError: no network can be opened, or the folder holds another library.
    """
    with Library.open(folder, create=True, device=device) as library:
        with stepping("Enrolling", len(entrants), show_progress) as step:
            report = library.enroll_all(entrants, audio=audio, separator=separator, step=step)
        worth = _calibrated(library)
        answers, failures = [], list(report.failures)
        outcomes = identify_files(library, [question.path for question in questions])
        shown = progress(outcomes, "Asking", len(questions), show_progress)
        for question, outcome in zip(questions, shown, strict=True):
            if isinstance(outcome, Failure):
                failures.append(outcome)
            elif outcome.said:
                # Recognised as an enrolled recording, not by its voice: for example a song on two albums.
                failures.append(Failure(outcome.path, "the same recording is enrolled; not asked about"))
            else:
                answers.append(Answer(question, outcome))
                on_answer(answers[-1])
        enrolled = library.overview()
        return Asked(
            folder,
            len(enrolled),
            sum(one["recordings"] for one in enrolled),
            tuple(answers),
            tuple(failures),
            worth,
            library.calibration is not None and library.calibration.is_kept,
        )


def _calibrated(library: Library) -> tuple[str, ...]:
    """Calibrate the library unless its calibration is up to date; returns the result in sentences."""
    has = library.calibration
    if has is None or any(has.drift(library.core.contents)):
        try:
            has, _ = library.calibrate()
        except SingeridError as error:
            return (f"It is not calibrated, so its decisions keep no promise: {error}",)
    return tuple(sentences(has))
