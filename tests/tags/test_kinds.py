"""Every kind of music file: tagged, read back by other programs, heard again, and as before after undo."""

import json
import shutil
import subprocess

import mutagen
import numpy as np
import pytest
import taglib
from mutagen.flac import Picture
from mutagen.id3 import APIC

import made_voices
import music_files
from singerid.library.library import Library
from singerid.sound.fingerprint import sound_fingerprint
from singerid.tags.fields import Performer
from singerid.tags.kinds import KINDS, kind_of, open_tagged
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back
from singerid.version import __version__

NAME = "Ada (vocals)"


def _tagged(library, *files, **options):
    with Library.open(library) as opened, Tagger(opened, write=True, **options) as tagger:
        return list(tagger.outcomes(files))


@pytest.fixture(params=music_files.ENDINGS)
def song(request, tmp_path):
    return music_files.write_song(
        tmp_path / f"Song.{request.param}", made_voices.PITCHES["Ada"], title="A title", artist="The Band"
    )


def test_a_song_is_tagged_and_read_back_by_others(song, tag_library):
    sound, stored = music_files.decoded(song), sound_fingerprint(song)
    [change] = _tagged(tag_library, song)
    assert (change.status, change.added) == ("written", (NAME,))

    tagged = open_tagged(song, kind_of(song))
    assert [str(one) for one in tagged.performers()] == [NAME]
    assert tagged.own("SINGERID_LIBRARY") == ["my singers"]
    assert tagged.own("SINGERID_VERSION") == [__version__]
    assert 0.9 < float(tagged.own("SINGERID_PROBABILITY")[0]) <= 1

    rate, samples = music_files.decoded(song)
    assert rate == sound[0]
    assert np.array_equal(samples, sound[1])
    assert sound_fingerprint(song) == stored
    assert not list(song.parent.glob(".tmp-*"))


# Where each reader finds the performer, and a field of singerid's own; None: it does not show such fields.
_BY_MUTAGEN = {
    "mp3": ("TMCL", "TXXX:SINGERID_LIBRARY"),
    "wav": ("TMCL", "TXXX:SINGERID_LIBRARY"),
    "aiff": ("TMCL", "TXXX:SINGERID_LIBRARY"),
    "flac": ("performer", "singerid_library"),
    "ogg": ("performer", "singerid_library"),
    "oga": ("performer", "singerid_library"),
    "opus": ("performer", "singerid_library"),
    "wv": ("Performer", "SINGERID_LIBRARY"),
    "m4a": ("----:com.apple.iTunes:PERFORMER", "----:singerid:SINGERID_LIBRARY"),
    "wma": ("PERFORMER", "singerid/SINGERID_LIBRARY"),
}


def test_mutagen_reads_it(song, tag_library):
    before = mutagen.File(song)
    _tagged(tag_library, song)
    found = mutagen.File(song)
    performer, own = (found[key] for key in _BY_MUTAGEN[song.suffix[1:]])
    if hasattr(performer, "people"):
        assert performer.people == [["vocals", "Ada"]]
    else:
        assert [value.decode() if isinstance(value, bytes) else str(value) for value in performer] == [NAME]
    assert "my singers" in str(own)
    # Nothing else is changed, ARTIST least of all.
    mine = {"SINGERID", "PERFORMER", "TMCL"}
    others = {key: str(value) for key, value in found.items() if not any(one in key.upper() for one in mine)}
    assert others == {key: str(value) for key, value in before.items()}


