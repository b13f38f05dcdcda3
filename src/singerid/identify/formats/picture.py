"""The picture of a song: its spectrogram, and below it when each voice sings; as SVG and as PNG."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.result import Result
from singerid.identify.voices import turns_of, voices

if TYPE_CHECKING:  # the other formats do not need matplotlib
    from matplotlib.figure import Figure


def _figure(result: Result, to: Document) -> "Figure":
    from singerid.figures import Lane, draw_lanes
    from singerid.sound.features import band_frequencies
    from singerid.sound.overview import overview

    assert to.sound is not None
    seen = overview(to.sound(result.path))
    turns = turns_of(result)
    lanes = [
        Lane(
            str(voice),
            [(turn.start_s, turn.end_s) for turn in turns if turn.voice == voice],
            is_known=not voice.unknown,
        )
        for voice in voices(result)
    ]
    return draw_lanes(
        seen.mel,
        seen.column_seconds,
        band_frequencies(),
        result.seconds,
        lanes,
        title=Path(result.path).name,
        without="nobody sings" if result.decision == "no_voice" else "it is not known who sings when",
    )


def _write_svg(outcomes: Iterable[Outcome], to: Document) -> None:
    from singerid.figures import svg_document

    for result in results_of(outcomes):
        to.file.write(svg_document(_figure(result, to)))


def _write_png(outcomes: Iterable[Outcome], to: Document) -> None:
    from singerid.figures import figure_bytes

    for result in results_of(outcomes):
        to.file.write(figure_bytes(_figure(result, to), ".png", to.path))


_a_picture = partial(Format, about="song", needs_timeline=True, needs_sound=True)
SVG = _a_picture(_write_svg, ".svg")
PNG = _a_picture(_write_png, ".png", is_text=False)
