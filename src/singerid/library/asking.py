"""The answers of a library for many files, one after another."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from singerid.errors import Failure
from singerid.identify.result import Result
from singerid.library.library import Library
from singerid.listening.ahead import decoded_ahead
from singerid.sound.files import AudioError, one_warning


def identify_files(
    library: Library, files: Sequence[Path], prior: float | None = None
) -> Iterator[Result | Failure]:
    """The answer for each file in turn; a file that cannot be used gives a `Failure`, and the rest go on."""
    hearing = library.hearing
    if hearing.separator is not None:
        for path in files:
            try:
                yield library.identify(path, prior=prior)
            except AudioError as error:
                yield Failure(str(path), error.reason)
        return
    for begun in decoded_ahead(files, hearing.sample_rate):
        try:
            known = library.known(begun.path)
            warnings: list[str] = []
            heard = hearing(begun.read, warnings.append, with_cells=True)
            warning = one_warning([*begun.warnings, *warnings])
            yield library.judged(heard, known, str(begun.path), warning, prior)
        except AudioError as error:
            yield Failure(str(begun.path), error.reason)
