"""Files on a model hub by address, hf:ORG/NAME or hf:ORG/NAME@REVISION.

huggingface_hub (extra [hub]) downloads them and keeps them in its own cache. Its own settings apply:
HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE. Only files that are asked for by name are downloaded.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from singerid.errors import SingeridError
from singerid.system.downloads import LARGEST, is_offline
from singerid.text import one_line, size_text
from singerid.version import __version__

_log = logging.getLogger(__name__)

PREFIX = "hf:"
ANOTHER = "name a repository with a folder that `singerid export RUN --hub FOLDER` wrote"
_ADDRESS = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@([\w.-]+(?:/[\w.-]+)*))?", re.ASCII)
_COMMIT = re.compile("[0-9a-f]{40}")
_MAIN = "main"


@dataclass(frozen=True)
class HubFiles:
    """Files of one repository as they were at one commit.

    Attributes:
        asked: the address as its user gave it.
        repository: ORG/NAME.
        commit: the full hash of the commit.
        folder: folder of the downloaded files; only for reading.
    """

    asked: str
    repository: str
    commit: str
    folder: Path

    @property
    def address(self) -> str:
        """The address with the commit, which always stands for the same files."""
        return f"{PREFIX}{self.repository}@{self.commit}"

    @property
    def kept(self) -> Path:
        """The folder of the cache with all commits of the repository."""
        return self.folder.parent.parent

    def fetch(self, name: str) -> Path:
        """Path of a file in the cache, downloaded if missing; raises SingeridError as `open_hub`."""
        return _file(self.asked, self.repository, self.commit, name, announce=True)


def is_hub(which: Path | str) -> bool:
    """Whether this is an address on a hub, which begins with hf:.

    >>> is_hub("hf:org/name"), is_hub("my run")
    (True, False)
    """
    return str(which).startswith(PREFIX)


def open_hub(which: Path | str, name: str) -> HubFiles:
    """Open a repository by its address and download one of its files.

    If the hub cannot be reached or refuses access, a copy in the cache is used, with a message.

    Args:
        which: the address; without a revision: the newest commit.
        name: name of the file.

    Raises:
        SingeridError: this is not an address; huggingface_hub is not installed; or there is no such
            repository, revision or file, or it cannot be downloaded, and there is no copy in the cache.
    """
    asked = str(which).replace("\\", "/")  # Windows changes "/" in a path
    found = _ADDRESS.fullmatch(asked)
    if not found or ".." in asked:
        raise SingeridError(f"{asked}: is not an address on a hub; write hf:ORG/NAME or hf:ORG/NAME@REVISION")
    repository, revision = found[1], found[2] or _MAIN
    path = _file(asked, repository, revision, name)
    return HubFiles(asked, repository, path.parent.name, path.parent)


def _file(asked: str, repository: str, revision: str, name: str, announce: bool = False) -> Path:
    hub = _library()
    try:
        cached = hub.try_to_load_from_cache(repository, name, revision=revision)
    except ValueError as error:  # huggingface_hub has more rules for names
        raise SingeridError(
            f"{asked}: is not an address on a hub ({one_line(error)}); check the name"
        ) from error
    kept = Path(cached) if isinstance(cached, str) else None
    if kept is not None and _COMMIT.fullmatch(revision):
        return kept
    offline = "SINGERID_OFFLINE" if is_offline() else "HF_HUB_OFFLINE" if hub.constants.HF_HUB_OFFLINE else ""
    if offline:
        if kept is not None:
            return kept
        raise SingeridError(
            f"{asked}: its {name} is not in the cache ({hub.constants.HF_HUB_CACHE}), and {offline} forbids "
            f"fetching it; unset {offline}, or {_by_hand(repository)}"
        )
    try:
        # Asked only once, before the download: huggingface_hub would repeat it for half a minute.
        told = hub.get_hf_file_metadata(hub.hf_hub_url(repository, name, revision=revision))
        if kept is not None and kept.parent.name == told.commit_hash:
            return kept
        size = told.size or 0
        if size <= LARGEST:
            if announce:
                how_much = size_text(size) if size else "size unknown"
                _log.info(f"fetching {asked} from {hub.constants.ENDPOINT} ({how_much})")
            return Path(
                hub.hf_hub_download(
                    repository,
                    name,
                    revision=revision,
                    library_name="singerid",
                    library_version=__version__,
                )
            )
    except Exception as error:  # errors of its HTTP library, too, and that library changes with its versions
        reason = _reason(error, repository, revision, name)
        if kept is None:
            raise SingeridError(f"{asked}: {reason}") from error
        _log.warning(f"{asked}: {reason}; now using the copy in the cache")
        return kept
    raise SingeridError(
        f"{asked}: its {name} has {size:,} bytes, more than the limit of {LARGEST:,}; check the name"
    )


def _reason(error: Exception, repository: str, revision: str, name: str) -> str:
    """The reason of an error, and the remedy."""
    from huggingface_hub import constants, errors

    place = constants.ENDPOINT
    log_in = "log in with `hf auth login`, or set HF_TOKEN"
    if isinstance(error, errors.GatedRepoError):
        return f"is gated: ask for access at {place}/{repository}, then {log_in}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{place} has no such repository, or it is private; check the name, or {log_in}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"has no revision {revision}; name a branch, a tag or a full commit, or leave out @{revision}"
    if isinstance(error, errors.LocalEntryNotFoundError):  # its cause says more
        error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    elif isinstance(error, errors.EntryNotFoundError):
        return f"has no {name}, so it is not a singerid run; {ANOTHER}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"{place} refuses access (HTTP {status}); {log_in}"
    said = f"HTTP {status}" if status else one_line(error) or type(error).__name__
    return f"cannot be downloaded from {place} ({said}); try again, or {_by_hand(repository)}"


def _by_hand(repository: str) -> str:
    return f"run `hf download {repository} --local-dir FOLDER` on a machine with a network, and use FOLDER"


def _library() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise SingeridError("hf: needs huggingface_hub: pip install 'singerid[hub]'") from error
    return huggingface_hub
