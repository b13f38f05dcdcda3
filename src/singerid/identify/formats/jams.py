"""JAMS, the annotation format of music information retrieval: one `segment_open` annotation per voice.

Humphrey et al., "JAMS: A JSON annotated music specification for reproducible MIR research", ISMIR 2014;
https://jams.readthedocs.io. JAMS has no namespace for singers, so a segment's value is the name.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.identify.result import Result
from singerid.identify.voices import Turn, Voice, turns_of, voices
from singerid.text import in_utf8
from singerid.version import __version__

_JAMS_VERSION = "0.3.5"  # the version of the schema


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    for result in results_of(outcomes):
        turns = turns_of(result)
        song = {
            "annotations": [
                _annotation(voice, [turn for turn in turns if turn.voice == voice], result)
                for voice in voices(result)
            ],
            "file_metadata": {
                "title": Path(result.path).stem,
                "artist": "",
                "release": "",
                "duration": result.seconds,
                "identifiers": {},
                "jams_version": _JAMS_VERSION,
            },
            "sandbox": {"path": result.path, "decision": result.decision},
        }
        to.file.write(in_utf8(json.dumps(song, indent=2, ensure_ascii=False)) + "\n")


def _annotation(voice: Voice, turns: list[Turn], result: Result) -> dict[str, Any]:
    return {
        "namespace": "segment_open",
        "annotation_metadata": {
            "annotation_tools": f"singerid {__version__}",
            "annotation_rules": "when this voice sings",
            "data_source": "program",
        },
        "data": [
            {
                "time": turn.start_s,
                "duration": round(turn.end_s - turn.start_s, 6),
                "value": str(voice),
                "confidence": turn.probability,
            }
            for turn in turns
        ],
        "time": 0.0,
        "duration": result.seconds,
        "sandbox": {"unknown": voice.unknown} if voice.unknown else {},
    }


JAMS = Format(_write, ".jams", about="song", needs_timeline=True)
