"""Figures for two instruction sets side by side, as tables for docs/performance.md.

    python benchmarks/perf/both.py bench/native bench/avx2

Reads JSON files of the same name in both folders, as `make bench` writes them. Rows with the same texts and
settings belong together; a figure is `native / avx2`.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETTINGS = {"seconds", "batch", "at_once", "songs", "k", "positions"}
"""Numbers that describe what was measured; all other numbers are results."""

Row = dict[str, Any]


def key(row: Row) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (name, value) for name, value in row.items() if isinstance(value, str | bool) or name in SETTINGS
    )


def table(native: list[Row], avx2: list[Row]) -> Iterator[str]:
    """Lines of Markdown: a column for each figure that occurs in a row of either table."""
    others = {key(row): row for row in avx2}
    figures = dict.fromkeys(name for row in native for name in row if name not in dict(key(row)))
    yield f"| | {' | '.join(figures)} |"
    yield "|---|" + "---|" * len(figures)
    for row in native:
        other = others.get(key(row), {})
        words = ", ".join(
            f"{value}" if isinstance(value, str) else f"{name} {value}" for name, value in key(row)
        )
        cells = [
            "" if row.get(name) is None else f"{row[name]} / {other.get(name, 'not measured')}"
            for name in figures
        ]
        yield f"| {words} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("native", type=Path)
    parser.add_argument("avx2", type=Path)
    options = parser.parse_args()
    for path in sorted(options.native.glob("*.json")):
        beside = options.avx2 / path.name
        if not beside.exists():
            continue
        one, other = (json.loads(each.read_text()) for each in (path, beside))
        abouts = [each["about"] for each in (one, other)]
        told = " / ".join(f"{about.get('isa')}, {about['matmul_gflops']} GFLOP/s" for about in abouts)
        print(f"\n### {path.stem}: {abouts[0]['processor']}, {told}, {abouts[0]['date']}\n")
        print("\n".join(table(one["rows"], other["rows"])))


if __name__ == "__main__":
    main()
