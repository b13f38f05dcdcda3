"""Open-Unmix: the package's own classes and our loader, on small weights made here."""

import json
import pickle
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from singerid.errors import SingeridError
from singerid.sound.audio import load, read_blocks
from singerid.sound.separation import open_unmix_weights
from singerid.sound.separation.open_unmix_weights import (
    RELEASES,
    TARGETS,
    Release,
    Spectrograms,
    fetch_release,
    find_weights,
    load_open_unmix,
)
from singerid.sound.separation.separators import open_separator
from singerid.system.torchaudio_stub import import_without_torchaudio
from small_open_unmix import SMALL, packages_model, small_network, write_weights

RATE = 16_000


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights") / "small")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """4 s of stereo noise and tones at 44.1 kHz, with a second of silence."""
    rng = np.random.default_rng(0)
    time = np.arange(4 * 44_100) / 44_100
    sound = 0.1 * rng.standard_normal((len(time), 2)) + 0.2 * np.sin(2 * np.pi * 330 * time)[:, None]
    sound[:, 0] *= 0.3
    sound[44_100 : 2 * 44_100] = 0
    path = tmp_path_factory.mktemp("recording") / "song.wav"
    soundfile.write(path, sound, 44_100, subtype="FLOAT")
    return path


def run(separator, path):
    blocks = list(separator.blocks(path, partial(read_blocks, path), pytest.fail))
    assert all(v.shape == rest.shape and v.dtype == rest.dtype == np.float32 for v, rest in blocks)
    return tuple(np.concatenate(part) for part in zip(*blocks, strict=True))


@torch.inference_mode()
def by_hand(sound):
    """Vocals at 16 kHz of (samples, 2) at 44.1 kHz, by the package's separator, built step by step."""
    separator = (
        packages_model()
        .Separator(
            {target: small_network(seed) for seed, target in enumerate(TARGETS)},
            niter=1,
            n_fft=SMALL["nfft"],
            n_hop=SMALL["nhop"],
        )
        .eval()
    )
    estimates = separator(torch.from_numpy(np.ascontiguousarray(sound.T, np.float32))[None])
    vocals = separator.to_dict(estimates)["vocals"][0].mean(0).numpy()
    return soxr.resample(vocals, 44_100, RATE, quality="HQ")


def test_vocals_are_the_packages_and_accompaniment_is_the_rest(weights, recording):
    vocals, accompaniment = run(open_separator("open-unmix", weights=weights), recording)
    mixture = load(recording)
    assert len(vocals) == len(mixture)
    expected = by_hand(soundfile.read(recording)[0])
    np.testing.assert_allclose(vocals, expected[: len(vocals)], atol=1e-4 * np.abs(expected).max())
    assert np.abs(vocals).max() > 0.01
    np.testing.assert_allclose(vocals + accompaniment, mixture, atol=1e-6)
    assert np.abs(vocals[int(1.3 * RATE) : int(1.7 * RATE)]).max() < 1e-6  # silence


