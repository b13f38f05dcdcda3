"""The model card of a run, RUN/README.md: what a person must know before using its network.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. Its content is read from the run and its
store. Facts that a program cannot know (licences, consent) are listed as unknown, or copied from
RUN/NOTES.md, which the people who trained the network may write.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from singerid.config import REPORTED_STATE, TrainingConfig
from singerid.data.synthetic.cast import is_synthetic
from singerid.errors import SingeridError
from singerid.evaluation.counts import MEASURES
from singerid.evaluation.record import REMEDY, SCORES, recorded_audit, recorded_evaluations
from singerid.figures.pages import render_page
from singerid.models.registry import BUILT_IN, MODELS
from singerid.runs.history import best_epoch, read_history
from singerid.runs.run import Run
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.system.files import atomic_write
from singerid.text import clock, decimal_text, interval_text, printable

CARD = "README.md"
MARKER = "Written by singerid"  # in every card; a README.md without it was written by a user
NAMED_SINGERS = 100  # at most this many are named

_FRONT = "---\n"  # the line before and the line after the data that hubs read
# Escaping ":", "@" and the dot of "www." is enough to keep bare addresses from becoming links.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~$@:]|(?<=www)\.", re.IGNORECASE)
_SPLITS = {
    "album": "Albums are kept whole: those of the test part were never heard in training.",
    "track": "Tracks of one album may be in several parts. Albums have a sound of their own, so scores on "
    "this split are higher than on new albums.",
    "file": "The people who trained the network chose the parts.",
}


@dataclass(frozen=True)
class _PartCounts:
    """One part of the split in numbers."""

    name: str
    tracks: int
    singers: int | str
    albums: int | str
    duration: str


def write_card(run: Run) -> Path:
    """Write the model card of a finished run, or update it.

    A README.md that singerid did not write is left as it is.

    Returns:
        The card's path.

    Raises:
        SingeridError: the run lacks a state or is damaged, or the card cannot be written.
    """
    path = run.path / CARD
    if is_own_card(path):
        return path
    page = card_text(run)  # before the file is opened: its errors are not write errors
    with atomic_write(path, "w") as file:
        file.write(page)
    return path


def is_own_card(path: Path) -> bool:
    """Whether there is a README.md that singerid did not write; raises SingeridError if it cannot be read."""
    return path.exists() and MARKER not in _read_text(path)


def card_text(run: Run) -> str:
    """The model card of a finished run; raises SingeridError as `write_card`."""
    return render_page("card.md.j2", hub=False, **_content(run)) + "\n"


def hub_card_text(run: Run, licence: str = "") -> str:
    """The model card of a finished run for a model hub; if a user wrote the run's README.md, that text.

    It begins with the data that hubs read: https://huggingface.co/docs/hub/model-cards. If the user's
    README.md already begins with such data, it is returned unchanged.

    Args:
        run: the run that the card describes.
        licence: licence of the weights, by the hub's name for it; "": unknown.

    Raises:
        SingeridError: as `write_card`.
    """
    page = render_page("card.md.j2", hub=True, **_content(run) | {"licence": licence}) + "\n"
    if not is_own_card(run.path / CARD):
        return page
    own = _read_text(run.path / CARD)
    if own.startswith(_FRONT):
        return own
    end = page.index(f"\n{_FRONT}") + 1 + len(_FRONT)
    return page[:end] + own


def escape_markdown(text: object) -> str:
    r"""`text` as Markdown shows it literally within a line: no markup, HTML, formula, link or table cell.

    >>> print(escape_markdown("a*b_c"))
    a\*b\_c
    """
    return _MARKUP.sub(r"\\\g<0>", printable(str(text)))


def _content(run: Run) -> dict[str, Any]:
    config, split = run.config, run.split
    parts = {"train": split.train, "valid": split.valid, "test": split.test}
    paths = [path for part in parts.values() for path in part]
    store, store_note = _store(run)
    known = {track.path: track for track in store.tracks} if store else {}
    notes = run.path / "NOTES.md"
    return {
        "md": escape_markdown,
        "quoted": _quoted,
        "marker": MARKER,
        "licence": "",
        "model": config.model,
        "plugin": "" if config.model in BUILT_IN else "--plugin FILE.py ",
        "audio": config.spec.audio,
        "clip_seconds": config.training.clip_seconds,
        "singers": config.singers,
        "named": config.singers[:NAMED_SINGERS],
        "synthetic": all(map(is_synthetic, paths)),
        "tracks": f"{len(paths):,}",
        "parts": [_part(name, part, known) for name, part in parts.items()],
        "split": _split_text(run),
        "store_note": store_note,
        **_scores(run),
        "audit": audit_sentences(run),
        "network": _network(run),
        "settings": _settings(run),
        "notes": _read_text(notes).strip() if notes.exists() else "",
        "versions": ", ".join(
            f"{name} {version}" for name, version in {**config.versions, **config.origins}.items()
        ),
    }


def _store(run: Run) -> tuple[Store | None, str]:
    try:
        store = run.store
    except SingeridError:
        return (
            None,
            "The store of features could not be opened, so singers, albums and durations are unknown.",
        )
    changed = "The store has changed since the training; these numbers describe it as it is now."
    return store, changed if run.changed else ""


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
    """Rows of the table of scores, and the singers with the best and worst F1; empty if none are recorded."""
    recorded = recorded_evaluations(run)
    try:
        found = {
            audio: entry["scores"]
            for audio, entry in recorded.items()
            if REPORTED_STATE in entry["scores"]["states"]
        }
        return {
            "scores": [row for audio, scored in found.items() for row in _score_rows(audio, scored)],
            "results": [
                {"heard": audio, "metrics": metrics}
                for audio, scored in found.items()
                if (metrics := list(_metrics(scored)))
            ],
            "extremes": " ".join(_extremes(audio, scored) for audio, scored in found.items()),
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SingeridError(f"{run.path / SCORES}: is damaged; {REMEDY}") from error


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


def _metrics(evaluation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The scores of the network in the form that hubs read; values that are not finite are left out."""
    kinds = {"f1_weighted": ("f1", "weighted F1"), "f1_macro": ("f1", "macro F1")}
    for level, scores in evaluation["states"][REPORTED_STATE].items():
        for measure in MEASURES:
            kind, name = kinds.get(measure, (measure, measure))
            if math.isfinite(scores[measure]):
                yield {"type": kind, "name": f"{name} of {level}s", "value": round(scores[measure], 4)}


