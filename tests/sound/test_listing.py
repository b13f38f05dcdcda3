"""Which files are listed as audio, and which are reported as passed over."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from singerid.errors import Failure
from singerid.sound.listing import find_audio, find_files, is_audio_name, passed_over_text

TONE = 0.1 * np.sin(np.arange(48_000) * 0.05).astype(np.float32)


def write(path: Path, format: str = "WAV", subtype: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, TONE, 48_000, format=format, subtype=subtype)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_audio_names() -> None:
    names = [
        "a.MP3",
        "b.b.flac",
        "c.Opus",
        "d.mkv",
        "e.wma",
        "...e.mp3 ",
        ".mp3",
        "f.m2ts",
        "g.weba",
        "h.dsf",
    ]
    assert all(map(is_audio_name, names))
    assert not any(map(is_audio_name, ["mp3", "a.txt", "a.mp3.part", "a", ""]))


def test_names_that_begin_with_a_dot_are_names(tmp_path: Path) -> None:
    names = (
        ".38 Special/...And Justice for All/...Baby One More Time.flac",
        ".38 Special/.hidden/1.flac",
        "a/b/.mp3",
    )
    for name in names:
        write(tmp_path / name, "FLAC")
    assert find_audio(tmp_path).audio == tuple(sorted(names))


COMPANIONS = {
    "a/b/._1.mp3": b"\0\x05\x16\x07\0\2\0\0Mac OS X",
    "a/b/._2.mp3": b"",
    "a/b/.DS_Store": b"\0\0\0\1Bud1",
    "a/b/Thumbs.db": b"\xd0\xcf\x11\xe0",
    "a/b/.tmp-0123456789abcdef0123456789abcdef": None,
}
FOLDERS = (".git", ".Trash-1000", "$RECYCLE.BIN", "__MACOSX", "@eaDir", ".svn", "System Volume Information")


def test_companions_of_other_programs_are_passed_over_and_told(tmp_path: Path) -> None:
    write(tmp_path / "a/b/1.mp3", "MP3")
    for name, content in COMPANIONS.items():
        if content is None:
            write(tmp_path / name)
        else:
            put(tmp_path / name, content)
    for name in FOLDERS:
        write(tmp_path / name / "deleted.wav")
    write(tmp_path / "cvs/Root/1.wav")
    put(tmp_path / "CVS/Entries", b"D")
    found = find_audio(tmp_path)
    assert found.audio == ("a/b/1.mp3", "cvs/Root/1.wav")
    assert found.passed_over == tuple(sorted([*COMPANIONS, *(f"{name}/" for name in FOLDERS), "CVS/"]))
    text = passed_over_text(found.passed_over)
    assert text.startswith(f"passed over {len(COMPANIONS)} without sound: a/b/")
    assert text.endswith(
        f", ...; and {len(FOLDERS) + 1} folders of other programs: $RECYCLE.BIN/, .Trash-1000/, .git/, ..."
    )
    assert passed_over_text(["a/.git/"]) == "passed over 1 folder of other programs: a/.git/"


def test_endings_of_programs_texts_are_looked_into(tmp_path: Path) -> None:
    put(tmp_path / "app/index.d.ts", b"export const x = 1;\n")
    put(tmp_path / "app/module.MTS", "// für\nimport x from 'x';\n".encode())
    put(tmp_path / "app/board.dts", b"/dts-v1/;\n")
    with av.open(str(tmp_path / "tv.ts"), "w", format="mpegts") as output:
        stream = output.add_stream("mp2", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray((TONE[None] * 2**15).astype("i2"), format="s16p", layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(stream.format, "mono", 48_000, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(part))
    put(tmp_path / "broken.m2ts", b"no sound at all")
    found = find_audio(tmp_path)
    assert found.audio == ("broken.m2ts", "tv.ts")
    assert found.passed_over == ("app/board.dts", "app/index.d.ts", "app/module.MTS")


def test_a_recording_named_like_a_companion_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "._x.mp3", "MP3")
    assert find_audio(tmp_path).audio == ("._x.mp3",)


@pytest.mark.parametrize("name", ["song", "song.mp3 ", "song.weba\t", "song.xyz", "song.doc", "2.1", "song."])
@pytest.mark.parametrize(
    "format", ["WAV", "FLAC", "MP3", "OGG", "AIFF", "CAF", "adts", "mpegts", "ipod", "webm"]
)
def test_the_content_decides(tmp_path: Path, name: str, format: str) -> None:
    if format in ("adts", "mpegts", "ipod", "webm"):
        codec = "libopus" if format == "webm" else "aac"
        with av.open(str(tmp_path / name), "w", format=format) as output:
            stream = output.add_stream(codec, rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(stream.format, "mono", 48_000, frame_size=stream.frame_size)
            for part in [*resampler.resample(frame), *resampler.resample(None), None]:
                output.mux(stream.encode(part))
    else:
        write(tmp_path / name, format)
    assert find_audio(tmp_path).audio == (name,)


NO_SOUND = {
    "cover.jpg": b"\xff\xd8\xff\xe0" + np.random.default_rng(0).bytes(50_000),
    "booklet.pdf": b"%PDF-1.4\n" + np.random.default_rng(1).bytes(50_000),
    "list.m3u8": b"#EXTM3U\nsong.mp3\n",
    "notes": "Lieder für Änne\n".encode() * 100,
    "eac.log": "Exact Audio Copy".encode("utf-16"),
    "lyrics.lrc": b"[00:12.00]la la\n",
    "movie.srt": b"1\n00:00:01,000 --> 00:00:02,000\nla\n",
    "data": np.random.default_rng(2).bytes(200_000),
    "nothing": b"",
    "zeros.bin": b"\0" * 100_000,
    "cut\u00fc": ("x" * 510 + "\u00fc" * 50).encode(),
}


def test_what_holds_no_sound_is_passed_over(tmp_path: Path) -> None:
    for name, content in NO_SOUND.items():
        put(tmp_path / name, content)
    put(tmp_path / "by its name.mp3", b"no sound at all")
    found = find_audio(tmp_path)
    assert found.audio == ("by its name.mp3",)  # the error is reported when it is decoded
    assert found.passed_over == tuple(sorted(NO_SOUND))


def test_files_of_several_folders(tmp_path: Path) -> None:
    write(tmp_path / "a/1.wav")
    put(tmp_path / "a/x.txt", b"x")
    put(tmp_path / "b/y.txt", b"x")
    failures: list[Failure] = []
    files, passed_over = find_files([tmp_path / "a", tmp_path / "b", tmp_path / "a/x.txt"], failures.append)
    assert files == (tmp_path / "a/1.wav", tmp_path / "a/x.txt")  # a file that is named is always taken
    assert passed_over == ("x.txt", "y.txt")
    assert [failure.path for failure in failures] == [str(tmp_path / "b")]
