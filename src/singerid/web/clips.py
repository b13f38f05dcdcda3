"""Where to listen to a recording: five seconds of its clearest voice."""

from singerid.identify.result import Result
from singerid.library.answers import Answer
from singerid.library.library import Library
from singerid.library.review import clearest


def answer_of(library: Library, recording: str) -> Answer | None:
    """What is kept of a recording, where it was found last."""
    path = library.paths([recording]).get(recording)
    return None if path is None else library.answers.at(path)


def clip_of_recording(library: Library, recording: str, singer: str | None = None) -> tuple[float, float]:
    """(start, end) in seconds of the clearest voice; of what was not heard by `identify`, the middle."""
    contents = library.core.contents
    seconds = contents.recordings[contents.index[recording]].seconds
    kept = answer_of(library, recording)
    timeline = Result.from_json(kept.result).timeline if kept else ()
    return clearest(timeline, seconds, singer)
