"""Which instructions of the processor a benchmark may use: all that it has, or AVX2 as most laptops have."""

import argparse
import os
import sys
from collections.abc import Sequence

# oneDNN's convolutions, PyTorch's own loops, and products by MKL and OpenBLAS (NumPy): each chooses by itself
# when it is loaded, so this has to stand in the environment of a fresh process.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def parse(parser: argparse.ArgumentParser, words: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of a benchmark, with `--isa`; for AVX2 alone the benchmark is started anew."""
    parser.add_argument(
        "--isa",
        choices=("native", "avx2"),
        default="native",
        help="what of the processor is used; ONNX Runtime and FFmpeg choose by themselves",
    )
    options = parser.parse_args(words)
    if options.isa == "avx2" and any(os.environ.get(name) != value for name, value in AVX2.items()):
        # What torch read at its import stays: only a new process reads it again.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **AVX2})
    return options
