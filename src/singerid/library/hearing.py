"""How a library hears a recording: as one voice, with one vector for each sound that it listens to.

Letters in shapes: K sounds (mixture, vocals, or both), D size of a vector, N windows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from singerid.config import ACCOMPANIMENT, MIXTURE, VOCALS, AudioCondition
from singerid.encoders.back_end import unit
from singerid.encoders.cells import CELL_SECONDS, Cells
from singerid.encoders.encoder import Encoder, Voices
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.library.voiceprints import FloatArray
from singerid.listening.listener import Listener, Sound, name_of
from singerid.listening.opening import open_listener
from singerid.listening.voice.cells import sung
from singerid.listening.voice.loudness import Loudness
from singerid.listening.voice.watch import VoiceWatch
from singerid.sound.audio import Read, read_blocks
from singerid.sound.decoding.pieces import Samples, Warn
from singerid.sound.files import AudioError
from singerid.sound.separation.separated import separated
from singerid.sound.separation.separators import Separator, knows_voices, open_separator
from singerid.system.devices import CPU

SOUNDS: dict[AudioCondition, tuple[str, ...]] = {
    "mixture": (MIXTURE,),
    "vocals": (VOCALS,),
    "both": (MIXTURE, VOCALS),
}
"""The sounds of each audio condition, in the order of the vectors."""


@dataclass(frozen=True, eq=False)
class HeardCells:
    """The vectors of each half second ("cell") of a recording.

    Attributes:
        vectors: (L, K, D), each of unit length.
        sung: (L,) probability that somebody sings, 0 to 1.
        seconds: length of a cell.
        sounds: (M,) for each tenth of a second, True if there is sound and False in a pause.
        several: (L,) log-odds that several people sing, given that somebody sings and no instrument plays;
            None: not known.
    """

    vectors: FloatArray
    sung: FloatArray
    seconds: float
    sounds: NDArray[np.bool_]
    several: FloatArray | None = None


_FEW = 20  # windows, a minute: in a shorter recording the windows overlap, so that there are more of them


@dataclass(frozen=True, eq=False)
class HeardVoice:
    """The voice that was heard in a recording.

    Attributes:
        vectors: (K, D) the mean over the windows with voice, each of unit length; None: nobody sings.
        seconds: length of the recording.
        voice_seconds: seconds that are covered by windows with voice.
        short: whether the recording is shorter than a window.
        windows: the encoder's output for each sound.
        cells: the vectors of half seconds; None: not asked for.
    """

    vectors: FloatArray | None
    seconds: float
    voice_seconds: float
    short: bool
    windows: tuple[Voices, ...]
    cells: HeardCells | None = None


@dataclass(frozen=True, eq=False)
class Hearing:
    """Listens to recordings with a library's encoder and separator.

    Attributes:
        encoder: makes the vectors.
        audio: what is listened to.
        separator: separates the vocals; None: only the mixture is heard.
    """

    encoder: Encoder
    audio: AudioCondition = "mixture"
    separator: Separator | None = None

    @classmethod
    def open(
        cls,
        encoder: str,
        audio: AudioCondition,
        separator: str | None,
        device: torch.device = CPU,
        weights: Path | None = None,
    ) -> "Hearing":
        """Open encoder and separator.

        Args:
            encoder: name or address of the encoder.
            audio: what is listened to.
            separator: name of the separator; only if vocals are heard.
            device: where to compute.
            weights: weights of the separator; None: the published ones.

        Raises:
            SingeridError: encoder or separator cannot be opened, or a separator is wanted for the mixture.
        """
        opened = open_encoder(encoder, device)
        spec = opened.spec
        if len(spec.inputs) > 1 or spec.encoder is not None or spec.audio not in ("mixture", audio):
            raise SingeridError(
                f"{encoder}: needs more inputs than the {audio}; choose an encoder for a single sound, for "
                "example campplus"
            )
        if audio == "mixture":
            if separator or weights:
                raise SingeridError("the library hears the mixture; leave out `separator` and `weights`")
            return cls(opened, audio)
        if separator is None or separator == "stems":
            raise SingeridError("vocals need a separator; name one, for example `separator='spleeter'`")
        rate = opened.spec.features.sample_rate
        return cls(opened, audio, open_separator(separator, weights=weights, device=device, sample_rate=rate))

    @property
    def sample_rate(self) -> int:
        """Sample rate of the encoder's input in Hz."""
        return self.encoder.spec.features.sample_rate

    @property
    def window_seconds(self) -> float:
        """Length of a window in seconds."""
        return self.encoder.spec.window_frames * self.encoder.spec.features.frame_seconds

    @cached_property
    def _plain(self) -> Listener:
        """The listener that cuts one sound into windows, without a separator."""
        spec = replace(self.encoder.spec, audio="mixture", separator=None)
        return open_listener(self.encoder.name, spec, self.encoder.device)

    @property
    def listener(self) -> Listener:
        """The listener that cuts recordings into windows as the library hears them, one input a sound."""
        name = None if self.separator is None else self.separator.name
        spec = replace(self.encoder.spec, audio=self.audio, separator=name)
        return Listener(spec, self.encoder.device, self.separator)

    def __call__(
        self,
        sound: Sound,
        warn: Warn,
        *,
        with_cells: bool = False,
        beat: Callable[[], None] = lambda: None,
    ) -> HeardVoice:
        """Listen to a recording of any length.

        Args:
            sound: a file, samples, or a function that reads them; only a file if vocals are separated.
            warn: called with what is wrong with a recording that can still be used.
            with_cells: whether to make the vectors of half seconds, too.
            beat: if vocals are separated, called for each block as a sign of progress.

        Raises:
            AudioError: the recording cannot be decoded or separated, or is too short for the encoder.
            SingeridError: vocals are to be separated, but `sound` is not a file.
        """
        loudness = Loudness() if with_cells else None
        if self.separator is None:
            try:
                windows = self._windows(sound, warn, None, loudness)
            except AudioError as error:
                raise AudioError(name_of(sound), error.reason) from error
            return self._heard((windows,), None, loudness)
        if not isinstance(sound, Path | str):
            raise SingeridError("vocals can only be separated from a file; give a file in place of samples")
        wanted = {*SOUNDS[self.audio], VOCALS, ACCOMPANIMENT}
        with separated(self.separator, Path(sound), warn=warn, parts=wanted, beat=beat) as parts:
            watch = VoiceWatch(None if knows_voices(self.separator) else self.encoder.voices)
            watch.separated(self.separator, parts[VOCALS], parts[ACCOMPANIMENT], self.encoder.device)
            heard = tuple(
                self._windows(parts[part], warn, watch, loudness if part == VOCALS else None, with_cells)
                for part in SOUNDS[self.audio]
            )
        return self._heard(heard, watch, loudness)

    def _heard(
        self, heard: tuple[Voices, ...], watch: VoiceWatch | None, loudness: Loudness | None
    ) -> HeardVoice:
        voice = voice_of(heard, self.window_seconds)
        if loudness is None:
            return voice
        return replace(voice, cells=_cells_of(heard, watch, loudness.sounds()))

    def _windows(
        self,
        sound: Sound,
        warn: Warn,
        watch: VoiceWatch | None,
        loudness: Loudness | None,
        with_cells: bool = False,
    ) -> Voices:
        """The encoder's windows, side by side; in a short recording they overlap with the encoder's hop."""
        listener, rate = self._plain, self.sample_rate
        hop = listener.spec.largest_hop * listener.spec.features.frame_seconds
        if isinstance(sound, Path | str):
            sound = partial(read_blocks, Path(sound), rate, warn=warn)
        elif isinstance(sound, np.ndarray) and sound.ndim == 1 and loudness:
            for _ in loudness.passing(partial(list, (sound,)), rate)():
                pass
        if isinstance(sound, np.ndarray):
            is_short = sound.size < _FEW * hop * rate
        elif callable(sound):
            if loudness:
                sound = loudness.passing(sound, rate)
            sound, is_short = _begun(sound, round(_FEW * hop * rate))
        else:
            is_short = False
        return self.encoder.encode(
            sound,
            hop_seconds=None if is_short else hop,
            listener=listener,
            allow_silence=True,
            watch=watch,
            warn=warn,
            with_cells=with_cells or loudness is not None,
        )


