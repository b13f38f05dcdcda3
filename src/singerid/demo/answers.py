"""Questions to a library, its answers, and whether they are right."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from singerid.data.names import folded_name
from singerid.identify.result import Result
from singerid.text import counted, printable

Kind = Literal["enrolled", "stranger", "band"]
Mark = Literal["right", "open", "wrong"]


@dataclass(frozen=True)
class Question:
    """A song that a library is asked about.

    Attributes:
        path: the file.
        title: what the page calls it.
        kind: who sings: "enrolled", an enrolled singer; "stranger", another person; "band", nobody.
        singer: name of the singer; "" if nobody sings.
    """

    path: Path
    title: str
    kind: Kind
    singer: str = ""


@dataclass(frozen=True)
class Answer:
    """A library's answer for one song."""

    question: Question
    result: Result

    @property
    def is_named_right(self) -> bool:
        """Whether the answer names the right singer."""
        named = self.result.singer
        return named is not None and folded_name(named) == folded_name(self.question.singer)

    @property
    def is_guessed_right(self) -> bool:
        """Whether the answer is "ambiguous" and its most likely singer is right."""
        first = self.result.candidates[0].singer if self.result.candidates else ""
        return self.result.decision == "ambiguous" and folded_name(first) == folded_name(self.question.singer)

    @property
    def text(self) -> str:
        """The answer as a text: a name, or the decision if nobody is named."""
        return printable(self.result.singer or self.result.decision.replace("_", " "))

    @property
    def verdict(self) -> tuple[Mark, str]:
        """Whether the answer is right, as a mark and in words."""
        decision, singer = self.result.decision, printable(self.question.singer)
        if self.question.kind == "enrolled":
            if decision == "known":
                return ("right", "right") if self.is_named_right else ("wrong", f"wrong: it is {singer}")
            if decision == "ambiguous":
                guess = "its first guess is right" if self.is_guessed_right else f"it is {singer}"
                return "open", f"left open: {guess}"
            return "wrong", f"missed: it is {singer}"
        if decision == "known":
            return "wrong", "wrong: nobody enrolled sings"
        if decision == "ambiguous":
            return "open", "left open: nobody enrolled sings"
        if self.question.kind == "band":
            return (
                ("right", "right") if decision == "no_voice" else ("open", "nobody named, but nobody sings")
            )
        return ("right", "right") if decision == "unknown" else ("wrong", "missed: somebody sings")


@dataclass(frozen=True)
class Counts:
    """Counts of the answers to questions of one kind.

    Attributes:
        songs: all songs of the kind.
        right: answers that name the right singer.
        wrong: answers that name somebody else.
        ambiguous: answers that leave open who sings.
        guessed: ambiguous answers whose most likely singer is right.
        unknown: answers that say that nobody known sings.
        no_voice: answers that say that nobody sings.
    """

    songs: int
    right: int
    wrong: int
    ambiguous: int
    guessed: int
    unknown: int
    no_voice: int


def count(answers: Iterable[Answer], kind: Kind) -> Counts:
    """Count the answers to questions of one kind."""
    own = [answer for answer in answers if answer.question.kind == kind]
    decisions = Counter(answer.result.decision for answer in own)
    right = sum(answer.is_named_right for answer in own)
    return Counts(
        len(own),
        right,
        decisions["known"] - right,
        decisions["ambiguous"],
        sum(answer.is_guessed_right for answer in own),
        decisions["unknown"],
        decisions["no_voice"],
    )


def in_words(answers: Iterable[Answer]) -> str:
    """The counts of all kinds as one line of text."""
    answers = tuple(answers)
    ours, strangers, bands = (count(answers, kind) for kind in ("enrolled", "stranger", "band"))
    told = []
    if ours.songs:
        told.append(
            f"of {counted(ours.songs, 'song')} by enrolled singers {ours.right} named right, {ours.wrong} "
            f"wrongly, {ours.ambiguous} ambiguous ({ours.guessed} with the right singer first), "
            f"{ours.unknown} said unknown{_unheard(ours)}"
        )
    if strangers.songs:
        told.append(
            f"of {strangers.songs} by strangers {strangers.wrong} named, {strangers.ambiguous} ambiguous, "
            f"{strangers.unknown} said unknown{_unheard(strangers)}"
        )
    if bands.songs:
        told.append(
            f"of {counted(bands.songs, 'band')} alone {bands.wrong} named, {bands.ambiguous} ambiguous, "
            f"{bands.unknown} said unknown, {bands.no_voice} no voice"
        )
    return "; ".join(told)


def _unheard(counts: Counts) -> str:
    return f", {counts.no_voice} no voice" if counts.no_voice else ""
