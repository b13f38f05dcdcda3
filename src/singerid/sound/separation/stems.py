"""True stems in place of a separator: those of the synthetic corpus, or anyone's multitracks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from singerid.config import ACCOMPANIMENT, VOCALS
from singerid.errors import SingeridError
from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Samples
from singerid.sound.files import AudioError
from singerid.sound.listing import AUDIO_EXTENSIONS
from singerid.sound.separation.pieces import SampleReader
from singerid.sound.separation.separators import SeparatorEntry, SeparatorOptions
from singerid.system.lookup import FileLookup
from singerid.text import printable

_TOLERANCE_SECONDS = 1.0  # encoders pad; a larger difference means another recording


@dataclass(frozen=True)
class TrueStems:
    """The separator "stems"; see `Separator`.

    Attributes:
        tree: the folder of the mixtures.
        folder: holds vocals/ and, optionally, accompaniment/, each laid out as `tree`; suffixes may differ.
            Without accompaniment/, the accompaniment is the mixture minus the vocals.
        sample_rate: sample rate of the stems that it gives, in Hz.

    Raises:
        SingeridError: there is no folder of vocals.
    """

    tree: Path
    folder: Path
    sample_rate: int

    name: ClassVar[str] = "stems"
    origin: ClassVar[str] = "true stems"
    notice: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not (self.folder / VOCALS).is_dir():
            raise SingeridError(
                f"{self.folder}: has no folder vocals; give the folder that holds vocals/ "
                "and accompaniment/, each laid out as the recordings"
            )

    @cached_property
    def _lookups(self) -> dict[str, FileLookup]:
        """The files of each part; each folder is listed only once, for all recordings."""
        return {part: FileLookup(self.folder / part) for part in (VOCALS, ACCOMPANIMENT)}

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: another process lists the folders itself."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def blocks(
        self, path: Path, mixture: Read, warn: Callable[[str], None]
    ) -> Iterator[tuple[Samples, Samples]]:
        """Yield the stems of a recording, cut or padded to its length.

        Raises:
            AudioError: also if the vocals are missing, a stem cannot be read, or its length differs
                by more than a second.
        """
        vocals_file, accompaniment_file = self._find(path, VOCALS), self._find(path, ACCOMPANIMENT)
        if vocals_file is None:
            expected = printable(self.folder / VOCALS / self._relative(path))
            raise AudioError(
                path,
                f"has no stem {expected} (nor one with another suffix); put it there, or leave the song out",
            )
        vocals = SampleReader(self._read(path, vocals_file, warn))
        accompaniment = accompaniment_file and SampleReader(self._read(path, accompaniment_file, warn))
        for block in mixture():
            sung = vocals.read(len(block))
            yield sung, accompaniment.read(len(block)) if accompaniment else block - sung
        self._check_length(path, vocals_file, vocals)
        if accompaniment_file and accompaniment:
            self._check_length(path, accompaniment_file, accompaniment)

    def _relative(self, path: Path) -> Path:
        if not path.is_relative_to(self.tree):
            raise AudioError(
                path, f"has no stems: it is not in {printable(self.tree)}; use another separator"
            )
        return path.relative_to(self.tree)

    def _find(self, path: Path, part: str) -> Path | None:
        """The stem of the recording's own name, or else the first with another suffix."""
        relative, lookup = self._relative(path), self._lookups[part]
        own = lookup.find(relative.as_posix())
        others = (
            lookup.find_listed(relative.with_suffix(ending).as_posix()) for ending in sorted(AUDIO_EXTENSIONS)
        )
        found = own or next(filter(None, others), None)
        return None if found is None else self.folder / part / found

    def _read(self, path: Path, file: Path, warn: Callable[[str], None]) -> Iterator[Samples]:
        """Yield a stem's sound; its problems are reported for the recording, with the stem's name."""
        stem = f"its stem {printable(file)}"
        try:
            yield from read_blocks(file, self.sample_rate, warn=lambda reason: warn(f"{stem} {reason}"))
        except AudioError as error:
            raise AudioError(path, f"{stem} {error.reason}") from error

    def _check_length(self, path: Path, file: Path, stem: SampleReader) -> None:
        missing, rest = stem.missing, stem.count_rest()
        seconds = (missing + rest) / self.sample_rate
        if seconds > _TOLERANCE_SECONDS:
            how = "longer" if rest else "shorter"
            raise AudioError(
                path,
                f"its stem {printable(file)} is {seconds:.1f} s {how}; give the stem of this very recording",
            )


def _open(options: SeparatorOptions) -> TrueStems:
    assert options.tree is not None  # `open_separator` asks for both
    assert options.stems is not None
    return TrueStems(options.tree, options.stems, options.sample_rate)


STEMS = SeparatorEntry(
    "no separation: true stems, in vocals/ and accompaniment/ of a folder", open=_open, stems=True
)
