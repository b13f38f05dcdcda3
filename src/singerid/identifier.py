"""Who is singing in a file: file -> clips -> probabilities -> vote -> `Result`.

Whatever turns a clip into probabilities will do as `classify`: a network with a class for every singer,
or, later, an encoder compared with a library of known voices. Memory does not grow with the length of a
file beyond one number per singer and clip.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from singerid.config import REPORTED_STATE, VOCALS, AudioCondition, FeatureConfig, SeparatorName, StateName
from singerid.encoders.trained import notice_of, open_trained, separator_for
from singerid.errors import Failure
from singerid.evaluation.voting import vote
from singerid.identify.result import Result, Span
from singerid.nn.inference import run_clips
from singerid.sound.audio import AudioError, Read, read_blocks
from singerid.sound.features import LogMel, frames_to_seconds, melody_map, stream_log_mel, stream_waveform
from singerid.sound.melody.contour import Tracker
from singerid.sound.melody.trackers import open_tracker
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import Separator
from singerid.system.devices import gpu_arithmetic

# Clips (B, n_mels, frames) in dB, and melody maps where there is a tracker -> probabilities (B, singers)
Classify = Callable[..., Tensor]
BATCH_SIZE = 8  # clips at a time: bounds the memory
AHEAD_BLOCKS = 30  # of 10 s, decoded while the network hears the file before: bounds it too, 19 MB

T = TypeVar("T")


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
        separator: what takes the vocals out of a file; None: the mixture is heard.
        tracker: what follows the melody, which `classify` then gets too.
        waveform: `classify` takes the frames of the waveform, (B, hop_length, frames), for its clips.
        notice: what its user should know; "" if nothing.
    """

    singers: tuple[str, ...]
    classify: Classify
    clip_frames: int
    features: FeatureConfig
    device: torch.device
    smallest_frames: int = 1
    separator: Separator | None = None
    tracker: Tracker | None = None
    waveform: bool = False
    notice: str = ""

    @classmethod
    def load(
        cls,
        run: Path | str,
        device: torch.device | str = "cpu",
        state: StateName = REPORTED_STATE,
        *,
        audio: AudioCondition | None = None,
        separator: SeparatorName | None = None,
        weights: Path | None = None,
        pretrained_weights: Path | None = None,
    ) -> "Identifier":
        """An identifier with the network of a run, or with one that others trained.

        Args:
            run: the run's folder; where there is none, the name of a pretrained network.
            device: where to compute.
            state: which of the kept states.
            audio: what to listen to; None: to what the run learned on.
            separator: what takes the vocals out; None: what the run learned on.
            weights: of the separator, see `open_separator`; None: the published ones.
            pretrained_weights: of the pretrained network, see `load_pretrained`; None: fetched on first use.

        Raises:
            SingeridError: the run or its state is missing, damaged or of another version, there is no
                such pretrained network or it cannot be fetched, or it is not known how to take the
                vocals out.
        """
        device = torch.device(device)
        network = open_trained(run, state, pretrained_weights)
        separates = separator_for(network, audio or network.audio, separator, weights, device)
        model = network.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

        def classify(*clips: Tensor) -> Tensor:
            with gpu_arithmetic():
                return run_clips(model, *clips).softmax(-1)

        return cls(
            network.singers,
            classify,
            network.clip_frames,
            network.features,
            device,
            smallest_frames=int(getattr(model, "smallest_frames", 1)),
            separator=separates,
            tracker=open_tracker(network.melody, device) if network.melody else None,
            waveform=network.waveform,
            notice=notice_of(network, separates),
        )

    def identify(self, path: Path | str) -> Result:
        """Name the singer of one file of any format and length.

        A file shorter than a clip is judged by what there is of it, and marked `short`.

        Raises:
            AudioError: the file cannot be decoded or separated, or is too short for the network.
        """
        path = Path(path)
        warnings: list[str] = []
        with self.listen(path, warnings.append) as read:
            return self.judge(path, read, warnings)

    def judge(self, path: Path, read: Read, warnings: Sequence[str] = ()) -> Result:
        """As `identify`, of a sound that is read another way; `warnings` may be filled while it is read."""
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

    @contextmanager
    def listen(self, path: Path, warn: Callable[[str], None] = lambda _: None) -> Iterator[Read]:
        """The sound that the network hears of a file, to read as often as needed."""
        if self.separator is None:
            yield partial(read_blocks, path, self.features.sample_rate, warn=warn)
        else:
            with separated(self.separator, path, warn=warn) as parts:
                yield parts[VOCALS]

    @torch.inference_mode()
    def clip_probabilities(self, path: Path, read: Read) -> tuple[NDArray[np.float32], int]:
        """Probabilities (clips, singers) of all clips of a sound, and its length in frames.

        Clips are cut from the start without overlap; a rest shorter than a clip is left out, unless
        there is nothing else.
        """
        f0 = None if self.tracker is None else torch.from_numpy(self.tracker.contour(read()).f0)
        batch, frames = self.clip_frames * BATCH_SIZE, 0
        # In one piece: kept one by one among the large pieces that come and go, results would keep the
        # gaps between them from being used again, 0.3 MB a batch.
        found = bytearray()
        columns = self.features.hop_length if self.waveform else self.features.n_mels
        held = torch.zeros(columns, 0, device=self.device)

        def classify(length: int, clip_frames: int) -> None:
            """Name the singers of the first `length` frames held, and let go of them."""
            nonlocal held
            first = frames - held.shape[-1]
            melody = None if f0 is None else f0[first : first + length]
            found.extend(self._classify(held[:, :length], melody, clip_frames).tobytes())
            held = held[:, length:].clone()

        for chunk in self._frames(read):
            frames += chunk.shape[-1]
            held = torch.cat((held, torch.from_numpy(chunk).to(self.device)), dim=-1)
            while held.shape[-1] >= batch:
                classify(batch, self.clip_frames)
        if whole := held.shape[-1] // self.clip_frames:
            classify(whole * self.clip_frames, self.clip_frames)
        if not found:
            if frames < self.smallest_frames:
                seconds = frames_to_seconds(self.smallest_frames, self.features)
                raise AudioError(path, f"is shorter than {seconds:.2f} s, the least the network takes")
            classify(frames, frames)
        return np.frombuffer(found, np.float32).reshape(-1, len(self.singers)), frames

    def _frames(self, read: Read) -> Iterator[NDArray[np.float32]]:
        """What clips are cut from, in chunks (n_mels, frames) or (hop_length, frames)."""
        if self.waveform:
            return stream_waveform(read(), self.features)
        return stream_log_mel(read, LogMel(self.features).to(self.device))

    def _classify(self, sound: Tensor, f0: Tensor | None, clip_frames: int) -> NDArray[np.float32]:
        """(n_mels or hop_length, clips * clip_frames) and F0 in Hz of as many frames -> (clips, singers)."""
        clips = [sound.unflatten(-1, (-1, clip_frames)).transpose(0, 1).contiguous()]
        if f0 is not None:
            clips.append(melody_map(f0.to(self.device).unflatten(-1, (-1, clip_frames)), sound.shape[0]))
        probabilities: NDArray[np.float32] = self.classify(*clips).float().cpu().numpy()
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


