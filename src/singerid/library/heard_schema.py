"""What is in the Parquet files of heard recordings: one row a recording, FOLDER/MARK/NAME.parquet.

A file says in its metadata by what its vectors were heard; vectors of other settings are never mixed with
them. A recording that could not be used has a reason, and no vectors; one in which nobody sings has neither.

Letters in shapes: D size of a vector.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from singerid.errors import SingeridError
from singerid.library.records import Settings
from singerid.text import printable

if TYPE_CHECKING:
    import pyarrow

METADATA = b"singerid"
"""Key of a file's metadata that says what it is."""
FORMAT = 1

ANSWER_COLUMNS = ("decision", "answer")
"""Of recordings that a library was asked about: its decision, and all of its answer as JSON."""


@dataclass(frozen=True)
class HeardBy:
    """By what the recordings of a file were heard.

    Attributes:
        settings: encoder, sounds and separator.
        state: of the library that was asked about them; "": none was.
    """

    settings: Settings
    state: str = ""


def schema(
    sounds: Sequence[str], size: int, settings: Settings, *, answers: bool = False, state: str = ""
) -> "pyarrow.Schema":
    """The schema of a file.

    Args:
        sounds: what there is a vector of for each recording: "mixture", "vocals".
        size: of a vector, D.
        settings: what they were heard by.
        answers: whether there are the columns of `identify`, too.
        state: of the library that gave the answers.
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
    """By what the recordings of a file were heard.

    Args:
        where: the file, for errors.
        found: its metadata.

    Raises:
        SingeridError: it is none of heard recordings, or of a newer format.
    """
    no_file = SingeridError(
        f"{printable(where)}: is no Parquet file of heard recordings; give the folder that was "
        "named by --parquet when they were heard"
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
        f"{printable(where)}: is of format {number}, which this version of singerid does not know; "
        "update singerid"
    )
