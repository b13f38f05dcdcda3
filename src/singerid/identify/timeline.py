"""When who sings: from what is said of windows to the spans of a timeline."""

from collections.abc import Iterator
from itertools import groupby

from singerid.identify.result import Span
from singerid.identify.scores import Heard


def spans(heard: Heard) -> Iterator[Span]:
    """One span for each run of windows that name the same singer; none where nobody sings."""
    named, sung = heard.scores.argmax(1), heard.sung

    def kind(window: int) -> tuple[bool, int]:
        return bool(sung[window]), int(named[window])

    for (voiced, singer), group in groupby(range(len(named)), kind):
        if not voiced:
            continue
        windows = list(group)
        yield Span(
            start_s=round(float(heard.starts_s[windows[0]]), 3),
            end_s=round(min(float(heard.starts_s[windows[-1]]) + heard.window_s, heard.seconds), 3),
            singers=(heard.singers[singer],),
            probability=float(heard.scores[windows, singer].mean()),
        )
