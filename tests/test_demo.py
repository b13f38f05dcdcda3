"""The demo from nothing to its page, on the smallest corpus that a network can be trained on."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conftest import require_weights
from singerid.data.synthetic import CorpusConfig
from singerid.data.synthetic.corpus import write_corpus
from singerid.data.tracks import Track
from singerid.demo import DemoConfig, run_demo, run_on_music
from singerid.demo.answers import Answer, Question, count, in_words
from singerid.demo.music import hide_albums
from singerid.errors import SingeridError
from singerid.identify.result import Named, Result

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small():
    # Four singers: three are enrolled, which is enough to calibrate.
    config = DemoConfig(
        corpus=CorpusConfig(singers=4, albums=4, songs=1, seconds=6), strangers=1, width=0.0625
    )
    return replace(config, training=replace(config.training, epochs=1))


@pytest.fixture(scope="module")
def corpus(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    write_corpus(folder, small.corpus, workers=1)
    return folder


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("SINGERID_OFFLINE", "1")
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path / "empty"))


def states_of(folder: Path) -> list[tuple[int, int]]:
    return [
        (f.stat().st_mtime_ns, f.stat().st_size) for f in sorted((folder / "runs").rglob("*.safetensors"))
    ]


def needs_nothing_else(page: str) -> bool:
    return all(link.startswith("data:") for link in re.findall(r'(?:src|href)="([^"#][^"]*)"', page))


@pytest.mark.slow
def test_writes_one_page_that_needs_nothing_else_and_shows_what_libraries_say(small, corpus, tmp_path):
    require_weights("campplus")
    shutil.copytree(corpus, tmp_path / "demo" / "corpus")
    lines: list[str] = []
    config = replace(small, separator="repet")  # the only one without weights
    path = run_demo(tmp_path / "demo", config, CPU, workers=1, on_result=lines.append)
    page = path.read_text(encoding="utf-8")
    words = " ".join(page.split())
    for text in ("crnn_fgnl", "never chosen on it", "Try your own music", "demo MUSIC", "the band alone"):
        assert text in page
    assert re.search(r"3 of these singers were enrolled in a library, with \d songs", words)
    assert "by singer-04, who is not enrolled" in words
    assert "learned from 8 songs of all 4 singers" in words
    assert "crnn_square" not in page
    assert len(re.findall("<svg", page)) == 3  # a timeline, a pair of matrices, a pair of curves
    # Each song has a player with the band, and one alone.
    assert page.count('preload="none" src="data:audio/mpeg;base64,') == 2 * (3 + 1 + 4)
    assert needs_nothing_else(page)
    told = "\n".join(lines)
    for heard in ("mixture", "separated vocals", "true vocals"):
        pattern = rf"{heard} \(enrolled with \d of 6 songs\): of 3 songs .*; of 1 by strangers .*; of 4 bands"
        assert re.search(pattern, told)


@pytest.mark.slow
def test_without_weights_it_says_so_and_trains_networks_and_goes_on_when_called_again(
    small, corpus, tmp_path, offline
):
    torch.set_num_threads(1)  # else the networks are trained in processes of their own, which takes longer
    shutil.copytree(corpus, tmp_path / "demo" / "corpus")
    lines: list[str] = []
    path = run_demo(tmp_path / "demo", small, CPU, workers=1, full=True, on_result=lines.append)
    page = path.read_text(encoding="utf-8")
    assert any("no library" in line and "SINGERID_OFFLINE" in line for line in lines)
    assert "There is no library here" in page
    assert "SINGERID_OFFLINE" in page
    for text in ("baseline", "crnn_square", "crnn_fgnl", "singer-03 and singer-04"):
        assert text in page
    assert len(re.findall("<svg", page)) == 6  # a timeline, three pairs of matrices, two pairs of curves
    assert needs_nothing_else(page)
    assert not (tmp_path / "demo" / "library").exists()
    before = states_of(tmp_path / "demo")
    again: list[str] = []
    assert run_demo(tmp_path / "demo", small, CPU, workers=1, on_result=again.append) == path
    assert again == lines
    assert states_of(tmp_path / "demo") == before
    assert "crnn_square" not in path.read_text(encoding="utf-8")
    other = replace(small, corpus=replace(small.corpus, seed=1))
    with pytest.raises(SingeridError, match="seed 0 instead of 1"):
        run_demo(tmp_path / "demo", other, CPU, workers=1)


def test_own_music_is_asked_about_and_not_changed(corpus, tmp_path):
    require_weights("campplus")
    music = tmp_path / "music"
    shutil.copytree(corpus / "vocals", music)
    for album in (*music.glob("*/album-0[34]"), music / "singer-04" / "album-02"):
        shutil.rmtree(album)
    (music / "singer-01" / "album-01" / "broken.mp3").write_bytes(b"no sound" * 100)
    before = sorted((path, path.lstat().st_mtime_ns) for path in music.rglob("*"))
    lines: list[str] = []
    path, failures = run_on_music(music, tmp_path / "demo", CPU, on_result=lines.append)
    page = path.read_text(encoding="utf-8")
    assert lines[0].startswith(
        "3 singers enrolled with 4 songs; asked about 3 songs on hidden albums and 1 song"
    )
    assert lines[1].startswith("of 3 songs by enrolled singers ")
    assert "of 1 by strangers" in lines[1]
    assert [failure.path for failure in failures] == [str(music / "singer-01" / "album-01" / "broken.mp3")]
    assert "broken.mp3" in page
    assert "singer-03 / album-02" in page
    assert "singer-04 / album-01" in page
    assert needs_nothing_else(page)
    again: list[str] = []
    assert run_on_music(music, tmp_path / "demo", CPU, on_result=again.append) == (path, failures)
    assert again == lines
    assert sorted((path, path.lstat().st_mtime_ns) for path in music.rglob("*")) == before


def test_writes_nothing_into_the_music(tmp_path):
    (tmp_path / "music").mkdir()
    with pytest.raises(SingeridError, match="where the demo writes nothing"):
        run_on_music(tmp_path / "music", tmp_path / "music" / "demo", CPU)


def tracks(*paths: str) -> list[Track]:
    return [Track(path, *path.split("/")[:2]) for path in paths]


def test_hides_the_last_album_of_each_and_has_strangers_if_three_singers_are_known():
    several = tracks(*(f"{singer}/{album}/song" for singer in "abc" for album in "xyz"))
    plan = hide_albums([*several, *tracks("d/x/song", "d/x/other")])
    assert [track.path for track in plan.hidden] == ["a/z/song", "b/z/song", "c/z/song"]
    assert [track.path for track in plan.strangers] == ["d/x/song", "d/x/other"]
    assert len(plan.enrolled) == 6
    few = hide_albums([*several[:6], *tracks("d/x/song")])
    assert few.strangers == ()
    assert "d/x/song" in [track.path for track in few.enrolled]
    assert few.digest != plan.digest
    with pytest.raises(SingeridError, match="no singer has two albums"):
        hide_albums(tracks("a/x/1", "a/x/2", "b/x/1"))


def answer(kind: str, decision: str, named: str = "", singer: str = "Ada") -> Answer:
    singers = (Named(named, 0.9, 5.0),) if named else ()
    result = Result("song", decision, singers, 5.0, 6.0, ())
    return Answer(Question(Path("song"), "song", kind, singer if kind != "band" else ""), result)


def test_says_what_is_right_and_what_is_wrong():
    answers = [
        answer("enrolled", "known", "Ada"),
        answer("enrolled", "known", "Bob"),
        answer("enrolled", "ambiguous"),
        answer("enrolled", "unknown"),
        answer("stranger", "unknown"),
        answer("stranger", "known", "Bob"),
        answer("band", "no_voice"),
        answer("band", "unknown"),
        answer("band", "known", "Bob"),
    ]
    assert [one.verdict[0] for one in answers] == [
        *("right", "wrong", "open", "wrong"),
        *("right", "wrong"),
        *("right", "open", "wrong"),
    ]
    ours = count(answers, "enrolled")
    assert (ours.songs, ours.right, ours.wrong, ours.ambiguous, ours.unknown) == (4, 1, 1, 1, 1)
    assert in_words(answers) == (
        "of 4 songs by enrolled singers 1 named right, 1 wrongly, 1 ambiguous (0 with the right singer "
        "first), 1 said unknown; "
        "of 2 by strangers 1 named, 0 ambiguous, 1 said unknown; "
        "of 3 bands alone 1 named, 0 ambiguous, 1 said unknown, 1 no voice"
    )
