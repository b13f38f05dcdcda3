"""Where to listen to a recording: five seconds of its clearest voice."""

from pathlib import Path

from singerid.identify.result import Result
from singerid.library.answers import Answer
from singerid.library.library import Library
from singerid.library.likeness import fits
from singerid.library.review import clearest


def answer_of(library: Library, recording: str) -> Answer | None:
    """The kept answer for a recording, at the path where it was last found."""
    path = library.paths([recording]).get(recording)
    return None if path is None else library.answers.at(path)


def clip_of_recording(library: Library, recording: str, singer: str | None = None) -> tuple[float, float]:
    """(start, end) in seconds of the clearest voice; without a kept answer, the middle of the recording."""
    contents = library.core.contents
    seconds = contents.recordings[contents.index[recording]].seconds
    kept = answer_of(library, recording)
    timeline = Result.from_json(kept.result).timeline if kept else ()
    return clearest(timeline, seconds, singer)


def best_recordings(library: Library, number: int) -> list[tuple[str, Path]]:
    """(id, path) of a singer's recordings whose files are there, the best fitting first."""
    contents = library.core.contents
    own = [contents.recordings[at].id for at in contents.enrolled if contents.recordings[at].singer == number]
    order = sorted(zip(fits(contents).get(number, ()), own, strict=True), reverse=True)
    places = library.paths(own)
    found = ((one, Path(places[one])) for _, one in order if one in places)
    return [(one, path) for one, path in found if path.is_file()]
