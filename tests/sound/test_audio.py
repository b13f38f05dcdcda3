"""Decoding: any file to mono float32, compared with the formula of the signal that was encoded."""

import errno
import io
import os
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from singerid.sound.audio import load, read_blocks, read_stereo_blocks
from singerid.sound.files import AudioError
from singerid.text import printable

SECONDS = 2.0
TONES = ((0.3, 440.0), (0.2, 1000.0), (0.1, 2900.0))  # amplitude, Hz
LOSSLESS = 2e-3  # 8-bit steps are 8e-3 wide; everything else is far better
LOSSY = 0.08


def tones(rate: int, seconds: float = SECONDS) -> np.ndarray:
    """The signal at any rate: what a decoder that resamples must give."""
    time = np.arange(round(seconds * rate)) / rate
    return sum(a * np.sin(2 * np.pi * f * time) for a, f in TONES).astype(np.float32)


def channels(signal: np.ndarray, count: int) -> np.ndarray:
    """(samples, count), different in every channel, whose mean is the signal."""
    gains = np.linspace(0.5, 1.5, count) if count > 1 else np.ones(1)
    return (signal[:, None] * gains).astype(np.float32)


def encode(path: Path, codec: str, container: str, rate: int = 44_100, video: bool = False) -> Path:
    """Write the tones in stereo with FFmpeg, beside a picture where `video` is set."""
    signal = channels(tones(rate), 2)
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        stream.bit_rate = 192_000
        picture = output.add_stream("mpeg4", rate=25) if video else None
        if picture:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            for index in range(int(SECONDS * 25)):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                image.pts, image.time_base = index, Fraction(1, 25)
                output.mux(picture.encode(image))
            output.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(signal.T), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(stream.format, "stereo", rate, frame_size=stream.frame_size or 1152)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(part))
    return path


def error(path: Path, expected: np.ndarray) -> float:
    """Largest difference from the formula, except at the edges: a resampler knows nothing beyond them."""
    got = load(path, warn=pytest.fail)
    assert got.dtype == np.float32
    assert got.ndim == 1
    inside = slice(400, len(expected) - 2000)
    return float(np.abs(got[inside] - expected[inside]).max())


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_any_rate_and_channel_count(tmp_path: Path, rate: int, count: int) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, channels(tones(rate), count), rate, subtype="FLOAT")
    got = load(path)
    assert abs(len(got) - SECONDS * 16_000) <= 1
    assert error(path, tones(16_000)) < LOSSLESS


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_stereo_keeps_two_channels_and_duplicates_any_other_number(
    tmp_path: Path, rate: int, count: int
) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, channels(tones(rate), count), rate, subtype="FLOAT")
    blocks = list(read_stereo_blocks(path, 44_100, block_seconds=0.5, warn=pytest.fail))
    assert {block.shape[1:] for block in blocks} == {(2,)}
    assert {len(block) for block in blocks[:-1]} == {22_050}
    got = np.concatenate(blocks)
    assert got.dtype == np.float32
    assert abs(len(got) - SECONDS * 44_100) <= 1
    expected = channels(tones(44_100), 2) if count == 2 else np.repeat(tones(44_100)[:, None], 2, axis=1)
    inside = slice(2000, len(expected) - 6000)
    assert np.abs(got[inside] - expected[inside]).max() < LOSSLESS


def test_stereo_of_a_file_that_ffmpeg_decodes(tmp_path: Path) -> None:
    path = encode(tmp_path / "x", "aac", "adts")
    got = np.concatenate(list(read_stereo_blocks(path, 44_100, warn=pytest.fail)))
    assert got.shape == (len(load(path, 44_100)), 2)
    np.testing.assert_allclose(got.mean(axis=1), load(path, 44_100), atol=1e-6)
    left, right = np.sqrt(np.mean(got**2, axis=0))
    assert right / left == pytest.approx(3.0, rel=0.05)  # the gains are 0.5 and 1.5


