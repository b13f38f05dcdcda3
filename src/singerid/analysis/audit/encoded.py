"""The conditions of an audit for a run on an encoder's vectors: waveforms are mixed, and encoded again.

The store's spectrograms are cut 40 real decibels below the loudest cell; no encoder has learned on such
spectrograms. A run on both mixture and vocals hears, in each condition, the sound and the vocals that a
perfect separator would take out of it; where nobody sings, it hears the accompaniment twice.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from singerid.config import ACCOMPANIMENT, MIXTURE, VOCALS
from singerid.data.clips import Clips
from singerid.encoders.encoder import Encoder
from singerid.encoders.trained import encoder_of
from singerid.runs.part import Part
from singerid.runs.run import Run
from singerid.sound.decoding.pieces import Samples
from singerid.store.arrays import waveform_of
from singerid.store.index import StoredTrack
from singerid.system.devices import CPU


class Encoding:
    """Makes the test part of a run on vectors again, from other sounds.

    Args:
        run: a run on vectors; its store has the waveforms.
        part: the test part as the run reads it.
    """

    def __init__(self, run: Run, part: Part) -> None:
        self._run, self._part = run, part

    @cached_property
    def _encoder(self) -> Encoder:
        return encoder_of(self._run, CPU)

    def of_stem(self, stem: str) -> Part:
        """The part with only one stem: the mixture, the vocals or the accompaniment."""
        sung = {MIXTURE: VOCALS, VOCALS: VOCALS, ACCOMPANIMENT: ACCOMPANIMENT}[stem]
        sounds = [stem, sung] if self._two else [stem]
        return self._made(lambda track: [self._samples(track, sound) for sound in sounds])

    def remixed(self, partners: Mapping[str, StoredTrack]) -> Part:
        """The part with the vocals of each track over its partner's accompaniment; `partners` is by path."""

        def sounds(track: StoredTrack) -> list[Samples]:
            sung = self._samples(track, VOCALS)
            played = self._samples(partners[track.path], ACCOMPANIMENT)
            mixed = sung + np.resize(played, sung.shape)
            return [mixed, sung] if self._two else [mixed]

        return self._made(sounds)

    @property
    def _two(self) -> bool:
        return len(self._run.config.spec.sounds) > 1

    def _made(self, sounds: Callable[[StoredTrack], list[Samples]]) -> Part:
        part = self._part
        arrays = [
            self._vectors(sounds(track), count)
            for track, count in zip(part.tracks, self._counts, strict=True)
        ]
        return Part(part.tracks, Clips(arrays, part.labels, self._run.config.spec.clip_columns), part.singers)

    @cached_property
    def _counts(self) -> list[int]:
        """Windows of each track."""
        counts: list[int] = np.bincount(self._part.clips.track, minlength=len(self._part.tracks)).tolist()
        return counts

    def _vectors(self, sounds: list[Samples], count: int) -> NDArray[np.float16]:
        def encoded(samples: Samples) -> NDArray[np.float32]:
            # As blocks: a plain array would be scaled down to full scale, and a remix may exceed that.
            return self._encoder.encode(lambda: [samples], allow_silence=True).vectors[:count]

        return np.concatenate([encoded(samples) for samples in sounds], axis=1).astype(np.float16)

    def _samples(self, track: StoredTrack, stem: str) -> Samples:
        store = self._run.store
        frames = store.features(track, waveform_of(stem))
        samples: Samples = np.asarray(frames, np.float32).reshape(-1)
        return samples[: round(track.duration_s * store.config.sample_rate)]  # the last frame is padded