def test_mono_is_duplicated_and_any_rate_is_taken(weights, recording, tmp_path):
    sound = soundfile.read(recording)[0].mean(1)
    soundfile.write(tmp_path / "mono.wav", sound, 44_100, subtype="FLOAT")
    vocals, _ = run(open_separator("open-unmix", weights=weights), tmp_path / "mono.wav")
    expected = by_hand(np.stack([sound, sound], axis=1))
    np.testing.assert_allclose(vocals, expected[: len(vocals)], atol=1e-4 * np.abs(expected).max())
    sound = soxr.resample(sound, 44_100, 22_050, quality="HQ")
    soundfile.write(tmp_path / "low.wav", sound, 22_050, subtype="FLOAT")
    again, _ = run(open_separator("open-unmix", weights=weights), tmp_path / "low.wav")
    assert len(again) == len(load(tmp_path / "low.wav"))
    sound = soxr.resample(sound, 22_050, 44_100, quality="HQ")
    expected = by_hand(np.stack([sound, sound], axis=1))[: len(again)]
    np.testing.assert_allclose(again, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("samples", [100, 5000])
def test_what_is_shorter_than_a_window_is_padded(weights, tmp_path, samples):
    soundfile.write(tmp_path / "x.wav", np.full((samples, 2), 0.1), 44_100, subtype="FLOAT")
    vocals, accompaniment = run(open_separator("open-unmix", weights=weights), tmp_path / "x.wav")
    np.testing.assert_allclose(vocals + accompaniment, load(tmp_path / "x.wav"), atol=1e-6)


def test_a_long_recording_is_separated_in_overlapping_blocks(weights, recording):
    separator = open_separator("open-unmix", weights=weights)
    whole, _ = run(separator, recording)
    vocals, accompaniment = run(replace(separator, block_seconds=1.5, overlap_seconds=0.5), recording)
    np.testing.assert_allclose(vocals + accompaniment, load(recording), atol=1e-6)
    # Each block hears the same sound, except that the networks remember what came before and after.
    level = np.sqrt(np.mean(whole**2))
    assert np.sqrt(np.mean((vocals - whole) ** 2)) < 0.2 * level
    assert not np.array_equal(vocals, whole)
    assert np.abs(np.diff(vocals[int(0.9 * RATE) : int(3.1 * RATE)])).max() < 2 * np.abs(np.diff(whole)).max()


def test_it_can_be_pickled_and_is_deterministic(weights, recording):
    separator = open_separator("open-unmix", weights=weights)
    first, second = run(separator, recording), run(pickle.loads(pickle.dumps(separator)), recording)
    assert (first[0] == second[0]).all()


def test_the_published_settings_hold_without_a_settings_file(tmp_path, recording):
    folder = write_weights(tmp_path / "full", bins=2049, settings=None)
    separator = open_separator("open-unmix", weights=folder)
    assert separator.spectrograms == Spectrograms(44_100, 4096, 1024)
    vocals, _ = run(separator, recording)
    assert np.isfinite(vocals).all()


def test_the_origin_tells_the_version_the_digests_and_other_settings(weights):
    origin = open_separator("open-unmix", weights=weights).origin
    digits = [re.fullmatch(r".*-(.{8})\.pth", file.name)[1] for file in weights.glob("*.pth")]
    assert all(digit in origin for digit in digits)
    assert origin.startswith("openunmix 1.")
    assert "n_fft=1024" in origin


def test_only_umxl_has_a_notice(weights):
    assert open_separator("open-unmix", weights=weights).notice == ""
    separator = open_separator("umxl", weights=weights)
    assert "non-commercial" in separator.notice
    assert separator.name == "umxl"


def test_addresses_and_digests_are_those_of_the_package():
    source = Path(import_without_torchaudio("openunmix", extra="vocals").__file__).read_text()
    for name, function in (("open-unmix", "umxhq_spec"), ("umxl", "umxl_spec")):
        body = source[source.index(f"def {function}(") :]
        published = dict(re.findall(r'"(\w+)": "(https://[^"]+)"', body[: body.index("if targets is None")]))
        release = RELEASES[name]
        assert {t: f"{release.address}/{release.file_name(t)}" for t in TARGETS} == published


def test_a_release_is_fetched_and_checked(site, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path / "cache"))
    folder, address = site
    digests = {}
    for file in weights.glob("*.pth"):
        target, digests_of = file.stem.split("-")
        digests[target] = digests_of
        (folder / file.name).write_bytes(file.read_bytes())
    release = Release(address, digests, licence="MIT")
    files = fetch_release("small", release)
    assert [file.name for file in files] == [release.file_name(target) for target in TARGETS]
    network = load_open_unmix(files, Spectrograms(44_100, 1024, 512))
    for seed, target in enumerate(TARGETS):
        for key, value in small_network(seed).state_dict().items():
            assert torch.equal(network.target_models[target].state_dict()[key], value)
    with pytest.raises(
        SingeridError, match=r"cannot be downloaded .*bass-00000000\.pth.*as `weights`"
    ) as error:
        fetch_release("small", Release(address, {**digests, "bass": "00000000"}, licence="MIT"))
    assert address in str(error.value)


