"""The material of the benchmarks of files: songs as 44.1 kHz stereo MP3, and a run to name their singers."""

import shutil
from pathlib import Path

import av
import numpy as np
import soxr
import torch

from singerid.config import CorpusConfig
from singerid.data.splits import Split
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.studio import render
from singerid.models.registry import build_model
from singerid.models.weights import save_model
from singerid.runs.config import current_versions
from singerid.runs.run import Run, RunConfig

RATE = 44_100
KBITS = 192
SINGERS = 20
_RENDERED = 2


def make_songs(folder: Path, count: int, seconds: float) -> list[Path]:
    """`count` MP3s below `folder`, laid out singer/album/track; files that exist are kept.

    Two are synthesised and encoded; the others are copies with another tag: other bytes, the same work.
    """
    corpus = draw_corpus(CorpusConfig(singers=2, albums=1, songs=1, seconds=seconds))
    paths = []
    for number in range(count):
        path = folder / f"singer-{number % 2}" / f"album-{number // 2 % 3}" / f"{number:03d}.mp3"
        paths.append(path)
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < _RENDERED:
            stems = render(corpus.songs[number])
            delayed = np.roll(stems.accompaniment, 160)  # 10 ms: not the same on both sides
            stereo = np.stack([stems.mixture, stems.vocals + delayed])
            _encode(path, soxr.resample(stereo.T, 16_000, RATE).T.clip(-1, 1))
        else:
            shutil.copy(paths[number % _RENDERED], path)
            with path.open("ab") as file:
                file.write(b"TAG" + f"{number:03d}".encode().ljust(125, b"\0"))  # ID3v1
    return paths


def _encode(path: Path, stereo: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", RATE)
        stream.bit_rate, stream.layout, stream.format = KBITS * 1000, "stereo", "fltp"
        for start in range(0, stereo.shape[1], RATE):
            samples = np.ascontiguousarray(stereo[:, start : start + RATE], np.float32)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_run(folder: Path) -> Path:
    """The folder of a run of the full-width crnn_fgnl, 5 s clips, with weights that have learned nothing."""
    torch.manual_seed(0)
    names = tuple(f"singer {number:02d}" for number in range(SINGERS))
    config = RunConfig(
        model="crnn_fgnl", singers=names, store="none", store_identity="", versions=current_versions()
    )
    run = Run.create(folder, config, Split(("a",), ("b",), ("c",)))
    save_model(build_model("crnn_fgnl", SINGERS), run.state_path())
    return folder