def test_taglib_reads_it(song, tag_library):
    with taglib.File(song) as file:
        before = dict(file.tags)
    _tagged(tag_library, song)
    with taglib.File(song) as file:
        found, hidden = dict(file.tags), set(file.unsupported)
    if song.suffix == ".wma":
        assert {"PERFORMER", "singerid/SINGERID_LIBRARY"} <= hidden
    elif song.suffix in (".mp3", ".wav", ".aiff"):
        assert found["PERFORMER:VOCALS"] == ["Ada"]
    else:
        assert found["PERFORMER"] == [NAME]
    if song.suffix == ".m4a":
        assert "----:singerid:SINGERID_LIBRARY" in hidden
    elif song.suffix != ".wma":
        assert found["SINGERID_LIBRARY"] == ["my singers"]
    if song.suffix not in (".wav", ".aiff"):  # for these, TagLib shows ID3 before the earlier tags
        assert found.items() >= before.items()


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe")
def test_ffprobe_reads_it(song, tag_library):
    _tagged(tag_library, song)
    told = json.loads(
        subprocess.run(
            ["ffprobe", "-v", "error", "-print_format", "json", "-show_format", "-show_streams", song],
            capture_output=True,
            check=True,
        ).stdout
    )
    tags = told["format"].get("tags", {}) | told["streams"][0].get("tags", {})
    found = {key.split("/")[-1].upper(): value for key, value in tags.items()}
    if song.suffix != ".wav":  # not every version reads its ID3 chunk after the sound
        assert found["SINGERID_LIBRARY"] == "my singers"
    if song.suffix not in (".mp3", ".wav", ".aiff"):  # it shows only the first half of each pair
        assert found["PERFORMER"] == NAME


def test_again_nothing_is_written_and_undo_gives_the_fields_back(song, tag_library):
    fields = open_tagged(song, kind_of(song)).fields()
    content = song.read_bytes()
    _tagged(tag_library, song)
    written = song.read_bytes()
    [again] = _tagged(tag_library, song)
    assert again.status == "up to date"
    assert song.read_bytes() == written != content
    assert list(take_back(tag_library, [song])) == [str(song)]
    assert open_tagged(song, kind_of(song)).fields() == fields == {}
    [anew] = _tagged(tag_library, song)
    assert anew.status == "written"


def test_other_performers_stay(song, tag_library):
    kind = kind_of(song)
    with_others = open_tagged(song, kind)
    others = [Performer("Büb 群星", "drums"), Performer("Ada", "piano")]
    with_others.set_performers(others)
    copy = song.with_name(f"copy{song.suffix}")
    shutil.copyfile(song, copy)
    with_others.save(song, copy)
    before = open_tagged(copy, kind).fields()
    _tagged(tag_library, copy)
    assert open_tagged(copy, kind).performers() == [*others, Performer("Ada")]
    assert list(take_back(tag_library, everything=True)) == [str(copy)]
    assert open_tagged(copy, kind).fields() == before


def test_who_is_named_by_a_person_already_is_not_named_again(song, tag_library):
    kind = kind_of(song)
    tagged = open_tagged(song, kind)
    tagged.set_performers([Performer("ada", "lead vocals")])
    copy = song.with_name(f"copy{song.suffix}")
    shutil.copyfile(song, copy)
    tagged.save(song, copy)
    [change] = _tagged(tag_library, copy)
    assert (change.status, change.added) == ("written", ())  # only the probability
    assert open_tagged(copy, kind).performers() == [Performer("ada", "lead vocals")]


@pytest.mark.parametrize("ending", ["mp3", "flac", "m4a"])
def test_cover_art_stays(ending, tmp_path, tag_library):
    song = music_files.write_song(tmp_path / f"a.{ending}", made_voices.PITCHES["Ada"], title="A title")
    file = mutagen.File(song)
    if ending == "mp3":
        file.tags.add(APIC(mime="image/png", type=3, data=music_files.PICTURE))
    elif ending == "flac":
        picture = Picture()
        picture.data, picture.type, picture.mime = music_files.PICTURE, 3, "image/png"
        file.add_picture(picture)
    else:
        file["covr"] = [mutagen.mp4.MP4Cover(music_files.PICTURE, mutagen.mp4.MP4Cover.FORMAT_PNG)]
    file.save()
    assert _tagged(tag_library, song)[0].status == "written"
    file = mutagen.File(song)
    found = (
        file.tags.getall("APIC")[0].data
        if ending == "mp3"
        else file.pictures[0].data
        if ending == "flac"
        else bytes(file["covr"][0])
    )
    assert found == music_files.PICTURE


def test_there_is_a_test_for_every_kind(tmp_path):
    made = {kind_of(music_files.write_song(tmp_path / f"a.{ending}")) for ending in music_files.ENDINGS}
    assert made == set(KINDS)
