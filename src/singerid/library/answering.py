"""Stored answers: made when a file is heard, and recomputed from its vectors when the library has changed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from singerid.identify.result import Result
from singerid.library.answer import answer
from singerid.library.answers import Answer, Answers, without_name
from singerid.library.core import LibraryCore
from singerid.library.decide import Known, known_of
from singerid.library.hearing import HeardVoice
from singerid.library.records import Contents
from singerid.library.rule import Rule
from singerid.system.file_names import absolute

_BATCH = 200  # answers that are recomputed in one transaction


def state_of(contents: Contents, calibration: str) -> str:
    """A short hash of everything that a library's answers depend on.

    Recordings that are not enrolled do not change it.

    Args:
        contents: contents of the library.
        calibration: the id of its calibration; "": it has none.
    """
    mark = hashlib.sha256()
    enrolled = [contents.recordings[at] for at in contents.enrolled]
    parts: tuple[object, ...] = (
        *(contents.settings, calibration, contents.back_end, sorted(contents.nobody)),
        sorted(contents.names.items()),
        [(one.id, one.singer, one.exemplar) for one in enrolled],
        sorted((one, sorted(said.items())) for one, said in contents.statements.items()),
    )
    for part in parts:
        mark.update(repr(part).encode("utf-8", "surrogatepass"))
    return mark.hexdigest()[:16]


def kept_content(result: Result, name: str = "") -> dict[str, Any]:
    """The JSON object that is stored for an answer.

    Args:
        result: the answer.
        name: name of the file for people, where it differs from the name in its path.
    """
    # Through JSON, so that tuples become lists as in a stored answer.
    content: dict[str, Any] = json.loads(json.dumps(result.to_json()))
    return content | ({"name": name} if name else {})


class AnswerAgain:
    """Recomputes answers from the vectors in the library; no file is heard again.

    The vector of a whole song cannot tell several voices apart. So in a song with several voices only the
    statements of people are applied, and its answer stays out of date until the song is heard again.

    Args:
        core: the library.
        answers: the answers that the library keeps.
        rule: how scores become decisions.
        calibrated: whether the rule comes from a calibration of this library.
        state: the hash of the library, from `state_of`.
    """

    def __init__(self, core: LibraryCore, answers: Answers, rule: Rule, calibrated: bool, state: str) -> None:
        self._core, self._answers = core, answers
        self._rule, self._calibrated, self._state = rule, calibrated, state

    def each(self, which: Sequence[int]) -> None:
        """Recompute the answers with these ids."""
        for first in range(0, len(which), _BATCH):
            self._answers.renew(map(self._renewed, self._answers.of(which[first : first + _BATCH])))

    def outdated(self, most_seconds: float, after: int) -> int | None:
        """Recompute answers that are out of date; return the last id that was done, None: all are done."""
        until = monotonic() + most_seconds
        while batch := self._answers.outdated(self._state, after, _BATCH):
            self._answers.renew(map(self._renewed, batch))
            after = batch[-1].id
            if monotonic() > until:
                return after
        return None

    def _renewed(self, old: Answer) -> tuple[int, dict[str, Any], str]:
        contents = self._core.contents
        at = None if old.recording is None else contents.index.get(old.recording)
        if at is None:
            # The library has no vectors of it: "no voice" stays true, any other answer needs a new hearing.
            is_right = old.content["decision"] == "no_voice" and not old.content.get("said")
            return old.id, old.content, self._state if is_right else old.state
        recording, known = contents.recordings[at], known_of(contents, old.recording)
        length, voice, is_short = recording.seconds, recording.voice_seconds, bool(old.content.get("short"))
        result = answer(
            self._core,
            self._rule,
            HeardVoice(contents.vectors[at], length, voice, is_short, ()),
            known,
            path=old.path,
            calibrated=self._calibrated,
            warning=old.content.get("warning", ""),
        )
        fresh = kept_content(result, old.content.get("name", ""))
        spans = old.content.get("timeline", [])
        voices = {who for span in spans for who in (*span.get("singers", ()), *span.get("unknown", ()))}
        if known.nobody:
            return old.id, fresh, self._state
        if len(voices) < 2:
            return old.id, _with_times(fresh, spans), self._state
        return old.id, _of_several(contents, fresh, old.content, known), old.state


def _with_times(fresh: dict[str, Any], spans: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer with the times at which its only voice was heard to sing."""
    if not spans:
        return fresh
    named = fresh.get("singers", [])[:1]
    whose: dict[str, Any] = {"singers": [named[0]["singer"]]} if named else {"unknown": [1]}
    sure = named[0]["probability"] if named else 1 - _likeliest(fresh)
    times = [
        {"start_s": span["start_s"], "end_s": span["end_s"], "probability": round(sure, 4)} | whose
        for span in spans
    ]
    made = fresh | {"timeline": times}
    if named:
        seconds = round(sum(span["end_s"] - span["start_s"] for span in spans), 3)
        made["singers"] = [named[0] | {"seconds": seconds}]
    return made


def _likeliest(content: dict[str, Any]) -> float:
    return max((one["probability"] for one in content.get("candidates", ())), default=0.0)


def _of_several(
    contents: Contents, fresh: dict[str, Any], old: dict[str, Any], known: Known
) -> dict[str, Any]:
    """The old answer of a song with several voices, without singers who were refused or are gone."""
    named = {one["singer"] for one in old.get("singers", ())}
    refused = {contents.names[number] for number in known.refused if number in contents.names}
    gone = {who for who in named if who in refused or who not in contents.names.values()}
    if known.singer is None:
        kept = without_name(old, gone) if gone else old
        if kept.get("singers") or not named:
            return kept
        # None of the named singers is left: the decision on the song as a whole is used.
        return fresh | {"timeline": kept.get("timeline", [])}
    said = contents.names[known.singer]
    spans = without_name(old, named - {said}).get("timeline", [])
    own = [span for span in spans if said in span.get("singers", ())]
    if not own:  # the person probably meant the voice that sings longest
        longest = _longest(spans)
        spans = [
            {key: value for key, value in span.items() if key != "unknown"}
            | {"singers": [said]}
            | ({"unknown": rest} if (rest := [one for one in span["unknown"] if one != longest]) else {})
            if longest in span.get("unknown", ())
            else span
            for span in spans
        ]
        own = [span for span in spans if said in span.get("singers", ())]
    seconds = round(sum(span["end_s"] - span["start_s"] for span in own), 3)
    return fresh | {
        "timeline": spans,
        "singers": [{"singer": said, "probability": 1.0, "seconds": seconds}],
    }


def _longest(spans: list[dict[str, Any]]) -> int | None:
    seconds: dict[int, float] = {}
    for span in spans:
        for number in span.get("unknown", ()):
            seconds[number] = seconds.get(number, 0.0) + span["end_s"] - span["start_s"]
    return max(seconds, key=lambda number: seconds[number]) if seconds else None


def with_name(result: Result, path: Path) -> Result:
    """The answer with the file's absolute path, which is the key of stored answers."""
    return replace(result, path=str(absolute(path)))
