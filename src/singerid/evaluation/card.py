"""The model card of a run, RUN/README.md: what a person must know before using its network.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. Everything in it is read from the run
and its store; what a program cannot know (licences, consent) is said to be unknown, or taken from
RUN/NOTES.md, which whoever trained the network may write.

RUN/evaluation.json   scores of the last `singerid evaluate` of each audio condition
RUN/audit.json        `{"weights": ..., "summary": [sentences]}`, where there is one
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from singerid.config import REPORTED_STATE, AudioCondition
from singerid.data.synthetic.cast import is_synthetic
from singerid.errors import SingeridError
from singerid.evaluation.counts import MEASURES
from singerid.evaluation.evaluate import Evaluation
from singerid.figures.pages import render_page
from singerid.models.registry import count_parameters, model_entry
from singerid.runs.history import best_epoch, read_history
from singerid.runs.run import Run
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.system.files import atomic_write, file_hash, read_json, write_json
from singerid.text import clock, decimal_text, interval_text, printable

MARKER = "Written by singerid"  # in every card; a README.md without it is somebody's own
NAMED_SINGERS = 100  # at most this many are named

EVALUATION, AUDIT = "evaluation.json", "audit.json"
_REMEDIES = {
    EVALUATION: "delete it and run `singerid evaluate` again",
    AUDIT: "delete it and run `singerid audit` again",
}
# Of what makes links of bare addresses, ":", "@" and the point of "www." are enough.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~$@:]|(?<=www)\.", re.IGNORECASE)
_SPLITS = {
    "album": "Albums are kept whole: those of the test part were never heard in training.",
    "track": "Tracks of one album may be in several parts. Albums have a sound of their own, so scores on "
    "this split are higher than on new albums.",
    "file": "The parts are of the trainer's own choice (split.json).",
}


@dataclass(frozen=True)
class _PartCounts:
    """One part of the split in numbers."""

    name: str
    tracks: int
    singers: int | str
    albums: int | str
    duration: str


def record_evaluation(run: Run, evaluation: Evaluation, audio: AudioCondition) -> None:
    """Keep the scores of a run in its evaluation.json, beside those of other audio conditions.

    Scores of other weights than the run has now are dropped, and so is what is not of that form.

    Raises:
        SingeridError: the file there is damaged, or it cannot be written.
    """
    kept = _of_these_weights(run, EVALUATION).get("audio")
    scored = (kept if isinstance(kept, dict) else {}) | {audio: evaluation.to_json()}
    write_json(run.path / EVALUATION, {"weights": _digest(run), "audio": scored})


def record_audit(run: Run, audit: dict[str, Any]) -> None:
    """Keep what `singerid audit` found in the run's audit.json (docs/audit.md); or raise SingeridError."""
    write_json(run.path / AUDIT, {"weights": _digest(run)} | audit)


def write_card(run: Run) -> Path:
    """Write the model card of a finished run, or write it anew.

    A README.md that singerid did not write is left as it is.

    Returns:
        The card's path.

    Raises:
        SingeridError: the run lacks a state or is damaged, or the card cannot be written.
    """
    path = run.path / "README.md"
    if path.exists() and MARKER not in _read_text(path):
        return path
    page = render_page(
        "card.md.j2", **_content(run)
    )  # before the file is open: its errors are no write errors
    with atomic_write(path, "w") as file:
        file.write(page + "\n")
    return path


def escape_markdown(text: object) -> str:
    """Text that Markdown shows as it is within a line: no markup, HTML, formula, link, table cell."""
    return _MARKUP.sub(r"\\\g<0>", printable(str(text)))


def _content(run: Run) -> dict[str, Any]:
    config = run.config
    split = run.split()
    parts = {"train": split.train, "valid": split.valid, "test": split.test}
    paths = [path for part in parts.values() for path in part]
    store, store_note = _store(run)
    known = {track.path: track for track in store.tracks} if store else {}
    notes = run.path / "NOTES.md"
    return {
        "md": escape_markdown,
        "marker": MARKER,
        "model": config.model,
        "audio": config.audio,
        "clip_seconds": config.training.clip_seconds,
        "singers": config.singers,
        "named": config.singers[:NAMED_SINGERS],
        "synthetic": all(map(is_synthetic, paths)),
        "tracks": f"{len(paths):,}",
        "parts": [_part(name, part, known) for name, part in parts.items()],
        "split": _split_text(run),
        "store_note": store_note,
        **_scores(run),
        "audit": _audit(run),
        "network": _network(run),
        "settings": _settings(run),
        "notes": _read_text(notes).strip() if notes.exists() else "",
        "versions": ", ".join(f"{name} {version}" for name, version in config.versions.items()),
    }


