"""A picture of a singer's voice: its mean spectrum, from the recording that fits best."""

from functools import partial
from pathlib import Path

from singerid.config import FeatureConfig
from singerid.figures.spectrum import spectrum_svg
from singerid.library.library import Library
from singerid.library.likeness import fits
from singerid.sound.audio import read_blocks
from singerid.sound.overview import overview
from singerid.system.files import atomic_write
from singerid.text import printable
from singerid.web.desk import Desk, NotThereError

_COLUMNS = 500


def best_recordings(library: Library, number: int) -> list[tuple[str, Path]]:
    """(id, path) of a singer's recordings whose files are there, the best fitting first."""
    contents = library.core.contents
    own = [contents.recordings[at].id for at in contents.enrolled if contents.recordings[at].singer == number]
    order = sorted(zip(fits(contents).get(number, ()), own, strict=True), reverse=True)
    places = library.paths(own)
    found = ((one, Path(places[one])) for _, one in order if one in places)
    return [(one, path) for one, path in found if path.is_file()]


def singer_picture(desk: Desk, library: Library, name: str) -> bytes:
    """The SVG; drawn once for each recording and kept. Raises NotThereError where no file is."""
    contents = library.core.contents
    number = contents.require(name)
    for recording, path in best_recordings(library, number):
        kept = desk.settings.cache / "voices" / f"{recording}.svg"
        if not kept.is_file():
            with atomic_write(kept, "w") as file:
                file.write(spectrum_svg(_mean_spectrum(path)))
        return kept.read_bytes()
    raise NotThereError(f"'{printable(name)}': no file of this singer is where it was; hear one again")


def _mean_spectrum(path: Path) -> list[float]:
    """In dB, band by band: the mean over the song, which is mostly the voice in its louder half."""
    config = FeatureConfig()
    mel = overview(partial(read_blocks, path, config.sample_rate), _COLUMNS, config).mel
    loudness = mel.mean(axis=0)
    louder = mel[:, loudness >= sorted(loudness)[len(loudness) // 2]]
    return [float(level) for level in louder.mean(axis=1)]
