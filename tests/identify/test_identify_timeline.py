import numpy as np
import pytest

from singerid.identify.scores import Heard
from singerid.identify.timeline import spans


def heard(named, sung, hop_s, window_s=3.0, seconds=None):
    scores = np.eye(2, dtype=np.float32)[named]
    starts = hop_s * np.arange(len(named), dtype=np.float64)
    return Heard(
        singers=("alto", "bass"),
        scores=scores,
        starts_s=starts,
        voice_share=np.array(sung, np.float32),
        window_s=window_s,
        seconds=starts[-1] + window_s if seconds is None else seconds,
        short=False,
    )


def told(of):
    return [(span.start_s, span.end_s, *span.singers) for span in spans(of)]


def test_windows_that_follow_each_other_end_where_the_next_begin():
    of = heard([0, 0, 1], [1, 1, 1], hop_s=3)
    assert told(of) == [(0, 6, "alto"), (6, 9, "bass")]


def test_of_windows_that_overlap_each_moment_is_in_one_span():
    of = heard([0, 0, 1, 0], [1, 1, 1, 1], hop_s=1.5)
    # Halfway between the middles, 3 and 4.5 s, and 4.5 and 6 s.
    assert told(of) == [(0, 3.75, "alto"), (3.75, 5.25, "bass"), (5.25, 7.5, "alto")]
    lengths = [end - start for start, end, _ in told(of)]
    assert sum(lengths) == pytest.approx(of.seconds)


def test_where_nobody_sings_is_a_gap_and_nothing_reaches_beyond_the_sound():
    of = heard([0, 0, 0], [1, 0, 1], hop_s=1.5, seconds=5.5)
    assert told(of) == [(0, 2.25, "alto"), (3.75, 5.5, "alto")]
    assert told(heard([0, 1], [0, 0], hop_s=1.5)) == []