def identify_files(identifier: Identifier, files: Iterable[Path]) -> Iterator[Result | Failure]:
    """The result of each file in turn; a file that cannot be used is a `Failure` and stops nothing.

    While the network hears a file, the next one is being decoded, except where vocals are taken out.
    """
    with ThreadPoolExecutor(1) as decoder:

        def begin(path: Path) -> tuple[Path, Callable[[], Result]]:
            if identifier.separator is not None:
                return path, partial(identifier.identify, path)
            warnings: list[str] = []
            read = _decoded_ahead(path, identifier.features.sample_rate, warnings.append, decoder)
            return path, partial(identifier.judge, path, read, warnings)

        for path, result in _one_ahead(map(begin, files)):
            try:
                yield result()
            except AudioError as error:
                yield Failure(str(path), error.reason)


def _decoded_ahead(path: Path, sample_rate: int, warn: Callable[[str], None], decoder: Executor) -> Read:
    """As `partial(read_blocks, path, sample_rate, warn=warn)`, but its first reading has begun already."""
    begun = read_blocks(path, sample_rate, warn=warn)
    head = decoder.submit(lambda: list(islice(begun, AHEAD_BLOCKS)))
    first: list[Read] = [lambda: chain(head.result(), begun)]
    return lambda: first.pop()() if first else read_blocks(path, sample_rate, warn=warn)


def _one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each when the one behind it was asked for."""
    before: list[T] = []
    for item in items:
        yield from before
        before = [item]
    yield from before
