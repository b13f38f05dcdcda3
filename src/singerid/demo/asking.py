"""Libraries of the demo: singers are enrolled, the library is calibrated, and it is asked."""

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
    """What a library was made of and what it said.

    Attributes:
        folder: of the library.
        singers: how many it knows.
        recordings: by how many recordings.
        answers: to the questions that could be heard.
        failures: files that could not be used.
        worth: what its calibration says, in plain words; why there is none where there is none.
        is_promised: whether what is enrolled is enough for the promise that hardly any stranger is named.
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
    """Make a library, calibrate it on what was enrolled, and ask it. What it knows is not heard again.

    Args:
        folder: of the library.
        entrants: whom it is to know.
        questions: songs that are not among those.
        device: where networks compute.
        audio: what it listens to; None: the default.
        separator: takes the vocals out, where they are heard.
        show_progress: draw bars.
        on_answer: is called with each answer as it comes.

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
                # Known by its sound, not by its voice: the same recording on two albums, say.
                failures.append(Failure(outcome.path, "is enrolled too, from another place; not asked about"))
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
    """Calibrate, where that was not done for what is enrolled; gives what that is worth in words."""
    has = library.calibration
    if has is None or any(has.drift(library.core.contents)):
        try:
            has, _ = library.calibrate()
        except SingeridError as error:
            return (f"It is not calibrated, so its decisions keep no promise: {error}",)
    return tuple(sentences(has))
