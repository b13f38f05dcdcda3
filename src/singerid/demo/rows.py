"""Answers as rows of a page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from singerid.demo.answers import Answer, Counts, count
from singerid.demo.players import excerpt
from singerid.identify.report import evidence_text
from singerid.text import printable

_PLAYERS = 60  # rows with sound: at 35 kB each the page stays small


def song_rows(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """One row per answer; the first rows have a player."""
    return [_row(answer, at < _PLAYERS) for at, answer in enumerate(answers)]


def _row(answer: Answer, has_player: bool) -> dict[str, Any]:
    result = answer.result
    mark, words = answer.verdict
    return {
        "title": printable(answer.question.title),
        "truth": printable(answer.question.singer) or "nobody",
        "kind": answer.question.kind,
        "answer": answer.text,
        "sure": "" if result.probability is None else f"{result.probability:.0%}",
        # Without the most similar recording: its path is long and not helpful here.
        "evidence": evidence_text(replace(result, nearest=())),
        "mark": mark,
        "verdict": words,
        "audio": excerpt(answer.question.path, result.seconds) if has_player else "",
    }


def count_row(name: str, what: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """The row of one library: counts of its answers."""
    ours, strangers, bands = (count(answers, kind) for kind in ("enrolled", "stranger", "band"))
    return {
        "name": name,
        "what": what,
        "right": _of(ours.right, ours),
        "wrong": ours.wrong,
        "ambiguous": ours.ambiguous,
        "guessed": ours.guessed,
        "unknown": ours.unknown,
        "unheard": ours.no_voice,
        "strangers_unknown": _of(strangers.unknown, strangers),
        "strangers_ambiguous": strangers.ambiguous,
        "strangers_unheard": strangers.no_voice,
        "strangers_named": strangers.wrong,
        "bands": _of(bands.wrong, bands),
    }


def _of(part: int, counts: Counts) -> str:
    return f"{part} of {counts.songs}"
