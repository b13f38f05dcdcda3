"""From scores of windows to a result: the vote, and windows in which nobody sings."""

import numpy as np
import pytest

from singerid.identify.decision import by_vote
from singerid.identify.result import Named, Span
from singerid.identify.scores import Heard

SINGERS = ("Ann", "Bob")


def heard(scores, share=None, window_s=2.0, **options):
    count = len(scores)
    return Heard(
        SINGERS,
        np.array(scores, np.float32),
        np.arange(count) * window_s,
        np.ones(count, np.float32) if share is None else np.array(share, np.float32),
        window_s,
        options.pop("seconds", count * window_s),
        options.pop("short", False),
    )


def test_most_windows_decide():
    result = by_vote("a.mp3", heard([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]]), "is quiet")
    assert (result.path, result.decision, result.warning) == ("a.mp3", "known", "is quiet")
    (named,) = result.singers
    assert (named.singer, named.seconds) == ("Ann", 4.0)
    assert named.probability == pytest.approx((0.9 + 0.8 + 0.1) / 3)
    assert result.vote_share == pytest.approx(2 / 3)
    assert result.clips == 3
    assert [(span.start_s, span.end_s, span.singers) for span in result.timeline] == [
        (0.0, 4.0, ("Ann",)),
        (4.0, 6.0, ("Bob",)),
    ]
    assert (result.seconds, result.voice_seconds) == (6.0, 6.0)


def test_windows_without_a_voice_do_not_vote():
    result = by_vote("a.mp3", heard([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]], share=[0, 0, 1]))
    assert result.singers == (Named("Bob", pytest.approx(0.9), 2.0),)
    assert result.timeline == (Span(4.0, 6.0, ("Bob",), pytest.approx(0.9)),)
    assert (result.vote_share, result.clips, result.voice_seconds) == (1.0, 1, 2.0)


def test_where_nobody_sings_nobody_is_named():
    result = by_vote("a.mp3", heard([[0.9, 0.1]] * 2, share=[0, 0], short=True))
    assert (result.decision, result.singers, result.timeline) == ("no_voice", (), ())
    assert (result.voice_seconds, result.clips, result.vote_share) == (0.0, 0, 0.0)
    assert result.short
