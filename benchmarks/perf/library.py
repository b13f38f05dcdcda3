"""How long a large library takes to open, and to find the most similar among all its recordings.

python benchmarks/perf/library.py [--recordings 100000] [--singers 5000] [--json FILE]
"""

import argparse
import secrets
import tempfile
import time
from pathlib import Path

import numpy as np
from isa import parse
from timing import machine, write

from singerid.encoders.back_end import unit
from singerid.library.core import LibraryCore
from singerid.library.database import Database
from singerid.library.decide import judge, similar
from singerid.library.enroll import insert
from singerid.library.records import Recording, Settings
from singerid.library.shipped import shipped_rule

SIZE = 192


def made(folder: Path, recordings: int, singers: int) -> None:
    rng = np.random.default_rng(0)
    voices = rng.standard_normal((singers, SIZE))
    core = LibraryCore(Database(folder, create=True))
    core.keep_settings(Settings("campplus", "made up", "mixture"))
    with core.database.changing() as change:
        change.many(
            "INSERT INTO singers (id, name, folded) VALUES (?, ?, ?)",
            [(at + 1, f"singer {at}", f"singer {at}") for at in range(singers)],
        )
        for at in range(recordings):
            singer = at % singers
            vector = unit(voices[singer] + rng.standard_normal(SIZE))
            recording = Recording(
                secrets.token_hex(8),
                "enrolled",
                singer + 1,
                None,
                "",
                str(at % 7),
                0,
                str(at),
                1,
                180,
                120,
                "",
            )
            insert(change, recording, {"mixture": vector.astype("<f4").tobytes()})
    core.changed()
    core.fit({1})
    core.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument("--singers", type=int, default=5_000)
    parser.add_argument("--json", type=Path)
    options = parse(parser)
    about = machine()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "library"
        made(folder, options.recordings, options.singers)
        size = (folder / "library.sqlite3").stat().st_size
        print(f"{options.recordings:,} recordings of {options.singers:,} singers: {size / 1e6:.0f} MB")
        start = time.perf_counter()
        core = LibraryCore(Database(folder))
        contents = core.contents
        read = time.perf_counter() - start
        contents.voiceprints.recordings, contents.voiceprints.prints  # noqa: B018 (made on first use)
        ready = time.perf_counter() - start
        print(f"opening: {read:.2f} s to read, {ready:.2f} s until it can be asked")
        rule, rng = shipped_rule("", "mixture"), np.random.default_rng(1)
        times: dict[str, list[float]] = {"decide": [], "nearest": []}
        for _ in range(50):
            voice = unit(rng.standard_normal((1, SIZE)))
            start = time.perf_counter()
            judge(contents.voiceprints, rule, voice, 120.0)
            times["decide"].append(time.perf_counter() - start)
            start = time.perf_counter()
            similar(core, voice, None, 3)
            times["nearest"].append(time.perf_counter() - start)
        row = {"recordings": options.recordings, "bytes": size, "read_s": read, "ready_s": ready}
        row |= {f"{what}_ms": round(1000 * float(np.median(seconds)), 2) for what, seconds in times.items()}
        write(options.json, about, [row])
        for what, seconds in times.items():
            print(f"{what}: {1000 * np.median(seconds):.1f} ms a query, {1000 * np.max(seconds):.1f} at most")


if __name__ == "__main__":
    main()
