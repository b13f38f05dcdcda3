"""How time and memory grow: with the length of a clip, the number of singers, and the tracks in a store.

    python benchmarks/perf/growth.py [PART ...] [--repeats 3] [--pictures DIR] [--json FILE]

One thread is used, and processor time is measured. Memory is the rise of the peak of a new process.
--pictures draws growth-length.png, growth-singers.png and growth-tracks.png. "whole" is `singerid train` (one
epoch of a tiny network), `evaluate` and `identify` from start to end, each in a process of its own.
"""

import argparse
import io
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from growth_pictures import PICTURES, draw
from isa import parse
from timing import in_fresh_process, machine, peak_bytes, write
from torch import Tensor, nn

from singerid.cli import main as singerid
from singerid.config import TrainingConfig
from singerid.data.splits import album_split
from singerid.data.tracks import singers_of
from singerid.models.registry import build_model
from singerid.runs.config import current_versions
from singerid.runs.part import part_of
from singerid.runs.run import RunConfig
from singerid.sound.features import DEFAULT_FEATURES, seconds_to_frames
from singerid.store.arrays import array_path, features_of
from singerid.store.index import StoredTrack
from singerid.store.reader import FORMAT, Store
from singerid.system.files import write_json

LENGTHS = (3.0, 10.0, 30.0, 60.0, 120.0, 240.0)
SINGERS = (20, 200, 2_000, 20_000)
TRACKS = (10, 100, 1_000, 10_000, 100_000)
ALBUMS, TRACKS_AN_ALBUM = 5, 2
FRAMES = 320  # of a stored track: two clips of 5 s
BATCH_SIZE, BATCHES = 16, 50
SHORT_FRAMES, TINY = (
    32,
    ("--model=crnn", "--width=0.125", "--clip-seconds=1", "--batch-size=64", "--epochs=1"),
)
LINKS = 30_000  # greatest number of hard links to one file
MEGABYTE = 1e6
Row = dict[str, Any]


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of the processor."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


@contextmanager
def timed(module: nn.Module) -> Iterator[list[float]]:
    """Collect the processor seconds of every call of a module."""
    starts: list[float] = []
    taken: list[float] = []
    hooks = (
        module.register_forward_pre_hook(lambda *_: starts.append(time.process_time())),
        module.register_forward_hook(lambda *_: taken.append(time.process_time() - starts[-1])),
    )
    try:
        yield taken
    finally:
        for hook in hooks:
            hook.remove()


def clip(seconds: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 128, seconds_to_frames(seconds), generator=generator) * 20 - 40


@torch.inference_mode()
def forward_seconds(model: nn.Module, seconds: float, repeats: int) -> tuple[float, float]:
    """Processor seconds of the network on one clip, and of its FGNL block alone."""
    x = clip(seconds)
    model(x[..., :94])
    with timed(model.attention) as attention:
        whole = seconds_of(lambda: model(x), repeats)
    return whole, statistics.median(attention)


@torch.inference_mode()
def memory(seconds: float) -> None:
    """Print how much the network on one clip raises the memory peak; runs in a process of its own."""
    torch.set_num_threads(1)
    model, x = build_model("crnn_fgnl", 20).eval(), clip(seconds)
    model(x[..., :16])  # memory that a first call loads does not count for the clip
    before = peak_bytes()
    model(x)
    print((peak_bytes() - before) / MEGABYTE)


def grow_length(repeats: int) -> Iterator[Row]:
    model = build_model("crnn_fgnl", 20).eval()
    for seconds in LENGTHS:
        whole, attention = forward_seconds(model, seconds, repeats if seconds < 60 else 1)
        yield {
            "part": "length",
            "seconds": seconds,
            "forward_s": round(whole, 3),
            "fgnl_s": round(attention, 3),
            "rest_s": round(whole - attention, 3),
            "forward_ms_a_second": round(1000 * whole / seconds, 1),
            "memory_mb": round(float(in_fresh_process(__file__, "--memory", seconds)), 1),
        }


def grow_singers(repeats: int) -> Iterator[Row]:
    x = clip(3.0).expand(BATCH_SIZE, -1, -1)
    for singers in SINGERS:
        model = build_model("crnn_fgnl", singers)
        optimizer = torch.optim.Adam(model.parameters(), 1e-4)
        labels = torch.arange(BATCH_SIZE) % singers

        def step(model=model, optimizer=optimizer, labels=labels) -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), labels).backward()
            optimizer.step()

        step()
        yield {
            "part": "singers",
            "singers": singers,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "step_s": round(seconds_of(step, repeats), 3),
        }


