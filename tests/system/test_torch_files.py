"""Other people's PyTorch files: tensors by name, or one line."""

import pytest
import torch

from singerid.errors import SingeridError
from singerid.system.torch_files import read_state, read_torch_file


def test_a_state_is_read_also_from_under_a_key(tmp_path):
    state = {"weight": torch.arange(3.0), "bias": torch.ones(1)}
    torch.save(state, tmp_path / "state.pt")
    torch.save({"step": 3, "model_state": state}, tmp_path / "checkpoint.pt")
    for found in (read_state(tmp_path / "state.pt"), read_state(tmp_path / "checkpoint.pt", "model_state")):
        assert list(found) == ["weight", "bias"]
        assert torch.equal(found["weight"], state["weight"])


@pytest.mark.parametrize("content", [[torch.ones(1)], {"step": 3}, torch.ones(1)])
def test_what_is_no_state_is_named(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    for key in (None, "model_state"):
        with pytest.raises(SingeridError, match=r"x\.pt: does not contain the weights of a network"):
            read_state(tmp_path / "x.pt", key)


def test_no_code_of_a_file_is_run(tmp_path):
    torch.save({"weight": open}, tmp_path / "code.pt")
    with pytest.raises(SingeridError, match=r"code\.pt: is not a complete PyTorch file of weights only"):
        read_torch_file(tmp_path / "code.pt")
