"""CRNN_FGNL at full width against the eager port: predicting clips, and a step of training. On the CPU.

    python benchmarks/perf/network.py [--threads 2] [--seconds 5] [--batch 16] [--repeats 7] [--json FILE]

The candidates take turns; each is first held to the eager port. "of the matrix rate" is what the counted
operations of convolutions, recurrent layers and affinities take of the rate that the machine reaches in
plain matrix products. Memory is the rise of a fresh process's peak. `onnxruntime` is there when its
package is; `compiled` (torch.compile, which needs a C++ compiler) with --compile.
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from eager import EagerCRNNFGNL
from timing import in_fresh_process, in_turn, machine, peak_bytes, write
from torch import Tensor, nn

from singerid import build_model
from singerid.features import seconds_to_frames

SINGERS = 20
TOLERANCE = 1e-4
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def operations(frames: int) -> float:
    """Operations of a clip forward, a multiply-add being two: convolutions, GRUs and the FGNL block."""
    bands, width, total, channels_in = 128, frames, 0.0, 1
    for channels, pool in ((64, 1), (128, 2), (128, 2), (128, 2)):
        total += 2 * 9 * channels_in * channels * bands * width
        bands, width, channels_in = bands // pool, width // pool, channels
    p, q = bands * width, bands * width + 4 * bands * width
    total += 2 * 2 * 4 * 4 * p * q + 2 * 128 * (4 * p + 8 * q + 16 * p)
    return total + width * 2 * 3 * 32 * (bands * 128 + 32 + 32 + 32)


def networks() -> dict[str, nn.Module]:
    """The eager port and ours, with the same weights."""
    torch.manual_seed(0)
    eager = EagerCRNNFGNL(SINGERS)
    ours = build_model("crnn_fgnl", SINGERS)
    ours.load_state_dict(eager.state_dict())
    return {"eager": eager, "singerid": ours.to(memory_format=torch.channels_last)}


def clips(batch: int, seconds: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    mel = 15 * torch.randn(batch, 128, seconds_to_frames(seconds), generator=generator) - 40
    return mel, torch.randint(SINGERS, (batch,), generator=generator)


def predictors(mel: Tensor, compiled: bool) -> dict[str, Callable[[], Tensor]]:
    found: dict[str, Callable[[Tensor], Tensor]] = {}
    for name, network in networks().items():
        found[name] = network.eval()
    if compiled:
        found["compiled"] = torch.compile(networks()["eager"].eval())
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        found["onnxruntime"] = _in_onnxruntime(networks()["eager"].eval(), mel)

    def predict(network: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        @torch.inference_mode()
        def call() -> Tensor:
            return network(mel).softmax(-1)

        return call

    return {name: predict(network) for name, network in found.items()}


def _in_onnxruntime(network: nn.Module, mel: Tensor) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "network.onnx")
        torch.onnx.export(network, (mel,), file, dynamo=False, opset_version=17, input_names=["mel"])
        session = onnxruntime.InferenceSession(file, options)
    return lambda x: torch.from_numpy(session.run(None, {"mel": x.numpy()})[0])


def steps(mel: Tensor, labels: Tensor) -> dict[str, Callable[[], None]]:
    def step(network: nn.Module) -> Callable[[], None]:
        network.train()
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, eps=1e-7)

        def call() -> None:
            loss = nn.functional.cross_entropy(network(mel), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return call

    return {name: step(network) for name, network in networks().items()}


def largest_difference(mel: Tensor, labels: Tensor) -> float:
    """Of a probability, and of a gradient in units of its layer's largest, without dropout's randomness."""
    found = []
    for network in networks().values():
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        logits = network.train()(mel)
        nn.functional.cross_entropy(logits, labels).backward()
        scaled = [p.grad / p.grad.abs().max().clamp_min(1e-3) for p in network.parameters()]
        found.append([logits.detach().softmax(-1), *scaled])
    return max(float((a - b).abs().max()) for a, b in zip(*found, strict=True))


def measure_memory(seconds: str, batch: str, task: str, name: str) -> None:
    mel, labels = clips(int(batch), float(seconds))
    few = clips(1, 1.0)
    warm, real = (
        (steps(*few), steps(mel, labels))
        if task == "step"
        else (predictors(few[0], False), predictors(mel, False))
    )
    warm[name]()  # what a first call loads is no memory of the network
    before = peak_bytes()
    real[name]()
    print((peak_bytes() - before) / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        measure_memory(*arguments.memory)
        return
    about = machine(threads=arguments.threads)
    print(about)
    mel, labels = clips(arguments.batch, arguments.seconds)
    difference = largest_difference(mel[:4], labels[:4])
    assert difference < TOLERANCE, f"differs from the eager port by {difference}"
    rows: list[dict[str, Any]] = []
    for task in ("predict", "step"):
        tasks: dict[str, Callable[[], object]] = (
            {**predictors(mel, arguments.compile)} if task == "predict" else {}
        )
        if task == "step":
            tasks |= steps(mel, labels)
        else:
            expected = tasks["eager"]()
            for name, predict in tasks.items():
                torch.testing.assert_close(predict(), expected, rtol=0, atol=TOLERANCE, msg=name)
        for clock in CLOCKS:
            medians = in_turn(tasks, arguments.repeats, CLOCKS[clock])
            for name, seconds in medians.items():
                passes = (
                    1 if task == "predict" else 3
                )  # the way back: once for the maps, once for the weights
                rate = passes * operations(mel.shape[2]) * arguments.batch / seconds / 1e9
                row = {
                    "task": task,
                    "clock": clock,
                    "form": name,
                    "s_per_clip": round(seconds / arguments.batch, 4),
                    "of_eager": round(seconds / medians["eager"], 3),
                    "of_matrix_rate": round(rate / about["matmul_gflops"], 2) if clock == "wall" else None,
                }
                if clock == "wall" and name in ("eager", "singerid"):
                    row["peak_mb"] = round(
                        float(
                            in_fresh_process(
                                __file__, "--memory", arguments.seconds, arguments.batch, task, name
                            )
                        )
                    )
                print(row, flush=True)
                rows.append(row)
    write(
        arguments.json,
        {**about, "seconds": arguments.seconds, "batch": arguments.batch, "largest_difference": difference},
        rows,
    )


if __name__ == "__main__":
    main()
