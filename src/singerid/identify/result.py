"""What is said of one file: who sings, how sure that is, and when."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Span:
    """A stretch of a track whose clips name the same singer.

    Attributes:
        start_s: where it starts, in seconds.
        end_s: where it ends.
        singer: who sings.
        confidence: mean probability of the singer over the clips, 0 to 1.
    """

    start_s: float
    end_s: float
    singer: str
    confidence: float


@dataclass(frozen=True)
class Result:
    """Who sings in one file.

    Attributes:
        path: the file.
        singer: the winner of the vote.
        confidence: the winner's mean probability over the clips that voted, 0 to 1.
        vote_share: the winner's votes divided by the number of clips that voted.
        clips: number of clips that voted.
        timeline: one span for each run of clips that name the same singer.
        short: the file is shorter than one clip of the network, so less was heard than it learned on.
        warning: what was wrong with the file, though it was used; "" if nothing.
    """

    path: str
    singer: str
    confidence: float
    vote_share: float
    clips: int
    timeline: tuple[Span, ...]
    short: bool = False
    warning: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object of `singerid identify --json`; "short" and "warning" only where they say something."""
        value = asdict(self)
        for name in ("short", "warning"):
            if not value[name]:
                del value[name]
        return value
