"""Inserting blocks into networks that were written without them."""

import copy

import pytest
import torch
from torch import nn

from singerid.nn import CBAM, FGNL1d, FGNL2d, FGNL3d, NonLocal2d, SqueezeExcitation, insert


class Residual(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(outside)
        self.skip = nn.Conv2d(inside, outside, 1, stride=2)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)) + self.skip(x))


class ResNetLike(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = Residual(3, 8)
        self.layer2 = nn.Sequential(Residual(8, 12), Residual(12, 12))
        self.layer3 = Residual(12, 16)
        self.unused = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ResNetLike()


IMAGES = torch.randn(2, 3, 32, 48)


def test_output_is_unchanged_at_first_and_changes_with_w_z(network):
    before = network.eval()(IMAGES)
    block = insert(network, FGNL2d, at="layer3", also=["layer2"], example=IMAGES, reduction=4)
    assert block.layer_channels == (16, 12)
    assert torch.equal(network(IMAGES), before)
    nn.init.normal_(block.project.weight)
    assert not torch.allclose(network(IMAGES), before)


def test_the_block_reads_what_the_named_layers_return(network):
    block = insert(network, FGNL2d, at="layer3", also=["layer2.1", "layer1"], example=IMAGES, reduction=4)
    seen = []
    block.register_forward_pre_hook(lambda module, args: seen.append(args))
    network.eval()(IMAGES)
    x1 = network.layer1(IMAGES)
    x2 = network.layer2(x1)
    x3 = Residual.forward(network.layer3, x2)
    for got, expected in zip(seen[0], (x3, x2, x1), strict=True):
        torch.testing.assert_close(got, expected)


def test_its_weights_train_and_the_networks_own_names_stay(network):
    names = set(network.state_dict())
    block = insert(network, FGNL2d, at="layer3", also=["layer2"], example=IMAGES, reduction=4)
    new = set(network.state_dict()) - names
    assert names < set(network.state_dict())
    assert all(name.startswith("layer3_fgnl2d.") for name in new)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        network(IMAGES).square().sum().backward()
        optimizer.step()
    assert block.project.weight.any()
    assert all(p.grad is not None for p in block.parameters())


def test_buffers_modes_and_gradients_of_the_network_are_left_alone(network):
    network.layer1.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    insert(network, FGNL2d, at="layer3", example=IMAGES, reduction=4)
    state = network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in before.items())
    assert not network.layer1.training
    assert not network.layer1.norm.training
    assert network.layer3.training
    assert all(p.grad is None for p in network.parameters())


def test_copies_and_saved_networks_have_their_own_block(network, tmp_path):
    block = insert(
        network, FGNL2d, at="layer3", also=["layer2"], example=IMAGES, reduction=4, zero_init=False
    )
    twin = copy.deepcopy(network).eval()
    before = twin(IMAGES)
    nn.init.zeros_(block.project.weight)
    assert torch.equal(twin(IMAGES), before)
    assert not torch.allclose(network.eval()(IMAGES), before)
    torch.save(twin.state_dict(), tmp_path / "weights.pt")
    network.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(network(IMAGES), before)


def test_two_blocks_at_one_layer(network):
    first = insert(network, FGNL2d, at="layer3", example=IMAGES, reduction=4)
    second = insert(network, FGNL2d, at="layer3", example=IMAGES, reduction=4)
    assert network.layer3_fgnl2d is first
    assert network.layer3_fgnl2d_2 is second


@pytest.mark.parametrize("block", [NonLocal2d, CBAM, SqueezeExcitation])
def test_other_blocks(network, block):
    before = network.eval()(IMAGES)
    insert(network, block, at="layer2.0", example=IMAGES)
    after = network(IMAGES)
    assert torch.allclose(after, before, rtol=1e-6, atol=1e-7) == (block is NonLocal2d)