def make_store(
    path: Path, count: int, albums: int = ALBUMS, tracks_an_album: int = TRACKS_AN_ALBUM, frames: int = FRAMES
) -> None:
    """Make a store of `count` made-up tracks: one feature file under many names."""
    write_json(path / "config.json", {"format": FORMAT, "features": asdict(DEFAULT_FEATURES)})
    features = np.zeros((frames, DEFAULT_FEATURES.n_mels), np.float16)
    a_singer = albums * tracks_an_album
    source = path / "none.npy"
    with (path / "index.jsonl").open("w") as index:
        for number in range(count):
            singer, album = f"singer {number // a_singer:06d}", f"album {number // tracks_an_album % albums}"
            track = StoredTrack(
                path=f"{singer}/{album}/{number}.mp3",
                singer=singer,
                album=album,
                duration_s=frames * 0.032,
                frames=frames,
                source_hash=f"{number:064x}",
                source_size=5_000_000,
                source_mtime_ns=1_700_000_000_000_000_000,
                arrays={features_of(): "0" * 64},
            )
            index.write(json.dumps(asdict(track) | {"id": track.id}) + "\n")
            target = array_path(path, track, features_of())
            if number % LINKS == 0:
                target.parent.mkdir(parents=True, exist_ok=True)
                np.save(target, features)
                source = target
            else:
                os.link(source, target)


def grow_tracks(repeats: int) -> Iterator[Row]:
    for count in TRACKS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            make_store(path, count)
            open_s = seconds_of(lambda path=path: Store.open(path), repeats)
            store = Store.open(path)
            split_s = seconds_of(lambda store=store: album_split(store.tracks, 0), repeats)
            split = album_split(store.tracks, 0)
            config = RunConfig(
                "crnn_fgnl",
                singers_of(store.tracks),
                str(path),
                "",
                training=TrainingConfig(clip_seconds=5.0),
            )
            clips_s = seconds_of(lambda: part_of(store, split.train, config), min(repeats, 2))  # noqa: B023
            clips = part_of(store, split.train, config).clips

            def draw_batches(clips=clips) -> int:
                batches = clips.batches(BATCH_SIZE, shuffle=(0, 0), resident=False)
                return sum(len(batch.labels) for batch in islice(batches, BATCHES))

            drawn = draw_batches()
            yield {
                "part": "tracks",
                "tracks": count,
                "singers": len(config.singers),
                "open_s": round(open_s, 6),
                "split_s": round(split_s, 6),
                "clips_s": round(clips_s, 4),
                "clips": len(clips),
                "batch_ms": round(
                    1000 * seconds_of(draw_batches, repeats) / math.ceil(drawn / BATCH_SIZE), 3
                ),
            }


def command(*arguments: str) -> None:
    """Run `singerid`; print processor seconds and peak memory; runs in a process of its own."""
    sys.argv = ["singerid", *arguments]
    shown, sys.stdout = sys.stdout, io.StringIO()
    try:
        singerid()
    except SystemExit as ended:
        if ended.code:
            raise
    print(time.process_time(), peak_bytes() / MEGABYTE, file=shown)


def grow_whole(repeats: int) -> Iterator[Row]:
    del repeats  # each is measured once
    for singers in SINGERS:
        with tempfile.TemporaryDirectory() as folder:
            store, run, song = (str(Path(folder) / name) for name in ("store", "run", "song.wav"))
            make_store(Path(store), 3 * singers, albums=3, tracks_an_album=1, frames=SHORT_FRAMES)
            soundfile.write(song, np.random.default_rng(0).normal(0, 0.1, 60 * 16_000), 16_000)
            row: Row = {"part": "whole", "singers": singers, "tracks": 3 * singers}
            for name, *arguments in (
                ("train", store, run, *TINY),
                ("evaluate", run, "--json"),
                ("identify", run, song, "--all-clips", "--json"),
            ):
                # Every figure includes a warm start of Python and its libraries.
                told = in_fresh_process(__file__, "--command", name, *arguments, "--threads", "1").split()
                row |= {f"{name}_s": round(float(told[0]), 1), f"{name}_mb": round(float(told[1]))}
            yield row


PARTS = {"length": grow_length, "singers": grow_singers, "tracks": grow_tracks, "whole": grow_whole}


def main() -> None:
    if sys.argv[1:2] == ["--memory"]:
        memory(float(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--command"]:
        command(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; by default all")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parse(parser)
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    about = machine(threads=1) | {"versions": current_versions()}
    rows: list[Row] = []
    for part in arguments.parts or PARTS:
        found = []
        for row in PARTS[part](arguments.repeats):
            print(json.dumps(row), flush=True)
            found.append(row)
        if arguments.pictures and part in PICTURES:
            draw(part, found, arguments.pictures)
        rows += found
    write(arguments.json, about, rows)


if __name__ == "__main__":
    main()
