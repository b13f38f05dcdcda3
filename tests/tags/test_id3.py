"""ID3: a file keeps its version and all its frames, and what stands behind the sound."""

import mutagen
import pytest
from mutagen.id3 import ID3

import music_files
from music_files import ID3V1, frame, id3
from singerid.tags.fields import PROBABILITY, Performer, TagError
from singerid.tags.kinds import open_tagged, save_tagged

LATIN = b"\0"
ODD_FRAMES = (
    frame("TIT2", LATIN + b"Title"),
    frame("TYER", LATIN + b"1967"),
    frame("TDAT", LATIN + b"0312"),
    frame("TIME", LATIN + b"1234"),
    frame("TRDA", LATIN + b"3rd of December"),
    frame("TSIZ", LATIN + b"123456"),
    frame("RVAD", b"\3\x10\0\1\0\1\0\0\0\0"),
    frame("EQUA", b"\x10\0\1\0\1"),
    frame("TCON", LATIN + b"(17)Rock"),
    frame("TXXX", LATIN + b"Some\0text\0and\0more"),
    frame("XYZ1", b"of some program"),
    frame("RGAD", b"\1"),  # too short for a parser
    frame("APIC", LATIN + b"image/png\0\3\0" + music_files.PICTURE[:60]),
)


@pytest.fixture
def plain(tmp_path):
    """An MP3 without any tag."""
    song = music_files.write_song(tmp_path / "song.mp3")
    assert song.read_bytes()[:1] == b"\xff"
    return song


def _named(song, name="Nina Simone"):
    """Name a singer, as `write_tags` does it."""
    tagged = open_tagged(song, "MP3")
    tagged.set_performers([*tagged.performers(), Performer(name)])
    tagged.set_own(PROBABILITY, ["0.98"])
    copy = song.with_name("copy.mp3")
    copy.write_bytes(song.read_bytes())
    save_tagged(tagged, song, copy)
    return copy, tagged


def _raw_frames(path):
    """Names and contents of frames, walked by hand."""
    content = path.read_bytes()
    assert content[:3] == b"ID3"
    version, at = content[3], 10
    size = sum((byte & 127) << shift for byte, shift in zip(content[6:10], (21, 14, 7, 0), strict=True))
    found = []
    while at < 10 + size and content[at]:
        length = content[at + 4 : at + 8]
        base = 128 if version == 4 else 256
        count = sum(byte * base**power for power, byte in enumerate(reversed(length)))
        found.append(content[at : at + 10 + count])
        at += 10 + count
    return version, found, content[10 + size :]


def test_without_a_tag_it_gets_one_of_v24_before_the_same_bytes(plain):
    copy, _ = _named(plain)
    version, frames, rest = _raw_frames(copy)
    assert version == 4
    assert [one[:4] for one in frames] == [b"TMCL", b"TXXX"]
    assert rest == plain.read_bytes()
    assert ID3(copy)["TMCL"].people == [["vocals", "Nina Simone"]]


def test_v23_stays_v23_with_every_byte_of_its_frames(plain):
    sound = plain.read_bytes()
    music_files.write_raw(plain, id3(3, *ODD_FRAMES))
    copy, tagged = _named(plain)
    version, frames, rest = _raw_frames(copy)
    assert version == 3
    assert frames[: len(ODD_FRAMES)] == list(ODD_FRAMES)
    assert [one[:4] for one in frames[len(ODD_FRAMES) :]] == [b"IPLS", b"TXXX"]
    assert rest == sound
    assert tagged.note == ""
    found = ID3(copy, translate=False)
    assert found.version == (2, 3, 0)
    assert found["IPLS"].people == [["vocals", "Nina Simone"]]


def test_people_of_v23_stay_beside_the_new_one_and_come_back_byte_for_byte(plain):
    people = frame("IPLS", LATIN + b"producer\0Somebody\0drums\0Al\0")
    music_files.write_raw(plain, id3(3, ODD_FRAMES[0], people, ODD_FRAMES[1]))
    copy, _ = _named(plain, "群星")
    found = ID3(copy, translate=False)
    assert found["IPLS"].people == [["producer", "Somebody"], ["drums", "Al"], ["vocals", "群星"]]
    again = open_tagged(copy, "MP3")
    again.restore(open_tagged(plain, "MP3").fields())
    back = copy.with_name("back.mp3")
    back.write_bytes(copy.read_bytes())
    save_tagged(again, copy, back)
    _, frames, _ = _raw_frames(back)
    assert sorted(frames) == sorted([ODD_FRAMES[0], people, ODD_FRAMES[1]])


def test_v22_becomes_v23_and_says_so(plain):
    sound = plain.read_bytes()
    picture = frame("PIC", LATIN + b"PNG\3\0" + music_files.PICTURE[:60])
    music_files.write_raw(
        plain, id3(2, frame("TT2", LATIN + b"Title"), frame("TYE", LATIN + b"1967"), picture)
    )
    copy, tagged = _named(plain)
    assert tagged.note == "ID3v2.2 becomes ID3v2.3"
    found = ID3(copy, translate=False)
    assert found.version == (2, 3, 0)
    assert (str(found["TIT2"]), str(found["TYER"])) == ("Title", "1967")
    assert found.getall("APIC")[0].mime == "image/png"
    assert found["IPLS"].people == [["vocals", "Nina Simone"]]
    assert _raw_frames(copy)[2] == sound


