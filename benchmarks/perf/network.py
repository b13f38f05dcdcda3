"""CRNN_FGNL at full width compared with the eager port: prediction and a training step. On the CPU.

    python benchmarks/perf/network.py [--threads 2] [--seconds 5] [--batch 16] [--repeats 7] [--json FILE]

The candidates take turns; the results of each are first checked against the eager port. "of the matrix rate"
is the rate of the counted operations (convolutions, recurrent layers and affinities) as a share of the rate
that the machine reaches in plain matrix products. Memory is the rise of the peak of a new process.
`onnxruntime` is measured if its package is installed; `compiled` (torch.compile, which needs a C++ compiler)
with --compile.
"""

import argparse
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from eager import EagerCRNNFGNL
from isa import parse
from timing import in_fresh_process, in_turn, machine, peak_bytes, write
from torch import Tensor, nn

from singerid import build_model
from singerid.sound.features import seconds_to_frames
from singerid.system.allocator import memory_kept

SINGERS = 20
TOLERANCE = 1e-4
STEPS = 4  # of training, each time; the first step gets memory from the system


def operations(frames: int) -> float:
    """Operations of a clip's forward pass (convolutions, GRUs, FGNL block); a multiply-add counts as two."""
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


def predictor(form: str, mel: Tensor) -> Callable[[], Tensor]:
    """A function that returns the probabilities of the clips."""
    network: Callable[[Tensor], Tensor] = networks()["singerid" if form == "singerid" else "eager"].eval()
    if form == "compiled":
        network = torch.compile(network)
    if form == "onnxruntime":
        network = _in_onnxruntime(network, mel)

    @torch.inference_mode()
    def predict() -> Tensor:
        return network(mel).softmax(-1)

    return predict


def _in_onnxruntime(network: Any, mel: Tensor) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Otherwise its threads would wait busily while the next candidate computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about shapes that are fixed in the graph, which is intended
        file = str(Path(folder) / "network.onnx")
        torch.onnx.export(network, (mel,), file, dynamo=False, opset_version=17, input_names=["mel"])
        session = onnxruntime.InferenceSession(file, options)
    return lambda x: torch.from_numpy(session.run(None, {"mel": x.numpy()})[0])


def trainer(form: str, mel: Tensor, labels: Tensor) -> Callable[[], None]:
    """A function that takes some training steps; ours keeps memory between them, as `singerid train` does."""
    network = networks()[form].train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, eps=1e-7)

    def train() -> None:
        with memory_kept() if form == "singerid" else nullcontext():
            for _ in range(STEPS):
                loss = nn.functional.cross_entropy(network(mel), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return train


def rounding_errors(mel: Tensor, labels: Tensor) -> dict[str, dict[str, float]]:
    """Errors of the eager port and of ours against the eager port in double precision, without dropout.

    The largest error of a training pass's probabilities, and of its gradients relative to a layer's largest.
    """
    found = {"exact": _pass(networks()["eager"].double(), mel.double(), labels)}
    found |= {name: _pass(network, mel, labels) for name, network in networks().items()}
    exact, *gradients = found.pop("exact")
    scales = [gradient.abs().max().clamp_min(1e-3) for gradient in gradients]
    return {
        name: {
            "probability": float((probabilities - exact).abs().max()),
            "gradient": max(
                float((one - other).abs().max() / scale)
                for one, other, scale in zip(own, gradients, scales, strict=True)
            ),
        }
        for name, (probabilities, *own) in found.items()
    }


def _pass(network: nn.Module, mel: Tensor, labels: Tensor) -> list[Tensor]:
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    logits = network.train()(mel)
    nn.functional.cross_entropy(logits, labels).backward()
    return [logits.detach().softmax(-1), *(parameter.grad for parameter in network.parameters())]


def measure_memory(task: str, form: str, batch: int, seconds: float) -> None:
    few, many = clips(1, 1.0), clips(batch, seconds)
    make = {"predict": lambda mel, _: predictor(form, mel), "step": lambda *data: trainer(form, *data)}[task]
    make(*few)()  # memory that a first call loads does not count for the network
    call = make(*many)
    before = peak_bytes()
    call()
    print((peak_bytes() - before) / 1e6)


def measure(
    task: str, calls: Mapping[str, Callable[[], object]], arguments: argparse.Namespace, rate: float
) -> list[dict[str, Any]]:
    times = {"predict": 1, "step": STEPS}[task]
    passes = {"predict": 1, "step": 3}[task]  # backward: for the maps and for the weights
    work = passes * arguments.batch * operations(seconds_to_frames(arguments.seconds)) / 1e9
    wall, processor = (
        in_turn(calls, arguments.repeats, clock) for clock in (time.perf_counter, time.process_time)
    )
    rows = []
    for form in calls:
        # ONNX Runtime takes its memory when the session is opened, before the peak is watched.
        is_torch = form != "onnxruntime"
        memory = ["--memory", task, form, "--batch", arguments.batch, "--seconds", arguments.seconds]
        row = {
            "task": task,
            "form": form,
            "s_per_clip": round(wall[form] / times / arguments.batch, 4),
            "of_eager": round(wall[form] / wall["eager"], 3),
            "processor_of_eager": round(processor[form] / processor["eager"], 3),
            "of_matrix_rate": round(times * work / wall[form] / rate, 2),
            "peak_mb": round(float(in_fresh_process(__file__, *memory))) if is_torch else None,
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    arguments = parse(parser)
    if arguments.memory:
        measure_memory(*arguments.memory, arguments.batch, arguments.seconds)
        return
    about = machine(threads=arguments.threads)
    mel, labels = clips(arguments.batch, arguments.seconds)
    about |= {"seconds": arguments.seconds, "batch": arguments.batch}
    about["rounding_errors"] = rounding_errors(mel[:4], labels[:4])
    print(about)
    assert about["rounding_errors"]["singerid"]["probability"] < TOLERANCE
    forms = ["eager", "singerid", *(["compiled"] if arguments.compile else [])]
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        forms.append("onnxruntime")
    predictors = {form: predictor(form, mel) for form in forms}
    for form, predict in predictors.items():
        torch.testing.assert_close(predict(), predictors["eager"](), rtol=0, atol=TOLERANCE, msg=form)
    rows = measure("predict", predictors, arguments, about["matmul_gflops"])
    trainers = {form: trainer(form, mel, labels) for form in ("eager", "singerid")}
    rows += measure("step", trainers, arguments, about["matmul_gflops"])
    write(arguments.json, about, rows)


if __name__ == "__main__":
    main()