@pytest.mark.parametrize("frames", [700, 2**15])
def test_joining_short_frames_changes_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    for decoder in ("ffmpeg", "sndfile"):
        monkeypatch.setattr(f"singerid.sound.decoding.{decoder}.PIECE_FRAMES", frames)
    path = encode(tmp_path / "x", "libmp3lame", "mp3")
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray() for frame in container.decode(audio=0)]
    got = np.concatenate(list(read_stereo_blocks(path, 44_100, warn=pytest.fail)))
    np.testing.assert_array_equal(got.T, np.concatenate(decoded, axis=1))
    path = tmp_path / "y"
    soundfile.write(path, channels(tones(44_100), 2), 44_100, format="FLAC")
    got = np.concatenate(list(read_stereo_blocks(path, 44_100, warn=pytest.fail)))
    np.testing.assert_array_equal(got, soundfile.read(path, dtype="float32")[0])


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_one_channel_is_the_mean_of_all(tmp_path: Path, count: int) -> None:
    path = tmp_path / "x.wav"
    samples = np.random.default_rng(count).uniform(-1, 1, (5000, count)).astype(np.float32)
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    np.testing.assert_allclose(load(path), samples.astype(float).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
        *((name, "PCM_24") for name in ("FLAC", "AIFF", "CAF", "W64", "RF64")),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_formats_of_libsndfile(tmp_path: Path, container: str, subtype: str) -> None:
    path = tmp_path / "named.wrongly"
    soundfile.write(path, channels(tones(48_000), 2), 48_000, format=container, subtype=subtype)
    lossy = container in ("OGG", "MP3") or subtype == "PCM_U8"
    assert error(path, tones(16_000)) < (LOSSY if lossy else LOSSLESS)
    assert abs(len(load(path)) - SECONDS * 16_000) <= 1


FFMPEG = {
    "m4a": ("aac", "ipod", 44_100, False),
    "alac": ("alac", "ipod", 44_100, False),
    "mp4": ("aac", "mp4", 44_100, True),
    "mkv": ("libopus", "matroska", 48_000, True),
    "mp3": ("libmp3lame", "mp3", 44_100, False),
    "webm": ("libopus", "webm", 48_000, False),
    "8 bits": ("pcm_u8", "matroska", 44_100, False),
    "24 bits": ("pcm_s24le", "matroska", 44_100, True),
    "64 bits": ("pcm_f64le", "matroska", 44_100, False),
}


@pytest.mark.parametrize("name", FFMPEG)
def test_formats_of_ffmpeg_start_and_end_where_the_sound_does(tmp_path: Path, name: str) -> None:
    codec, container, rate, video = FFMPEG[name]
    path = encode(tmp_path / "x.wav", codec, container, rate, video)
    assert error(path, tones(16_000)) < LOSSY  # an encoder's delay left in would shift the tones
    assert 0 <= len(load(path)) - SECONDS * 16_000 < 0.1 * 16_000


@pytest.mark.parametrize(
    ("codec", "container", "video"),
    [("wmav2", "asf", False), ("aac", "adts", False), ("libmp3lame", "avi", True)],
)
def test_formats_that_do_not_tell_their_delay(
    tmp_path: Path, codec: str, container: str, video: bool
) -> None:
    got = load(encode(tmp_path / "x", codec, container, video=video), warn=pytest.fail)
    expected = tones(16_000)
    likeness = np.correlate(got[8000:17_600].astype(float), expected[8000:16_000].astype(float), "valid")
    shift = int(likeness.argmax())
    part = got[8000 + shift : 16_000 + shift]
    assert np.corrcoef(part, expected[8000:16_000])[0, 1] > 0.98  # the delay may be half a sample


@pytest.mark.parametrize("block_seconds", [1e-4, 0.0371, 0.5, 100.0])
def test_blocks_are_the_whole_bit_for_bit(tmp_path: Path, block_seconds: float) -> None:
    path = encode(tmp_path / "x.mp3", "libmp3lame", "mp3")
    whole = load(path)
    blocks = list(read_blocks(path, block_seconds=block_seconds))
    assert np.array_equal(np.concatenate(blocks), whole)
    size = max(1, round(block_seconds * 16_000))
    assert {len(block) for block in blocks[:-1]} <= {size}
    assert 0 < len(blocks[-1]) <= size


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    soundfile.write(path, np.zeros(8), 8000, subtype="PCM_U8")
    header = bytearray(path.read_bytes()[:44])
    samples = 3600 * 8000
    header[4:8], header[40:44] = ((36 + samples).to_bytes(4, "little"), samples.to_bytes(4, "little"))
    path.write_bytes(header)
    os.truncate(path, 44 + samples)  # a file full of holes
    tracemalloc.start()
    got = sum(len(block) for block in read_blocks(path, 8000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got == samples  # 115 MB as a whole
    assert peak < 4e6


CUT = {
    **{name: lambda path, name=name: encode(path, *FFMPEG[name]) for name in ("mp3", "webm")},
    **{
        name: lambda path, name=name: soundfile.write(
            path, channels(tones(44_100, 20.0), 2), 44_100, format=name
        )
        for name in ("WAV", "FLAC", "OGG", "AIFF")
    },
}


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_short_is_used_as_far_as_it_decodes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = tmp_path / "x"
    CUT[name](path)
    whole = load(path, warn=pytest.fail)
    os.truncate(path, int(path.stat().st_size * 0.6))
    warned: list[str] = []
    part = load(path, warn=warned.append)
    assert len(warned) == 1
    assert "cut short" in warned[0]
    assert 0.4 * len(whole) < len(part) < 0.7 * len(whole)
    same = slice(0, len(part) - 3000)
    assert np.abs(part[same] - whole[same]).max() < 1e-6
    load(path)
    assert caplog.messages == [f"{path}: {warned[0]}"]


def test_damage_in_the_middle_of_an_mp3_is_passed_over(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp3", "libmp3lame", "mp3")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    path.write_bytes(content)
    warned: list[str] = []
    got = load(path, warn=warned.append)
    assert len(warned) == 1
    assert len(got) > 0.85 * SECONDS * 16_000
    expected = tones(16_000)
    assert np.abs(got[400:12_000] - expected[400:12_000]).max() < LOSSY


def test_wav_headers_written_before_the_length_was_known(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, tones(16_000), 16_000, subtype="PCM_16")
    expected = load(path)
    content = bytearray(path.read_bytes())
    for unknown in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        content[4:8] = content[40:44] = unknown
        path.write_bytes(content)
        assert np.array_equal(load(path, warn=pytest.fail), expected)


def test_a_vbr_mp3_without_a_header_is_not_called_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    quiet_then_loud = np.concatenate(
        [np.zeros(10 * 16_000), 0.3 * np.random.default_rng(0).normal(size=160_000)]
    )
    soundfile.write(path, quiet_then_loud, 16_000, bitrate_mode="VARIABLE", compression_level=0.1)
    content = path.read_bytes()
    assert b"Xing" in content[:200]
    path.write_bytes(content[content.index(b"\xff\xf3", 200) :])
    assert abs(len(load(path, warn=pytest.fail)) - 320_000) < 4000


def test_the_rate_may_change_in_the_middle(tmp_path: Path) -> None:
    first, second = encode(tmp_path / "a", "aac", "adts"), encode(tmp_path / "b", "aac", "adts", 22_050)
    lengths = len(load(first)), len(load(second))
    joined = tmp_path / "x.aac"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert abs(len(load(joined, warn=lambda _: None)) - sum(lengths)) < 3000


def test_the_number_of_channels_may_change_in_the_middle(tmp_path: Path) -> None:
    stereo = encode(tmp_path / "a", "libmp3lame", "mp3")
    mono = tmp_path / "b"
    soundfile.write(mono, tones(44_100), 44_100, format="MP3", subtype="MPEG_LAYER_III")
    lengths = [len(load(path, warn=lambda _: None)) for path in (stereo, mono, stereo)]
    joined = tmp_path / "x.mp3"
    joined.write_bytes(stereo.read_bytes() + mono.read_bytes() + stereo.read_bytes())
    assert abs(len(load(joined, warn=lambda _: None)) - sum(lengths)) < 3000


def test_damage_in_the_middle_of_a_flac_costs_its_blocks_alone(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, 6 * 16_000).astype(np.float32)
    path = tmp_path / "x.flac"
    soundfile.write(path, samples, 16_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    reasons: list[str] = []
    got = load(path, warn=reasons.append)
    assert 5.5 * 16_000 < len(got) < 6 * 16_000  # the damage is at 3 s; its blocks are lost
    before, behind = int(2.4 * 16_000), int(2.4 * 16_000)
    np.testing.assert_allclose(got[:before], samples[:before], atol=2**-15)
    np.testing.assert_allclose(got[-behind:], samples[-behind:], atol=2**-15)
    assert len(reasons) == 1
    assert "damaged" in reasons[0]


def test_tags_that_are_no_utf8(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mkv", "libopus", "matroska", 48_000)
    expected = load(path)
    content = path.read_bytes()
    assert b"Lavf" in content
    path.write_bytes(content.replace(b"Lavf", b"\xff\xfe\xc3("))
    assert np.array_equal(load(path, warn=pytest.fail), expected)


@pytest.mark.parametrize(
    "name",
    ["歌.wav", "a\nb.wav", os.fsdecode(b"\xff\xfe.wav"), "x" * 251 + ".wav", "-i.raw", "%s 'q' \".wav"],
)
def test_names_may_be_anything(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        soundfile.write(file, tones(16_000), 16_000, format="WAV")
    assert len(load(path)) == 32_000
    os.truncate(path, 0)
    with pytest.raises(AudioError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(printable(path))
    assert "\n" not in message
    assert message.encode("utf-8")


def folder(path: Path) -> None:
    path.mkdir()


def not_finite(value: float, first: int = 0) -> Callable[[Path], None]:
    """A file with this value in its samples up to the 17,000th."""

    def make(path: Path) -> None:
        signal = tones(16_000)
        signal[first:17_000] = value
        soundfile.write(path, signal, 16_000, format="WAV", subtype="FLOAT")

    return make


def picture_only(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        output.mux(stream.encode(image))
        output.mux(stream.encode(None))


def playlist(path: Path) -> None:
    secret = path.with_name("other.wav")
    soundfile.write(secret, tones(16_000), 16_000)
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret.as_uri()}\n#EXT-X-ENDLIST\n")


def concatenation(path: Path) -> None:
    soundfile.write(path.with_name("other.wav"), tones(16_000), 16_000)
    path.write_text("ffconcat version 1.0\nfile other.wav\n")


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (folder, "is a folder"),
    "missing": (lambda path: None, "does not exist"),
    "empty": (Path.touch, "is empty"),
    "pipe": (os.mkfifo, "not a regular file"),
    "text": (lambda path: path.write_text("this is no sound\n" * 5000), "no sound file"),
    "short text": (lambda path: path.write_text("x"), "no sound file"),
    "random bytes": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(99_999)), "no sound file"),
    "playlist": (playlist, "no sound file"),
    "concatenation": (concatenation, "no sound file"),
    "NaN": (not_finite(np.nan), "NaN, infinite"),
    "infinite": (not_finite(-np.inf), "NaN, infinite"),
    "absurd": (not_finite(1e16), "NaN, infinite or absurdly large"),
    "no samples": (lambda path: soundfile.write(path, np.zeros(0), 16_000, format="WAV"), "holds no sound"),
    "only a picture": (picture_only, "no sound track"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_used_is_named_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make, reason = UNUSABLE[kind]
    monkeypatch.chdir(tmp_path)  # where a list's relative names would be looked for
    path = tmp_path / "song.mp3"
    make(path)
    with pytest.raises(AudioError, match=reason) as caught:
        load(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert ";" in caught.value.reason or ":" in caught.value.reason  # what to do about it


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e16])
def test_a_few_samples_of_no_use_are_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: float
) -> None:
    path = tmp_path / "x.wav"
    not_finite(value, first=16_993)(path)
    expected = tones(16_000)
    expected[16_993:17_000] = 0
    warned: list[str] = []
    np.testing.assert_allclose(load(path, warn=warned.append), expected, atol=1e-6)
    assert warned == [
        "holds 7 invalid samples (NaN, infinite or absurdly large), replaced by silence: "
        "export it again if you can"
    ]
    load(path)
    assert caplog.messages == [f"{path}: {warned[0]}"]


@pytest.mark.parametrize(("layout", "integers"), [("fltp", True), ("fltp", False), ("s16p", True)])
def test_float_wavpack_of_integers_is_brought_to_full_scale(
    tmp_path: Path, layout: str, integers: bool
) -> None:
    signal = tones(44_100) * (2**15 if integers else 1)
    samples = signal[None].astype("f4" if layout == "fltp" else "i2")
    with av.open(str(tmp_path / "x"), "w", format="wv") as output:
        stream = output.add_stream("wavpack", rate=44_100, layout="mono")
        stream.codec_context.format = layout
        frame = av.AudioFrame.from_ndarray(samples, format=layout, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        for part in (frame, None):
            output.mux(stream.encode(part))
    warned: list[str] = []
    got = load(tmp_path / "x", 44_100, warn=warned.append)
    np.testing.assert_allclose(got, tones(44_100), atol=1e-3)
    assert [warning.startswith("its samples reach") for warning in warned] == [True] * (
        layout == "fltp" and integers
    )


def test_a_name_with_a_nul_and_one_that_is_too_long(tmp_path: Path) -> None:
    for name in ("a\0b.mp3", "x" * 300):
        with pytest.raises(AudioError, match="cannot be opened"):
            load(tmp_path / name)


def test_a_disk_that_fails_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "x").write_bytes(b"RIFF")
    monkeypatch.setattr(
        "singerid.sound.decoding.decode.open_file", lambda path: io.BufferedReader(Failing(path))
    )
    with pytest.raises(AudioError, match=r"x: cannot be read \(Input/output error\); copy it again"):
        load(tmp_path / "x")


def test_real_recordings_decode_without_a_warning(test_data: Path) -> None:
    for path in sorted((test_data / "voices").glob("*/*/01.mp3")):
        assert len(load(path, warn=pytest.fail)) > 16_000
