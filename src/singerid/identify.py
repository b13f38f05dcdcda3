"""Who is singing in a file: file -> clips -> probabilities -> vote -> `Result`.

Whatever turns a clip into probabilities will do as `classify`: a network with a class for every singer,
or, later, an encoder compared with a library of known voices. Memory does not grow with the length of a
file beyond one number per singer and clip.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.audio import AudioError, Samples, read_blocks
from singerid.config import REPORTED_STATE, FeatureConfig, StateName
from singerid.data.tracks import find_audio
from singerid.errors import Failure, SingeridError
from singerid.features import LogMel, frames_to_seconds, stream_log_mel
from singerid.models import model_entry
from singerid.runs import Run
from singerid.voting import vote

Classify = Callable[[Tensor], Tensor]  # clips (B, n_mels, frames) in dB -> probabilities (B, singers)
BATCH_SIZE = 8  # clips at a time: bounds the memory


@dataclass(frozen=True)
class Span:
    """A stretch of a track whose clips name the same singer.

    Attributes:
        start_s: where it starts, in seconds.
        end_s: where it ends.
        singer: who sings.
        confidence: mean probability of the singer over the clips, 0 to 1.
    """

    start_s: float
    end_s: float
    singer: str
    confidence: float


@dataclass(frozen=True)
class Result:
    """Who sings in one file.

    Attributes:
        path: the file.
        singer: the winner of the vote.
        confidence: the winner's mean probability over the clips that voted, 0 to 1.
        vote_share: the winner's votes divided by the number of clips that voted.
        clips: number of clips that voted.
        timeline: what every clip says, neighbours of one mind joined.
        short: the file is shorter than one clip of the network, so less was heard than it learned on.
        warning: what was wrong with the file, though it was used; "" if nothing.
    """

    path: str
    singer: str
    confidence: float
    vote_share: float
    clips: int
    timeline: tuple[Span, ...]
    short: bool = False
    warning: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object of `singerid identify --json`; "short" and "warning" only where they say something."""
        value = asdict(self)
        for name in ("short", "warning"):
            if not value[name]:
                del value[name]
        return value


@dataclass(frozen=True, eq=False)
class Identifier:
    """Names the singers of files.

    Attributes:
        singers: names, in the order of the probabilities.
        classify: what turns clips into probabilities.
        clip_frames: frames of a clip.
        features: how clips are made from sound.
        device: where the features are made and `classify` expects its clips.
        smallest_frames: the shortest clip that `classify` takes.
    """

    singers: tuple[str, ...]
    classify: Classify
    clip_frames: int
    features: FeatureConfig
    device: torch.device
    smallest_frames: int = 1

    @classmethod
    def load(
        cls,
        run: Path | str,
        device: torch.device | str = "cpu",
        state: StateName = REPORTED_STATE,
    ) -> "Identifier":
        """An identifier with the network of a run.

        Args:
            run: the run's folder.
            device: where to compute.
            state: which of the kept states.

        Raises:
            SingeridError: the run or its state is missing, damaged or of another version, or the
                network needs more than the sound of the mixture.
        """
        opened = Run.open(run)
        config = opened.config
        if model_entry(config.model).inputs != ("mel",):
            raise SingeridError(f"{run}: identifying with {config.model} needs a melody; use a crnn model")
        if config.audio != "mixture":
            raise SingeridError(
                f"{run}: heard {config.audio} alone, which identify cannot separate; train on mixture"
            )
        device = torch.device(device)
        model = opened.load_model(state).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

        def classify(mel: Tensor) -> Tensor:
            probabilities: Tensor = model(mel).softmax(-1)
            return probabilities

        smallest = int(getattr(model, "smallest_frames", 1))
        return cls(config.singers, classify, config.clip_frames, config.features, device, smallest)

    def identify(self, path: Path | str) -> Result:
        """Name the singer of one file of any format and length.

        A file shorter than a clip is judged by what there is of it, and marked `short`.

        Raises:
            AudioError: the file cannot be decoded or is too short for the network.
        """
        path = Path(path)
        warnings: list[str] = []
        read = partial(read_blocks, path, self.features.sample_rate, warn=warnings.append)
        probabilities, frames = self.clip_probabilities(path, read)
        outcome = vote(probabilities)
        return Result(
            path=str(path),
            singer=self.singers[outcome.singer],
            confidence=outcome.confidence,
            vote_share=outcome.vote_share,
            clips=outcome.clips,
            timeline=tuple(self._timeline(probabilities, frames)),
            short=frames < self.clip_frames,
            warning=warnings[0] if warnings else "",
        )

    @torch.inference_mode()
    def clip_probabilities(
        self, path: Path, read: Callable[[], Iterable[Samples]]
    ) -> tuple[NDArray[np.float32], int]:
        """Probabilities (clips, singers) of all clips of a sound, and its length in frames.

        Clips are cut from the start without overlap; a rest shorter than a clip is left out, unless
        there is nothing else.
        """
        log_mel = LogMel(self.features).to(self.device)
        batch, found, frames = self.clip_frames * BATCH_SIZE, [], 0
        held = torch.zeros(self.features.n_mels, 0, device=self.device)
        for chunk in stream_log_mel(read, log_mel):
            frames += chunk.shape[-1]
            held = torch.cat((held, torch.from_numpy(chunk).to(self.device)), dim=-1)
            while held.shape[-1] >= batch:
                found.append(self._classify(held[:, :batch], self.clip_frames))
                held = held[:, batch:].clone()
        if whole := held.shape[-1] // self.clip_frames:
            found.append(self._classify(held[:, : whole * self.clip_frames], self.clip_frames))
        if not found:
            if frames < self.smallest_frames:
                seconds = frames_to_seconds(self.smallest_frames, self.features)
                raise AudioError(path, f"is shorter than {seconds:.2f} s, the least the network takes")
            found.append(self._classify(held, frames))
        return np.concatenate(found), frames

    def _classify(self, mel: Tensor, clip_frames: int) -> NDArray[np.float32]:
        """(n_mels, clips * clip_frames) -> (clips, singers)."""
        clips = mel.unflatten(-1, (-1, clip_frames)).transpose(0, 1).contiguous()
        probabilities: NDArray[np.float32] = self.classify(clips).float().cpu().numpy()
        return probabilities

    def _timeline(self, probabilities: NDArray[np.float32], frames: int) -> Iterator[Span]:
        length = min(self.clip_frames, frames)
        for singer, group in groupby(range(len(probabilities)), lambda i: int(probabilities[i].argmax())):
            clips = list(group)
            yield Span(
                start_s=round(frames_to_seconds(clips[0] * length, self.features), 3),
                end_s=round(frames_to_seconds((clips[-1] + 1) * length, self.features), 3),
                singer=self.singers[singer],
                confidence=float(probabilities[clips, singer].mean()),
            )


def find_files(paths: Sequence[Path], on_failure: Callable[[Failure], None]) -> tuple[Path, ...]:
    """Files as they are, and all audio and video files below folders, sorted within each folder.

    Args:
        paths: files and folders.
        on_failure: is called with what cannot be listed, and with folders that hold no such file.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = [path / name for name in find_audio(path, on_failure)]
        if not found:
            on_failure(Failure(str(path), "holds no audio file; give another folder"))
        files += found
    return tuple(dict.fromkeys(files))


def identify_files(identifier: Identifier, files: Iterable[Path]) -> Iterator[Result | Failure]:
    """The result of each file in turn; a file that cannot be used is a `Failure` and stops nothing."""
    for path in files:
        try:
            yield identifier.identify(path)
        except AudioError as error:
            yield Failure(str(path), error.reason)
