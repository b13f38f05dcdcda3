"""Which processor instructions a benchmark may use: all, or up to AVX2 as on most laptops."""

import argparse
import os
import sys
from collections.abc import Sequence

# For convolutions of oneDNN, loops of PyTorch, and matrix products by MKL and OpenBLAS (NumPy). Each of them
# chooses when it is loaded, so these variables must be in the environment of a new process.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def parse(parser: argparse.ArgumentParser, words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the arguments of a benchmark, with `--isa`; for AVX2 the benchmark is started again."""
    parser.add_argument(
        "--isa",
        choices=("native", "avx2"),
        default="native",
        help="processor instructions to use; ONNX Runtime and FFmpeg always choose by themselves",
    )
    options = parser.parse_args(words)
    if options.isa == "avx2" and any(os.environ.get(name) != value for name, value in AVX2.items()):
        # torch reads these variables only once, at its import, so a new process is needed.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **AVX2})
    return options