def _quoted(text: str) -> str:
    """`text` as a quoted YAML string. A JSON string is one."""
    return json.dumps(printable(text), ensure_ascii=False)


def _extremes(audio: str, evaluation: dict[str, Any]) -> str:
    """One sentence that names the singers with the worst and the best F1."""
    rows = [row for row in evaluation["states"][REPORTED_STATE]["clip"]["singers"] if row["count"]]
    worst, best = (choose(rows, key=lambda row: row["f1"]) for choose in (min, max))
    worst_text, best_text = (
        f"{decimal_text(row['f1'])} ({escape_markdown(row['singer'])})" for row in (worst, best)
    )
    return f"Hearing the {audio}, its clip F1 runs from {worst_text} to {best_text}."


def audit_sentences(run: Run) -> list[str]:
    """What the audit of a run's weights found, in sentences; empty if there is no readable audit."""
    summary = recorded_audit(run).get("summary")
    if not isinstance(summary, list):
        return []
    return [sentence for sentence in summary if isinstance(sentence, str)]


def _network(run: Run) -> dict[str, str]:
    config, spec = run.config, run.config.spec
    parameters, trainable = run.parameters
    return {
        "name": config.model,
        "what it is": MODELS[config.model].description,
        "options": _pairs(config.options) or "its defaults",
        "parameters": f"{parameters:,} ({trainable:,} trainable)",
        "hears": spec.audio + (f", separated by {spec.separator}" if spec.separator else ""),
        "melody": spec.melody or "none",
        **({"encoder": _encoder(run)} if spec.encoder else {}),
        "features": _pairs(asdict(spec.features)),
    }


def _encoder(run: Run) -> str:
    """The encoder whose vectors the network reads, in words."""
    name = run.config.spec.encoder
    assert name is not None
    return f"{name}, frozen; weights with the SHA-256 {run.config.origins[name]}"


def _settings(run: Run) -> dict[str, str]:
    history = read_history(run)
    best = best_epoch(history)
    by = f"best weighted F1 on validation clips, {best.valid_f1:.3f}"
    if MODELS[run.config.model].settings:
        return {
            "settings tried": f"{len(history)}",
            "reported state": f"setting {best.epoch}, {by}",
        }
    return {
        "settings": _pairs(_training(run.config.training)),
        **({"devices": f"up to {devices} at once"} if (devices := run.config.devices) > 1 else {}),
        "epochs done": f"{len(history)}",
        "reported state": f"epoch {best.epoch}, {by}",
    }


def _training(training: TrainingConfig) -> dict[str, Any]:
    """The settings of the training; strengths of augmentations only if there is an augmentation."""
    values = asdict(training)
    strengths = values.pop("augment_strengths")
    return values | (strengths if training.augment != "none" else {})


def _pairs(values: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SingeridError(
            f"{path}: cannot be read ({error.strerror or error}); make it a text file, or move it away"
        ) from error
