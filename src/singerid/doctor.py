"""`singerid doctor`: is this machine ready, and is a store complete and undamaged?

Everything is really tried: each library is imported, each sound format is encoded and decoded.
"""

import importlib
import os
import platform
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from singerid.errors import Failure, SingeridError
from singerid.store.arrays import KINDS, kind_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.system.console import progress
from singerid.system.files import file_hash
from singerid.system.processors import usable_processors
from singerid.text import counted, one_line, printable
from singerid.version import __version__

if TYPE_CHECKING:
    from singerid.system.tables import Table

State = Literal["ok", "absent", "broken"]

_MODULES = {"scikit-learn": "sklearn"}  # package -> module, where the names differ
# Names of the formats in libsndfile (format, subtype) and in FFmpeg (container, codec).
_SNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}
_FFMPEG = {
    "mp3": ("mp3", "libmp3lame"),
    "m4a (AAC)": ("ipod", "aac"),
    "m4a (ALAC)": ("ipod", "alac"),
    "wma": ("asf", "wmav2"),
    "video (MP4)": ("mp4", "aac"),
    "video (Matroska)": ("matroska", "aac"),
}
_TONE_HZ = 1000.0
_RATE = 48_000  # Hz; Opus does not support 44,100


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        group: "versions", "devices", "formats" or "extras".
        name: what was checked.
        state: "ok", "absent" (singerid works without it) or "broken" (singerid needs it).
        detail: version, size, or what is wrong.
        remedy: how to install or repair it; "" if nothing needs to be done.
    """

    group: str
    name: str
    state: State
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class StoreCheck:
    """The content of a store, and its problems.

    Attributes:
        path: the store's folder.
        tracks, singers, albums: their numbers.
        hours: total length of the sound.
        arrays: name of an array -> number of tracks that have it.
        problems: files that are missing or damaged, or contain values that are not finite.
        leftovers: files that are not in the index. They do no harm, as nothing reads them.
    """

    path: str
    tracks: int
    singers: int
    albums: int
    hours: float
    arrays: dict[str, int]
    problems: tuple[Failure, ...]
    leftovers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The value that `singerid doctor STORE --json` prints."""
        return asdict(self)


def check_machine() -> tuple[Finding, ...]:
    """Check versions, devices, sound formats and optional extras."""
    return (*_versions(), *_devices(), *_formats(), *_extras())


def check_store(path: Path, show_progress: bool = False) -> StoreCheck:
    """Read every array of a store and compare it with the index.

    Raises:
        SingeridError: the folder is not a store, is of a newer version, or its index is damaged.
    """
    store = Store.open(path)
    problems: list[Failure] = []
    for track in progress(store.tracks, "Checking arrays", show=show_progress):
        problems += _problems(store, track)
    return StoreCheck(
        path=str(path),
        tracks=len(store.tracks),
        singers=len({track.singer for track in store.tracks}),
        albums=len({(track.singer, track.album) for track in store.tracks}),
        hours=sum(track.duration_s for track in store.tracks) / 3600,
        arrays=dict(sorted(Counter(name for track in store.tracks for name in track.arrays).items())),
        problems=tuple(problems),
        leftovers=tuple(_leftovers(store)),
    )


def machine_table(findings: Iterable[Finding]) -> "Table":
    """The findings as a table for the terminal."""
    from rich.text import Text

    from singerid.system.tables import Table

    table = Table("", "what", "state", "found", "remedy")
    colours = {"ok": "green", "absent": "yellow", "broken": "red"}
    group = ""
    for finding in findings:
        if group and finding.group != group:
            table.add_section()
        state = Text(finding.state, style=colours[finding.state])
        head = "" if finding.group == group else finding.group
        table.add_row(head, finding.name, state, finding.detail, finding.remedy)
        group = finding.group
    return table


def store_table(check: StoreCheck) -> "Table":
    """A store's content and problems as a table for the terminal."""
    from rich.text import Text

    from singerid.system.tables import Table

    table = Table()
    table.add_row("store", printable(check.path))
    table.add_row(
        "tracks",
        f"{check.tracks:,} by {counted(check.singers, 'singer')} on {counted(check.albums, 'album')}",
    )
    table.add_row("sound", f"{check.hours:.1f} hours")
    for name, count in check.arrays.items():
        table.add_row(name, f"{count:,} of {counted(check.tracks, 'track')}")
    for leftover in check.leftovers:
        table.add_row("leftover", f"{printable(leftover)} (harmless; may be deleted)")
    for problem in check.problems:
        table.add_row(Text("problem", style="red"), str(problem))
    if not check.problems:
        table.add_row("", Text("whole", style="green"))
    return table


def _versions() -> Iterator[Finding]:
    yield Finding("versions", "singerid", "ok", __version__)
    yield Finding("versions", "Python", "ok", f"{platform.python_version()} on {platform.platform()}")
    for package in _requirements(extra=None):
        yield check_package("versions", package, "broken", f"pip install {package}")
    for name, version in (("libsndfile", _libsndfile_version), ("FFmpeg", _ffmpeg_version)):
        try:
            yield Finding("versions", name, "ok", version())
        except (ImportError, OSError) as error:
            yield Finding("versions", name, "broken", one_line(error), "reinstall soundfile and av")


