"""Real-world files: all of their sound is read, without a warning where nothing is lost.

Each case is compared with the formula of the signal that was encoded.
"""

import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from singerid.sound.audio import load, read_stereo_blocks
from singerid.sound.decoding.decode import is_sound
from singerid.sound.files import AudioError

RATE = 44_100
LOSSLESS, LOSSY = 2e-3, 0.08
RANDOM = np.random.default_rng(0)
PICTURE = b"\xff\xd8\xff\xe0\0\x10JFIF" + RANDOM.bytes(150_000)


def tones(seconds: float = 4.0, rate: int = RATE, pitch: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * pitch * time) + 0.2 * np.sin(2 * np.pi * 2.3 * pitch * time)).astype(
        "f4"
    )


def stereo(signal: np.ndarray) -> np.ndarray:
    return np.stack([0.5 * signal, 1.5 * signal], 1)


def sounding(format: str, subtype: str | None = None, seconds: float = 4.0, **options: float) -> bytes:
    file, rate = io.BytesIO(), int(options.get("rate", RATE))
    signal = stereo(tones(seconds, rate, options.get("pitch", 440.0)))
    with soundfile.SoundFile(file, "w", rate, 2, subtype, format=format) as output:
        output.write(signal)
    return file.getvalue()


def encoded(codec: str, container: str, rate: int = RATE, seconds: float = 4.0, start: float = 0.0) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        stream.bit_rate = 128_000
        signal = np.ascontiguousarray(stereo(tones(seconds, rate)).T)
        frame = av.AudioFrame.from_ndarray(signal, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(stream.format, "stereo", rate, frame_size=stream.frame_size or 1152)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            for packet in stream.encode(part):
                later = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts + later, packet.dts + later
                output.mux(packet)
    return file.getvalue()


def check(path: Path, expected: np.ndarray, tolerance: float, seam: int | None = None) -> None:
    """The file gives the expected samples (16 kHz), without a warning; except close to a seam."""
    got = load(path, warn=pytest.fail)
    assert abs(len(got) - len(expected)) <= 0.06 * 16_000  # encoders pad the end
    length = min(len(got), len(expected)) - 2000
    wrong = np.abs(got[400:length] - expected[400:length])
    if seam is not None:
        wrong[max(0, seam - 1200) : seam + 800] = 0
    assert wrong.max() < tolerance


# --- Ogg: streams one after the other ------------------------------------------------------------


@pytest.mark.parametrize(("subtype", "rate"), [("VORBIS", 44_100), ("OPUS", 48_000)])
def test_a_chain_of_ogg_streams_is_one_recording(tmp_path: Path, subtype: str, rate: int) -> None:
    links = [sounding("OGG", subtype, seconds, rate=rate, pitch=440) for seconds in (3.0, 2.5, 3.0)]
    (tmp_path / "x").write_bytes(b"".join(links))
    got = load(tmp_path / "x", warn=pytest.fail)
    parts = []
    for number, link in enumerate(links):
        (tmp_path / str(number)).write_bytes(link)
        parts.append(load(tmp_path / str(number)))
    assert len(got) == sum(map(len, parts)) == 8.5 * 16_000
    starts = np.cumsum([0, *map(len, parts)])
    for start, part in zip(starts, parts, strict=False):  # except at the seams of the resampler
        np.testing.assert_allclose(got[start + 300 : start + len(part) - 300], part[300:-300], atol=1e-4)


def test_the_links_of_a_chain_may_be_of_other_rates_and_codecs(tmp_path: Path) -> None:
    links = (sounding("OGG", "VORBIS", 3.0), sounding("OGG", "VORBIS", 2.0, rate=22_050))
    links += (sounding("OGG", "OPUS", 2.0, rate=48_000), encoded("flac", "ogg", seconds=3.0))
    (tmp_path / "x").write_bytes(b"".join(links))
    got = load(tmp_path / "x", warn=pytest.fail)
    assert abs(len(got) - 10 * 16_000) < 0.02 * 16_000
    expected = np.concatenate([tones(seconds, 16_000) for seconds in (3.0, 2.0, 2.0, 3.0)])
    assert np.abs(got[400:] - expected[400 : len(got)]).max() < 0.5  # seams
    assert np.corrcoef(got, expected[: len(got)])[0, 1] > 0.995


def test_a_link_behind_one_that_was_cut_is_read(tmp_path: Path) -> None:
    first = sounding("OGG", "VORBIS", 3.0)
    (tmp_path / "x").write_bytes(first[:-5000] + sounding("OGG", "OPUS", 4.0, rate=48_000))
    warned: list[str] = []
    assert len(load(tmp_path / "x", warn=warned.append)) > 4.5 * 16_000  # all of the second one
    assert len(warned) == 1


def test_a_damaged_link_costs_itself_alone(tmp_path: Path) -> None:
    middle = bytearray(sounding("OGG", "VORBIS", 3.0))
    middle[30:300] = bytes(270)  # its headers
    (tmp_path / "x").write_bytes(
        sounding("OGG", "VORBIS", 3.0) + bytes(middle) + sounding("OGG", "VORBIS", 2.0)
    )
    warned: list[str] = []
    got = load(tmp_path / "x", warn=warned.append)
    assert abs(len(got) - 5 * 16_000) < 0.1 * 16_000
    assert len(warned) == 1
    assert "damaged" in warned[0]


# --- FLAC ------------------------------------------------------------


def without_length(flac: bytes) -> bytes:
    """As an encoder that writes to a pipe leaves it (RFC 9639, 8.2: 36 bits of the number of samples)."""
    content = bytearray(flac)
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return bytes(content)


BEHIND = {
    "ID3v1": b"TAG" + b"x" * 125,
    "APEv2": b"APETAGEX" + bytes((0xD0, 7, 0, 0, 32, 0, 0, 0)) + bytes(16),
    "zeros": bytes(10_000),
    "Lyrics3": b"LYRICSBEGIN" + b"la" * 300 + b"LYRICSEND" + b"TAG" + b"x" * 125,
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("known", [True, False])
def test_flac_of_unknown_length_and_with_something_behind_it(
    tmp_path: Path, known: bool, behind: str
) -> None:
    flac = sounding("FLAC")
    (tmp_path / "x").write_bytes((flac if known else without_length(flac)) + BEHIND[behind])
    check(tmp_path / "x", tones(4.0, 16_000), LOSSLESS)
    assert len(load(tmp_path / "x")) == 4 * 16_000
    (tmp_path / "y").write_bytes(flac if known else without_length(flac))
    assert len(load(tmp_path / "y", warn=pytest.fail)) == 4 * 16_000


def test_flac_that_is_cut_short_is_still_said_to_be(tmp_path: Path) -> None:
    flac = sounding("FLAC")
    (tmp_path / "x").write_bytes(flac[: len(flac) // 2] + BEHIND["ID3v1"])
    warned: list[str] = []
    assert 1.5 * 16_000 < len(load(tmp_path / "x", warn=warned.append)) < 2.5 * 16_000
    assert len(warned) == 1


def with_total(flac: bytes, share: float) -> bytes:
    """The header declares this share of the samples (RFC 9639, 8.2: the lower 36 bits of five bytes)."""
    number = int.from_bytes(flac[21:26], "big")
    total = number % 2**36
    return flac[:21] + (number - total + round(share * total)).to_bytes(5, "big") + flac[26:]


@pytest.mark.parametrize("behind", ["", *BEHIND])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.97])
def test_flac_whose_header_tells_of_fewer_samples_is_read_to_its_end(
    tmp_path: Path, share: float, behind: str
) -> None:
    content = with_total(sounding("FLAC"), share) + (BEHIND[behind] if behind else b"")
    (tmp_path / "x").write_bytes(content)
    check(tmp_path / "x", tones(4.0, 16_000), LOSSLESS)
    assert len(load(tmp_path / "x")) == 4 * 16_000


def test_flac_that_was_cut_out_of_the_middle_of_another_is_whole(tmp_path: Path) -> None:
    flac = sounding("FLAC")
    first = flac.index(b"\xff\xf8", 42)
    second = flac.index(flac[first : first + 4] + b"\1", first)  # its number is behind what does not change
    share = 1 - 4096 / (4 * RATE)
    (tmp_path / "x").write_bytes(with_total(flac[:first] + flac[second:], share))
    assert abs(len(load(tmp_path / "x", warn=pytest.fail)) - share * 4 * 16_000) < 2


# --- Headers that declare a wrong length ------------------------------------------------------------


def size_field(content: bytes) -> tuple[int, int, str]:
    """Position, width and byte order of the length of the sound."""
    if content[:4] == b"FORM":
        return content.index(b"SSND") + 4, 4, "big"
    if content[:4] == b".snd":
        return 8, 4, "big"
    if content[:4] == b"caff":
        return content.index(b"data") + 4, 8, "big"
    if content[:4] in (b"RF64", b"BW64"):
        return content.index(b"ds64") + 16, 8, "little"
    return content.index(b"data") + 4, 4, "big" if content[:4] == b"RIFX" else "little"


TAILS = {
    "nothing": b"",
    "LIST": b"LIST"
    + (26).to_bytes(4, "little")
    + b"INFOISFT"
    + (14).to_bytes(4, "little")
    + b"Lavf58.29.100\0",
    "id3 ": b"id3 " + (20).to_bytes(4, "little") + b"ID3\x03\0\0\0\0\0\x0a" + bytes(10),
    "several": (
        b"bext" + (602).to_bytes(4, "little") + bytes(602) + b"cue " + (4).to_bytes(4, "little") + bytes(4)
    ),
    "ID3v1": BEHIND["ID3v1"],
    "zeros": bytes(5000),
}


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("format", ["WAV", "WAVEX", "RF64", "AIFF", "AU", "CAF"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_sound_that_the_header_does_not_tell_of(
    tmp_path: Path, format: str, subtype: str, share: float
) -> None:
    content = bytearray(sounding(format, subtype))
    position, width, order = size_field(bytes(content))
    true = int.from_bytes(content[position : position + width], order)  # type: ignore[arg-type]
    less = int(share * true) // 24 * 24
    content[position : position + width] = less.to_bytes(width, order)  # type: ignore[arg-type]
    (tmp_path / "x").write_bytes(content)
    check(tmp_path / "x", tones(4.0, 16_000), LOSSLESS)
    assert len(load(tmp_path / "x")) == 4 * 16_000


def chunk(name: bytes, content: bytes, order: str) -> bytes:
    padding = b"\0" * (len(content) % 2)
    return name + len(content).to_bytes(4, order) + content + padding  # type: ignore[arg-type]


CHUNKS = {  # as (name, content)
    "LIST": [(b"LIST", b"INFOISFT\x0e\0\0\0Lavf58.29.100\0")],
    "a picture": [(b"id3 ", b"ID3\x03\0\0\0\0\x10\x10" + PICTURE + b"x")],
    "several": [(b"bext", bytes(602)), (b"cue ", bytes(4)), (b"abcd", bytes(3001)), (b"LIST", b"INFO")],
}


def with_chunks(kind: str, chunks: str) -> tuple[bytearray, bytes]:
    """A file of this kind, and chunks to append to it."""
    if kind == "RIFX":
        file = io.BytesIO()
        soundfile.write(file, stereo(tones()), RATE, "PCM_16", "BIG", format="WAV")
        content = bytearray(file.getvalue())
    else:
        content = bytearray(sounding("RF64" if kind == "BW64" else kind, "PCM_16"))
    if kind == "BW64":
        content[:4] = b"BW64"
    order = "big" if kind in ("AIFF", "RIFX") else "little"
    return content, b"".join(chunk(name, inside, order) for name, inside in CHUNKS[chunks])


WRONG = {"0": 0.0, "half": 0.5, "unknown": -1, "unknown to FFmpeg": -0x1000}  # a share, or below all bits set


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RIFX", "RF64", "BW64", "AIFF"])
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("chunks", CHUNKS)
def test_chunks_behind_sound_of_a_wrong_length_are_no_sound(
    tmp_path: Path, kind: str, wrong: str, chunks: str
) -> None:
    content, behind = with_chunks(kind, chunks)
    position, width, order = size_field(bytes(content))
    true = int.from_bytes(content[position : position + width], order)  # type: ignore[arg-type]
    told = int(WRONG[wrong] * true) // 24 * 24 if WRONG[wrong] >= 0 else 256**width + int(WRONG[wrong])
    content[position : position + width] = told.to_bytes(width, order)  # type: ignore[arg-type]
    (tmp_path / "x").write_bytes(content + behind)
    check(tmp_path / "x", tones(4.0, 16_000), LOSSLESS)
    assert len(load(tmp_path / "x")) == 4 * 16_000


@pytest.mark.parametrize("kind", ["WAV", "RF64", "BW64", "AIFF"])
@pytest.mark.parametrize("chunks", ["nothing", "LIST", "a picture"])
def test_a_header_that_tells_of_more_sound_than_there_is_is_told(
    tmp_path: Path, kind: str, chunks: str
) -> None:
    content, behind = with_chunks(kind, "LIST" if chunks == "nothing" else chunks)
    position, width, order = size_field(bytes(content))
    true = int.from_bytes(content[position : position + width], order)  # type: ignore[arg-type]
    content[position : position + width] = (2 * true).to_bytes(width, order)  # type: ignore[arg-type]
    (tmp_path / "x").write_bytes(content + (b"" if chunks == "nothing" else behind))
    warned: list[str] = []
    assert len(load(tmp_path / "x", warn=warned.append)) == 4 * 16_000
    assert len(warned) == 1
    assert "cut short" in warned[0]


@pytest.mark.parametrize("tail", TAILS)
def test_what_follows_the_sound_is_no_sound(tmp_path: Path, tail: str) -> None:
    (tmp_path / "x").write_bytes(sounding("WAV", "PCM_16") + TAILS[tail])
    assert len(load(tmp_path / "x", warn=pytest.fail)) == 4 * 16_000
    check(tmp_path / "x", tones(4.0, 16_000), LOSSLESS)


@pytest.mark.parametrize("tail", ["nothing", "LIST"])
def test_a_wav_of_more_than_4_gib(tmp_path: Path, tail: str) -> None:
    # 4 GiB at 176 MB a second of 24 MHz would take minutes: silence in a file full of holes, mono, 8 bits.
    header = bytearray(sounding("WAV", "PCM_U8")[:44])
    rate = 2_900_000
    header[22:24], header[24:28], header[28:32] = (1).to_bytes(2, "little"), *[rate.to_bytes(4, "little")] * 2
    header[32:34] = (1).to_bytes(2, "little")
    samples = 2**32 + 3 * rate
    header[40:44] = (samples % 2**32).to_bytes(4, "little")
    path = tmp_path / "x.wav"
    path.write_bytes(header)
    os.truncate(path, 44 + samples)
    with path.open("r+b") as file:
        file.seek(44 + 5 * rate)
        file.write(b"\x80" * 1000)  # the bytes after the declared length are no chunk and not only zeros
        file.seek(0, os.SEEK_END)
        file.write(TAILS[tail])
    from singerid.sound.decoding.lengths import mended
    from singerid.sound.decoding.view import FileView

    with path.open("rb") as file:
        found = mended(FileView(file))
    assert found is not None
    assert not found.length_fits
    assert found.file.size == 44 + samples


def test_a_wav_whose_length_does_not_fit_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(sounding("WAV", "PCM_16"))
    position = content.index(b"data") + 4
    content[position : position + 4] = (100_000).to_bytes(4, "little")
    (tmp_path / "x").write_bytes(content)
    lengths = "singerid.sound.decoding.decode.mended"
    from singerid.sound.decoding import lengths as module

    real = module.mended
    monkeypatch.setattr(
        lengths, lambda file: module.Mended(found.file, False) if (found := real(file)) else None
    )
    check(tmp_path / "x", tones(4.0, 16_000), LOSSLESS)


CUT_TAILS = {
    "cut id3": b"id3 " + (150_000).to_bytes(4, "little") + RANDOM.bytes(100_000),
    "LIST of a wrong size": b"LIST" + (2**31).to_bytes(4, "little") + RANDOM.bytes(100_000),
    "text": b"\r\n",
}


@pytest.mark.parametrize("tail", CUT_TAILS)
def test_a_chunk_that_is_cut_is_no_sound(tmp_path: Path, tail: str) -> None:
    (tmp_path / "x").write_bytes(sounding("WAV", "PCM_16") + CUT_TAILS[tail])
    assert len(load(tmp_path / "x", warn=pytest.fail)) == 4 * 16_000


# --- Frames with something before, between and after them ------------------------------------------------


def id3(declared: int, real: int | None = None) -> bytes:
    size = bytes(declared >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + bytes(declared if real is None else real)


def bare(codec: str = "libmp3lame", container: str = "mp3") -> bytes:
    content = encoded(codec, container)
    return content[content.index(b"\xff") :] if content[:3] == b"ID3" else content


BEFORE = {
    "a tag": id3(3000),
    "two tags": id3(3000) + id3(500),
    "a tag and padding": id3(3000) + bytes(3000),
    "a tag that says far too much": id3(200_000_000, 300),
    "a tag that says a little too much": id3(20_000, 3000),
    "a tag that says too little": id3(1000, 5000),
    "a picture": PICTURE,
    "a tag that ends within a picture": id3(1000) + PICTURE,
    "remains of a text": b"remains of something else\n" * 3000,
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("name", ["x.mp3", "x"])
def test_what_stands_before_the_frames_of_an_mp3(tmp_path: Path, before: str, name: str) -> None:
    (tmp_path / name).write_bytes(BEFORE[before] + bare())
    got = load(tmp_path / name, warn=pytest.fail)
    assert abs(len(got) - 4 * 16_000) < 0.1 * 16_000
    likeness = np.correlate(got[8000:20_000], tones(4.0, 16_000)[8000:18_000], "valid")
    shift = int(likeness.argmax())
    part = got[8000 + shift : 18_000 + shift]
    assert np.corrcoef(part, tones(4.0, 16_000)[8000:18_000])[0, 1] > 0.99


@pytest.mark.parametrize("before", ["a tag", "a tag that says far too much", "a picture"])
def test_what_stands_before_the_frames_of_aac(tmp_path: Path, before: str) -> None:
    (tmp_path / "x.aac").write_bytes(BEFORE[before] + bare("aac", "adts"))
    assert abs(len(load(tmp_path / "x.aac", warn=pytest.fail)) - 4 * 16_000) < 0.15 * 16_000


@pytest.mark.parametrize("between", ["", "a tag", "a picture in a tag", "ID3v1 and a tag"])
def test_mp3s_that_were_joined(tmp_path: Path, between: str) -> None:
    tag = id3(len(PICTURE), 0) + PICTURE
    parts = {"": b"", "a tag": id3(400), "a picture in a tag": tag, "ID3v1 and a tag": BEHIND["ID3v1"] + tag}
    song = encoded("libmp3lame", "mp3")
    (tmp_path / "x.mp3").write_bytes(
        song + parts[between] + (song if between == "" else bare()) + BEHIND["ID3v1"]
    )
    got = load(tmp_path / "x.mp3", warn=pytest.fail)
    assert abs(len(got) - 8 * 16_000) < 0.15 * 16_000


@pytest.mark.parametrize("behind", BEHIND)
def test_what_stands_behind_the_frames_of_an_mp3(tmp_path: Path, behind: str) -> None:
    (tmp_path / "x.mp3").write_bytes(encoded("libmp3lame", "mp3") + BEHIND[behind])
    check(tmp_path / "x.mp3", tones(4.0, 16_000), LOSSY)


def test_zeros_in_place_of_sound_are_damage(tmp_path: Path) -> None:
    song = encoded("libmp3lame", "mp3")
    (tmp_path / "x.mp3").write_bytes(
        song[: len(song) // 2] + bytes(len(song) - len(song) // 2)
    )  # a broken download
    warned: list[str] = []
    load(tmp_path / "x.mp3", warn=warned.append)
    assert len(warned) == 1


def test_damage_beside_a_tag_is_damage(tmp_path: Path) -> None:
    song = bytearray(encoded("libmp3lame", "mp3") + id3(500) + bare())
    song[20_000:22_000] = RANDOM.bytes(2000)
    (tmp_path / "x.mp3").write_bytes(song)
    warned: list[str] = []
    load(tmp_path / "x.mp3", warn=warned.append)
    assert len(warned) == 1


# --- Clocks ------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "container", "rate"),
    [
        ("libopus", "matroska", 48_000),
        ("flac", "matroska", 44_100),
        ("libopus", "webm", 48_000),
        ("wmav2", "asf", 44_100),
        ("aac", "mp4", 44_100),
        ("aac", "flv", 44_100),
        ("aac", "mpegts", 44_100),
        ("flac", "nut", 44_100),
        ("libopus", "ogg", 48_000),
    ],
)
def test_sound_that_starts_late_lacks_nothing(tmp_path: Path, codec: str, container: str, rate: int) -> None:
    (tmp_path / "x").write_bytes(encoded(codec, container, rate, start=5.0))
    assert abs(len(load(tmp_path / "x", warn=pytest.fail)) - 4 * 16_000) < 0.1 * 16_000


def test_a_late_start_hides_no_end_that_is_missing(tmp_path: Path) -> None:
    content = encoded("libopus", "matroska", 48_000, seconds=8.0, start=5.0)
    (tmp_path / "x").write_bytes(content[: len(content) // 2])
    warned: list[str] = []
    load(tmp_path / "x", warn=warned.append)
    assert len(warned) == 1


def test_a_transport_stream_whose_clock_jumps(tmp_path: Path) -> None:
    parts = (
        encoded("aac", "mpegts"),
        encoded("aac", "mpegts", start=80_000.0),
        encoded("aac", "mpegts", start=3.0),
    )
    (tmp_path / "x").write_bytes(b"".join(parts))
    assert abs(len(load(tmp_path / "x", warn=pytest.fail)) - 12 * 16_000) < 0.3 * 16_000


def test_a_stream_that_begins_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    content = encoded("aac", "mpegts", seconds=8.0)
    # A packet of 188 bytes: stream 0x321, begins a PES packet of "private stream 1".
    packet = b"\x47\x43\x21\x10" + b"\0\0\1\xbd\0\0\x80\x80\x05\x21\0\1\0\1"
    middle = len(content) // 188 // 2 * 188
    (tmp_path / "x").write_bytes(content[:middle] + 3 * packet.ljust(188, b"\xff") + content[middle:])
    got = load(tmp_path / "x", warn=pytest.fail)
    assert abs(len(got) - 8 * 16_000) < 0.1 * 16_000


# --- Phase ------------------------------------------------------------


def other_channel(name: str, signal: np.ndarray) -> np.ndarray:
    noise = 0.01 * np.random.default_rng(1).normal(size=len(signal)).astype(np.float32)
    others = {
        "opposite": -signal,
        "nearly": -0.97 * signal,
        "quieter": -0.5 * signal,
        "noisy": noise - signal,
    }
    return others[name]


@pytest.mark.parametrize("name", ["opposite", "nearly", "quieter", "noisy"])
@pytest.mark.parametrize("silence", [0.0, 3.0])
def test_channels_of_opposite_phase_do_not_cancel(tmp_path: Path, name: str, silence: float) -> None:
    signal = np.concatenate([np.zeros(int(silence * RATE), np.float32), tones(6.0)])
    samples = np.stack([signal, other_channel(name, signal)], 1)
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    warned: list[str] = []
    got = load(tmp_path / "x.wav", RATE, warn=warned.append)
    level = np.abs(got).max() / np.abs(signal).max()
    assert 0.7 < level < 1.1
    assert np.corrcoef(got, signal)[0, 1] > 0.99
    assert len(warned) == 1
    assert "opposite phase" in warned[0]
    both = np.concatenate(list(read_stereo_blocks(tmp_path / "x.wav", RATE, warn=lambda _: None)))
    assert np.corrcoef(*both.T)[0, 1] > 0.9  # a separator's mean of two channels must not cancel either


def test_opposite_phase_in_a_part_is_turned_there_alone(tmp_path: Path) -> None:
    signal = tones(30.0)
    right = signal.copy()
    right[10 * RATE : 20 * RATE] *= -1
    soundfile.write(tmp_path / "x.wav", np.stack([signal, right], 1), RATE, subtype="FLOAT")
    warned: list[str] = []
    got = load(tmp_path / "x.wav", RATE, warn=warned.append)
    level = np.sqrt(np.mean(got.reshape(-1, RATE // 2) ** 2, axis=1)) / np.sqrt(np.mean(signal**2))
    assert np.isclose(
        level[[*range(19), *range(27, 39), *range(47, 60)]], 1, atol=0.02
    ).all()  # some seconds to judge
    assert len(warned) == 1


@pytest.mark.parametrize("correlation", [1.0, 0.5, 0.0, -0.3, -0.6])
def test_wide_stereo_stays_the_plain_mean(tmp_path: Path, correlation: float) -> None:
    left, other = np.random.default_rng(2).normal(0, 0.1, (2, 5 * RATE))
    right = correlation * left + np.sqrt(1 - correlation**2) * other
    samples = np.stack([left, right], 1).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    got = load(tmp_path / "x.wav", RATE, warn=pytest.fail)
    np.testing.assert_allclose(got, samples.mean(1), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_sound_in_one_channel_alone_stays_the_plain_mean(tmp_path: Path, channels: int) -> None:
    samples = np.zeros((4 * RATE, channels), np.float32)
    samples[:, channels // 2] = tones()
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    got = load(tmp_path / "x.wav", RATE, warn=pytest.fail)
    np.testing.assert_allclose(got, samples.mean(1), atol=1e-6)


def test_real_stereo_is_not_taken_for_opposite_phase(test_data: Path) -> None:
    checked = 0
    for path in sorted((test_data / "songs/instrumental").glob("*.mp3"))[::4]:
        both = np.concatenate(list(read_stereo_blocks(path, 44_100, warn=pytest.fail)))
        np.testing.assert_allclose(load(path, 44_100, warn=pytest.fail), both.mean(1), atol=1e-5)
        checked += not np.array_equal(both[:, 0], both[:, 1])
    assert checked


# --- Full scale ------------------------------------------------------------


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize(
    ("format", "subtype"), [("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("AIFF", "FLOAT"), ("CAF", "FLOAT")]
)
def test_numbers_of_integers_in_floats(tmp_path: Path, format: str, subtype: str, bits: int) -> None:
    quiet_then_loud = tones() * np.linspace(0.001, 1, 4 * RATE, dtype=np.float32)
    scaled = stereo(quiet_then_loud).astype(np.float64) * 2.0 ** (bits - 1)
    soundfile.write(tmp_path / "x", scaled, RATE, format=format, subtype=subtype)
    warned: list[str] = []
    got = load(tmp_path / "x", RATE, warn=warned.append)
    np.testing.assert_allclose(got, quiet_then_loud, atol=1e-6)
    assert len(warned) == 1
    assert f"{bits}-bit" in warned[0]


def test_integers_in_floats_that_ffmpeg_decodes(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x"), "w", format="matroska") as output:
        stream = output.add_stream("pcm_f32le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(32_768 * tones()[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    warned: list[str] = []
    np.testing.assert_allclose(load(tmp_path / "x", RATE, warn=warned.append), tones(), atol=1e-6)
    assert "16-bit" in warned[0]


@pytest.mark.parametrize("glitch", [60.0, 1e9])
def test_a_click_is_no_full_scale(tmp_path: Path, glitch: float) -> None:
    signal = tones()
    signal[RATE] = glitch
    soundfile.write(tmp_path / "x.wav", signal, RATE, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "x.wav", RATE, warn=pytest.fail), signal, rtol=1e-6)


@pytest.mark.parametrize("peak", [1e-6, 0.5, 1.5, 8.0])
def test_a_hot_mix_stays_as_it_is(tmp_path: Path, peak: float) -> None:
    signal = tones() * np.float32(peak / np.abs(tones()).max())
    soundfile.write(tmp_path / "x.wav", signal, RATE, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "x.wav", RATE, warn=pytest.fail), signal, rtol=1e-6)


# --- Others ------------------------------------------------------------


def test_an_mp3_within_a_wav_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.wav").write_bytes(encoded("libmp3lame", "wav"))
    assert abs(len(load(tmp_path / "x.wav", warn=pytest.fail)) - 4 * 16_000) < 0.1 * 16_000
    content = bytearray(encoded("libmp3lame", "wav"))
    content[30_000:33_000] = RANDOM.bytes(3000)
    (tmp_path / "x.wav").write_bytes(content)
    load(tmp_path / "x.wav", warn=lambda _: None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rate", [1, 300, 2**31])
def test_an_absurd_sample_rate_is_refused(tmp_path: Path, rate: int) -> None:
    content = bytearray(sounding("WAV", "PCM_16"))
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"sample rate|no sound file|holds no sound"):
        load(tmp_path / "x.wav")


def test_a_thousand_channels_take_no_memory_beyond_them(tmp_path: Path) -> None:
    samples = np.repeat(tones(1.0, 16_000)[:, None], 1024, axis=1)
    soundfile.write(tmp_path / "x.wav", samples, 16_000, subtype="PCM_16")
    np.testing.assert_allclose(load(tmp_path / "x.wav"), tones(1.0, 16_000), atol=1e-3)


SOUNDS: dict[str, Callable[[], bytes]] = {
    "wav": lambda: sounding("WAV"),
    "mp3 behind a picture": lambda: PICTURE + bare(),
    "webm": lambda: encoded("libopus", "webm", 48_000),
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_sound_is_known_whatever_its_name(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.jpg").write_bytes(SOUNDS[kind]())
    assert is_sound(tmp_path / "x.jpg")
    (tmp_path / "x.mp3").write_bytes(b"no sound")
    assert not is_sound(tmp_path / "x.mp3")
    assert not is_sound(tmp_path / "missing")
    assert not is_sound(tmp_path)
