"""When who sings: from what is said of windows to the spans of a timeline."""

from collections.abc import Iterator
from itertools import groupby

from singerid.identify.result import Span
from singerid.identify.scores import Heard


def spans(heard: Heard) -> Iterator[Span]:
    """One span for each run of windows that name the same singer; none where nothing is heard."""
    named = heard.scores.argmax(1)

    def kind(window: int) -> tuple[bool, int]:
        return bool(heard.silent[window]), int(named[window])

    for (silent, singer), group in groupby(range(len(named)), kind):
        if silent:
            continue
        windows = list(group)
        yield Span(
            start_s=round(float(heard.starts_s[windows[0]]), 3),
            end_s=round(float(heard.starts_s[windows[-1]]) + heard.window_s, 3),
            singer=heard.singers[singer],
            confidence=float(heard.scores[windows, singer].mean()),
        )
