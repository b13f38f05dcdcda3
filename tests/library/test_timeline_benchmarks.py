"""The programs that measure timelines: on made-up timelines, and once from the corpus to the table."""

import importlib
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from singerid.config import CorpusConfig, DuetConfig
from singerid.data.rttm import Turn, read_rttm
from singerid.data.synthetic.corpus import write_corpus
from singerid.data.synthetic.duet_files import duets_folder, write_duets
from singerid.identify.result import Named, Result, Span

BENCHMARKS = Path(__file__).parents[2] / "benchmarks/studies/library"
CAST = CorpusConfig(singers=5, albums=2, songs=1, seconds=15)


@pytest.fixture(scope="module")
def scripts() -> Iterator[tuple[ModuleType, ModuleType]]:
    """The two programs; modules that they import from their folder are removed afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("timelines"), importlib.import_module("karaoke_duets")
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
                del sys.modules[name]


@pytest.fixture
def timelines(scripts: tuple[ModuleType, ModuleType]) -> ModuleType:
    return scripts[0]


@pytest.fixture
def karaoke(scripts: tuple[ModuleType, ModuleType]) -> ModuleType:
    return scripts[1]


def result(path: str, *spans: Span) -> Result:
    return Result(path, "known", (), 10.0, 10.0, spans)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


# Made-up timelines


def test_spans_become_turns_of_the_file(timelines: ModuleType) -> None:
    told = result(
        "duets/mixture/duet-01.flac", Span(0, 2, ("a", "b"), 0.9), Span(3, 4.5, (), 0.5, unknown=(1, 2))
    )
    assert list(timelines.turns_of(told)) == [
        Turn("duet-01", 0, 2, "a"),
        Turn("duet-01", 0, 2, "b"),
        Turn("duet-01", 3, 4.5, "unknown 1"),
        Turn("duet-01", 3, 4.5, "unknown 2"),
    ]


def test_the_row_of_a_timeline_tells_its_errors(timelines: ModuleType) -> None:
    truth = [Turn("x", 0, 10, "a"), Turn("x", 10, 20, "b")]
    told = result("x.flac", Span(0, 12, ("a",), 0.9), Span(12, 16, ("b",), 0.9))
    row = cells(timelines.line("vocals", truth, list(timelines.turns_of(told)), ["a", "b"]))
    # Of 20 s, 2 s have the wrong name and 4 s are missed; without 0.25 s around 0, 10 and 20: 1.75 and 3.75
    # of 19. Of the changes at 0, 10 and 20 s the first is found; of those reported at 0, 12 and 16 the first
    # is true. The singer changes from a to b at 10 s, not at 12.
    assert row[:3] == ["vocals", "1", "20 s"]
    assert row[3:7] == ["30.0%", "20.0%", "0.0%", "10.0%"]
    assert row[7:] == ["28.9%", "30.0%, 28.9%", "33.3%, 33.3%", "0.0%, 0.0%"]
    header = cells(timelines.HEADER.splitlines()[0])
    assert header[3:7] == ["DER by name", "missed", "false alarm", "confusion"]
    assert len(header) == len(row)
    nothing = cells(timelines.line("vocals", truth, [], ["a", "b"]))
    assert (nothing[3], nothing[9:]) == ("100.0%", ["0.0%, none", "0.0%, none"])
    # Voices that are separated correctly, but not named.
    unnamed = [Turn("x", 0, 10, "unknown 1"), Turn("x", 10, 20, "unknown 2")]
    errors = cells(timelines.line("vocals", truth, unnamed, ["a", "b"]))[3:9]
    assert errors == ["100.0%", "0.0%", "0.0%", "100.0%", "100.0%", "0.0%, 0.0%"]


def test_a_second_singer_counts_for_the_song_or_for_a_moment(timelines: ModuleType) -> None:
    one = result("a.flac", Span(0, 9, ("a",), 0.9), Span(9, 10, (), 0.4, unknown=(1,)))
    moment = result("b.flac", Span(0, 9, ("a",), 0.9), Span(9, 9.5, ("b",), 0.6))
    at_once = result("c.flac", Span(0, 9, ("a", "b"), 0.9))
    top = Result("d.flac", "known", (Named("a", 0.9, 5), Named("b", 0.8, 4)), 9, 9, ())
    said = timelines.solo_line("vocals", [one, moment, at_once, top])
    assert said == "vocals: a second known singer in 3 of 4 solo songs (75.0%)"


# From the corpus to the table


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timelines") / "corpus"
    write_corpus(folder, CAST, workers=1)
    for overlap in (0, 0.34):
        write_duets(duets_folder(folder, overlap), CAST, DuetConfig(3, overlap), workers=1)
    return folder


def test_the_table_has_a_row_for_each_sound_and_set(
    timelines: ModuleType,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With true timelines, except that strangers have numbers and not names."""
    heard: dict[str, list[str]] = {}

    def true_answers(identifier, files) -> Iterator[Result]:
        for path in files:
            singers = identifier.library.singers
            kind = identifier.library.path.name
            heard.setdefault(kind, []).append(path.relative_to(corpus).as_posix())
            truth = path.parents[1] / "duets.rttm"
            turns = [t for t in read_rttm(truth) if t.recording == path.stem] if truth.exists() else []
            foreign = sorted({turn.singer for turn in turns} - set(singers))
            spans = [
                Span(t.start_s, t.end_s, (t.singer,), 1.0)
                if t.singer in singers
                else Span(t.start_s, t.end_s, (), 1.0, (1 + foreign.index(t.singer),))
                for t in turns
            ]
            yield result(str(path), *spans)

    monkeypatch.setattr(timelines, "identify_files", true_answers)
    words = [str(corpus), str(tmp_path), "--encoder", "small", "--solo-albums", "1", "--kinds"]
    timelines.main([*words, "vocals", "mixture"])
    rows = [cells(row) for row in capsys.readouterr().out.splitlines() if row.startswith("| ")][1:]
    names = {row[0] for row in rows}
    assert {name.split(",")[0] for name in names} == {"vocals", "mixture"}
    assert {name.split(", ")[1] for name in names} == {"overlap-0", "overlap-34"}
    assert any("with strangers" in name for name in names)
    assert sum(int(row[1]) for row in rows) == 2 * 2 * 3
    for row in rows:
        assert row[3:] == ["0.0%"] * 5 + ["0.0%, 0.0%"] + ["100.0%, 100.0%"] * 2
    for kind, files in heard.items():
        duets = [f"duets/overlap-{share}/{kind}/duet-0{n}.flac" for share in (0, 34) for n in (1, 2, 3)]
        # The queries are the last albums of the three enrolled singers, which the library has never heard.
        assert files == duets + [f"{kind}/singer-0{n}/album-02/song-01.flac" for n in (1, 2, 3)]


