"""Vocals over another recording's accompaniment, made from the contents of a store.

The store has spectrograms in dB, not sound. Powers add up except for a term that depends on the phases,
|a + b|^2 = |a|^2 + |b|^2 + 2 |a| |b| cos(phi), whose mean over phases is 0. Leaving it out gives an error
of 0.5 real dB on average (95 % of cells: below 2 dB) on the synthetic corpus, where the truth is known;
`remix_error_db` measures this error in any store. Waveforms add up exactly.
"""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.config import ACCOMPANIMENT, MIXTURE, VOCALS, FeatureConfig
from singerid.data.clips import Clips
from singerid.data.lazy import LazyArrays
from singerid.runs.part import Part, require_files, shapes_of
from singerid.runs.run import Run
from singerid.store.arrays import features_of, waveform_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store

# In dB of the features. Half precision moves a floored cell by less than this from the floor itself.
_ROUNDING = 0.125

Spectrogram = NDArray[np.floating[Any]]


def powers(decibels: Spectrogram, config: FeatureConfig) -> NDArray[np.float32]:
    """Powers of a whole track's features; a cell at the floor of the track, or of all tracks, becomes 0."""
    loud = decibels.astype(np.float32)
    # The floor of all tracks is for a silent track, whose cells are all equally loud.
    floor = max(loud.max() - config.top_db, 20 * np.log10(config.amin))
    silent = loud <= floor + _ROUNDING
    held: NDArray[np.float32] = np.where(silent, np.float32(0), 10 ** (loud / 20))
    return held


def mix(vocals: Spectrogram, accompaniment: Spectrogram, config: FeatureConfig) -> NDArray[np.float32]:
    """Features of vocals and accompaniment sounding together, as `LogMel` would floor them.

    Args:
        vocals: (frames, n_mels) of a whole track, dB.
        accompaniment: (any, n_mels) of a whole track, dB; both keep their own level.
        config: how both were made.

    Returns:
        (frames, n_mels) dB; an accompaniment that is shorter than the vocals is repeated.
    """
    # `resize` repeats the rows.
    played = np.resize(powers(accompaniment, config), vocals.shape)
    together = 20 * np.log10(np.maximum(powers(vocals, config) + played, np.float32(config.amin)))
    floored: NDArray[np.float32] = np.maximum(together, together.max() - np.float32(config.top_db))
    return floored


def remix_error_db(store: Store, tracks: Sequence[StoredTrack]) -> float:
    """Mean distance, in real dB, between the mixtures of tracks and remixes of their own stems."""
    distances = [
        np.abs(
            mix(store.features(track, VOCALS), store.features(track, ACCOMPANIMENT), store.config)
            - store.features(track, MIXTURE)
        ).mean(dtype=np.float64)
        for track in tracks
    ]
    return float(np.mean(distances)) / 2


def draw_partners(
    tested: Sequence[StoredTrack], heard: Sequence[StoredTrack], same_singer: bool, seed: int
) -> dict[str, StoredTrack] | None:
    """Draw for each track a partner from another album, whose accompaniment the track gets.

    First a singer is drawn (unless it is the same singer), then one of their albums, then a track of it, so
    that the accompaniments of every singer are equally frequent.

    Args:
        tested: tracks that need a partner.
        heard: tracks that may be partners; tracks of the same album are not used.
        same_singer: whether the partner is by the same singer or by another one.
        seed: seed of the drawing.

    Returns:
        The partner of each track, by the track's path; None if a track has no possible partner.
    """
    draw = random.Random(seed)
    partners = {}
    for track in sorted(tested):
        tree: dict[str, dict[str, list[StoredTrack]]] = {}
        for other in sorted(heard):
            if (other.singer == track.singer) == same_singer and album_of(other) != album_of(track):
                tree.setdefault(other.singer, {}).setdefault(other.album, []).append(other)
        if not tree:
            return None
        albums = tree[draw.choice(list(tree))]
        partners[track.path] = draw.choice(albums[draw.choice(list(albums))])
    return partners


def album_of(track: StoredTrack) -> tuple[str, str]:
    """Singer and album of a track: two singers may have albums of the same name."""
    return track.singer, track.album


def remixed(run: Run, part: Part, partners: Mapping[str, StoredTrack]) -> Part:
    """The tracks of a part with their vocals over their partners' accompaniment.

    A network that reads the melody gets that of the vocals.

    Args:
        run: the run that will hear them; its store has vocals and accompaniment.
        part: the tracks.
        partners: for the path of each track, the track whose accompaniment it gets.

    Raises:
        SingeridError: the store lacks one of these, or its file is missing or damaged.
    """
    store, spec, f0 = run.store, run.config.spec, None
    if spec.melody is not None:
        f0 = [store.f0(track, VOCALS, spec.melody) for track in part.tracks]
    for stem, sources in ((VOCALS, part.tracks), (ACCOMPANIMENT, tuple(partners.values()))):
        require_files(store, sources, features_of(waveform_of(stem) if spec.reads_waveform else stem))
    remix = partial(_remix, store=store, partners=partners, waveform=spec.reads_waveform)
    clips = Clips(
        LazyArrays(part.tracks, remix),
        part.labels,
        spec.window_frames,
        run.config.training.drop_last_clip,
        f0,
        shapes_of(store, part.tracks, waveform_of(VOCALS) if spec.reads_waveform else VOCALS),
    )
    return Part(part.tracks, clips, part.singers)


def _remix(track: StoredTrack, store: Store, partners: Mapping[str, StoredTrack], waveform: bool) -> Any:
    """Features, or the waveform, of a track's vocals over its partner's accompaniment."""
    stems = [(track, VOCALS), (partners[track.path], ACCOMPANIMENT)]
    if waveform:
        sung, played = (store.features(each, waveform_of(stem)) for each, stem in stems)
        return sung + np.resize(played, sung.shape)
    sung, played = (store.features(each, stem) for each, stem in stems)
    return mix(sung, played, store.config).astype(np.float16)