@pytest.fixture
def damaged(weights, tmp_path):
    """A copy of the weights without digits in the names, to be damaged."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    for file in weights.iterdir():
        (folder / re.sub(r"-.{8}\.pth", ".pth", file.name)).write_bytes(file.read_bytes())
    open_separator("open-unmix", weights=folder)
    return folder


def change(key, value):
    def change_file(folder):
        state = torch.load(folder / "drums.pth", weights_only=True)
        state[key] = value
        torch.save({k: v for k, v in state.items() if v is not None}, folder / "drums.pth")

    return change_file


FAULTS = {
    "missing": (lambda folder: (folder / "bass.pth").unlink(), r"damaged: holds no weights bass\.pth; put"),
    "twice": (
        lambda folder: (folder / "bass-01234567.pth").write_bytes(b""),
        "damaged: holds several files of weights for bass",
    ),
    "digits": (
        lambda folder: (folder / "bass.pth").rename(folder / "bass-01234567.pth"),
        r"bass-01234567\.pth: is damaged or another file",
    ),
    "no folder": (lambda folder: folder.rename(folder.with_name("x")), "damaged: cannot be listed"),
    "text": (
        lambda folder: (folder / "drums.pth").write_text("x"),
        r"drums\.pth: is not a complete PyTorch file",
    ),
    "cut short": (
        lambda folder: (folder / "drums.pth").write_bytes((folder / "drums.pth").read_bytes()[:999]),
        r"drums\.pth: is not a complete PyTorch file",
    ),
    "no dict": (lambda folder: torch.save([1], folder / "drums.pth"), r"drums\.pth: holds no weights of"),
    "other network": (
        lambda folder: torch.save(torch.nn.Linear(2, 2).state_dict(), folder / "drums.pth"),
        r"drums\.pth: holds no weights of",
    ),
    "key missing": (change("bn3.weight", None), r"bn3\.weight is missing, not \(1026\)"),
    "shape": (change("fc3.weight", torch.ones(3, 8)), r"fc3\.weight is \(3, 8\), not \(1026, 8\)"),
    "too many bins": (change("input_mean", torch.ones(514)), r"drums\.pth: holds no weights of"),
    "no settings": (
        lambda folder: (folder / "separator.json").unlink(),
        r"vocals\.pth: holds no weights of a stereo Open-Unmix with 2049 bins .*; give",
    ),
    "bad settings": (
        lambda folder: (folder / "separator.json").write_text('{"nfft": 1024}'),
        r"separator\.json: holds no settings of a stereo Open-Unmix",
    ),
    "mono": (
        lambda folder: (folder / "separator.json").write_text(json.dumps(SMALL | {"nb_channels": 1})),
        "nb_channels is not 2",
    ),
    "hop": (
        lambda folder: (folder / "separator.json").write_text(json.dumps(SMALL | {"nhop": 0})),
        r"separator\.json: holds no settings",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_weights_are_one_line_that_names_them(damaged, fault):
    make, message = FAULTS[fault]
    make(damaged)
    with pytest.raises(SingeridError, match=message) as error:
        open_separator("open-unmix", weights=damaged)
    assert ";" in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_the_other_release_are_not_taken_for_these(weights, monkeypatch):
    digest = next(weights.glob("vocals-*.pth")).stem.removeprefix("vocals-")
    other = replace(RELEASES["umxl"], digests={**RELEASES["umxl"].digests, "vocals": digest})
    monkeypatch.setitem(open_unmix_weights.RELEASES, "umxl", other)
    with pytest.raises(SingeridError, match="holds weights of umxl; choose the separator umxl"):
        open_separator("open-unmix", weights=weights)
    assert open_separator("umxl", weights=weights).name == "umxl"


def test_files_are_found_in_the_order_of_the_targets(weights):
    found = find_weights(weights, RELEASES["open-unmix"])
    assert [file.name.split("-")[0] for file in found] == list(TARGETS)