def test_video_and_sequences_and_tuples_of_arguments():
    class Video(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv3d(3, 6, 3, padding=1)
            self.pool = nn.MaxPool3d((1, 2, 2))
            self.conv2 = nn.Conv3d(6, 8, 3, padding=1)

        def forward(self, clip, scale):
            return {"scores": self.conv2(self.pool(self.conv1(clip))).mean((2, 3, 4)) * scale}

    video = Video()
    clip = torch.randn(1, 3, 4, 8, 8)
    before = video(clip, 2.0)["scores"]
    block = insert(video, FGNL3d, at="conv2", also=["conv1"], example=(clip, 2.0), reduction=2)
    assert isinstance(block, FGNL3d)
    assert torch.equal(video(clip, 2.0)["scores"], before)


def test_containers_do_not_run_the_block_themselves():
    sequence = nn.Sequential(nn.Conv1d(4, 8, 3), nn.Sequential(nn.ReLU(), nn.Conv1d(8, 8, 3)))
    x = torch.randn(2, 4, 20)
    before = sequence(x)
    block = insert(sequence, FGNL1d, at="1", also=["0"], example=x, reduction=4)
    torch.testing.assert_close(sequence(x), before)
    assert block in set(sequence.modules())
    assert len(sequence) == 2
    assert len(sequence[1]) == 2


def test_frozen_and_double_precision_networks(network):
    network.double().requires_grad_(False)
    block = insert(network, FGNL2d, at="layer3", example=IMAGES.double(), reduction=4)
    assert block.project.weight.dtype == torch.float64
    assert all(p.requires_grad for p in block.parameters())


class Detached(ResNetLike):
    def forward(self, x):
        return self.head(self.layer3(self.layer2(self.layer1(x))).detach().mean((2, 3)))


class Noisy(ResNetLike):
    def forward(self, x):
        return super().forward(x) + torch.rand(())


class Repeats(ResNetLike):
    def forward(self, x):
        return self.head(self.layer3(self.layer2(self.layer1(x)) + self.layer2(self.layer1(x))).mean((2, 3)))


class OfTwo(nn.Module):
    def __init__(self, channels, **_):
        super().__init__()

    def forward(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (ResNetLike, {"at": "layr3"}, "no layer 'layr3'; near names: layer3"),
        (ResNetLike, {"at": "layer3", "also": ["layer2.O"]}, "near names: .*layer2.0"),
        (ResNetLike, {"at": "qqqqqq"}, "outermost layers: layer1, layer2, layer3"),
        (ResNetLike, {"at": "layer3", "also": "layr2"}, "no layer 'layr2'"),
        (ResNetLike, {"at": "layer3", "also": "layer2", "block": SqueezeExcitation}, "does not take"),
        (ResNetLike, {"at": "layer3", "block": OfTwo}, r"does not fit .* positional argument"),
        (ResNetLike, {"at": "layer3", "redaction": 4}, "does not take .* 'redaction'"),
        (ResNetLike, {"at": "layer2", "also": ["layer3"]}, "'layer3' runs after 'layer2'"),
        (ResNetLike, {"at": "unused"}, "'unused' does not run"),
        (ResNetLike, {"at": "layer3", "also": ["layer3"]}, "named once"),
        (ResNetLike, {"at": "head"}, r"maps \(B, C, \*positions\); here head \(2, 5\)"),
        (
            ResNetLike,
            {"at": "layer3", "block": FGNL1d},
            r"fit these layers: layer3 \(2, 16, 2, 3\)",
        ),
        (ResNetLike, {"at": "layer3", "reduction": 99}, "reduction of 99"),
        (Repeats, {"at": "layer2"}, "'layer2' runs more than once"),
        (Detached, {"at": "layer3"}, "no gradient reaches the block"),
        (Noisy, {"at": "layer3"}, "output changes by .* random numbers"),
    ],
)
def test_what_is_wrong_is_named_and_the_network_is_as_it_was(make, arguments, message):
    network = make()
    names = set(network.state_dict())
    arguments = {"block": FGNL2d, "reduction": 4, "example": torch.randn(2, 3, 32, 48)} | arguments
    with pytest.raises(ValueError, match=message):
        insert(network, **arguments)
    assert set(network.state_dict()) == names
    assert not any(module._forward_hooks for module in network.modules())


def test_a_layer_that_returns_no_tensor_is_named():
    network = nn.ModuleDict({"gru": nn.GRU(4, 4)})
    network.forward = lambda x: network["gru"](x)[0]
    with pytest.raises(ValueError, match="'gru' returns tuple"):
        insert(network, FGNL1d, at="gru", example=torch.randn(3, 2, 4))
