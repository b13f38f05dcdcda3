"""The progress of all runs: how many are done, and when all will be done."""

from collections.abc import Mapping

from singerid.reproduce.results import CellResult
from singerid.reproduce.tables import Cell
from singerid.runs.history import Epoch
from singerid.system.console import folding_text, progress_bar
from singerid.system.streams import tell
from singerid.text import clock


class Pace:
    """How long an epoch takes, estimated from the epochs so far.

    The network matters; audio condition and clip length hardly do, as the amount of sound is the same.
    """

    def __init__(self) -> None:
        self._measured: dict[str, list[float]] = {}

    def note(self, model: str, seconds: float, epochs: int = 1) -> None:
        """Record that `epochs` epochs of a model took `seconds` each."""
        self._measured.setdefault(model, []).extend([seconds] * epochs)

    def seconds(self, left: Mapping[Cell, int]) -> float | None:
        """Seconds that the remaining epochs take; None before anything was measured.

        A network that has not been measured yet is assumed to be as slow as the mean of the others.
        """
        if not self._measured:
            return None
        mean = {model: sum(all_) / len(all_) for model, all_ in self._measured.items()}
        others = sum(mean.values()) / len(mean)
        return sum(epochs * mean.get(cell.model, others) for cell, epochs in left.items())


class ReproduceDisplay:
    """A bar over the epochs of all runs on a terminal, otherwise a line per run; on standard error.

    Args:
        done: finished runs.
        waiting: the other runs, with the number of epochs left.
        show: whether to draw anything at all.
    """

    def __init__(self, done: Mapping[Cell, CellResult], waiting: Mapping[Cell, int], show: bool) -> None:
        self._slots = 1
        self._pace = Pace()
        for cell, result in done.items():
            self._pace.note(cell.model, result.seconds, result.epochs)
        self._left = dict(waiting)
        self._runs = len(done) + len(waiting)
        self._bar = progress_bar(folding_text("fields[left]"), show, time_left=False)
        self._lines = show and self._bar.disable
        self._task = self._bar.add_task(self._counts(), total=sum(waiting.values()), left=self._time())

    def __enter__(self) -> "ReproduceDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def side_by_side(self, runs: int) -> None:
        """Set how many runs are worked on at a time."""
        self._slots = runs

    def epoch(self, cell: Cell, epoch: Epoch) -> None:
        """Record that an epoch of a cell is done."""
        self._pace.note(cell.model, epoch.seconds)
        self._left[cell] = max(0, self._left[cell] - 1)
        text = f"{self._counts()}, {cell.name}: epoch {epoch.epoch}"
        self._bar.update(self._task, advance=1, description=text, left=self._time())

    def finish(self, cell: Cell, result: CellResult | None) -> None:
        """Record that a cell is done, or that it failed (None)."""
        unseen = self._left.pop(cell)
        if result is not None and unseen:
            self._pace.note(cell.model, result.seconds, result.epochs)
        self._bar.update(self._task, advance=unseen, description=self._counts(), left=self._time())
        if self._lines:
            tell(f"{self._counts()}: {cell.name}: {_words(result)}; {self._time()}")

    def _counts(self) -> str:
        return f"{self._runs - len(self._left)} of {self._runs} runs done"

    def _time(self) -> str:
        seconds = self._pace.seconds(self._left)
        return "" if seconds is None else f"about {clock(seconds / self._slots)} left"


def _words(result: CellResult | None) -> str:
    if result is None:
        return "failed"
    clip, track = (result.f1[result.best_state(level)][level] for level in ("clip", "track"))
    return f"F1 {clip:.2f} of clips, {track:.2f} of tracks"
