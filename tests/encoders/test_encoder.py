"""Encoders: one contract over the run and over every entry of the registry."""

import numpy as np
import pytest
import torch

from singerid import open_encoder
from singerid.encoders.encoder import ENCODERS
from singerid.errors import SingeridError
from singerid.listening.listener import Listener
from singerid.registry import UnknownNameError

CPU = torch.device("cpu")
WEIGHTS = {"hsieh-artist20": "weights/hsieh_artist20_crnn.pth"}  # in the outside test data


@pytest.fixture(params=["run", *ENCODERS])
def encoder(request):
    if request.param == "run":
        return open_encoder(request.getfixturevalue("trained").path)
    folder = request.getfixturevalue("test_data")
    return open_encoder(request.param, weights=folder / WEIGHTS[request.param])


def test_every_encoder_says_what_it_is_and_keeps_its_word(encoder, recordings):
    assert encoder.name
    assert len(encoder.identity) == 64
    listener = Listener(encoder.spec, CPU)
    samples = np.random.default_rng(0).normal(0, 0.1, 12 * 16_000).astype(np.float32)
    vectors = torch.cat([encoder(*windows.inputs) for windows in listener.batches(samples)])
    assert vectors.shape == (376 // encoder.spec.window_frames, encoder.size)
    assert vectors.dtype == torch.float32
    assert vectors.isfinite().all()
    again = torch.cat([encoder(*windows.inputs) for windows in listener.batches(samples, batch_size=1)])
    torch.testing.assert_close(vectors, again, atol=1e-5, rtol=1e-5)
    assert not vectors.requires_grad


def test_a_run_gives_the_state_of_its_last_gru(trained):
    encoder, states = open_encoder(trained.path), []
    network = trained.load_network()
    network.gru.register_forward_hook(lambda module, inputs, output: states.append(output[0][:, -1]))
    clips = torch.randn(3, 128, 32)
    with torch.no_grad():
        network(clips)
    torch.testing.assert_close(encoder(clips), states[0], atol=1e-5, rtol=1e-5)
    assert encoder.identity == trained.digest()


def test_an_unknown_encoder_is_told_the_near_names():
    with pytest.raises(UnknownNameError, match=r"unknown encoder 'hsieh'; near names: hsieh-artist20; or"):
        open_encoder("hsieh")


def test_a_network_without_embeddings_is_no_encoder(trained, monkeypatch):
    from singerid.runs.run import Run

    monkeypatch.setattr(Run, "network", lambda *_: torch.nn.Linear(2, 2))
    with pytest.raises(SingeridError, match="gives no embeddings"):
        open_encoder(trained.path)
