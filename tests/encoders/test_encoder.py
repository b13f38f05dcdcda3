"""Encoders: one contract over the run and over every entry of the registry."""

import tracemalloc
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch

import singerid
from conftest import SAMPLE_RATE, require_weights, voice
from singerid import open_encoder
from singerid.config import CorpusConfig
from singerid.data.synthetic import draw_corpus
from singerid.data.synthetic.studio import render
from singerid.encoders.encoder import Encoder
from singerid.encoders.registry import DEFAULT_ENCODER, ENCODERS, describe_encoders
from singerid.errors import SingeridError
from singerid.listening.opening import open_listener
from singerid.registry import UnknownNameError
from singerid.sound.audio import read_blocks
from singerid.sound.features import heard_seconds
from singerid.sound.files import AudioError
from small_speaker import FramesFirst, scattered, write_onnx

INPUT = {"input": "filter_bank", "n_mels": 80}


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "speaker.onnx"
    return write_onnx(FramesFirst(scattered()), torch.zeros(1, 298, 80), path, beside=INPUT)


@pytest.fixture(params=["run", *ENCODERS])
def encoder(request) -> Encoder:
    match request.param:
        case "run":
            return open_encoder(request.getfixturevalue("trained").path)
        case "onnx":
            pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")
            return open_encoder(f"onnx:{request.getfixturevalue('onnx_file')}")
        case "hsieh-artist20":
            folder = request.getfixturevalue("test_data")
            return open_encoder(request.param, weights=folder / "weights/hsieh_artist20_crnn.pth")
        case name:
            require_weights(name)
            return open_encoder(name)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_every_encoder_says_what_it_is_and_keeps_its_word(encoder):
    assert encoder.name
    assert len(encoder.identity) == 64
    spec = encoder.spec
    samples = np.random.default_rng(0).normal(0, 0.1, 12 * 16_000).astype(np.float32)
    batches = encoder.listener.batches
    vectors = torch.cat([encoder(*windows.inputs) for windows in batches(samples)])
    frames = (
        1198
        if type(spec.features).__name__ == "FilterBankConfig"
        else 1 + len(samples) // spec.features.hop_length
    )
    assert vectors.shape == (1 + (frames - spec.window_frames) // spec.hop, encoder.size)
    assert vectors.dtype == torch.float32
    assert vectors.isfinite().all()
    again = torch.cat([encoder(*windows.inputs) for windows in batches(samples, batch_size=1)])
    torch.testing.assert_close(vectors, again, atol=1e-4, rtol=1e-4)
    assert not vectors.requires_grad


def test_every_encoder_encodes_a_sound_window_by_window(encoder, tmp_path, threads):
    path, samples = tmp_path / "song.wav", voice(150.0, 16.0, 2)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    voices = encoder.encode(path)
    spec = encoder.spec
    assert len(voices) == len(voices.starts) > 2
    assert voices.vectors.shape == (len(voices), encoder.size)
    assert (voices.vectors.dtype, voices.starts.dtype) == (np.float32, np.float64)
    assert voices.voice_share.shape == (len(voices),)
    assert voices.voice_share.dtype == np.float32
    assert np.all((voices.voice_share >= 0) & (voices.voice_share <= 1))
    np.testing.assert_allclose(np.linalg.norm(voices.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.diff(voices.starts), spec.hop * spec.features.frame_seconds, atol=1e-9)
    assert voices.starts[0] == 0
    rest = 16 - voices.starts[-1] - heard_seconds(spec.window_frames, spec.features)
    assert -spec.features.frame_seconds <= rest < spec.hop * spec.features.frame_seconds
    found = [voices]
    for number in (1, 3):
        threads(number)
        found.append(encoder.encode(samples))
    found.append(encoder.encode(partial(read_blocks, path, SAMPLE_RATE, 0.7)))
    for one, other in pairwise(found):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-4)
        np.testing.assert_allclose(one.voice_share, other.voice_share, atol=1e-3)
        assert np.array_equal(one.starts, other.starts)


def test_every_encoder_hears_when_somebody_sings(encoder):
    """A voice, then its band without it, then nothing."""
    require_weights("campplus")
    song = render(draw_corpus(CorpusConfig(singers=1, albums=1, songs=1, seconds=14, seed=5)).songs[0])
    nothing = np.zeros(12 * SAMPLE_RATE, np.float32)
    part = 12 * SAMPLE_RATE
    voices = encoder.encode(np.concatenate([song.vocals[:part], song.accompaniment[:part], nothing]))
    end = voices.starts + heard_seconds(encoder.spec.window_frames, encoder.spec.features)
    sung, unsung, silent = end <= 12, (voices.starts >= 12) & (end <= 24), voices.starts >= 27
    assert voices.voice_share[sung].mean() > 0.6
    assert voices.voice_share[unsung].mean() < 0.3
    assert np.all(voices.voice_share[silent] < 0.01)


def test_every_encoder_says_how_little_it_takes(encoder):
    if encoder.spec.smallest_frames > 1:
        with pytest.raises(AudioError, match=r"the sound: is shorter than \d\.\d\d s, the least"):
            encoder.encode(voice(150.0, 0.2, 1))
    short = voice(150.0, encoder.spec.smallest_seconds + 0.1, 1)
    assert len(encoder.encode(short)) >= 1


def test_windows_and_hop_may_be_chosen():
    seen = []

    def network(bank):
        seen.append(bank.shape[2])
        return bank.mean((1, 2))[:, None] + torch.ones(1, 2)

    spec = singerid.InputSpec(298, singerid.config.FilterBankConfig(), hop_frames=150, smallest_frames=48)
    encoder = Encoder("ear", "0" * 64, spec, network)
    samples = voice(150.0, 10.0, 1)
    for window, hop, frames, starts in (
        (None, None, 298, [0, 1.5, 3, 4.5, 6]),
        (2, None, 198, [*range(9)]),
        (None, 3, 298, [0, 3, 6]),
        (4, 0.5, 398, [0.5 * number for number in range(13)]),
        (1, 1, 98, [*range(10)]),
    ):
        seen.clear()
        voices = encoder.encode(samples, window, hop)
        assert set(seen) == {frames}
        np.testing.assert_allclose(voices.starts, starts, atol=1e-9)
    for window, hop, message in (
        (0.2, None, "a window must be 0.49 s at least, not 0.2"),
        (None, 3.1, "windows must start 3 s apart at most, and more than 0, not 3.1"),
        (None, 0, "not 0"),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.encode(samples, window, hop)


def test_vocals_are_taken_out_where_the_listener_is_told(tmp_path):
    encoder = Encoder("ear", "0" * 64, singerid.InputSpec(32), lambda mel: mel.mean(2))
    path = tmp_path / "song.wav"
    soundfile.write(path, voice(150.0, 4.0, 2), SAMPLE_RATE, subtype="FLOAT")
    listener = open_listener("ear", encoder.spec, encoder.device, audio="vocals", separator="repet")
    vocals, mixture = encoder.encode(path, listener=listener), encoder.encode(path)
    assert vocals.vectors.shape == mixture.vectors.shape
    assert not np.allclose(vocals.vectors, mixture.vectors, atol=1e-3)


def test_memory_does_not_grow_with_the_sound():
    """Only the vectors grow: of twenty minutes, only some windows and a chunk are read ahead."""
    read, heard = 0, 0

    def network(bank):
        nonlocal heard
        heard += len(bank)
        assert read - heard * 24_000 < 4 * 10 * 16_000 + 64 * 24_000
        return bank[:, :2, 0] + 1

    def blocks():
        nonlocal read
        for _ in range(120):
            read += 160_000
            yield np.zeros(160_000, np.float32)

    spec = singerid.InputSpec(298, singerid.config.FilterBankConfig(), hop_frames=150)
    encoder = Encoder("ear", "0" * 64, replace(spec), network)
    tracemalloc.start()
    voices = encoder.encode(blocks)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(voices) == heard == 799
    assert highest < 20e6


def test_damage_is_told(tmp_path, recordings):
    whole = (recordings.tree / "alto/first/0.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    told = []
    Encoder("ear", "0" * 64, singerid.InputSpec(16), lambda mel: mel.mean(2)).encode(
        tmp_path / "cut.flac", warn=told.append
    )
    assert len(told) == 1


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
    for name in ("hsieh", "hsieh:file"):
        with pytest.raises(
            UnknownNameError, match=rf"unknown encoder '{name}'; near names: .*hsieh-art.*; or"
        ):
            open_encoder(name)


def test_the_default_is_one_of_them():
    assert DEFAULT_ENCODER in ENCODERS
    assert next(iter(ENCODERS)) == DEFAULT_ENCODER


def test_every_entry_says_whose_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path))
    rows = {row["name"]: row for row in describe_encoders()}
    assert list(rows) == list(ENCODERS)
    for name, entry in ENCODERS.items():
        assert entry.description
        assert "\n" not in entry.description
        if entry.provenance is not None:
            row = rows[name]
            assert row["licence"]
            assert row["code_licence"]
            assert row["learned_on"]
            assert row["sources"][0].startswith("https://")
            assert row["cached"] is False
            for published in entry.provenance.published:
                assert all(len(file.sha256) == 64 for file in published.files)


def test_sizes_are_those_of_the_vectors(encoder):
    said = {row["name"]: row["size"] for row in describe_encoders()}
    assert said.get(encoder.name) in (None, encoder.size)


def test_a_network_without_embeddings_is_no_encoder(trained, monkeypatch):
    from singerid.runs.run import Run

    monkeypatch.setattr(Run, "network", lambda *_: torch.nn.Linear(2, 2))
    with pytest.raises(SingeridError, match="gives no embeddings"):
        open_encoder(trained.path)


def test_embeddings_of_more_axes_are_named(trained, monkeypatch):
    encoder = open_encoder(trained.path)
    from singerid.runs.run import Run

    network = trained.load_network()
    monkeypatch.setattr(network, "embed", lambda mel: mel)
    monkeypatch.setattr(Run, "network", lambda *_: network)
    with pytest.raises(SingeridError, match=r"embed of its model crnn gives 2 axes per clip; it must"):
        open_encoder(trained.path)(torch.zeros(1, 128, encoder.spec.window_frames))
