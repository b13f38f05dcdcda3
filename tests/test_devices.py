"""Names of devices and numbers of threads."""

import pytest
import torch

from singerid.devices import choose_device, use_threads
from singerid.errors import SingeridError


def test_names():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:", "cuda:x", "", "cpu:1"):
        with pytest.raises(SingeridError, match="is unknown; use auto, cpu"):
            choose_device(name)
    with pytest.raises(SingeridError, match="--device cuda:99: this machine has"):
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