def _store(run: Run) -> tuple[Store | None, str]:
    try:
        store = run.store()
    except SingeridError:
        return (
            None,
            "The features are not where they were any more, so singers, albums and durations are unknown.",
        )
    changed = store.identity != run.config.store_identity
    return (
        store,
        "The store has changed since the training; the numbers are those of today." if changed else "",
    )


def _part(name: str, paths: Sequence[str], known: dict[str, StoredTrack]) -> _PartCounts:
    tracks = [known[path] for path in paths if path in known]
    if len(tracks) < len(paths):
        return _PartCounts(name, len(paths), "?", "?", "?")
    return _PartCounts(
        name,
        len(tracks),
        len({track.singer for track in tracks}),
        len({(track.singer, track.album) for track in tracks}),
        clock(sum(track.duration_s for track in tracks)),
    )


def _split_text(run: Run) -> str:
    how = run.config.split
    seed = "" if how.kind == "file" else f" Drawn with seed {how.seed}."
    albums = f" Singers with fewer than {how.min_albums} albums were left out." if how.min_albums else ""
    return _SPLITS[how.kind] + seed + albums


def _scores(run: Run) -> dict[str, Any]:
    """Rows of the table of scores, and the singers known best and worst; empty where nothing is known."""
    found = _of_these_weights(run, EVALUATION).get("audio", {})
    try:
        return {
            "scores": [row for audio, scored in found.items() for row in _score_rows(audio, scored)],
            "extremes": " ".join(_extremes(audio, scored) for audio, scored in found.items()),
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SingeridError(f"{run.path / EVALUATION}: is damaged; {_REMEDIES[EVALUATION]}") from error


def _score_rows(audio: str, evaluation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    systems = {"this network": evaluation["states"][REPORTED_STATE]}
    if "baseline" in evaluation:
        systems["classical baseline"] = evaluation["baseline"]
    for system, levels in systems.items():
        for level in ("clip", "track"):
            scores = levels[level]
            cells = [interval_text(scores[measure], **scores["intervals"][measure]) for measure in MEASURES]
            yield {
                "heard": audio,
                "system": system,
                "level": f"{level}s",
                "cells": cells,
                "count": scores["count"],
            }


def _extremes(audio: str, evaluation: dict[str, Any]) -> str:
    """The singers that it knows worst and best."""
    rows = [row for row in evaluation["states"][REPORTED_STATE]["clip"]["singers"] if row["count"]]
    worst, best = (choose(rows, key=lambda row: row["f1"]) for choose in (min, max))
    worst_text, best_text = (
        f"{decimal_text(row['f1'])} ({escape_markdown(row['singer'])})" for row in (worst, best)
    )
    return f"Hearing the {audio}, its clip F1 runs from {worst_text} to {best_text}."


def _audit(run: Run) -> list[str]:
    """Sentences of the audit; none where there are none in the form that is documented."""
    summary = _of_these_weights(run, AUDIT).get("summary")
    if not isinstance(summary, list):
        return []
    return [sentence for sentence in summary if isinstance(sentence, str)]


def _network(run: Run) -> dict[str, str]:
    config, features = run.config, run.config.features
    parameters, trainable = count_parameters(run.load_model())
    return {
        "name": config.model,
        "what it is": model_entry(config.model).description,
        "options": _pairs(config.options) or "its defaults",
        "parameters": f"{parameters:,} ({trainable:,} trainable)",
        "hears": config.audio + (f", separated by {config.separator}" if config.separator else ""),
        "melody": config.melody or "none",
        "log-mel features": _pairs(asdict(features)),
    }


def _settings(run: Run) -> dict[str, str]:
    history = read_history(run)
    best = best_epoch(history)
    return {
        "settings": _pairs(asdict(run.config.training)),
        "epochs done": f"{len(history)}",
        "reported state": f"epoch {best.epoch}, best weighted F1 on validation clips, {best.valid_f1:.3f}",
    }


def _pairs(values: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SingeridError(
            f"{path}: cannot be read ({error.strerror or error}); make it a text file, or move it away"
        ) from error


def _digest(run: Run) -> str:
    """SHA-256 of the reported state's file: says which weights a score is of."""
    try:
        return file_hash(run.state_path())
    except OSError as error:
        raise SingeridError(
            f"{run.state_path()}: cannot be read ({error.strerror}); run the same `singerid train` again"
        ) from error


def _of_these_weights(run: Run, name: str) -> dict[str, Any]:
    """A JSON file of the run; empty where there is none, or where it is of other weights than the run has."""
    path = run.path / name
    if not path.exists():
        return {}
    content = read_json(path, _REMEDIES[name])
    if not isinstance(content, dict):
        raise SingeridError(f"{path}: is damaged; {_REMEDIES[name]}")
    return content if content.get("weights") == _digest(run) else {}
