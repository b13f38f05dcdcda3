"""What a network makes of clips before it names them: embeddings, their files, and their picture.

The embedding of a clip is the network's last GRU state; the embedding of a track is the mean over its clips.
The picture is the paper's Figure 4: t-SNE (van der Maaten and Hinton 2008) with scikit-learn's defaults.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from singerid.config import AudioCondition
from singerid.encoders.network import network_encoder
from singerid.encoders.trained import trained_network
from singerid.errors import SingeridError
from singerid.evaluation.comparison import names_of, path_tails, require_same_tracks
from singerid.figures import Plane, draw_planes
from singerid.listening.predict import BATCH_SIZE
from singerid.runs.part import Part, PartName
from singerid.runs.run import Run
from singerid.system.files import atomic_write
from singerid.text import counted

Vectors = NDArray[np.float32]
PERPLEXITY = 30.0  # scikit-learn's default
SEED = 0
_WILD = 1e6  # scikit-learn's t-SNE crashes where squares overflow


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of one part of a run's split.

    Attributes:
        run: the run that made them; its configuration says what was heard.
        part_name: name of the part.
        part: its tracks and clips.
        clips: (clips, size), in the order of the clips.
    """

    run: Run
    part_name: PartName
    part: Part
    clips: Vectors

    @property
    def track_indices(self) -> NDArray[np.int64]:
        """(tracks,) index in `part.tracks` of each track that has a clip."""
        return np.unique(self.part.clips.track)

    @property
    def tracks(self) -> Vectors:
        """(tracks, size) the mean over each track's clips, in the order of `track_indices`."""
        owner = self.part.clips.track
        return np.stack([self.clips[owner == index].mean(axis=0) for index in self.track_indices])

    @property
    def clip_rows(self) -> list[dict[str, Any]]:
        """A description of each clip: path, singer, album, its number in the track, start in seconds."""
        clips = self.part.clips
        seconds = self.run.config.spec.seconds_of(clips.start).tolist()
        return [
            self._track_row(track) | {"clip": int(start) // clips.clip_frames, "start_s": start_s}
            for track, start, start_s in zip(clips.track, clips.start, seconds, strict=True)
        ]

    @property
    def track_rows(self) -> list[dict[str, Any]]:
        """A description of each track: path, singer, album, number of clips."""
        counts = np.bincount(self.part.clips.track)
        return [self._track_row(index) | {"clips": int(counts[index])} for index in self.track_indices]

    def to_json(self) -> dict[str, Any]:
        """The run, the part, and how many embeddings there are, for `singerid embed --json`."""
        return {
            "run": str(self.run.path),
            "model": self.run.config.model,
            "audio": self.run.config.spec.audio,
            "part": self.part_name,
            "clips": len(self.clips),
            "tracks": len(self.track_indices),
            "size": self.clips.shape[1],
        }

    def _track_row(self, index: int) -> dict[str, Any]:
        track = self.part.tracks[index]
        return {"path": track.path, "singer": track.singer, "album": track.album}


@dataclass(frozen=True, eq=False)
class Projection:
    """Embeddings laid out on a plane, and how well they separate the singers.

    Silhouettes (Rousseeuw 1987) run from -1 to 1: how much nearer a point is to the points of its own
    singer than to those of the nearest other singer. None if there is only one singer, or if no singer has
    two points.

    Attributes:
        points: (clips, 2) by t-SNE.
        perplexity: perplexity of t-SNE; less than scikit-learn's default if there are too few clips.
        silhouette: silhouette of the clips' embeddings.
        track_silhouette: silhouette of the tracks' embeddings.
        plane_silhouette: silhouette of `points`.
    """

    points: NDArray[np.float32]
    perplexity: float
    silhouette: float | None
    track_silhouette: float | None
    plane_silhouette: float | None

    def to_json(self) -> dict[str, float | None]:
        """Silhouettes and perplexity, for `singerid embed --json`."""
        return {
            "silhouette_clips": self.silhouette,
            "silhouette_tracks": self.track_silhouette,
            "silhouette_plane": self.plane_silhouette,
            "perplexity": self.perplexity,
        }


def embed(
    run: Run,
    device: torch.device,
    part_name: PartName = "test",
    audio: AudioCondition | None = None,
) -> Embeddings:
    """Embeddings of the clips of a part of a run's split, by its reported state.

    Args:
        run: a run; if its store has moved, `run.over(folder)`.
        device: where the network runs.
        part_name: which part of the split; "all" for all three together.
        audio: the audio condition to hear; None: the one that the run learned on.

    Raises:
        SingeridError: the network gives no embeddings, or some are not finite; or the store lacks the
            condition.
    """
    encoder = network_encoder(trained_network(run, device))
    run = run.hearing(audio)
    part = run.part(part_name)
    batches = part.clips.batches(BATCH_SIZE, device)
    vectors = torch.cat([encoder(*batch.inputs) for batch in batches]).cpu().numpy()
    if not np.isfinite(vectors).all():
        raise SingeridError(
            f"{run.path}: its embeddings are not finite; train again at a lower `learning_rate`"
        )
    return Embeddings(run, part_name, part, vectors)


def embed_all(
    runs: Sequence[Run],
    device: torch.device,
    part_name: PartName = "test",
    audio: AudioCondition | None = None,
) -> list[Embeddings]:
    """The embeddings of several runs, to compare side by side; see `embed`.

    Raises:
        SingeridError: as `embed`; or the runs know different singers, or have different clips.
    """
    found = [embed(run, device, part_name, audio) for run in runs]
    require_same_tracks([(each.run, each.part) for each in found], same_clips=True)
    return found


def project(embeddings: Embeddings) -> Projection:
    """Lay the clips out on a plane by t-SNE and measure silhouettes; equal input gives equal output."""
    labels, owner = embeddings.part.clips.labels, embeddings.part.clips.track
    _, first_clips = np.unique(owner, return_index=True)
    # Several threads add numbers in varying order, and t-SNE amplifies a difference in the last bit.
    with threadpool_limits(limits=1):
        points, perplexity = plane_of(embeddings.clips)
        return Projection(
            points,
            perplexity,
            silhouette(embeddings.clips, labels),
            silhouette(embeddings.tracks, labels[first_clips]),
            silhouette(points, labels),
        )


def plane_of(vectors: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float32], float]:
    """The points of t-SNE, (clips, 2), and its perplexity; one point for all if the vectors are equal."""
    count = len(vectors)
    # t-SNE needs more points than the perplexity, and should have three times as many.
    perplexity = PERPLEXITY if count > PERPLEXITY else float(max(1, (count - 1) // 3))
    if _all_one(vectors):
        return np.zeros((count, 2), np.float32), perplexity
    vectors = _tame(vectors)
    if vectors.shape[1] == 1:  # t-SNE needs two axes to start from
        vectors = np.pad(vectors, ((0, 0), (0, 1)))
    tsne = TSNE(perplexity=perplexity, random_state=SEED)
    points: NDArray[np.float32] = tsne.fit_transform(vectors)
    return points, perplexity


def _all_one(vectors: NDArray[np.floating[Any]]) -> bool:
    """Whether there is only one clip, or all vectors are equal except for rounding."""
    rounding = 16 * np.finfo(np.float32).eps * np.abs(vectors).max()
    return bool(_spread(vectors) <= rounding)


def _tame(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Vectors scaled so that their squares fit into float32; t-SNE and silhouettes do not depend on scale."""
    spread = _spread(vectors)
    if not spread or 1 / _WILD < spread < _WILD:
        return vectors
    return (vectors.astype(np.float64) / spread).astype(np.float32)


def _spread(vectors: NDArray[np.floating[Any]]) -> float:
    return float(np.ptp(vectors.astype(np.float64), axis=0).max())


def silhouette(vectors: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float | None:
    """Mean silhouette coefficient of points by class, Euclidean; None if it is not defined."""
    classes = len(np.unique(labels))
    return float(silhouette_score(_tame(vectors), labels)) if 2 <= classes < len(labels) else None


def draw_embeddings(runs: Sequence[Embeddings], projections: Sequence[Projection]) -> Figure:
    """Figure 4: the clips of runs, as `embed_all` gives them, side by side; silhouettes under each."""
    first = runs[0]
    panels = [
        Plane(
            name,
            projection.points,
            each.part.clips.labels,
            f"silhouette of the embeddings: {_decimal(projection.silhouette)}\n"
            f"of this plane: {_decimal(projection.plane_silhouette)}",
        )
        for name, each, projection in zip(names_of([e.run for e in runs]), runs, projections, strict=True)
    ]
    heard = " and ".join(dict.fromkeys(each.run.config.spec.audio for each in runs))
    which = "all" if first.part_name == "all" else f"the {first.part_name}"
    perplexity = projections[0].perplexity
    few = "" if perplexity == PERPLEXITY else f", as only {counted(len(first.clips), 'clip')} can be drawn"
    return draw_planes(
        panels,
        first.part.singers,
        f"Embeddings of {which} clips of {first.run.config.training.clip_seconds:g} s, {heard}\n"
        f"t-SNE of perplexity {perplexity:g}{few}",
    )


def folders_for(runs: Sequence[Path], out: Path | None) -> tuple[Path, tuple[Path, ...]]:
    """The folder for the files of all runs, and a folder below it for each run (the same for a single run).

    Args:
        runs: folders of runs.
        out: the folder for all; None: RUN/embeddings for one run, else `embeddings` in the current folder.

    Raises:
        SingeridError: a run is given twice.
    """
    tails = path_tails(runs)
    if len(runs) == 1:
        out = out or runs[0] / "embeddings"
        return out, (out,)
    out = out or Path("embeddings")
    # Nested like the paths: joined by "-", "a-b/c" and "a/b-c" would be the same. No path may leave `out`.
    return out, tuple(out / tail.lstrip("/") for tail in tails)


def write_embeddings(embeddings: Embeddings, folder: Path) -> None:
    """Write `embeddings.npz`, `clips.csv` and `tracks.csv` into a folder.

    The npz holds `clips` (clips, size) and `tracks` (tracks, size), and an array for each column that
    describes them in the tables: `clips_path`, `clips_singer`, ... and `tracks_path`, ...

    Raises:
        SingeridError: the folder cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    tables = (
        ("clips", embeddings.clip_rows, embeddings.clips),
        ("tracks", embeddings.track_rows, embeddings.tracks),
    )
    for name, rows, vectors in tables:
        arrays[name] = vectors
        arrays |= {f"{name}_{column}": np.array([row[column] for row in rows]) for column in rows[0]}
        with atomic_write(folder / f"{name}.csv", "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*rows[0], *(f"e{i}" for i in range(vectors.shape[1]))])
            # Nine digits restore a 32-bit float exactly.
            writer.writerows(
                [*row.values(), *(f"{x:.9g}" for x in vector)]
                for row, vector in zip(rows, vectors, strict=True)
            )
    with atomic_write(folder / "embeddings.npz") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _decimal(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
