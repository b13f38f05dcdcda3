"""Work on untrusted files, in processes with limits: hear, list, measure, draw, convert, tag."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.config import AudioCondition
from singerid.errors import Failure
from singerid.library.hearing import Hearing
from singerid.library.library import Library
from singerid.plugins import load_plugin
from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Samples
from singerid.sound.files import AudioError, one_warning
from singerid.sound.fingerprint import sound_fingerprint
from singerid.sound.listing import find_files
from singerid.system.children import Beat, Work
from singerid.system.devices import choose_device, use_threads
from singerid.text import clock
from singerid.web import tagging
from singerid.web.converting import convert, media_type
from singerid.web.replies import plain_list, plain_voice, plainly
from singerid.web.settings import Settings

_PEAK_RATE, _PEAK_SAMPLES = 16_000, 400  # 25 ms have one smallest and one greatest sample
_MOST_PEAKS = 2000
_PICTURE_COLUMNS = 1200
_SPECTRUM_COLUMNS = 500


@dataclass(frozen=True)
class Ears:
    """Starts a process that hears; it takes ("list", paths), ("hear", path, with cells) or ("digest", path).

    Attributes:
        settings: the settings of the server.
        by: encoder, audio condition and separator ("" for none); None: those of the library.
    """

    settings: Settings
    by: tuple[str, AudioCondition, str] | None = None

    def __call__(self) -> Work:
        """Open the encoder, and return what works in the process."""
        settings = self.settings
        for plugin in settings.plugins:
            load_plugin(plugin)
        use_threads(settings.threads)
        device = choose_device(settings.device)
        if self.by is not None:
            encoder, audio, separator = self.by
            hearing = Hearing.open(encoder, audio, separator or None, device)
        else:
            with Library.open(settings.folder, device=device, weights=settings.weights) as library:
                hearing = library.hearing

        def work(item: tuple[Any, ...], beat: Beat) -> Any:
            kind, what, *more = item
            if kind == "list":
                return listed_reply(what, beat)
            if kind == "digest":
                return sound_fingerprint(what)
            return heard_reply(hearing, what, bool(*more), settings, beat)

        return plainly(work)


@dataclass(frozen=True)
class Eyes:
    """Starts a process that inspects files; it takes (what to do, path, further arguments)."""

    settings: Settings

    def __call__(self) -> Work:
        """Return what works in the process."""
        most = self.settings.limits.seconds
        use_threads(1)

        def work(item: tuple[str, Path, Any], beat: Beat) -> Any:
            kind, path, more = item
            if kind == "type":
                return media_type(path)
            if kind == "digest":
                return sound_fingerprint(path)
            if kind == "weigh":
                return weigh(path, most, beat)
            if kind == "peaks":
                return peaks(path, most, beat)
            if kind == "picture":
                return picture(path, most, beat)
            if kind == "spectrum":
                return spectrum(path, most, beat)
            if kind == "tag":
                songs, really, force = more
                return tagging.write(self.settings, songs, really, force, beat)
            if kind == "untag":
                return tagging.undo(self.settings, more, beat)
            assert kind == "convert"
            return convert(path, more, most, beat)

        return plainly(work)


def listed_reply(paths: list[str], beat: Beat) -> dict[str, Any]:
    """The files below these paths, as `plain_list` describes them."""
    failures: list[Failure] = []
    files, _ = find_files([Path(path) for path in paths], failures.append, beat)
    return plain_list(files, failures)


def heard_reply(
    hearing: Hearing, path: Path, with_cells: bool, settings: Settings, beat: Beat
) -> dict[str, Any]:
    """What is heard of a recording, as `plain_voice` describes it; raises AudioError."""
    warnings: list[str] = []
    most = settings.limits.seconds
    if hearing.separator is None:
        rate = hearing.sample_rate
        read = _watched(lambda: read_blocks(path, rate, warn=warnings.append), path, rate, most, beat)
        heard = hearing(read, warnings.append, with_cells=with_cells)
    else:
        weigh(path, most, beat)
        heard = hearing(path, warnings.append, with_cells=with_cells, beat=beat)
    return plain_voice(heard, one_warning(warnings))


def _watched(read: Read, path: Path, rate: int, most: float, beat: Beat) -> Read:
    def blocks() -> Iterator[Samples]:
        count = 0
        for block in read():
            beat()
            count += len(block)
            check_length(path, count / rate, most)
            yield block

    return blocks


def check_length(path: Path, seconds: float, most: float) -> None:
    """Raise AudioError if a recording is longer than the limit."""
    if seconds > most:
        raise AudioError(path, f"is longer than {clock(most)}, the limit for listening; cut it")


def weigh(path: Path, most: float, beat: Beat) -> float:
    """The length of a recording in seconds, found by decoding it."""
    count = 0
    for block in _watched(lambda: read_blocks(path, 8000, warn=lambda _: None), path, 8000, most, beat)():
        count += len(block)
    return count / 8000


def peaks(path: Path, most: float, beat: Beat) -> dict[str, Any]:
    """The outline of a sound: {seconds, peaks}, for each stretch its smallest and its greatest sample."""
    found: list[NDArray[np.float32]] = []
    count = 0
    rest = np.zeros(0, np.float32)
    read = _watched(lambda: read_blocks(path, _PEAK_RATE, warn=lambda _: None), path, _PEAK_RATE, most, beat)
    for block in read():
        count += len(block)
        joined = np.concatenate((rest, block))
        whole = len(joined) - len(joined) % _PEAK_SAMPLES
        found.append(_ends(joined[:whole].reshape(-1, _PEAK_SAMPLES)))
        rest = joined[whole:]
    if len(rest):
        found.append(_ends(rest[None]))
    ends = np.concatenate(found)
    each = -(-len(ends) // _MOST_PEAKS)
    starts = np.arange(0, len(ends), each)
    pairs = np.stack(
        (np.minimum.reduceat(ends[:, 0], starts), np.maximum.reduceat(ends[:, 1], starts)), axis=1
    )
    return {
        "seconds": round(count / _PEAK_RATE, 3),
        "peaks": np.clip(pairs.astype(np.float64), -1, 1).round(3).ravel().tolist(),
    }


def _ends(stretches: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack((stretches.min(1), stretches.max(1)), axis=1) if len(stretches) else np.zeros((0, 2), "f")


def picture(path: Path, most: float, beat: Beat) -> bytes:
    """The spectrogram of a recording, low bands at the bottom, as a PNG without axes."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    mel = _mel(path, _PICTURE_COLUMNS, most, beat)
    imsave(buffer, mel, cmap="magma", origin="lower", format="png")
    return buffer.getvalue()


def spectrum(path: Path, most: float, beat: Beat) -> list[float]:
    """The mean spectrum of a recording's louder half, where somebody sings, in dB from low to high."""
    mel = _mel(path, _SPECTRUM_COLUMNS, most, beat)
    loudness = mel.mean(axis=0)
    louder = mel[:, loudness >= np.median(loudness)]
    return [float(level) for level in louder.mean(axis=1)]


def _mel(path: Path, columns: int, most: float, beat: Beat) -> NDArray[np.float32]:
    from singerid.config import FeatureConfig
    from singerid.sound.overview import overview

    rate = FeatureConfig.sample_rate
    read = _watched(lambda: read_blocks(path, rate, warn=lambda _: None), path, rate, most, beat)
    return overview(read, columns).mel
