"""Encoders, and the vectors that they make from a sound.

Letters in shapes: B windows at a time, N windows of a sound, D size of a vector.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from singerid.encoders.cells import CellMaker, Cells, FrameNetwork
from singerid.errors import SingeridError
from singerid.listening.listener import Listener, Sound, name_of
from singerid.listening.opening import open_listener
from singerid.listening.predict import ask
from singerid.listening.voice.network import VoiceNetwork, open_voice_network, unchecked
from singerid.listening.voice.watch import VoiceWatch
from singerid.models.spec import InputSpec
from singerid.sound.decoding.pieces import Warn
from singerid.sound.features import heard_seconds
from singerid.sound.files import AudioError
from singerid.sound.levels import SILENT
from singerid.system.allocator import memory_kept
from singerid.system.devices import CPU
from singerid.system.hub import is_hub
from singerid.system.provenance import Provenance

_GPU_BATCH = 64  # windows
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Voices:
    """An encoder's result for a sound.

    Attributes:
        vectors: (N, D) float32, each of unit length.
        starts: (N,) float64, where each window starts, in seconds.
        voice_share: (N,) float32, 0 to 1: how sure it is that somebody sings, in the mean over each window;
            `singerid.listening.voice.cells.sung` decides which windows count as sung.
        window_seconds: length of a window; the length of the sound if that is shorter.
        seconds: length of the sound; 0: not known.
        cells: the voice around each half second, to the end of the sound; None: not requested, or not
            possible with this encoder.
    """

    vectors: NDArray[np.float32]
    starts: NDArray[np.float64]
    voice_share: NDArray[np.float32]
    window_seconds: float = 0.0
    seconds: float = 0.0
    cells: Cells | None = None

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, eq=False)
class Encoder:
    """Turns windows into vectors. Vectors can be compared only with vectors of the same identity.

    Attributes:
        name: the name by which its user opened it.
        identity: identifies the weights and how they are used: another identity makes other vectors.
        spec: the input that it needs.
        network: windows as `spec` says -> vectors (B, D); in evaluation mode.
        device: where the network is.
        at_once: best number of windows for a CPU to compute at a time.
        plain: gives the network on the CPU in a form written for clarity, which can be exported; None:
            `network` has that form.
        with_voice: windows -> vectors, each followed by the sung share of its window, (B, D + 1), if the
            network gives that too; None: another network gives it.
        parts: the network before and after its pooling over time; None: it has no such parts.
    """

    name: str
    identity: str
    spec: InputSpec
    network: Callable[..., Tensor]
    device: torch.device = CPU
    at_once: int = 1
    plain: Callable[[], nn.Module] | None = None
    with_voice: Callable[..., Tensor] | None = None
    parts: FrameNetwork | None = None

    @property
    def address(self) -> str:
        """A name by which it can be opened from any folder: paths are made absolute."""
        if is_hub(self.name):
            return self.name
        kind, colon, file = self.name.partition(":")
        if colon:
            return f"{kind}:{Path(file).resolve()}"
        return str(Path(self.name).resolve()) if Path(self.name).exists() else self.name

    @cached_property
    def voices(self) -> VoiceNetwork | None:
        """The network that hears when somebody sings, opened on first use; on failure None and a warning."""
        try:
            return open_voice_network(self.device)
        except SingeridError as error:
            _log.warning(unchecked(error))
            return None

    @cached_property
    def size(self) -> int:
        """D."""
        silence = torch.zeros(1, self.spec.columns, self.spec.window_frames, device=self.device)
        return self(*(silence for _ in self.spec.inputs)).shape[1]

    @cached_property
    def listener(self) -> Listener:
        """Cuts sound into windows as `spec` says; opened when it is first used.

        Raises:
            SingeridError: its separator or its melody tracker cannot be opened.
        """
        return open_listener(self.name, self.spec, self.device)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Vectors (B, D), float32, of windows as `spec` says; not normalised."""
        return ask(self.network, *inputs, at_once=self.at_once).float()

    @torch.inference_mode()
    def encode(
        self,
        sound: Sound,
        window_seconds: float | None = None,
        hop_seconds: float | None = None,
        *,
        listener: Listener | None = None,
        allow_silence: bool = False,
        watch: VoiceWatch | None = None,
        warn: Warn | None = None,
        with_cells: bool = False,
    ) -> Voices:
        """The vectors of a sound of any length, window by window; a shorter remainder is left out.

        Args:
            sound: a file, mono samples at the listener's rate, or a function that reads them.
            window_seconds: length of a window; None: as `spec` says.
            hop_seconds: from the start of one window to the next, see `InputSpec.with_windows`.
            listener: cuts the sound into windows, and may separate its vocals first; None: its own listener.
            allow_silence: whether to accept a sound that is silent throughout.
            watch: finds out when somebody sings in it, or knows already; None: a new one is used.
            warn: is called with each problem of a file that can still be used; None: it is logged.
            with_cells: whether to make `Voices.cells`, too, if the encoder can.

        Raises:
            AudioError: the file cannot be decoded or separated, is too short, or silent throughout.
            ValueError: the network does not take windows of this length or distance.
        """
        listener = listener or self.listener
        spec = listener.spec.with_windows(window_seconds, hop_seconds)
        on_cpu = self.device.type == "cpu"
        batch_size = self.at_once * torch.get_num_threads() if on_cpu else _GPU_BATCH
        # One growing buffer each: small results between large temporary tensors would fragment the memory.
        vectors, starts, heard_nothing = bytearray(), bytearray(), bytearray()
        share = bytearray()
        size, length = 0, spec.window_frames
        told = watch is not None or listener.knows_voices
        own = None if told else self.with_voice
        watch = watch or VoiceWatch(None if own or told else self.voices)
        parts = self.parts if with_cells else None
        maker = CellMaker(parts) if parts else None
        with memory_kept() if on_cpu else nullcontext():
            batches = replace(listener, spec=spec).batches(
                sound, batch_size=batch_size, warn=warn, watch=watch, to_the_end=maker is not None
            )
            for windows in batches:
                if parts and maker:
                    frames = ask(parts.frames, *windows.inputs, at_once=self.at_once).float()
                    for start, each in zip(windows.starts, frames, strict=True):
                        maker.add(float(start) * spec.features.frame_seconds, each)
                    if windows.is_rest:
                        continue
                    found, told_share = parts.of_windows(frames)
                    if own:
                        share.extend(told_share.cpu().numpy().tobytes())
                elif own is None:
                    found = self(*windows.inputs)
                else:
                    both = ask(own, *windows.inputs, at_once=self.at_once).float()
                    found = both[:, :-1]
                    share.extend(both[:, -1].cpu().numpy().tobytes())
                found = torch.nn.functional.normalize(found)
                size = found.shape[1]
                vectors.extend(found.cpu().numpy().tobytes())
                starts.extend(windows.starts.tobytes())
                heard_nothing.extend(windows.silent.tobytes())
                length = windows.inputs[0].shape[-1]
        if all(heard_nothing) and not allow_silence:
            raise AudioError(name_of(sound), SILENT)
        seconds = (np.frombuffer(starts, np.int64) * spec.features.frame_seconds).astype(np.float64)
        window_seconds = heard_seconds(length, spec.features)
        sung = watch.share(seconds, window_seconds)
        if sung is None:  # the encoder's own network gave it, or it was not checked
            sung = np.frombuffer(share, np.float32) if own else np.ones(len(seconds), np.float32)
        sung = np.where(np.frombuffer(heard_nothing, np.bool_), np.float32(0), sung)
        found_vectors = np.frombuffer(vectors, np.float32).reshape(-1, size)
        cells = maker.end() if maker else None
        return Voices(found_vectors, seconds, sung, window_seconds, watch.seconds, cells)


class OpenEncoder(Protocol):
    """A function that opens an encoder by name."""

    def __call__(self, name: str, device: torch.device, weights: Path | None) -> Encoder:
        """The encoder on a device; `weights` is its file of weights, or None: fetched on first use.

        Raises:
            SingeridError: its weights are missing, damaged or cannot be fetched.
        """


@dataclass(frozen=True)
class EncoderEntry:
    """What is known of an encoder before it is opened.

    Attributes:
        description: one line.
        open: opens it.
        size: D; None: it depends on the file.
        provenance: provenance of its weights; None: they are a file that the user names.
    """

    description: str
    open: OpenEncoder
    size: int | None
    provenance: Provenance | None
