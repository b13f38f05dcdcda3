"""What is said of one file: who sings, how sure that is, and when; or that nobody does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Decision = Literal["known", "ambiguous", "unknown", "no_voice"]


@dataclass(frozen=True)
class Span:
    """A stretch of a track in which the same singers sing.

    Attributes:
        start_s: where it starts, in seconds.
        end_s: where it ends.
        singers: who sings, by name; empty where only strangers do.
        probability: how sure that is, 0 to 1; of a vote the mean over the windows.
        unknown: numbers of strangers who sing: the same voice has the same number within a track, from 1.
    """

    start_s: float
    end_s: float
    singers: tuple[str, ...]
    probability: float
    unknown: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """An entry of the timeline in `singerid identify --json`; what says nothing is left out."""
        return {name: value for name, value in asdict(self).items() if value != ()}


@dataclass(frozen=True)
class Named:
    """A singer who is heard in a file.

    Attributes:
        singer: who.
        probability: how sure that is, 0 to 1: the mean over the windows that voted.
        seconds: for how long the singer is named in the timeline.
    """

    singer: str
    probability: float
    seconds: float


@dataclass(frozen=True)
class Candidate:
    """A singer of a library who may be heard in a file.

    Attributes:
        singer: who.
        score: how alike the voices are, -1 to 1.
        probability: that it is this singer, 0 to 1.
    """

    singer: str
    score: float
    probability: float


@dataclass(frozen=True)
class Nearest:
    """A recording of a library that sounds like a file.

    Attributes:
        path: where it was found last; "" where that is not known.
        singer: who sings in it.
        score: how alike the voices are, -1 to 1.
    """

    path: str
    singer: str
    score: float


@dataclass(frozen=True)
class Result:
    """Who sings in one file.

    Attributes:
        path: the file.
        decision: "known": somebody is named; "no_voice": nobody is heard to sing. Of a library besides:
            "ambiguous": somebody of it is likely, but not sure enough to be named; "unknown": nobody is.
        singers: who sings, longest first: of a vote its winner; empty where nobody is named.
        voice_seconds: length of all windows in which somebody sings.
        seconds: length of the file.
        timeline: one span for each run of windows that name the same singer. It has gaps: where nothing is
            heard, and where nobody sings.
        vote_share: the winner's votes divided by the number of windows that voted.
        clips: number of windows that voted.
        short: the file is shorter than one window of the network, so less was heard than it learned on.
        warning: what was wrong with the file, though it was used; "" if nothing.
        probability: of a library: that the decision is right; of "ambiguous", that it is one of its singers.
        candidates: of a library: the likeliest singers, best first.
        nearest: of a library: the recordings that sound most alike, best first.
        needs: of a library: the score that the best candidate needs to be named.
        said: a person said who it is, or that nobody sings.
        calibrated: of a library: whether its decisions keep a promise that was measured on it.
    """

    path: str
    decision: Decision
    singers: tuple[Named, ...]
    voice_seconds: float
    seconds: float
    timeline: tuple[Span, ...]
    vote_share: float = 0.0
    clips: int = 0
    short: bool = False
    warning: str = ""
    probability: float | None = None
    candidates: tuple[Candidate, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    needs: float | None = None
    said: bool = False
    calibrated: bool | None = None

    @property
    def singer(self) -> str | None:
        """Who sings longest; None: nobody is heard to sing."""
        return self.singers[0].singer if self.singers else None

    @property
    def confidence(self) -> float:
        """How sure the singer is, 0 to 1; 0 where nobody is heard to sing."""
        return self.singers[0].probability if self.singers else 0.0

    def to_json(self) -> dict[str, Any]:
        """The object of `singerid identify --json`; what says nothing is left out."""
        found = {
            name: value
            for name, value in asdict(self).items()
            if name in _ALWAYS or (value is not None and value not in ((), "", 0, False))
        }
        if self.timeline:
            found["timeline"] = [span.to_json() for span in self.timeline]
        if self.calibrated is not None:
            found["calibrated"] = self.calibrated
        return found

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Result":
        """The answer of which `to_json` made this."""
        made = dict(content)
        made["singers"] = tuple(Named(**one) for one in content.get("singers", ()))
        made["candidates"] = tuple(Candidate(**one) for one in content.get("candidates", ()))
        made["nearest"] = tuple(Nearest(**one) for one in content.get("nearest", ()))
        made["timeline"] = tuple(
            Span(
                span["start_s"],
                span["end_s"],
                tuple(span.get("singers", ())),
                span["probability"],
                tuple(span.get("unknown", ())),
            )
            for span in content.get("timeline", ())
        )
        return cls(**made)


_ALWAYS = ("path", "decision", "voice_seconds", "seconds")