def _begun(read: Read, samples: int) -> tuple[Read, bool]:
    """The same sound, and whether it has fewer than `samples`; blocks read to find out are not read twice."""
    blocks = iter(read())
    head: list[Samples] = []
    while sum(map(len, head)) < samples:
        block = next(blocks, None)
        if block is None:
            return partial(list, head), True
        head.append(block)
    first = [chain(head, blocks)]
    return lambda: first.pop() if first else read(), False


def voice_of(heard: tuple[Voices, ...], full_seconds: float = 0.0) -> HeardVoice:
    """The voice in a recording, from the encoder's output.

    Args:
        heard: the encoder's output for each sound; the first one says where somebody sings.
        full_seconds: length of a window of the encoder.
    """
    count = min(map(len, heard))  # of two sounds, one may end a few samples earlier
    first = heard[0]
    voiced = sung(first.voice_share[:count])
    seconds = first.seconds or float(first.starts[-1] + first.window_seconds)
    vectors = None
    if voiced.any():
        vectors = unit(np.stack([voices.vectors[:count][voiced].mean(0) for voices in heard]))
    return HeardVoice(
        vectors,
        round(seconds, 3),
        round(_covered(first.starts[:count][voiced], first.window_seconds, seconds), 3),
        first.window_seconds < full_seconds - 0.05,
        heard,
    )


def _covered(starts: NDArray[np.float64], length: float, end: float) -> float:
    """Seconds that windows cover together; overlaps count once."""
    if not len(starts):
        return 0.0
    following = np.append(starts[1:], np.inf)
    return float(np.minimum(np.minimum(starts + length, following), end).sum() - starts.sum())


def _cells_of(
    heard: tuple[Voices, ...], watch: VoiceWatch | None, sounds: NDArray[np.bool_]
) -> HeardCells | None:
    """The cells of a recording; from an encoder without cells, those of the nearest windows."""
    cells = [voices.cells or _from_windows(voices) for voices in heard]
    count = min(map(len, cells))
    if not count:
        return None
    seconds = cells[0].seconds
    share = None if watch is None else watch.share(np.arange(count, dtype=np.float64) * seconds, seconds)
    vectors = np.stack([each.vectors[:count] for each in cells], axis=1)
    share = cells[0].sung[:count] if share is None else share
    usable = np.isfinite(vectors).all((1, 2)) & np.isfinite(share)
    vectors = np.where(usable[:, None, None], vectors, np.float32(0))
    several = cells[-1].several  # of the vocals, where they are heard
    if several is not None:
        several = np.where(usable, several[:count], np.float32(0))
    return HeardCells(vectors, np.where(usable, share, np.float32(0)), seconds, sounds, several)


def _from_windows(voices: Voices) -> Cells:
    """Cells made from windows: each takes the values of the window whose middle is nearest."""
    middles = voices.starts + voices.window_seconds / 2
    end = voices.seconds or float(voices.starts[-1] + voices.window_seconds)
    centres = (np.arange(max(1, round(end / CELL_SECONDS))) + 0.5) * CELL_SECONDS
    nearest = np.searchsorted((middles[1:] + middles[:-1]) / 2, centres)
    return Cells(voices.vectors[nearest], voices.voice_share[nearest])
