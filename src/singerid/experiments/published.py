"""What was published: F1 of tables 1-3 (the paper) and 4-6 (its authors' repository), parameter counts.

Facts copied from Kuo, Wei and Lin (AAAI 2021) and from
https://github.com/ian-k-1217/Fully-Generalized-Non-Local-Network, on artist20, for three seeds. A
published 0.52 stands for anything from 0.515 to 0.525.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from singerid.experiments.tables import Column


@dataclass(frozen=True)
class PublishedF1:
    """Weighted F1 of three seeds; the paper's own tables give no standard deviation."""

    average: float
    best: float
    std: float | None = None


def published_f1(table: int, model: str, column: Column) -> PublishedF1 | None:
    """What a table says of a model in a column; None where it says nothing."""
    return _f1().get((table, model, column))


def published_parameters(model: str) -> int | None:
    """The published number of parameters of a model, for 20 singers; None where there is none."""
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
    text = files("singerid.experiments").joinpath("values", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
