"""Clips in threads: the same numbers as one after the other."""

import threading

import pytest
import torch

from singerid.models.registry import build_model
from singerid.nn.inference import run_clips


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["crnn_fgnl", "crnnm_fgnl"])
def test_any_number_of_threads_gives_the_same_numbers(name, threads):
    torch.manual_seed(0)
    network = build_model(name, 5, width=0.0625).eval()
    inputs = [torch.randn(5, 128, 64) for _ in range(2 if name == "crnnm_fgnl" else 1)]
    threads(1)
    with torch.inference_mode():
        expected = torch.cat([network(*(x[i : i + 1] for x in inputs)) for i in range(5)])
    for number in (1, 2, 4):
        threads(number)
        torch.testing.assert_close(run_clips(network, *inputs), expected, rtol=1e-5, atol=1e-6)
        assert torch.get_num_threads() == number
    threads(2)
    two = run_clips(network, *inputs)
    threads(3)
    assert torch.equal(run_clips(network, *inputs), two)


def test_every_clip_is_for_itself_and_without_gradients(threads):
    threads(3)
    seen = []

    def network(x):
        seen.append((len(x), threading.get_ident(), torch.get_num_threads(), torch.is_grad_enabled()))
        return x.sum(1, keepdim=True)

    x = torch.randn(6, 4, requires_grad=True)
    y = run_clips(network, x)
    torch.testing.assert_close(y, x.detach().sum(1, keepdim=True))
    assert [call[0] for call in seen] == [1] * 6
    assert {call[2:] for call in seen} == {(1, False)}
    assert threading.get_ident() not in {call[1] for call in seen}


def test_one_thread_takes_clip_after_clip(threads):
    threads(1)
    seen = []
    x = torch.randn(3, 4)
    assert torch.equal(run_clips(lambda clip: seen.append(len(clip)) or clip * 2, x), x * 2)
    assert seen == [1, 1, 1]


@pytest.mark.parametrize(("number", "clips", "expected"), [(1, 7, [3, 3, 1]), (2, 8, [2, 3, 3]), (4, 3, [3])])
def test_several_clips_may_go_at_once(threads, number, clips, expected):
    threads(number)
    seen = []
    x = torch.randn(clips, 4)
    y = run_clips(lambda clip: seen.append(len(clip)) or clip * 2, x, at_once=3)
    assert torch.equal(y, x * 2)
    assert (sorted(seen) if number > 1 else seen) == expected


def test_threads_that_are_left_over_help_with_the_clips(threads):
    threads(4)
    seen = []
    run_clips(lambda x: seen.append(torch.get_num_threads()) or x, torch.ones(2, 1))
    assert seen == [2, 2]


def test_threads_started_later_have_as_many_as_before(threads):
    threads(3)
    run_clips(lambda x: x, torch.ones(4, 1))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [3]


def test_an_error_is_raised_and_the_threads_are_as_before(threads):
    threads(2)

    def network(x):
        raise ValueError("wrong clip")

    with pytest.raises(ValueError, match="wrong clip"):
        run_clips(network, torch.ones(4, 1))
    assert torch.get_num_threads() == 2