def test_a_librarys_own_timeline_is_measured(
    timelines: ModuleType, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timelines.main(
        [str(corpus), str(tmp_path), "--encoder", "small", "--solo-albums", "1", "--kinds", "vocals"]
    )
    printed = capsys.readouterr().out
    rows = [cells(row) for row in printed.splitlines() if row.startswith("| vocals")]
    for row in rows:
        errors, *parts = (float(cell.rstrip("%")) for cell in row[3:7])
        assert sum(parts) == pytest.approx(errors, abs=0.2)
    assert sum(int(row[1]) for row in rows) == 6
    assert "of 3 solo songs" in printed


# Karaoke


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of songs with stems, laid out as the script wants them: 3 singers, 2 songs each."""
    folder = tmp_path_factory.mktemp("songs")
    write_corpus(folder / "karaoke", CorpusConfig(singers=3, albums=2, songs=1, seconds=30), workers=1)
    return folder


def test_karaoke_duets_are_turns_of_equally_loud_voices(
    karaoke: ModuleType, songs: Path, tmp_path: Path
) -> None:
    truth = karaoke.make_duets(songs, tmp_path)
    assert read_rttm(tmp_path / "duets.rttm") == [
        Turn(t.recording, pytest.approx(t.start_s), pytest.approx(t.end_s), t.singer) for t in truth
    ]
    pairs = {turn.recording for turn in truth}
    assert pairs == {f"singer-0{a}+singer-0{b}" for a in (1, 2, 3) for b in (1, 2, 3) if a != b}
    for duet in karaoke.duets_of(songs):
        sound = {
            kind: soundfile.read(tmp_path / kind / f"{duet.name}.flac")[0]
            for kind in ("mixture", "vocals", "accompaniment")
        }
        np.testing.assert_allclose(sound["mixture"], sound["vocals"] + sound["accompaniment"], atol=1e-4)
        assert np.abs(sound["mixture"]).max() < 0.99
        own = {singer: voice != 0 for singer, voice in duet.voices.items()}
        first, second = own.values()
        assert not (first & second).any()
        for singer, voice in duet.voices.items():
            turns = [turn for turn in truth if (turn.recording, turn.singer) == (duet.name, singer)]
            assert turns
            sung = np.concatenate([voice[round(t.start_s * 16e3) : round(t.end_s * 16e3)] for t in turns])
            assert np.sqrt(np.mean(sung**2)) == pytest.approx(karaoke.LEVEL, rel=0.25)


def test_turns_of_karaoke_duets_last_4_to_10_seconds(karaoke: ModuleType) -> None:
    rng = np.random.default_rng(0)
    sung = ((0, 3), (4, 2), (7, 14), (22, 3.5), (28, 3), (31.5, 2), (40, 1))
    stretches = [karaoke.Stretch(at, at + length) for at, length in sung]
    for _ in range(20):
        turns = list(karaoke.excerpts(stretches, rng))
        assert all(4 <= turn.end_s - turn.start_s <= 10 for turn in turns)
        assert all(before.end_s <= turn.start_s for before, turn in pairwise(turns))
        # What begins at 22 s is too short: a pause of 2.5 s ends it.
        assert [turn.start_s for turn in turns] == [0, 7, 28]


def test_the_karaoke_table_asks_a_library_of_the_other_songs(
    karaoke: ModuleType, songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from singerid.library.library import Library

    karaoke.main([str(songs), str(tmp_path), "--encoder", "small", "--kinds", "vocals", "mixture"])
    rows = [cells(row) for row in capsys.readouterr().out.splitlines() if row.startswith("| ")][1:]
    assert [row[:2] for row in rows] == [["vocals, karaoke", "6"], ["mixture, karaoke", "6"]]
    for kind in ("vocals", "mixture"):
        with Library.open(tmp_path / kind) as library:
            heard = [one["path"] for singer in library.singers for one in library.recordings_of(singer)]
        assert len(heard) == 3
        assert all("album-01" in path and f"/{kind}/" in path for path in heard)
