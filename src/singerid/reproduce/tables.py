"""The tables as data: which networks each compares, and the cells that have to be run for it."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from singerid.config import AudioCondition, Protocol, ReproduceConfig
from singerid.data.datasets.artist20 import ARTISTS, check_artist20
from singerid.data.tracks import singers_of
from singerid.models.registry import MODELS
from singerid.store.reader import Store
from singerid.text import printable

Level = Literal["clip", "track"]
LEVELS: tuple[Level, ...] = ("clip", "track")


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        number: 1 to 3 are the paper's, 4 to 6 those of its authors' repository, 7 and 8 are ours.
        title: what it is about.
        source: where it was published.
        models: the networks in its rows, from top to bottom; "crnn+augment" is crnn, augmented.
        control: the network that the others are compared with, if any.
        note: what a reader must know.
        audio: its columns' audio conditions; None: those of the paper.
        clip_seconds: lengths of its clips; None: those of the paper, and what is asked for.
        audited: whether each network is audited, too: does it go by the voice?
    """

    number: int
    title: str
    source: str
    models: tuple[str, ...]
    control: str | None = None
    note: str = ""
    audio: tuple[AudioCondition, ...] | None = None
    clip_seconds: tuple[float, ...] | None = None
    audited: bool = False

    @property
    def rows(self) -> tuple[str, ...]:
        """`models`, and after them the networks registered for this table (`ModelEntry.tables`)."""
        added = (name for name, entry in MODELS.items() if self.number in entry.tables)
        return tuple(dict.fromkeys((*self.models, *added)))

    def columns(self, config: ReproduceConfig) -> "tuple[Column, ...]":
        """Its columns in the paper's order: audio, then level, then length of the clips.

        Those of the paper are always there, whether they are run or not; other clip lengths are added.
        """
        paper = ReproduceConfig()
        lengths = self.clip_seconds or sorted({*paper.clip_seconds, *config.clip_seconds})
        audio = self.audio or paper.audio
        return tuple(
            Column(heard, level, seconds) for heard in audio for level in LEVELS for seconds in lengths
        )

    def cells(self, seed: int, config: ReproduceConfig) -> "Iterator[Cell]":
        """The runs of one seed that it needs."""
        for seconds in self.clip_seconds or config.clip_seconds:
            for audio in config.audio:
                for row in self.rows:
                    yield Cell(row, audio, seconds, seed, config.protocol)
            if self.audio and "both" in self.audio and len(config.audio) > 1:
                for row in self.rows:
                    if "vectors" in MODELS[network_of(row)].inputs:
                        yield Cell(row, "both", seconds, seed, config.protocol)


_PAPER, _REPOSITORY = "Kuo, Wei and Lin, AAAI 2021", "the authors' repository"
_CONTROL_NOTE = (
    "Why this control matters: the networks with attention in tables 1 to 6 also pool less than the plain "
    "CRNN, so that their GRU reads 2,048 features a frame instead of 128. Of the 189,625 parameters that "
    "CRNN_FGNL has more than CRNN, 5,305 are FGNL's and 184,320 are the wider GRU's. The published tables "
    "have no row with these pools and without attention, so they cannot tell what attention adds. Here all "
    "networks have the same pools and the same training, and differ only in the block after the fourth "
    "convolution; each is compared with crnn_square, which has no such block."
)

_AUDIT_NOTE = (
    "The first three rows learn everything from these recordings; centroids and probe use the vectors of a "
    "frozen network that learned voices from other recordings. The last line of each is the verdict of its "
    "audit: what it goes by when voice and accompaniment disagree. It shows what the numbers rest on. "
    "Clips of centroids and probe are the encoder's windows, which overlap by half."
)

TABLES: dict[int, Table] = {
    table.number: table
    for table in (
        Table(
            1,
            "CRNN and CRNNM without and with FGNL",
            _PAPER,
            ("crnn", "crnn_fgnl", "crnnm", "crnnm_fgnl"),
        ),
        Table(
            2,
            "Cues across positions, channels and layers, in CRNN",
            _PAPER,
            ("crnn", "crnn_nl", "crnn_fgnl_light", "crnn_fgnl"),
        ),
        Table(
            3,
            "Gaussian smoothing, MoSE and SE, in CRNN_FGNL",
            _PAPER,
            ("crnn_fgnl_no_smoothing", "crnn_fgnl_no_mose", "crnn_fgnl_se", "crnn_fgnl"),
        ),
        Table(
            4,
            "Cues across positions, channels and layers, in CRNNM",
            _REPOSITORY,
            ("crnnm", "crnnm_nl", "crnnm_fgnl_light", "crnnm_fgnl"),
        ),
        Table(
            5,
            "Gaussian smoothing, MoSE and SE, in CRNNM_FGNL",
            _REPOSITORY,
            ("crnnm_fgnl_no_smoothing", "crnnm_fgnl_no_mose", "crnnm_fgnl_se", "crnnm_fgnl"),
        ),
        Table(
            6,
            "FGNL, or as many parameters without it",
            _REPOSITORY,
            ("crnn", "crnn_large", "crnn_fgnl", "crnnm", "crnnm_large", "crnnm_fgnl"),
        ),
        Table(
            7,
            "Same pools, same training, different attention",
            "ours; not published",
            (
                "crnn_square",
                "crnn_se",
                "crnn_cbam",
                "crnn_scse",
                "crnn_nl",
                "crnn_fgnl_light",
                "crnn_fgnl",
            ),
            control="crnn_square",
            note=_CONTROL_NOTE,
        ),
        Table(
            8,
            "Networks that learn the singers, and one that knows voices already",
            "ours; not published",
            ("crnn_square", "crnn_fgnl", "crnn_fgnl+augment", "centroids", "probe"),
            note=_AUDIT_NOTE,
            audio=("mixture", "vocals", "both"),
            clip_seconds=(3.0,),
            audited=True,
        ),
    )
}


