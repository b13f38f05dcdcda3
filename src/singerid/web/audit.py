"""The findings of an audit of the run whose network makes a library's vectors."""

from pathlib import Path

from singerid.errors import SingeridError
from singerid.evaluation.card import audit_sentences
from singerid.library.library import Library
from singerid.runs.run import Run


def audit_of_encoder(library: Library) -> list[str] | None:
    """The audit's sentences; None if the encoder is not a run on this machine, or was not audited."""
    settings = library.core.contents.settings
    if settings is None or not (Path(settings.encoder) / "config.json").is_file():
        return None
    try:
        return audit_sentences(Run.open(Path(settings.encoder))) or None
    except SingeridError:  # a run that cannot be read has no audit
        return None
