"""Who sings when: from the scores of windows to the spans of a timeline."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from singerid.identify.result import Span
from singerid.identify.scores import Heard
from singerid.identify.smoothing import likeliest

_LEAST_PROBABILITY = 1e-3  # smaller ones are raised to this, so that no single window decides alone
_CHANGE = 1.0  # cost of a change of singer, as a logarithm: a doubtful window stays with those before it


def spans(heard: Heard) -> Iterator[Span]:
    """One span for each run of windows of the same singer on the likeliest path; none where nobody sings.

    Where windows overlap, each moment belongs to the window whose middle is nearest.
    """
    sung = heard.sung
    named = np.zeros(len(sung), np.int64)
    told = np.log(np.maximum(heard.scores.astype(np.float64), _LEAST_PROBABILITY))
    breaks = np.flatnonzero(np.diff(sung, prepend=not sung[0])).tolist()
    for first, last in zip(breaks, [*breaks[1:], len(sung)], strict=True):
        named[first:last] = likeliest(told[first:last], _CHANGE)
    starts = heard.starts_s
    between = (starts[:-1] + starts[1:] + heard.window_s) / 2
    begins = np.concatenate((starts[:1], between))
    ends = np.concatenate((between, np.minimum(starts[-1:] + heard.window_s, heard.seconds)))

    def kind(window: int) -> tuple[bool, int]:
        return bool(sung[window]), int(named[window])

    for (voiced, singer), group in groupby(range(len(named)), kind):
        if not voiced:
            continue
        windows = list(group)
        yield Span(
            start_s=round(float(begins[windows[0]]), 3),
            end_s=round(float(ends[windows[-1]]), 3),
            singers=(heard.singers[singer],),
            probability=float(heard.scores[windows, singer].mean()),
        )
