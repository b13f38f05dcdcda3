"""What an FGNL block looks at: where each response attends, and how much each response counts.

Letters in shapes: B batch, M responses, H mel bands and W frames of a map, L layers (X_i first).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.figures import AttentionPicture, draw_attention
from singerid.listening.listener import Listener, Sound, Stored, Windows
from singerid.listening.predict import BATCH_SIZE
from singerid.nn.fgnl import FGNL
from singerid.nn.operation import responses
from singerid.runs.part import require_same_makers
from singerid.runs.run import Run
from singerid.sound.features import band_frequencies
from singerid.system.devices import gpu_arithmetic

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Where:
    """A position to look from; where a field is None, the loudest position is chosen.

    Attributes:
        clip: number of the clip in the song, from 0.
        band: row of the attended map X_i, from 0 (low).
        frame: column of X_i, from 0.
        seconds: time in the song, instead of clip and frame.
        hertz: frequency, instead of band.
    """

    clip: int | None = None
    band: int | None = None
    frame: int | None = None
    seconds: float | None = None
    hertz: float | None = None


@dataclass(frozen=True)
class Spot:
    """One position of a map, with its time in the song and its frequency, both at the middle of its cell."""

    band: int
    frame: int
    seconds: float
    hertz: float


@dataclass(frozen=True, eq=False)
class LayerAttention:
    """What the responses attend to in one layer.

    Attributes:
        name: name of the layer in Eq. 7.
        weights: (M, H, W) the affinities of the chosen position. With softmax over the keys, the weights
            of one response sum to one over all layers together.
        stride: mel bands and frames of the spectrogram that one position stands for. Frames that pooling
            leaves out at the end of the clip belong to no position.
    """

    name: str
    weights: Array
    stride: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Look:
    """What one position of a clip attends to.

    Attributes:
        track: the song.
        clip: number of the clip, from 0.
        start_s: where the clip starts, in seconds.
        spot: the position of X_i that looks.
        mel: (n_mels, frames) of the clip, in dB.
        features: how `mel` was made.
        layers: the layers that are looked at, X_i first.
        even: the weight of every position if all were equal.
        excitation: (clips, M) weight of each response in every clip of the song; None without excitation.
    """

    track: str
    clip: int
    start_s: float
    spot: Spot
    mel: Array
    features: FeatureConfig
    layers: tuple[LayerAttention, ...]
    even: float
    excitation: Array | None

    @property
    def responses(self) -> int:
        """M."""
        return len(self.layers[0].weights)

    @property
    def shares(self) -> Array:
        """(L, M) how much of a response's attention falls on each layer; sums to one over the layers.

        With softmax over the keys these are the sums of the weights themselves.
        """
        sums = np.stack([layer.weights.sum(axis=(1, 2)) for layer in self.layers])
        shares: Array = sums / sums.sum(axis=0)
        return shares

    def strongest(self, layer: LayerAttention, response: int) -> Spot:
        """The position of a layer that a response attends to most."""
        band, frame = np.unravel_index(layer.weights[response].argmax(), layer.weights.shape[1:])
        return _spot(int(band), int(frame), layer.stride, self.start_s, self.features)

    def to_json(self) -> dict[str, Any]:
        """The object that `singerid attention --json` prints."""
        return {
            "track": self.track,
            "clip": self.clip,
            "start_s": self.start_s,
            "position": asdict(self.spot),
            "even_weight": self.even,
            "layers": [
                {"name": layer.name, "stride": list(layer.stride), "weights": layer.weights.tolist()}
                for layer in self.layers
            ],
            "excitation": None if self.excitation is None else self.excitation.tolist(),
        }


@torch.inference_mode()
@gpu_arithmetic()
def look(run: Run, track: str, where: Where, device: torch.device) -> Look:
    """What a position of a song attends to, in the run's reported state.

    Args:
        run: a run of a network with an FGNL block, for example crnn_fgnl.
        track: path of a track in the run's store; or, for a network that hears mixtures and reads no
            melody, any audio file.
        where: the position.
        device: where the network runs.

    Raises:
        SingeridError: the network has no such block, there is no such track, or the position lies
            outside the map.
    """
    model, spec = run.network(device), run.config.spec
    block = _block(run, model)
    strides: list[tuple[int, int]] = model.strides()  # type: ignore[operator]
    maps_of: Any = model.maps
    listener, sound = Listener(spec, device), _sound(run, track)
    excitation: list[Tensor] = []
    loudness: list[Tensor] = []
    for windows in listener.batches(sound, batch_size=BATCH_SIZE):
        _require_clip(windows, run, track)
        maps = maps_of(*windows.inputs)
        if hasattr(block.excitation, "weights"):
            excitation.append(_excitation(block, maps))
        loudness.append(nn.functional.avg_pool2d(windows.inputs[0], strides[0]))
    features = spec.log_mel
    clips = _heard(run, sum(map(len, loudness)))
    clip, band, frame = _resolve(
        where, torch.cat(loudness)[:clips].cpu().numpy(), strides[0], spec.window_frames, features
    )
    again = listener.batches(sound, batch_size=BATCH_SIZE, warn=lambda _: None)
    windows = next(islice(again, clip // BATCH_SIZE, None))
    row = clip % BATCH_SIZE
    x, *others = (layer[row : row + 1] for layer in maps_of(*windows.inputs))
    attended = block(x, *others, return_attention=True, queries=[(band, frame)]).attention
    start_s = int(windows.starts[row]) * features.frame_seconds
    positions = x[0, 0].numel() if block.softmax == "queries" else sum(a[0, 0, 0].numel() for a in attended)
    return Look(
        track=track,
        clip=clip,
        start_s=start_s,
        spot=_spot(band, frame, strides[0], start_s, features),
        mel=windows.inputs[0][row].cpu().numpy(),
        features=features,
        layers=tuple(
            LayerAttention(f"X_{letter}", weights[0, :, 0].cpu().numpy(), stride)
            for letter, weights, stride in zip(ascii_lowercase[8:], attended, strides, strict=False)
        ),
        even=1 / positions,
        excitation=torch.cat(excitation)[:clips].cpu().numpy() if excitation else None,
    )


def draw_look(look: Look) -> Figure:
    """The clip with the position that looks, the excitation over the song, and every response's attention."""
    frequencies = band_frequencies(look.features)
    return draw_attention(
        AttentionPicture(
            song=look.track,
            place=f"seen from {look.spot.seconds:.2f} s, {look.spot.hertz:.0f} Hz",
            mel=look.mel,
            frequencies=frequencies,
            start_s=look.start_s,
            frame_seconds=look.features.frame_seconds,
            query=(look.spot.band, look.spot.frame),
            layers=tuple((layer.name, layer.weights / look.even, layer.stride) for layer in look.layers),
            shares=look.shares,
            excitation=look.excitation,
            clip=look.clip,
        )
    )


