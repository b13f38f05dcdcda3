#!/usr/bin/env bash
# Measures everything that docs/performance.md says about a GPU, in about twelve minutes. Run it from the
# project's folder.
#
#     benchmarks/perf/gpu.sh [OUT]        writes OUT/*.json and OUT/*.log, by default to bench/gpu
#
# Needs Python 3.11 or newer with a CUDA build of PyTorch. If there is no network, first put these wheels into
# a folder and set WHEELS=FOLDER: pip download --dest FOLDER '.[dev]' triton (and torch, its CUDA build).
# Each part has its own time limit: if one hangs or fails, the others still run. The most important parts come
# first.
set -uo pipefail
cd "$(dirname "$0")/../.."
OUT=$(mkdir -p "${1:-bench/gpu}" && cd "${1:-bench/gpu}" && pwd)
PYTHON=${PYTHON:-python3}

"$PYTHON" -c 'import torch; assert torch.cuda.is_available(), "PyTorch sees no GPU"' || exit 2
if ! "$PYTHON" -c 'import singerid, pytest' 2> /dev/null; then
  "$PYTHON" -m pip install --quiet ${WHEELS:+--no-index --find-links "$WHEELS"} --editable '.[dev]' || exit 2
fi
"$PYTHON" -c 'import triton' 2> /dev/null || echo "no triton: its rows will be missing (pip install triton)"

failed=0
part() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2 start=$SECONDS
  shift 2
  timeout "$limit" "$@" > "$OUT/$name.log" 2>&1
  local code=$?
  echo "$name: exit code $code after $((SECONDS - start)) s"
  [ "$code" = 0 ] || { failed=1; tail -n 3 "$OUT/$name.log"; }
}

perf=benchmarks/perf
part tests 120 "$PYTHON" -m pytest -q -m gpu
part operation 150 "$PYTHON" $perf/operation.py --device cuda --seconds 5 30 --json "$OUT/operation.json"
part training 300 "$PYTHON" $perf/training.py --device cuda --repeats 3 --json "$OUT/training.json"
part throughput 90 "$PYTHON" $perf/throughput.py --device cuda --json "$OUT/throughput.json"
nvidia-smi > "$OUT/nvidia-smi.log" 2>&1 || true
exit $failed
