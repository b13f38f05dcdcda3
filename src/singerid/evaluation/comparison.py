"""Two runs side by side on the same test tracks: who is better, by how much, and where they disagree."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from singerid.config import AudioCondition
from singerid.errors import SingeridError
from singerid.evaluation.confusion import drawn_matrix, drawn_names, drawn_singers
from singerid.evaluation.counts import MEASURES
from singerid.evaluation.outcome import LevelScores, score_part_answers
from singerid.evaluation.scores import Scores
from singerid.evaluation.significance import Paired, SeedMean, compare
from singerid.evaluation.voting import Vote, answers_of
from singerid.figures import RivalLevel, draw_rivals
from singerid.runs.part import Part
from singerid.runs.run import Run
from singerid.text import shell_word


@dataclass(frozen=True)
class Disagreement:
    """A track for which two runs name different singers.

    Attributes:
        path: the track.
        truth: its singer.
        first: the singer that the first run names.
        first_confidence: the first run's mean probability for that singer, over the clips that voted.
        second: the singer that the second run names.
        second_confidence: as `first_confidence`, for the second run.
    """

    path: str
    truth: str
    first: str
    first_confidence: float
    second: str
    second_confidence: float


@dataclass(frozen=True)
class RunComparison:
    """The outcome of `compare_runs`.

    Attributes:
        names: the names of the two runs, see `names_of`.
        audio: the audio condition that each run heard.
        scores: the scores of each run on its own.
        clip: first minus second, clip by clip, in each measure; empty if the clips are not the same.
        track: first minus second, track by track, in each measure.
        disagreements: tracks for which they name different singers, sorted by path.
        tracks: number of tracks that both runs named.
        singers: names of the classes.
    """

    names: tuple[str, ...]
    audio: tuple[AudioCondition, ...]
    scores: tuple[LevelScores, ...]
    clip: tuple[SeedMean, ...]
    track: tuple[SeedMean, ...]
    disagreements: tuple[Disagreement, ...]
    tracks: int
    singers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `singerid evaluate RUN --against OTHER_RUN --json` prints."""
        return {
            "runs": [
                {"name": name, "audio": audio} | scores.to_json()
                for name, audio, scores in zip(self.names, self.audio, self.scores, strict=True)
            ],
            "difference": {
                level: {each.measure: _difference(each) for each in differences}
                for level, differences in (("clip", self.clip), ("track", self.track))
            },
            "disagreements": [asdict(each) for each in self.disagreements],
            "tracks": self.tracks,
            "singers": list(self.singers),
        }


def _difference(mean: SeedMean) -> dict[str, Any]:
    """A mean difference as JSON; "difference" is its value."""
    return {"difference" if name == "value" else name: value for name, value in asdict(mean).items()}


def compare_runs(
    first: Run, second: Run, device: torch.device, audio: AudioCondition | None = None
) -> RunComparison:
    """Score two runs on the test tracks that they share, in their reported states.

    Args:
        first: a run.
        second: a run over the same recordings, singers and split.
        device: where the networks run.
        audio: the audio condition that both hear; None: the one that each learned on.

    Raises:
        SingeridError: the runs cannot be compared, or one of them or its store is damaged.
    """
    runs = [run.hearing(audio) for run in (first, second)]
    parts = [run.part() for run in runs]
    require_same_tracks(list(zip(runs, parts, strict=True)))
    answers = [
        answers_of(run.predict_pieces(part, device), part.clips.track)
        for run, part in zip(runs, parts, strict=True)
    ]
    votes = [said.votes for said in answers]
    common = np.array(sorted(votes[0].keys() & votes[1].keys()), dtype=np.int64)
    by_track = paired(parts[0], common, *(np.array([own[i].singer for i in common]) for own in votes))
    by_clip = None
    if _same_clips(*parts):
        by_clip = paired(parts[0], parts[0].clips.track, *(said.clips for said in answers))
    return RunComparison(
        names=names_of(runs),
        audio=tuple(run.config.spec.audio for run in runs),
        scores=tuple(score_part_answers(said, part) for said, part in zip(answers, parts, strict=True)),
        clip=tuple(compare([by_clip], measure) for measure in MEASURES) if by_clip else (),
        track=tuple(compare([by_track], measure) for measure in MEASURES),
        disagreements=tuple(_disagreements(parts[0], votes[0], votes[1])),
        tracks=len(common),
        singers=parts[0].singers,
    )


