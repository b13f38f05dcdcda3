"""The schema of the Parquet files of heard recordings: one row a recording, FOLDER/MARK/NAME.parquet.

The metadata of a file holds the settings of its vectors; vectors of different settings are never mixed. A
recording that could not be used has a reason and no vectors; one in which nobody sings has neither.

Letters in shapes: D size of a vector.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from singerid.errors import SingeridError
from singerid.library.records import Settings

if TYPE_CHECKING:
    import pyarrow

METADATA = b"singerid"
"""Key of our entry in a file's metadata."""
FORMAT = 1

ANSWER_COLUMNS = ("decision", "answer")
"""Columns of recordings that a library was asked about: its decision, and the whole answer as JSON."""


@dataclass(frozen=True)
class HeardBy:
    """The settings with which the recordings of a file were heard.

    Attributes:
        settings: encoder, sounds and separator.
        state: state of the library that was asked about them; "": none was asked.
    """

    settings: Settings
    state: str = ""


def schema(
    sounds: Sequence[str], size: int, settings: Settings, *, answers: bool = False, state: str = ""
) -> "pyarrow.Schema":
    """The schema of a file.

    Args:
        sounds: the sounds with a vector for each recording: "mixture", "vocals".
        size: size of a vector, D.
        settings: settings that the recordings were heard with.
        answers: whether to add the columns of `identify`.
        state: state of the library that gave the answers.
    """
    import pyarrow as pa

    plain: list[tuple[str, Any]] = [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("changed_ns", pa.int64()),
        ("fingerprint", pa.string()),
        ("scheme", pa.int32()),
        ("seconds", pa.float64()),
        ("voice_seconds", pa.float64()),
        ("short", pa.bool_()),
        ("warning", pa.string()),
        ("reason", pa.string()),
        ("singer", pa.string()),
        ("album", pa.string()),
    ]
    if answers:
        plain += [(name, pa.string()) for name in ANSWER_COLUMNS]
    vectors = [(sound, pa.list_(pa.float32(), size)) for sound in sounds]
    return pa.schema([*plain, *vectors], metadata(HeardBy(settings, state)))


def metadata(by: HeardBy) -> dict[bytes, bytes]:
    """The metadata of a file."""
    value = {"format": FORMAT, "settings": asdict(by.settings), "state": by.state}
    return {METADATA: json.dumps(value, sort_keys=True).encode()}


def read_metadata(where: str, found: Mapping[bytes, bytes] | None) -> HeardBy:
    """The settings with which the recordings of a file were heard, read from its metadata.

    Args:
        where: name of the file for error messages.
        found: its metadata.

    Raises:
        SingeridError: it is not a file of heard recordings, or has a newer format.
    """
    no_file = SingeridError(
        f"{where}: is not a Parquet file of heard recordings; give the folder that `parquet` "
        "named when they were heard"
    )
    if not found or METADATA not in found:
        raise no_file
    try:
        value = json.loads(found[METADATA])
        number = int(value["format"])
        if number <= FORMAT:
            return HeardBy(Settings(**value["settings"]), str(value["state"]))
    except (ValueError, KeyError, TypeError) as error:
        raise no_file from error
    raise SingeridError(
        f"{where}: has format {number}, which this version of singerid does not know; update singerid"
    )