def test_v22_with_frames_of_no_other_version_is_refused(plain):
    music_files.write_raw(plain, id3(2, frame("TT2", LATIN + b"Title"), frame("ZZ9", b"of some program")))
    with pytest.raises(TagError, match=r"frames of ID3v2\.2"):
        open_tagged(plain, "MP3")


def test_v24_keeps_its_frames_also_unsynchronised_and_with_sizes_of_v23(plain):
    long = frame("TALB", b"\3" + b"An album " * 20)  # its size is written as v2.3 has it, as iTunes did
    assert len(long) > 128 + 10
    music_files.write_raw(plain, id3(4, frame("TIT2", b"\3Title"), long, frame("TPE1", b"\3Band")))
    copy, _ = _named(plain)
    found = ID3(copy)
    assert str(found["TALB"]).startswith("An album An album")
    assert (str(found["TIT2"]), str(found["TPE1"])) == ("Title", "Band")
    assert found["TMCL"].people == [["vocals", "Nina Simone"]]


def test_v24_with_the_flag_of_unsynchronisation(plain):
    # Latin-1 "\xff\xe0" is written "\xff\0\xe0": the flag of the tag says so for all frames.
    content = id3(4, frame("TIT2", LATIN + b"\xff\0\xe0 title"), frame("TPE1", LATIN + b"Band"))
    music_files.write_raw(plain, content[:5] + b"\x80" + content[6:])
    assert str(ID3(plain)["TIT2"]) == "\xff\xe0 title"
    copy, _ = _named(plain)
    found = ID3(copy)
    assert (str(found["TIT2"]), str(found["TPE1"])) == ("\xff\xe0 title", "Band")
    assert found["TMCL"].people == [["vocals", "Nina Simone"]]


APE = b"".join(
    (
        b"APETAGEX" + b"\xd0\x07\0\0" + b"\x32\0\0\0" + b"\1\0\0\0" + b"\0\0\0\xa0" + bytes(8),
        b"\x04\0\0\0\0\0\0\0" + b"Title\0" + b"Song",
        b"APETAGEX" + b"\xd0\x07\0\0" + b"\x32\0\0\0" + b"\1\0\0\0" + b"\0\0\0\x80" + bytes(8),
    )
)


@pytest.mark.parametrize("behind", [ID3V1, APE, APE + ID3V1], ids=["ID3v1", "APE", "both"])
@pytest.mark.parametrize("before", [b"", id3(3, *ODD_FRAMES)], ids=["none", "v2.3"])
def test_what_stands_behind_the_sound_stays(plain, before, behind):
    sound = plain.read_bytes() + behind
    music_files.write_raw(plain, before, behind)
    copy, _ = _named(plain)
    assert _raw_frames(copy)[2] == sound


@pytest.mark.parametrize("behind", [b"", ID3V1])
@pytest.mark.parametrize("title", ["", "A title of some length", "x" * 65])
def test_wavpack_keeps_its_id3v1(tmp_path, behind, title):
    song = music_files.write_song(tmp_path / "a.wv", **({"title": title} if title else {}))
    music_files.write_raw(song, b"", behind)
    before = music_files.decoded(song)[1] if not behind else None
    tagged = open_tagged(song, "WavPack")
    tagged.set_performers([Performer("Nina Simone")])
    copy = tmp_path / "copy.wv"
    copy.write_bytes(song.read_bytes())
    save_tagged(tagged, song, copy)
    assert copy.read_bytes().endswith(behind)
    assert copy.read_bytes().count(b"APETAGEX") == 2  # a header and a footer: one tag
    assert str(mutagen.File(copy)["Performer"]) == "Nina Simone (vocals)"
    assert str(dict(mutagen.File(copy)).get("title", "")) == title
    if before is not None:
        assert (music_files.decoded(copy)[1] == before).all()


def test_wavpack_whose_tag_is_as_long_as_an_id3v1(tmp_path):
    """The last 128 bytes of such a file begin with TAGEX."""
    song = music_files.write_song(tmp_path / "a.wv")
    file = mutagen.File(song)
    size = 131 - 64 - 8 - len("title\0")
    file.add_tags() if file.tags is None else file.tags.clear()
    file["title"] = "x" * size
    file.save()
    assert song.read_bytes()[-128:-123] == b"TAGEX"
    tagged = open_tagged(song, "WavPack")
    tagged.set_performers([Performer("Nina Simone")])
    copy = tmp_path / "copy.wv"
    copy.write_bytes(song.read_bytes())
    save_tagged(tagged, song, copy)
    found = {key: str(value) for key, value in mutagen.File(copy).items()}
    assert found == {"title": "x" * size, "Performer": "Nina Simone (vocals)"}
