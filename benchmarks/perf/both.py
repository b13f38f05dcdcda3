"""Figures for two instruction sets side by side, as tables in docs/performance.md.

    python benchmarks/perf/both.py bench/native bench/avx2 --into docs/performance.md

Reads JSON files of the same name in both folders, as `make bench` writes them, and replaces what stands in
the page between `<!-- table: NAME -->` and `<!-- end of table -->`. Rows with the same texts and settings
belong together; a figure is `native / avx2`.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETTINGS = {"seconds", "batch", "at_once", "songs", "k", "positions"}
"""Numbers that describe what was measured; all other numbers are results."""

COLUMNS = {
    "network": {
        "s_per_clip": "s per clip",
        "of_eager": "of the eager port, wall",
        "processor_of_eager": "of the eager port, processor",
        "of_matrix_rate": "of the matrix rate",
        "peak_mb": "peak memory, MB",
    },
    "training": {"clips_per_s": "clips per s", "times_eager": "times the eager port"},
    "operation": {"s": "s", "of_loop": "of the loop", "peak_gb": "peak memory, GB"},
    "encoders": {
        "ms_per_window": "ms per window",
        "of_plain": "of the plain form, wall",
        "processor_of_plain": "of the plain form, processor",
        "wall_s": "s, start included",
    },
    "separation": {"s": "s", "of_real_time": "of real time", "of_plain": "of the plain form"},
    "ears": {
        "wall_s_a_song": "s per song, wall",
        "processor_s_a_song": "s per song, processor",
        "of_plain": "of the plain form",
        "peak_mb": "peak memory, MB",
    },
}
"""Figures of each benchmark that the page shows, and what it calls them."""

_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.S)

Row = dict[str, Any]


def key(row: Row) -> tuple[tuple[str, Any], ...]:
    """What a row is about: its texts and its settings."""
    return tuple(
        (name, value) for name, value in row.items() if isinstance(value, str | bool) or name in SETTINGS
    )


def table(native: list[Row], avx2: list[Row], columns: dict[str, str]) -> Iterator[str]:
    """Lines of Markdown: a row for each of both, a column for each figure."""
    others = {key(row): row for row in avx2}
    shown = {name: label for name, label in columns.items() if any(name in row for row in native)}
    yield f"| | {' | '.join(shown.values())} |"
    yield "|---|" + "---|" * len(shown)
    for row in native:
        other = others.get(key(row), {})
        cells = [f"{figure(row.get(name))} / {figure(other.get(name))}" for name in shown]
        cells = ["" if cell == " / " else cell for cell in cells]
        yield f"| {words(row)} | {' | '.join(cells)} |"


def words(row: Row) -> str:
    """What a row is about, in words."""
    texts = [value for _, value in key(row) if isinstance(value, str)]
    flags = [name for name, value in key(row) if value is True]
    numbers = [f"{name.replace('_', ' ')} {value:g}" for name, value in key(row) if name in SETTINGS]
    return ", ".join([*texts, *flags, *numbers])


def figure(value: Any) -> str:
    """A figure with three digits, or none."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def caption(one: Row, other: Row) -> str:
    """Where and when both were measured."""
    sets = " / ".join(f"{about['isa']} ({about['matmul_gflops']:g} GFLOP/s)" for about in (one, other))
    return f"{one['processor']}, threads {one['threads']}, {sets}, {one['date']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("native", type=Path)
    parser.add_argument("avx2", type=Path)
    parser.add_argument("--into", type=Path, help="page whose tables are replaced; else they are printed")
    options = parser.parse_args()
    made = {}
    for path in sorted(options.native.glob("*.json")):
        if path.stem in COLUMNS and (options.avx2 / path.name).exists():
            one, other = (json.loads(each.read_text()) for each in (path, options.avx2 / path.name))
            lines = table(one["rows"], other["rows"], COLUMNS[path.stem])
            made[path.stem] = "\n".join((caption(one["about"], other["about"]), "", *lines))
    if options.into is None:
        for name, text in made.items():
            print(f"\n### {name}\n\n{text}")
        return

    def replaced(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        return f"{begin}{made[name]}\n{end}" if name in made else found[0]

    options.into.write_text(_TABLE.sub(replaced, options.into.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