def _block(run: Run, model: nn.Module) -> FGNL:
    """The FGNL block of a network; raises SingeridError if there is none."""
    block = getattr(model, "attention", None)
    if isinstance(block, FGNL) and hasattr(model, "maps") and hasattr(model, "strides"):
        return block
    raise SingeridError(
        f"{run.path}: {run.config.model} has no FGNL attention to look at; "
        "give a run of a network with FGNL, such as crnn_fgnl or crnn_fgnl_light"
    )


def _sound(run: Run, track: str) -> Sound:
    """A track of the run's store, or a file."""
    store, spec = run.store, run.config.spec
    for stored in store.tracks:
        if stored.path == track:
            require_same_makers(store, run.config)
            return Stored(store, stored)
    if not Path(track).is_file():
        example = run.split.test[0]
        raise SingeridError(
            f"{track}: is neither a file nor a track of {store.path}, whose tracks are named like {example!r}"
        )
    if spec.audio != "mixture" or spec.melody is not None:
        raise SingeridError(
            f"{track}: is not in {store.path}, and {run.path} hears more than the mixture of a file "
            "(vocals or a melody); give a track of the store"
        )
    return track


def _heard(run: Run, clips: int) -> int:
    """Number of a song's clips that the network was trained to hear."""
    heard = clips - run.config.training.drop_last_clip
    if not heard:
        raise SingeridError("the song has a single clip, which the run leaves out; give a longer recording")
    return heard


