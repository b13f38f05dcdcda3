"""CAM++: the published vectors, frozen batch norms, and the folded form compared with the plain one."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from conftest import require_weights
from singerid.nn.campplus import CAMPlusPlus, segment_means
from singerid.nn.campplus_folded import FoldedCAMPlusPlus
from small_speaker import scattered


@pytest.fixture(scope="module")
def published() -> CAMPlusPlus:
    require_weights("campplus")
    from singerid.encoders.campplus import load_campplus

    return load_campplus()


def test_its_state_is_that_of_the_published_file():
    state = CAMPlusPlus().state_dict()
    assert len(state) == 937
    assert sum(value.numel() for value in state.values()) == 6_930_842
    for name in (
        "head.layer1.0.shortcut.1.running_var",
        "xvector.tdnn.nonlinear.batchnorm.weight",
        "xvector.block2.tdnnd24.cam_layer.linear2.bias",
        "xvector.transit3.linear.weight",
        "xvector.out_nonlinear.batchnorm.bias",
        "xvector.dense.nonlinear.batchnorm.num_batches_tracked",
    ):
        assert name in state


@pytest.mark.parametrize("form", [lambda network: network, FoldedCAMPlusPlus], ids=["plain", "folded"])
def test_published_vectors(published, test_data, form):
    network = form(published)
    with np.load(test_data / "reference/campplus.npz") as golden, torch.inference_mode():
        for number in range(3):
            bank = torch.from_numpy(golden[f"fbank/{number}"])
            found = network((bank - bank.mean(0)).T[None])[0].numpy()
            expected = golden[f"embedding/{number}"]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("frames", [3, 4, 61, 199, 200, 201, 298, 628])
@pytest.mark.parametrize("windows", [1, 3])
def test_folded_it_says_the_same(frames, windows):
    network = scattered()
    bank = 3 * torch.randn(windows, 80, frames)
    with torch.inference_mode():
        expected, found = network(bank), FoldedCAMPlusPlus(network)(bank)
    assert found.shape == (windows, 192)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_folded_it_says_the_same_with_the_published_weights(published):
    torch.manual_seed(1)
    bank = 3 * torch.randn(5, 80, 298)
    with torch.inference_mode():
        expected, found = published(bank), FoldedCAMPlusPlus(published)(bank)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def test_rows_do_not_depend_on_their_neighbours():
    network = FoldedCAMPlusPlus(scattered())
    bank = torch.randn(4, 80, 130)
    with torch.inference_mode():
        together = network(bank)
        for number in range(4):
            alone = network(bank[number : number + 1])[0]
            torch.testing.assert_close(alone, together[number], rtol=1e-4, atol=1e-4)


def test_the_windows_it_is_given_stay_as_they_are():
    bank = torch.randn(2, 80, 130)
    before = bank.clone()
    with torch.inference_mode():
        FoldedCAMPlusPlus(scattered())(bank)
    assert torch.equal(bank, before)


@pytest.mark.parametrize("told", ["itself", "parent", "every layer"])
def test_batch_norm_never_learns_whoever_says_train(told):
    network = scattered()
    bank = torch.randn(4, 80, 60)
    with torch.no_grad():
        expected = network(bank)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    if told == "itself":
        network.train()
    elif told == "parent":
        nn.Sequential(OrderedDict(ear=network, probe=nn.Linear(192, 3))).train()
    else:
        for layer in network.modules():
            layer.train()
    for _ in range(3):
        found = network(bank)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_folded_there_is_nothing_to_train():
    network = FoldedCAMPlusPlus(scattered())
    assert not list(network.parameters())
    assert not [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


def test_segments_are_means_of_a_hundred_frames_and_of_what_is_left():
    x = torch.randn(2, 5, 249)
    expected = torch.stack([part.mean(-1) for part in x.split(100, dim=-1)], dim=-1)
    torch.testing.assert_close(segment_means(x), expected)


@pytest.mark.parametrize("shape", [(80, 298), (1, 79, 298), (1, 80, 2), (1, 298, 80)])
def test_another_shape_is_named(shape):
    for network in (CAMPlusPlus(), FoldedCAMPlusPlus(CAMPlusPlus())):
        with pytest.raises(ValueError, match=r"bank must be \(B, 80, W\) of at least 3 frames, got"):
            network(torch.zeros(shape))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_says_the_same():
    from singerid.system.devices import gpu_arithmetic

    network = scattered()
    bank = torch.randn(5, 80, 298)
    with torch.inference_mode(), gpu_arithmetic():
        expected = network(bank)
        for form in (network, FoldedCAMPlusPlus(network)):
            found = form.cuda()(bank.cuda()).cpu()
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
