"""Synthetic duets: their files, that the ground truth is right, and that the solo songs do not change."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from folders import files
from programs import Program
from singerid.config import CorpusConfig, DuetConfig
from singerid.data.rttm import Turn, read_rttm
from singerid.data.synthetic.corpus import write_corpus, write_flac
from singerid.data.synthetic.duet_files import write_duets
from singerid.data.synthetic.duets import Duet, draw_duets, render_duet
from singerid.data.synthetic.score import compose
from singerid.errors import SingeridError

CAST = CorpusConfig(singers=4, albums=1, songs=1, seconds=15, seed=2)
COUNT = 4
RATE = 16_000
MILLISECONDS = RATE // 1000  # samples


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("duets") / "a third"
    assert write_duets(folder, CAST, DuetConfig(COUNT), workers=1) == COUNT
    return folder


@pytest.fixture(scope="module")
def duets() -> tuple[Duet, ...]:
    return draw_duets(CAST, DuetConfig(COUNT))


def sung(turns: list[Turn], recording: str, singer: str, seconds: float = 30) -> np.ndarray:
    """Whether somebody sings by the ground truth, for each millisecond."""
    grid = np.zeros(round(seconds * 1000), bool)
    for turn in turns:
        if (turn.recording, turn.singer) == (recording, singer):
            grid[round(turn.start_s * 1000) : round(turn.end_s * 1000)] = True
    return grid


def share_of_both(turns: list[Turn], duet: Duet) -> float:
    first, second = (sung(turns, duet.name, singer.name) for singer in duet.singers)
    return float((first & second).sum() / (first | second).sum())


# What is written


def test_every_duet_has_its_stems_and_each_voice_alone(written: Path, duets: tuple[Duet, ...]) -> None:
    names = [f"duet-0{number}" for number in range(1, COUNT + 1)]
    expected = {f"{kind}/{n}.flac" for kind in ("mixture", "vocals", "accompaniment") for n in names}
    expected |= {f"voices/{duet.name}/{singer.name}.flac" for duet in duets for singer in duet.singers}
    assert set(files(written)) == expected | {"duets.json", "duets.rttm"}
    for name in names:
        parts = {kind: written / kind / f"{name}.flac" for kind in ("mixture", "vocals", "accompaniment")}
        sound = {kind: soundfile.read(path, dtype="int16")[0].astype(int) for kind, path in parts.items()}
        voices = [soundfile.read(p, dtype="int16")[0] for p in sorted((written / "voices" / name).iterdir())]
        np.testing.assert_array_equal(sound["vocals"], np.sum(voices, axis=0, dtype=int))
        np.testing.assert_array_equal(sound["mixture"], sound["vocals"] + sound["accompaniment"])
        assert 1000 < np.abs(sound["mixture"]).max() < 32767


def test_the_description_tells_who_has_which_part(written: Path) -> None:
    description = json.loads((written / "duets.json").read_text())
    assert description["settings"] == {
        "generator": 1, "singers": 4, "seconds": 15.0, "seed": 2, "duets": COUNT, "overlap": 0.34,
    }  # fmt: skip
    for duet in description["duets"]:
        assert len(set(duet["singers"])) == 2
        alone = {tuple(part["singers"]) for part in duet["parts"] if len(part["singers"]) == 1}
        assert alone == {(singer,) for singer in duet["singers"]}
        assert all(part["end_s"] - part["start_s"] >= 2 for part in duet["parts"])


def test_each_turn_lasts_two_seconds_and_passes_on_between_phrases() -> None:
    for overlap in (0, 0.34, 0.6):
        for duet in draw_duets(CorpusConfig(seconds=30), DuetConfig(10, overlap)):
            notes = compose(duet.song).notes
            parts = duet.parts(compose(duet.song))
            assert [part.first for part in parts] == [0, *(part.end for part in parts[:-1])]
            assert parts[-1].end == len(notes)
            assert min(notes[p.end - 1].end - notes[p.first].start for p in parts) >= 2
            for before, part in pairwise(parts):
                assert set(before.voices) != set(part.voices)
                if len(before.voices) == len(part.voices) == 1:
                    assert notes[part.first].opens_phrase


# The truth


def test_the_truth_is_where_the_stems_sound(written: Path, duets: tuple[Duet, ...]) -> None:
    """Once more, in the plain form: cells of 20 ms, 25 dB below the loud ones, short pauses bridged."""
    turns = read_rttm(written / "duets.rttm")
    assert {turn.recording for turn in turns} == {duet.name for duet in duets}
    for duet in duets:
        for singer in duet.singers:
            voice, _ = soundfile.read(written / "voices" / duet.name / f"{singer.name}.flac")
            cells = [voice[at : at + 20 * MILLISECONDS] for at in range(0, len(voice), 20 * MILLISECONDS)]
            decibels = [10 * np.log10(np.mean(cell**2) + 1e-20) for cell in cells]
            loud = sorted(decibels)[-1 - len(decibels) // 100]
            sounds = np.repeat([level >= loud - 25 for level in decibels], 20)
            quiet = 0
            for at, is_heard in enumerate(sounds.tolist()):
                if is_heard:
                    if quiet < 250 and sounds[: at - quiet].any():
                        sounds[at - quiet : at] = True
                    quiet = 0
                else:
                    quiet += 1
            told = sung(turns, duet.name, singer.name, len(sounds) / 1000)
            assert np.mean(told != sounds) < 0.002


def test_the_truth_is_what_the_score_gives_each_singer(written: Path, duets: tuple[Duet, ...]) -> None:
    turns = read_rttm(written / "duets.rttm")
    for duet in duets:
        notes = compose(duet.song).notes
        for number, singer in enumerate(duet.singers):
            told = sung(turns, duet.name, singer.name)
            asked = np.zeros_like(told)
            for part in duet.parts(compose(duet.song)):
                if number in part.voices:
                    for note in notes[part.first : part.end]:
                        asked[round(note.start * 1000) : round(note.end * 1000)] = True
            assert told[asked].mean() > 0.95
            assert np.mean(told & ~asked) < 0.03  # the room's echo, pauses that are bridged


@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.34])
def test_both_sing_in_the_share_that_was_asked_for(overlap: float, tmp_path: Path) -> None:
    config = DuetConfig(5, overlap)
    write_duets(tmp_path / "set", CAST, config, workers=1)
    turns = read_rttm(tmp_path / "set" / "duets.rttm")
    shares = [share_of_both(turns, duet) for duet in draw_duets(CAST, config)]
    assert np.mean(shares) == pytest.approx(overlap, abs=0.03)


# The voices


@pytest.mark.parametrize(("both", "semitones"), [("unison", {0}), ("third", {3, 4}), ("octave", {12, -12})])
def test_two_at_once_keep_their_distance(both: str, semitones: set[int], duets: tuple[Duet, ...]) -> None:
    duet = replace(duets[0], both=both, overlap=0.5)
    score = compose(duet.song)
    heard = [
        librosa.yin(voice, fmin=60, fmax=1000, sr=RATE, frame_length=2048, hop_length=160)
        for voice in render_duet(duet).voices
    ]
    found = Counter()
    for part in duet.parts(score):
        if len(part.voices) == 2:
            melody, second = (heard[voice] for voice in part.voices)
            for note in score.notes[part.first : part.end]:
                middle = slice(round(100 * (note.end * 0.7 + note.start * 0.3)), round(100 * note.end) - 3)
                away = 12 * np.log2(second[middle] / melody[middle])
                found[round(float(np.median(away)))] += 1
    assert sum(found.values()) >= 8
    assert sum(found[distance] for distance in semitones) >= 0.75 * sum(found.values())


def test_the_two_voices_are_equally_loud_and_different(duets: tuple[Duet, ...]) -> None:
    for duet in duets[:3]:
        duet = replace(duet, both="unison", overlap=0.5)
        score, stems = compose(duet.song), render_duet(duet)
        levels = []
        for number, voice in enumerate(stems.voices):
            own = [
                voice[round(note.start * RATE) : round(note.end * RATE)]
                for part in duet.parts(score)
                if number in part.voices
                for note in score.notes[part.first : part.end]
            ]
            levels.append(20 * np.log10(np.sqrt(np.mean(np.concatenate(own) ** 2))))
        assert abs(levels[0] - levels[1]) < 1
        assert abs(np.corrcoef(*stems.voices)[0, 1]) < 0.8


def test_pairs_are_neither_one_singer_nor_near_twins_and_no_album_is_a_soloists() -> None:
    duets = draw_duets(CorpusConfig(singers=8), DuetConfig(99))
    pairs = [{singer.name for singer in duet.singers} for duet in duets]
    assert all(len(pair) == 2 for pair in pairs)
    assert not any(duet.singers[0].near_twin == duet.singers[1].name for duet in duets)
    assert len({frozenset(pair) for pair in pairs}) >= 20  # of 28 less two pairs of twins
    assert min(duet.song.album.key[0] for duet in duets) >= 99  # singers are counted from 0 to 98
    assert {duet.both for duet in duets} == {"unison", "third", "octave"}


# The same again, and beside the solo songs


def test_neither_the_number_of_workers_nor_that_of_duets_changes_the_sound(
    written: Path, tmp_path: Path
) -> None:
    write_duets(tmp_path / "few", CAST, DuetConfig(2), workers=2)
    few, many = files(tmp_path / "few"), files(written)
    assert {name for name, data in few.items() if many[name] != data} == {"duets.json", "duets.rttm"}
    turns = read_rttm(written / "duets.rttm")
    first_two = [turn for turn in turns if turn.recording <= "duet-02"]
    assert read_rttm(tmp_path / "few" / "duets.rttm") == first_two


def test_cut_off_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DuetConfig(2)
    write_duets(tmp_path / "whole", CAST, config, workers=1)
    whole = files(tmp_path / "whole")
    written, folder = 0, tmp_path / "cut off"

    def writing_seven(path: Path, samples: np.ndarray) -> None:
        nonlocal written
        written += 1
        if written > 7:  # five are the first duet, the voices of the second follow
            raise KeyboardInterrupt
        write_flac(path, samples)

    with monkeypatch.context() as patch:
        patch.setattr("singerid.data.synthetic.duet_files.write_flac", writing_seven)
        with pytest.raises(KeyboardInterrupt):
            write_duets(folder, CAST, config, workers=1)
    assert len(list(folder.rglob("*.flac"))) == 7
    assert not (folder / "duets.rttm").exists()
    before = (folder / "mixture/duet-01.flac").stat().st_mtime_ns
    assert write_duets(folder, CAST, config, workers=1) == 1
    assert files(folder) == whole
    assert (folder / "mixture/duet-01.flac").stat().st_mtime_ns == before
    assert write_duets(folder, CAST, config, workers=1) == 0
    (folder / "duets.rttm").unlink()
    assert write_duets(folder, CAST, config, workers=1) == 0
    assert files(folder) == whole


def test_the_command_makes_both_and_leaves_the_solo_songs_as_they_are(
    singerid: Program, written: Path, tmp_path: Path
) -> None:
    words = ["--singers", 4, "--albums", 1, "--songs", 1, "--seconds", 15, "--seed", 2, "--workers", 1]
    write_corpus(tmp_path / "solo", CAST, workers=1)
    done = singerid("synth", tmp_path / "both", *words, "--duets", COUNT)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"overlap-34: {COUNT} duets ({COUNT} new)" in " ".join(done.stdout.split())
    made = files(tmp_path / "both")
    beside = {name: data for name, data in made.items() if name.startswith("duets/")}
    assert made.items() - beside.items() == files(tmp_path / "solo").items()
    assert {name.removeprefix("duets/overlap-34/"): data for name, data in beside.items()} == files(written)
    # Another share has a folder of its own.
    done = singerid("synth", tmp_path / "both", *words, "--duets", 1, "--overlap", 0)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "both" / "duets" / "overlap-0" / "duets.rttm").exists()
    refused = singerid("synth", tmp_path / "both", *words, "--duets", 2)
    assert refused.returncode == 2
    assert "holds another set of duets (duets 4 instead of 2); choose another folder" in refused.stderr


# What it refuses


@pytest.mark.parametrize(
    ("corpus", "duets", "says"),
    [
        ({}, {"duets": 0}, "`duets=0`: choose 1 to 99"),
        ({}, {"duets": 100}, "`duets=100`: choose 1 to 99"),
        ({}, {"overlap": -0.1}, "`overlap=-0.1`: choose 0"),
        ({}, {"overlap": 0.7}, "`overlap=0.7`: choose 0"),
        ({}, {"overlap": float("nan")}, "`overlap=nan`: choose 0"),
        ({"singers": 1}, {}, "`singers=1`: duets need 2 or more"),
        ({"seconds": 10}, {}, "`seconds=10`: choose 15 or more"),
        ({"seed": -1}, {}, "`seed=-1`: choose 0 or more"),
    ],
)
def test_absurd_numbers_are_refused_before_anything_is_written(
    corpus: dict, duets: dict, says: str, tmp_path: Path
) -> None:
    with pytest.raises(SingeridError, match=says):
        write_duets(tmp_path / "set", replace(CAST, **corpus), replace(DuetConfig(), **duets), workers=1)
    assert not (tmp_path / "set").exists()


def test_the_command_refuses_before_it_makes_the_solo_songs(singerid: Program, tmp_path: Path) -> None:
    for words, says in (
        (("--overlap", 0.2), "--overlap 0.2 is for duets only; give their number with --duets"),
        (("--duets", 4, "--overlap", 2), "--overlap 2: choose 0 (turns only) to 0.6"),
        (("--duets", 4, "--seconds", 6), "--seconds 6: choose 15 or more"),
    ):
        refused = singerid("synth", tmp_path / "corpus", *words)
        assert refused.returncode == 2
        assert says in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert not (tmp_path / "corpus").exists()
