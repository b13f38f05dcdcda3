"""Export a run as a folder for a model hub: card, weights and configuration. The folder is a run itself.

Hubs expect this form: https://huggingface.co/docs/hub/models-uploading. The folder tells nothing about the
machine that wrote it: it holds no path of the run, of the store or of a recording.
"""

import hashlib
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

from singerid.encoders.registry import ENCODERS
from singerid.encoders.trained import UNKNOWN_ELSEWHERE
from singerid.errors import SingeridError
from singerid.evaluation.card import CARD, hub_card_text, is_own_card
from singerid.models.registry import BUILT_IN
from singerid.runs.config import config_to_json
from singerid.runs.run import CONFIG, EXPORTED_WEIGHTS, Run
from singerid.system.files import atomic_write, read_json, write_json, writing
from singerid.text import printable

_log = logging.getLogger(__name__)
_LICENCE = re.compile("[a-z0-9]+(?:[.+-][a-z0-9]+)*")


@dataclass(frozen=True)
class HubFolder:
    """A folder that `export_hub` wrote.

    Attributes:
        path: the folder.
        size: size of its weights in bytes.
    """

    path: Path
    size: int


def export_hub(run: Path | str, folder: Path | str, licence: str = "") -> HubFolder:
    """Write README.md, config.json and model.safetensors of a run into a folder for a model hub.

    `Run.open(folder)` and `Identifier.load(folder)` take the folder, too, and give exactly the answers of the
    run. It has only the reported state. It can be exported into again. A README.md that a user wrote there is
    not changed; one that a user wrote in the run is copied.

    Args:
        run: the run's folder.
        folder: a new or empty folder, or one that this function wrote before. Hidden files are ignored.
        licence: licence of the weights, by the hub's name for it: "cc-by-4.0", "mit", "other"; "": unknown.

    Returns:
        The folder and the size of its weights.

    Raises:
        SingeridError: the run cannot be read, is an exported run already, or reads vectors of an encoder that
            other people cannot get; the folder holds something else or cannot be written; the licence is not
            one word.
    """
    folder = Path(folder)
    if licence and not _LICENCE.fullmatch(licence := licence.lower()):
        raise SingeridError(
            f"{licence}: is not a hub's name of a licence; give one word, such as cc-by-4.0, mit or other"
        )
    opened = Run.open(run)
    config = opened.config
    if config.exported:
        raise SingeridError(f"{opened.name}: is an exported run already; upload its folder as it is")
    if config.spec.encoder is not None and config.spec.encoder not in ENCODERS:
        raise SingeridError(f"{opened.name}: {UNKNOWN_ELSEWHERE}")
    _require_place(folder)
    opened.load_network()  # raises if the run is damaged
    page = hub_card_text(opened, licence)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".tmp-*"):  # of a process that was killed
            leftover.unlink()
    try:
        weights = opened.state_path().read_bytes()
    except OSError as error:
        raise SingeridError(f"{opened.state_path()}: cannot be read ({error.strerror}); try again") from error
    # The configuration holds the hash of its weights and is written first. If the program is stopped between
    # the two files, the folder is seen to be incomplete, and can be written again.
    shared = replace(config, store="", exported=hashlib.sha256(weights).hexdigest())
    write_json(folder / CONFIG, config_to_json(shared))
    with atomic_write(folder / EXPORTED_WEIGHTS) as file:
        file.write(weights)
    if is_own_card(folder / CARD):
        _log.warning(f"{printable(folder / CARD)}: is your own and was not changed")
    else:
        with atomic_write(folder / CARD, "w") as file:
            file.write(page)
        if is_own_card(folder / CARD):
            _log.warning(f"{printable(folder / CARD)}: is your own card from the run")
    if config.model not in BUILT_IN:
        _log.warning(
            f"{printable(folder)}: {config.model} is a model of your own: whoever uses the folder needs the "
            "Python file that registers it, too (`plugin`)"
        )
    return HubFolder(folder, len(weights))


def _require_place(folder: Path) -> None:
    """Raise SingeridError if the folder holds something else; nothing has been written there yet."""
    another = "give a new or empty folder"
    if folder.exists() and not folder.is_dir():
        raise SingeridError(f"{folder}: is a file; {another}")
    with writing(folder):
        if not folder.is_dir() or all(entry.name.startswith(".") for entry in folder.iterdir()):
            return
    path = folder / CONFIG
    content = read_json(path, another) if path.is_file() else None
    if not isinstance(content, dict) or not content.get("exported"):
        raise SingeridError(f"{folder}: is not empty and holds no exported run; {another}")
