"""The digest of a sound as it is stored: tags and names are not in it, the sound is."""

import shutil
import struct

import pytest
import soundfile

from conftest import SAMPLE_RATE, voice
from singerid.sound.files import AudioError
from singerid.sound.fingerprint import sound_fingerprint

ID3V2 = b"ID3\x03\x00\x00\x00\x00\x02\x01" + b"TIT2\x00\x00\x00\x06\x00\x00\x00Title" + bytes(241)
ID3V1 = b"TAG" + b"Title".ljust(125, b"\0")
APE = (
    b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0xA0000000) + bytes(8)
    + b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0x80000000) + bytes(8)
)  # fmt: skip


def _write(path, seed=0, seconds=3.0, **options):
    soundfile.write(path, voice(200, seconds, seed), SAMPLE_RATE, **options)
    return path


def _of(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return sound_fingerprint(path)


@pytest.mark.parametrize("ending", ["wav", "aiff", "au", "flac", "ogg", "mp3"])
def test_other_sound_has_another_and_a_copy_the_same(tmp_path, ending):
    first = _write(tmp_path / f"a.{ending}")
    copy = shutil.copyfile(first, tmp_path / f"another name.{ending}")
    other = _write(tmp_path / f"b.{ending}", seed=1)
    shorter = _write(tmp_path / f"c.{ending}", seconds=2.5)
    prints = [sound_fingerprint(path) for path in (first, copy, other, shorter)]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3
    assert all(len(one) == 64 for one in prints)


def test_tags_before_and_behind_an_mp3_are_not_in_it(tmp_path):
    content = _write(tmp_path / "a.mp3").read_bytes()
    plain = sound_fingerprint(tmp_path / "a.mp3")
    for number, tagged in enumerate(
        (ID3V2 + content, content + ID3V1, content + APE, ID3V2 + content + APE + ID3V1)
    ):
        assert _of(tmp_path, f"tagged {number}.mp3", tagged) == plain, number


def test_chunks_of_a_wav_beside_its_samples_are_not_in_it(tmp_path):
    content = _write(tmp_path / "a.wav").read_bytes()
    text = b"INFOINAM" + struct.pack("<I", 6) + b"Title\0"
    chunk = b"LIST" + struct.pack("<I", len(text)) + text
    size = struct.pack("<I", len(content) - 8 + len(chunk))
    plain = sound_fingerprint(tmp_path / "a.wav")
    assert _of(tmp_path, "behind.wav", b"RIFF" + size + content[8:] + chunk) == plain
    assert _of(tmp_path, "before.wav", b"RIFF" + size + content[8:12] + chunk + content[12:]) == plain


def test_metadata_blocks_of_a_flac_are_not_in_it(tmp_path):
    content = _write(tmp_path / "a.flac").read_bytes()
    information = content[4:42]
    assert information[0] & 0x7F == 0  # STREAMINFO comes first
    comment = struct.pack("<I", 3) + b"all" + struct.pack("<II", 1, 11) + b"TITLE=Title"
    block = bytes([4]) + len(comment).to_bytes(3, "big") + comment
    padding = bytes([1]) + (500).to_bytes(3, "big") + bytes(500)
    tagged = b"fLaC" + bytes([0]) + information[1:] + block + padding + content[42:]
    assert _of(tmp_path, "tagged.flac", tagged) == sound_fingerprint(tmp_path / "a.flac")


def test_comments_of_ogg_are_not_in_it(tmp_path):
    for name, title in (("a", "Title"), ("b", "Another one, which is longer")):
        with soundfile.SoundFile(
            tmp_path / f"{name}.ogg", "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS"
        ) as file:
            file.title = title
            file.write(voice(200, 3, 0))
    assert (tmp_path / "a.ogg").read_bytes() != (tmp_path / "b.ogg").read_bytes()
    assert sound_fingerprint(tmp_path / "a.ogg") == sound_fingerprint(tmp_path / "b.ogg")


def test_all_links_of_a_chained_ogg_are_in_it(tmp_path):
    first, second = (_write(tmp_path / f"{seed}.ogg", seed).read_bytes() for seed in range(2))
    chained = _of(tmp_path, "chained.ogg", first + second)
    assert chained not in (sound_fingerprint(tmp_path / "0.ogg"), sound_fingerprint(tmp_path / "1.ogg"))
    assert chained != _of(tmp_path, "other way.ogg", second + first)


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 100])
def test_what_is_no_sound_is_one_line(tmp_path, content):
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        sound_fingerprint(path)
    assert "\n" not in str(caught.value)
