"""Making all vectors of a library again, by another encoder or of another sound; people's statements stay.

Progress is stored: if it is interrupted and called again, it continues.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from singerid.errors import Failure
from singerid.library.calibrate import material_of, read_calibration
from singerid.library.core import LibraryCore, set_settings, settings_of
from singerid.library.database import Change
from singerid.library.decide import judge
from singerid.library.hearing import SOUNDS, Hearing
from singerid.library.odds import probability
from singerid.library.records import Settings
from singerid.library.rule import Rule
from singerid.library.shipped import shipped_rule
from singerid.library.trials import make_trials
from singerid.sound.files import AudioError

_MIGRATING = "migrating"


@dataclass(frozen=True)
class ChangedDecision:
    """A recording for which the library's decision has changed.

    Attributes:
        path: path of its file; "": not known.
        before: the old decision, with the name if there is one.
        after: the new decision, likewise.
    """

    path: str
    before: str
    after: str


@dataclass
class MigrateReport:
    """The result of `migrate`.

    Attributes:
        made: number of recordings that have new vectors.
        failures: recordings whose file was not found or could not be heard. They keep their singers, and have
            no vectors until they are enrolled again.
        changed: decisions that have changed; for each, the recording was left out with its album.
    """

    made: int = 0
    failures: list[Failure] = field(default_factory=list)
    changed: list[ChangedDecision] = field(default_factory=list)


def migrate(core: LibraryCore, hearing: Hearing, step: Callable[[], None] = lambda: None) -> MigrateReport:
    """Hear all recordings again.

    Args:
        core: the library.
        hearing: the encoder and separator of the new vectors.
        step: called after each recording.
    """
    report = MigrateReport()
    target = settings_of(hearing)
    before = _decisions(core)
    with core.database.command("migrate", can_undo=False):
        mark = json.dumps(asdict(target), sort_keys=True)
        if core.database.setting(_MIGRATING) != mark:
            with core.database.changing() as change:
                change.run("DELETE FROM fresh")
                set_settings(change, {_MIGRATING: mark})
        done = {row[0] for row in core.database.rows("SELECT recording FROM fresh")}
        lost: list[str] = []
        places = _places(core)
        for (recording,) in core.database.rows("SELECT id FROM recordings ORDER BY id"):
            if recording in done:
                report.made += 1
            else:
                failure = hear_again(core, hearing, recording, places.get(recording, []))
                if failure:
                    report.failures.append(failure)
                    lost.append(recording)
                else:
                    report.made += 1
            step()
        with core.database.changing() as change:
            _replace(change, target, lost)
    core.changed()
    core.fit(set(core.contents.singers))
    report.changed = _compared(before, _decisions(core), places)
    return report


def _places(core: LibraryCore) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for recording, path in core.database.rows("SELECT recording, path FROM places ORDER BY rowid DESC"):
        found.setdefault(recording, []).append(path)
    return found


def _is_there(core: LibraryCore, recording: str, place: str) -> bool:
    """Whether a file is still the recording: another file may have the same path now."""
    try:
        return core.look(Path(place)).recording == recording
    except AudioError:
        return False


def hear_again(core: LibraryCore, hearing: Hearing, recording: str, places: list[str]) -> Failure | None:
    """Hear a recording with the new encoder at the first of its places where it is; why not, if not."""
    path = next((place for place in places if _is_there(core, recording, place)), None)
    if path is None:
        name = places[0] if places else f"recording {recording}"
        return Failure(name, "is not there any more; if it was moved, enroll it again from its new place")
    try:
        heard = hearing(Path(path), lambda _: None)
    except AudioError as error:
        return Failure(path, error.reason)
    if heard.vectors is None:
        return Failure(path, "nobody is heard to sing in it")
    sounds = SOUNDS[hearing.audio]
    with core.database.changing() as change:
        change.many(
            "INSERT INTO fresh (recording, sound, vector, voice_seconds) VALUES (?, ?, ?, ?)",
            [
                (recording, sound, vector.astype("<f4").tobytes(), heard.voice_seconds)
                for sound, vector in zip(sounds, heard.vectors, strict=True)
            ],
        )
    return None


def _replace(change: Change, target: Settings, lost: list[str]) -> None:
    change.run("DELETE FROM vectors")
    change.run("INSERT INTO vectors (recording, sound, vector) SELECT recording, sound, vector FROM fresh")
    change.run(
        "UPDATE recordings SET exemplar = 0, voice_seconds = coalesce("
        "(SELECT voice_seconds FROM fresh WHERE fresh.recording = recordings.id), voice_seconds)"
    )
    change.run("DELETE FROM fresh")
    change.run("DELETE FROM waiting")
    change.run("DELETE FROM voiceless")
    change.many("INSERT INTO waiting (recording) VALUES (?)", [(one,) for one in lost])
    change.run("DELETE FROM settings WHERE key IN (?, 'back_end', 'calibration')", (_MIGRATING,))
    change.run("DELETE FROM back_ends")
    change.run("DELETE FROM calibrations")
    set_settings(change, asdict(target))
    # Earlier commands cannot be undone: their changes refer to the old vectors.
    change.run("DELETE FROM changes")
    change.run("DELETE FROM journal")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    change.run("INSERT INTO journal (command, at, can_undo) VALUES ('migrate', ?, 0)", (now,))


def rule_of(core: LibraryCore) -> Rule:
    """The rule that the library decides by now."""
    calibration = read_calibration(core)
    if calibration is not None:
        return calibration.rule
    settings = core.settings
    return shipped_rule(settings.identity, settings.audio)


def _decisions(core: LibraryCore) -> dict[str, str]:
    """The decision on each recording, an enrolled one with its album left out."""
    contents = core.contents
    if not contents.singers:
        return {}
    rule, names = rule_of(core), [contents.names[number] for number in contents.singers]
    found = {}
    for at, one in enumerate(contents.recordings):
        if contents.is_open(one):
            judged = judge(contents.voiceprints, rule, contents.vectors[at], one.voice_seconds)
            found[one.id] = _worded(judged.decision, None if judged.best is None else names[judged.best])
    if len(names) > 1:
        trials = make_trials(material_of(contents))
        log_odds = rule.odds(trials.features)
        for trial in np.flatnonzero(~trials.stranger).tolist():
            chance = probability(log_odds[trial : trial + 1]).tolist()
            decision = rule.verdict(float(log_odds[trial]), chance)
            recording = contents.recordings[contents.enrolled[trials.recording[trial]]].id
            found[recording] = _worded(decision, names[trials.best[trial]])
    return found


def _worded(decision: str, name: str | None) -> str:
    return f"{decision}: {name}" if decision != "unknown" and name else decision


def _compared(
    before: dict[str, str], after: dict[str, str], places: dict[str, list[str]]
) -> list[ChangedDecision]:
    return [
        ChangedDecision((places.get(one) or [""])[0], before[one], after[one])
        for one in before
        if one in after and before[one] != after[one]
    ]
