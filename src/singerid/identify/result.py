"""The result for one file: who sings, how sure this is, and when; or that nobody sings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Decision = Literal["known", "ambiguous", "unknown", "no_voice"]


@dataclass(frozen=True)
class Span:
    """A stretch of a track in which the same singers sing.

    Attributes:
        start_s: where it starts, in seconds.
        end_s: where it ends, in seconds.
        singers: names of the singers; empty if only strangers sing.
        probability: how sure this is, 0 to 1; for a network, the mean over the windows.
        unknown: numbers of the strangers who sing, from 1. A voice keeps its number within a track.
    """

    start_s: float
    end_s: float
    singers: tuple[str, ...]
    probability: float
    unknown: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """An entry of the timeline in `singerid identify --json`; empty fields are left out."""
        return {name: value for name, value in asdict(self).items() if value != ()}


@dataclass(frozen=True)
class Named:
    """A singer who is named in a file.

    Attributes:
        singer: the name.
        probability: how sure this is, 0 to 1; for a network, the mean over the windows that voted.
        seconds: how long the singer sings in the timeline.
    """

    singer: str
    probability: float
    seconds: float


@dataclass(frozen=True)
class Candidate:
    """A singer of a library who may sing in a file.

    Attributes:
        singer: the name.
        score: similarity of the voices, -1 to 1.
        probability: probability that it is this singer, 0 to 1.
    """

    singer: str
    score: float
    probability: float


@dataclass(frozen=True)
class Nearest:
    """A recording of a library with a voice similar to that of a file.

    Attributes:
        path: where it was last seen; "" if that is not known.
        singer: who sings in it.
        score: similarity of the voices, -1 to 1.
    """

    path: str
    singer: str
    score: float


@dataclass(frozen=True)
class Result:
    """Who sings in one file.

    Attributes:
        path: the file.
        decision: "known": somebody is named; "no_voice": nobody sings. A library has two more:
            "ambiguous": one of its singers is likely, but not sure enough to be named; "unknown": none is.
        singers: who sings, the longest first; for a network, the winner of the vote. Empty: nobody is named.
        voice_seconds: length of all windows in which somebody sings.
        seconds: length of the file.
        timeline: one span for each run of windows that name the same singer. It has gaps where the file is
            silent and where nobody sings.
        vote_share: the winner's votes divided by the number of windows that voted.
        clips: number of windows that voted.
        short: the file is shorter than one window of the network, so the network heard less than in training.
        warning: what is wrong with the file, although it was used; "" if nothing.
        probability: library only: that the decision is right; if "ambiguous", that one of its singers sings.
        candidates: library only: the likeliest singers, best first.
        nearest: library only: the recordings with the most similar voices, best first.
        needs: library only: the score that the best candidate needs to be named.
        said: a person said who it is, or that nobody sings.
        calibrated: library only: whether the library is calibrated, so that its error rates were measured.
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
        """The singer who sings longest; None if nobody is named."""
        return self.singers[0].singer if self.singers else None

    @property
    def confidence(self) -> float:
        """The probability of that singer, 0 to 1; 0 if nobody is named."""
        return self.singers[0].probability if self.singers else 0.0

    def to_json(self) -> dict[str, Any]:
        """The object of `singerid identify --json`; empty fields are left out."""
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
        """The result that `to_json` turned into this content."""
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