def check_package(group: str, package: str, state: State, remedy: str) -> Finding:
    """Check a package; `state` is the finding's state if it is not installed."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Finding(group, package, state, "not installed", remedy)
    if group == "versions":
        try:
            importlib.import_module(_MODULES.get(package, package.replace("-", "_")))
        except (ImportError, OSError) as error:
            remedy = f"pip install --force-reinstall {package}"
            return Finding(group, package, "broken", f"{version}: {one_line(error)}", remedy)
    return Finding(group, package, "ok", version)


def _requirements(extra: str | None) -> list[str]:
    """Names of the packages that singerid, or one of its extras, requires."""
    names = []
    for requirement in metadata.requires("singerid") or []:
        needed_by = re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement)
        if (needed_by[1] if needed_by else None) == extra:
            names += re.findall(r"^[\w.-]+", requirement)
    return names


def _libsndfile_version() -> str:
    import soundfile

    return str(soundfile.__libsndfile_version__)


def _ffmpeg_version() -> str:
    import av

    return "libavcodec " + ".".join(map(str, av.library_versions["libavcodec"]))


def _devices() -> Iterator[Finding]:
    import torch

    from singerid.system.devices import use_threads

    use_threads(None)
    cores, usable, threads = os.cpu_count() or 1, usable_processors(), torch.get_num_threads()
    detail = f"{cores} core{'s' * (cores != 1)}"
    detail += f", of which this process may use {usable}" * (usable < cores)
    detail += f", {threads} thread{'s' * (threads != 1)} used"
    yield Finding("devices", "cpu", "ok", detail)
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        sizes = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
        yield Finding("devices", f"cuda:{index}", "ok", f"{torch.cuda.get_device_name(index)}, {sizes}")
    if not torch.cuda.is_available():
        if torch.version.cuda is None:
            detail, remedy = (
                "PyTorch is built without CUDA",
                "with an NVIDIA GPU: https://pytorch.org/get-started",
            )
        else:
            detail, remedy = (
                f"no device for CUDA {torch.version.cuda}",
                "with an NVIDIA GPU: install its driver",
            )
        yield Finding("devices", "cuda", "absent", detail, remedy)


def _formats() -> Iterator[Finding]:
    """For every format: encode one second of a tone, decode it as singerid does, and compare."""
    with tempfile.TemporaryDirectory(prefix="singerid-") as folder:
        for name in (*_SNDFILE, *_FFMPEG):
            yield _format(name, Path(folder) / "tone")


def _format(name: str, path: Path) -> Finding:
    import av
    import soundfile

    from singerid.sound.audio import load

    try:
        _encode_tone(path, name)
    except (av.FFmpegError, soundfile.SoundFileError, ValueError) as error:
        detail = f"not tested, because it cannot be encoded here: {one_line(error)}"
        return Finding("formats", name, "absent", detail)
    try:
        samples = load(path, _RATE)
    except SingeridError as error:
        return Finding("formats", name, "broken", one_line(error), "pip install --upgrade av soundfile")
    seconds = len(samples) / _RATE
    hertz = float(np.argmax(np.abs(np.fft.rfft(samples))) / seconds)
    if abs(hertz - _TONE_HZ) > 10 or abs(seconds - 1) > 0.2:
        detail = f"1 s of {_TONE_HZ:.0f} Hz came back as {seconds:.2f} s of {hertz:.0f} Hz"
        return Finding("formats", name, "broken", detail, "pip install --upgrade av soundfile")
    return Finding("formats", name, "ok", "decoded")


def _encode_tone(path: Path, name: str) -> None:
    import av
    import soundfile

    tone = (0.5 * np.sin(2 * np.pi * _TONE_HZ / _RATE * np.arange(_RATE))).astype(np.float32)
    if name in _SNDFILE:
        kind, subtype = _SNDFILE[name]
        soundfile.write(path, tone, _RATE, format=kind, subtype=subtype)
        return
    container, codec = _FFMPEG[name]
    frame = av.AudioFrame.from_ndarray(tone[None], format="flt", layout="mono")
    frame.sample_rate = _RATE
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=_RATE, layout="mono", bit_rate=128_000)
        assert isinstance(stream, av.AudioStream)
        for piece in (frame, None):  # None: flush the encoder
            output.mux(stream.encode(piece))


def _extras() -> Iterator[Finding]:
    for extra in metadata.metadata("singerid").get_all("Provides-Extra") or []:
        if extra != "dev":
            for package in _requirements(extra):
                finding = check_package("extras", package, "absent", f"pip install 'singerid[{extra}]'")
                yield Finding("extras", extra, finding.state, f"{package} {finding.detail}", finding.remedy)


def _problems(store: Store, track: StoredTrack) -> Iterator[Failure]:
    """Problems with the arrays of a track."""
    for name, checksum in sorted(track.arrays.items()):
        path, kind = store.path_of(track, name), kind_of(name)
        what = f"its {name.partition('/')[2]} {kind.what}"
        remedy = f"delete {path} and prepare again"
        try:
            if not all(np.isfinite(array).all() for array in store.read(track, name)):
                yield Failure(track.path, f"{what} {'are' if kind.plural else 'is'} not finite; {remedy}")
            elif file_hash(path) != checksum:
                were = "were" if kind.plural else "was"
                yield Failure(track.path, f"{what} {were} changed since it was prepared; {remedy}")
        except (SingeridError, OSError) as error:
            yield Failure(track.path, one_line(error))


def _leftovers(store: Store) -> list[str]:
    """Files in the store that are not in the index, relative to the store, sorted."""
    listed = {store.path_of(track, name) for track in store.tracks for name in track.arrays}
    found = [path for path in store.path.rglob(".tmp-*") if path.is_file()]
    for kind in KINDS:
        found += [path for path in (store.path / kind).rglob("*") if path.is_file() and path not in listed]
    names = {str(path.relative_to(store.path)) for path in found}
    if (store.path / ".incoming").exists():
        names.add(".incoming")
    index = store.path / "index.jsonl"
    if index.exists() and index.stat().st_size and not index.read_bytes().endswith(b"\n"):
        names.add("index.jsonl, its last line")
    return sorted(names)