def paired(
    part: Part, tracks: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> Paired:
    """What two systems named, ready for `significance.compare`.

    Args:
        part: the part that the tracks belong to.
        tracks: (items,) index in `part.tracks` of each item; an item is a clip or a whole track.
        first: (items,) classes that the first system named.
        second: (items,) classes that the second system named.
    """
    owners = [part.tracks[index] for index in tracks]
    return Paired(part.labels[tracks], first, second, tuple((track.singer, track.album) for track in owners))


def names_of(runs: Sequence[Run]) -> tuple[str, ...]:
    """Names that tell runs apart: their models, or the ends of their paths if two have the same model.

    Unless all hear the mixture, each name says what its run hears: "crnn (vocals)".

    Raises:
        SingeridError: a run is given twice.
    """
    audio = [run.config.spec.audio for run in runs]
    heard = [f" ({each})" if set(audio) != {"mixture"} else "" for each in audio]

    def labelled(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(add, names, heard))

    models = labelled(run.config.model for run in runs)
    if len(set(models)) == len(models):
        return models
    return labelled(path_tails([run.path for run in runs]))


def path_tails(paths: Sequence[Path]) -> tuple[str, ...]:
    """The shortest ends of paths, equally long, that tell them apart: ("a/run", "b/run").

    Raises:
        SingeridError: a path is given twice.

    >>> path_tails([Path("first/run"), Path("second/run")])
    ('first/run', 'second/run')
    """
    resolved = [path.resolve() for path in paths]
    for index, path in enumerate(resolved):
        if path in resolved[:index]:
            raise SingeridError(f"{paths[index]}: is given twice; give each run once")
    for length in range(1, max(len(path.parts) for path in resolved) + 1):
        tails = tuple("/".join(path.parts[-length:]) for path in resolved)
        if len(set(tails)) == len(tails):
            break
    return tails


def require_same_tracks(runs: Sequence[tuple[Run, Part]], same_clips: bool = False) -> None:
    """Raise a SingeridError that says what differs, unless all runs were tested alike.

    They must have the same classes and the same tracks of the same recordings; what they hear
    (mixture, vocals) may differ.

    Args:
        runs: the runs, each with the part to compare.
        same_clips: whether the clips must be the same, too.
    """
    (first, part), *others = runs
    for run, own in others:
        both = f"{first.path} and {run.path}"
        if own.singers != part.singers:
            raise SingeridError(f"{both}: know different singers; compare runs over the same singers")
        if [track.path for track in own.tracks] != [track.path for track in part.tracks]:
            raise SingeridError(
                f"{both}: have different tracks in this part of their splits; "
                f"train one again with `split_file={shell_word(first.path / 'split.json')!r}`"
            )
        if [track.source_hash for track in own.tracks] != [track.source_hash for track in part.tracks]:
            raise SingeridError(
                f"{both}: their stores hold different recordings of the same tracks; "
                f"train one again on {first.config.store}"
            )
        if same_clips and not _same_clips(part, own):
            raise SingeridError(
                f"{both}: have clips of {first.config.training.clip_seconds:g} s and "
                f"{run.config.training.clip_seconds:g} s, or one leaves out each track's last clip; "
                "compare runs of the same clips"
            )


def draw_comparison(comparison: RunComparison) -> Figure:
    """Both runs' confusion matrices of clips and tracks, and each singer's F1 by both runs.

    With very many singers, it shows those who are mistaken most often, see `drawn_singers`.
    """
    chosen = drawn_singers([scores.clip.confusion for scores in comparison.scores])
    levels = [
        (f"{level}s", getattr(first, level), getattr(second, level))
        for level in ("clip", "track")
        for first, second in [comparison.scores]
    ]
    return draw_rivals(
        [
            RivalLevel(
                name,
                (drawn_matrix(first.confusion, chosen), drawn_matrix(second.confusion, chosen)),
                (_drawn_f1(first, chosen), _drawn_f1(second, chosen)),
            )
            for name, first, second in levels
        ],
        drawn_names(comparison.singers, chosen),
        comparison.names,
    )


def _drawn_f1(scores: Scores, chosen: Sequence[int] | None) -> list[float]:
    """F1 of the singers that a picture shows; NaN for all others together."""
    if chosen is None:
        return [row.f1 for row in scores.singers]
    return [*(scores.singers[number].f1 for number in chosen), math.nan]


def _same_clips(first: Part, second: Part) -> bool:
    one, other = first.clips, second.clips
    same = one.clip_frames == other.clip_frames and len(one) == len(other)
    return same and np.array_equal(one.start, other.start) and np.array_equal(one.track, other.track)


def _disagreements(
    part: Part, first: Mapping[int, Vote], second: Mapping[int, Vote]
) -> Iterator[Disagreement]:
    for index in sorted(first.keys() & second.keys()):
        one, other = first[index], second[index]
        if one.singer != other.singer:
            yield Disagreement(
                path=part.tracks[index].path,
                truth=part.tracks[index].singer,
                first=part.singers[one.singer],
                first_confidence=one.confidence,
                second=part.singers[other.singer],
                second_confidence=other.confidence,
            )