@dataclass(frozen=True, order=True)
class Column:
    """One column of a table's numbers."""

    audio: AudioCondition
    level: Level
    clip_seconds: float

    @property
    def text(self) -> str:
        """The column in words."""
        return f"{self.audio}, {self.level}, {self.clip_seconds:g} s"


_AUGMENT = "+augment"  # ends the name of a row


def network_of(row: str) -> str:
    """The network of a row of a table."""
    return row.removesuffix(_AUGMENT)


@dataclass(frozen=True)
class Cell:
    """One run, identified by the settings in which the runs of a report differ.

    `model` is the row of a table that the run is for.
    """

    model: str
    audio: AudioCondition
    clip_seconds: float
    seed: int
    protocol: Protocol = "paper"

    @property
    def network(self) -> str:
        """Name of the network."""
        return network_of(self.model)

    @property
    def augmented(self) -> bool:
        """Whether it is trained with every augmentation, whatever the setting for the others."""
        return self.model != self.network

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        protocol = "" if self.protocol == "paper" else f"-{self.protocol}"
        return f"{self.model}-{self.audio}-{self.clip_seconds:g}s-seed{self.seed}{protocol}"


def cells(config: ReproduceConfig) -> tuple[Cell, ...]:
    """The runs behind the tables, each once, in the order in which they are run.

    All runs of the first seed come first, so that early results can be compared.
    """
    return tuple(dict.fromkeys(_cells(config)))


def _cells(config: ReproduceConfig) -> Iterator[Cell]:
    for seed in config.seeds:
        for number in config.tables:
            yield from TABLES[number].cells(seed, config)


def audited(cell: Cell, config: ReproduceConfig) -> bool:
    """Whether one of the tables asks for an audit of a cell's run."""
    return any(
        cell in TABLES[number].cells(cell.seed, config) for number in config.tables if TABLES[number].audited
    )


@dataclass(frozen=True)
class PublishedF1:
    """Weighted F1 of three seeds; the paper's own tables give no standard deviation."""

    average: float
    best: float
    std: float | None = None


def published_f1(table: int, model: str, column: Column) -> PublishedF1 | None:
    """The published F1 of a model in a column of a table; None if there is none."""
    return _f1().get((table, model, column))


def published_parameters(model: str) -> int | None:
    """The published number of parameters of a model, for 20 singers; None if there is none."""
    return _parameters().get(model)


@cache
def _f1() -> Mapping[tuple[int, str, Column], PublishedF1]:
    values: dict[tuple[int, str, Column], dict[str, float]] = {}
    for row in _rows("f1.csv"):
        column = Column(row["audio"], row["level"], float(row["clip_seconds"]))  # type: ignore[arg-type]
        found = values.setdefault((int(row["table"]), row["model"], column), {})
        found[row["statistic"]] = float(row["f1"])
    return {key: PublishedF1(**found) for key, found in values.items()}


@cache
def _parameters() -> Mapping[str, int]:
    return {row["model"]: int(row["parameters"]) for row in _rows("parameters.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    text = files("singerid.reproduce").joinpath("values", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@dataclass(frozen=True)
class Subject:
    """The recordings of a store.

    Attributes:
        text: a description for titles.
        singers: their singers, sorted.
        has_artist20_singers: whether these are the singers of artist20, so that published values compare.
    """

    text: str
    singers: tuple[str, ...]
    has_artist20_singers: bool


def subject_of(store: Store, name: str | None = None) -> Subject:
    """Describe a store's recordings; artist20 is recognised by its singers, albums and number of tracks.

    Args:
        store: the store.
        name: a name for recordings other than artist20; by default the store's folder.
    """
    singers = singers_of(store.tracks)
    deviations = check_artist20(store.tracks)
    if singers != ARTISTS:
        called = name or printable(store.path.resolve().name)
        return Subject(f"{called}: {store.summary}; not artist20", singers, False)
    if not deviations:
        return Subject(f"artist20: {store.summary}", singers, True)
    more = f" and {len(deviations) - 1} more" if len(deviations) > 1 else ""
    return Subject(f"artist20, but {deviations[0]}{more}: {store.summary}", singers, True)