def _require_clip(windows: Windows, run: Run, track: str) -> None:
    """Raise SingeridError if a song is shorter than a clip."""
    if windows.inputs[0].shape[-1] < run.config.spec.window_frames:
        raise SingeridError(
            f"{track}: is shorter than a clip of {run.config.training.clip_seconds:g} s; "
            "give a longer recording"
        )


def _excitation(block: FGNL, maps: Sequence[Tensor]) -> Tensor:
    """Weights of the responses, (B, M): Eq. 8."""
    weights: Tensor = block.excitation.weights(responses(*block.embed(maps), block.softmax))  # type: ignore
    return weights


def _resolve(
    where: Where,
    loudness: NDArray[np.floating[Any]],
    stride: tuple[int, int],
    clip_frames: int,
    features: FeatureConfig,
) -> tuple[int, int, int]:
    """Clip, band and frame of the loudest position among those asked for, in loudness (clips, H, W)."""
    clip, band, frame = where.clip, where.band, where.frame
    if where.seconds is not None:
        clip, frame = _at_seconds(where.seconds, where.clip, len(loudness), stride[1], clip_frames, features)
    if where.hertz is not None:
        band = _at_hertz(where.hertz, stride[0], features)
    masked = np.full_like(loudness, -np.inf)
    window: list[slice] = []
    for name, index, size in zip(("clip", "band", "frame"), (clip, band, frame), loudness.shape, strict=True):
        if index is not None and not 0 <= index < size:
            raise SingeridError(
                f"{name} {index} is outside what the network looks at; choose 0 to {size - 1}"
            )
        window.append(slice(None) if index is None else slice(index, index + 1))
    masked[tuple(window)] = loudness[tuple(window)]
    found = np.unravel_index(masked.argmax(), masked.shape)
    return int(found[0]), int(found[1]), int(found[2])


def _at_seconds(
    seconds: float, wanted: int | None, clips: int, stride: int, clip_frames: int, features: FeatureConfig
) -> tuple[int, int]:
    """Clip and column of X_i that contain a time of the song."""
    end = clips * clip_frames * features.frame_seconds
    if not 0 <= seconds < end:
        raise SingeridError(f"{seconds:g} s is outside the song's clips; choose 0 to {end:.2f} s")
    # In whole samples, so that the time of a frame's first sample falls into that frame.
    frame = round(seconds * features.sample_rate) // features.hop_length
    clip, within = divmod(min(frame, clips * clip_frames - 1), clip_frames)
    if wanted not in (None, clip):
        raise SingeridError(f"{seconds:g} s is in clip {clip}, not in clip {wanted}; give only one of them")
    whole = clip_frames // stride * stride
    if within >= whole:
        last = (clip * clip_frames + whole) * features.frame_seconds
        raise SingeridError(
            f"{seconds:g} s is in the last frames of its clip, which pooling leaves out; "
            f"choose a time before {last:.2f} s"
        )
    return clip, within // stride


def _at_hertz(hertz: float, stride: int, features: FeatureConfig) -> int:
    """Row of X_i whose mel bands contain a frequency."""
    highest = features.sample_rate / 2
    if not 0 <= hertz <= highest:
        raise SingeridError(f"{hertz:g} Hz is outside the spectrogram; choose 0 to {highest:g} Hz")
    centres = band_frequencies(features)
    return int(np.rint(np.interp(hertz, centres, np.arange(len(centres))))) // stride


def _spot(band: int, frame: int, stride: tuple[int, int], start_s: float, features: FeatureConfig) -> Spot:
    centres = band_frequencies(features)
    hertz = np.interp((band + 0.5) * stride[0] - 0.5, np.arange(len(centres)), centres)
    seconds = start_s + (frame + 0.5) * stride[1] * features.frame_seconds
    return Spot(band, frame, round(seconds, 3), round(float(hertz), 1))
