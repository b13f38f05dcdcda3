"""From the scores of windows to a result."""

import numpy as np

from singerid.evaluation.voting import vote
from singerid.identify.result import Named, Result
from singerid.identify.scores import Heard
from singerid.identify.timeline import spans


def by_vote(path: str, heard: Heard, warning: str = "") -> Result:
    """The result of a vote: the singer whom most of the confident windows name. All networks decide so.

    This is the paper's decision. Windows in which nobody sings do not vote; if none votes, nobody sings.
    """
    timeline = tuple(spans(heard))
    singers: tuple[Named, ...] = ()
    share, clips = 0.0, 0
    if np.any(heard.sung):
        outcome = vote(heard.scores[heard.sung])
        name = heard.singers[outcome.singer]
        seconds = sum(span.end_s - span.start_s for span in timeline if name in span.singers)
        singers = (Named(name, outcome.confidence, round(seconds, 3)),)
        share, clips = outcome.vote_share, outcome.clips
    return Result(
        path=path,
        decision="known" if singers else "no_voice",
        singers=singers,
        voice_seconds=round(sum(span.end_s - span.start_s for span in timeline), 3),
        seconds=round(heard.seconds, 3),
        timeline=timeline,
        vote_share=share,
        clips=clips,
        short=heard.short,
        warning=warning,
    )
