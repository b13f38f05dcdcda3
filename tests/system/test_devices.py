"""Names of devices and numbers of threads."""

import importlib.util
import subprocess
import sys

import pytest
import torch

from singerid.errors import SingeridError
from singerid.system.devices import (
    choose_device,
    gpu_arithmetic,
    has_tf32,
    lacks_bf16,
    to_device,
    use_threads,
)


def test_names():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:", "cuda:x", "", "cpu:1"):
        with pytest.raises(SingeridError, match="is unknown; use auto, cpu"):
            choose_device(name)
    with pytest.raises(SingeridError, match="`device='cuda:99'`: this machine has"):
        choose_device("cuda:99")


def test_threads():
    before = torch.get_num_threads()
    try:
        use_threads(1)
        assert torch.get_num_threads() == 1
        use_threads(None)
        assert torch.get_num_threads() == 1
        with pytest.raises(SingeridError, match="at least 1, not 0"):
            use_threads(0)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("device", "capability", "lacks"),
    [("cpu", "AVX2", True), ("cpu", "AVX512", False), ("cuda:0", "AVX2", False)],
)
def test_a_processor_without_bf16(device, capability, lacks, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert lacks_bf16(torch.device(device)) is lacks


def flags():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision, cudnn.benchmark


def test_gpu_arithmetic_is_exact_by_default_and_restored_afterwards():
    before = flags()
    try:
        torch.backends.cudnn.benchmark = False
        outside = flags()
        assert outside[1:3] == ("tf32", "tf32")  # PyTorch's default
        with gpu_arithmetic():
            assert flags() == ("ieee", "ieee", "ieee", False)
            with gpu_arithmetic(tf32=True, fixed_sizes=True):
                assert flags() == ("tf32", "tf32", "tf32", True)
                with gpu_arithmetic():
                    assert flags()[3], "a search that is on already stays on"
            assert flags() == ("ieee", "ieee", "ieee", False)
        with pytest.raises(KeyboardInterrupt), gpu_arithmetic(tf32=True):
            raise KeyboardInterrupt
        assert flags() == outside
    finally:
        torch.backends.cudnn.benchmark = before[3]


def test_gpu_arithmetic_works_with_settings_made_by_the_program():
    script = (
        "import torch\n"
        "from singerid.system.devices import gpu_arithmetic\n"
        "torch.set_float32_matmul_precision('medium')\n"
        "with gpu_arithmetic(): pass\n"
        "assert torch.get_float32_matmul_precision() == 'medium'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("capability", "has"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_gpus_have_tf32_since_ampere(capability, has, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert has_tf32(torch.device("cuda", 0)) == has
    assert not has_tf32(torch.device("cpu"))


def test_a_tensor_is_where_it_was_sent():
    tensor = torch.arange(3)
    assert torch.equal(to_device(tensor, torch.device("cpu")), tensor)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_sending_a_tensor_does_not_make_the_host_wait():
    tensor = torch.arange(1000)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sent = to_device(tensor, torch.device("cuda", 0))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(sent.cpu(), tensor)


@pytest.mark.parametrize(
    ("form", "installed", "message"),
    [("tritn", True, "SINGERID_FGNL='tritn' is unknown"), ("triton", False, "Triton is not installed")],
)
def test_a_form_of_the_operation_that_a_gpu_cannot_use_is_named(form, installed, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
    assert choose_device("auto") == torch.device("cuda", 0)
    monkeypatch.setenv("SINGERID_FGNL", form)
    assert choose_device("cpu") == torch.device("cpu"), "a CPU is not concerned"
    with pytest.raises(SingeridError, match=message):
        choose_device("auto")
    monkeypatch.setenv("SINGERID_FGNL", "triton")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert choose_device("auto").type == "cuda"
