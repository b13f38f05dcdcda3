"""Dropout by distances: its mask is as good as PyTorch's, and the same forward and backward."""

import math

import pytest
import torch
from torch import nn

from singerid.nn.dropout import HIGHEST_RATE, LEAST_ELEMENTS, Dropout, draw_dropped

SHAPE = (4, 16, 48, 40)  # 122,880 elements: large enough for the fast form
LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("rate", [0.1, 0.2])
def test_every_element_is_dropped_independently(rate):
    """Shares of dropped elements and of dropped neighbours, within five standard deviations."""
    torch.manual_seed(0)
    count = 10**6
    dropped = draw_dropped(count, rate)
    assert int(dropped.min()) >= 0
    assert int(dropped.max()) < count
    assert bool((dropped.diff() > 0).all())
    mask = torch.zeros(count)
    mask[dropped] = 1
    for events, chance in [
        (mask, rate),
        (mask[:1000], rate),
        (mask[-1000:], rate),
        *((mask[:-lag] * mask[lag:], rate**2) for lag in (1, 2, 7)),
    ]:
        spread = math.sqrt(
            2 * chance / len(events)
        )  # neighbours share elements: twice the variance bounds it
        assert abs(float(events.mean()) - chance) < 5 * spread


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_few_elements_are_dropped_as_often_as_many(count):
    torch.manual_seed(1)
    rounds = 20_000 // count + 200
    share = sum(len(draw_dropped(count, 0.1)) for _ in range(rounds)) / (rounds * count)
    assert abs(share - 0.1) < 5 * math.sqrt(0.09 / (rounds * count))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gradient_layout", LAYOUTS)
def test_kept_elements_are_scaled_and_the_gradient_has_the_same_mask(layout, gradient_layout):
    torch.manual_seed(2)
    x = torch.rand(SHAPE).add(1).to(memory_format=layout).requires_grad_()
    y = Dropout(0.1)(x.clone(memory_format=torch.preserve_format))
    mask = (y != 0).float()
    torch.testing.assert_close(y, x * mask / 0.9)
    assert 0.095 < 1 - float(mask.mean()) < 0.105
    d_y = torch.randn(SHAPE).to(memory_format=gradient_layout)
    (d_x,) = torch.autograd.grad(y, x, d_y)
    torch.testing.assert_close(d_x, d_y * mask / 0.9)


def test_a_seed_gives_one_mask():
    def drop(seed):
        torch.manual_seed(seed)
        return Dropout(0.1)(torch.ones(SHAPE))

    assert torch.equal(drop(3), drop(3))
    assert not torch.equal(drop(3), drop(4))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_it_reads_stays_unless_it_may_be_overwritten(layout):
    x = torch.ones(SHAPE).to(memory_format=layout)
    torch.manual_seed(0)
    y = Dropout(0.1)(x)
    assert torch.equal(x, torch.ones(SHAPE))
    assert y.stride() == x.stride()
    torch.manual_seed(0)
    assert Dropout(0.1).overwriting(x) is x
    assert torch.equal(x, y)


def test_evaluation_changes_nothing():
    x = torch.ones(SHAPE)
    assert torch.equal(Dropout(0.1).eval()(x), torch.ones(SHAPE))
    assert torch.equal(Dropout(0.1).eval().overwriting(x), torch.ones(SHAPE))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_maps_of_either_layout_are_dropped_by_distances(layout, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "singerid.nn.dropout.draw_dropped", lambda *given: drawn.append(given) or draw_dropped(*given)
    )
    Dropout(0.1)(torch.ones(SHAPE).to(memory_format=layout))
    assert drawn == [(math.prod(SHAPE), 0.1)]


def test_distances_that_do_not_reach_the_end_are_drawn_on(monkeypatch):
    """All distances are 1, except in the first draw, which ends halfway: the rest must be drawn, too."""
    monkeypatch.setattr(torch.Tensor, "geometric_", lambda self, rate: self.fill_(1))
    assert draw_dropped(1000, 0.1).tolist() == list(range(1000))


@pytest.mark.parametrize(
    ("shape", "rate"), [((LEAST_ELEMENTS - 1,), 0.1), (SHAPE, HIGHEST_RATE + 0.1), (SHAPE, 0.0), (SHAPE, 1.0)]
)
def test_the_rest_is_pytorchs(shape, rate):
    torch.manual_seed(5)
    found = Dropout(rate)(torch.ones(shape))
    torch.manual_seed(5)
    assert torch.equal(found, nn.Dropout(rate)(torch.ones(shape)))


def test_an_input_with_gaps_in_memory_is_left_as_it_was():
    whole = torch.ones(4, 16, 48, 80)
    Dropout(0.1)(whole[..., ::2])
    assert torch.equal(whole, torch.ones_like(whole))
