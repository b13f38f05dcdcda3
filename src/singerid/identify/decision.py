"""From what is said of windows to an answer."""

from singerid.evaluation.voting import vote
from singerid.identify.result import Result
from singerid.identify.scores import Heard
from singerid.identify.timeline import spans


def by_vote(path: str, heard: Heard, warning: str = "") -> Result:
    """The singer whom most windows name that are sure enough: the paper's decision, and that of networks.

    Windows in which nothing is heard do not vote.
    """
    outcome = vote(heard.scores[~heard.silent])
    return Result(
        path=path,
        singer=heard.singers[outcome.singer],
        confidence=outcome.confidence,
        vote_share=outcome.vote_share,
        clips=outcome.clips,
        timeline=tuple(spans(heard)),
        short=heard.short,
        warning=warning,
    )
