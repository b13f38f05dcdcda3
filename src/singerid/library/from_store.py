"""Enrolling recordings that `singerid prepare --encoder` has heard already."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from singerid.config import VOCALS, AudioCondition
from singerid.encoders.encoder import Voices
from singerid.encoders.registry import DEFAULT_ENCODER
from singerid.errors import SingeridError
from singerid.library.core import DEFAULT_AUDIO
from singerid.library.enroll import Entrant
from singerid.library.finding import FoundFile
from singerid.library.hearing import SOUNDS, HeardVoice, voice_of
from singerid.library.records import Settings
from singerid.store.arrays import encoder_part, vectors_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.text import names_text

FILE_SCHEME = 0
"""Scheme of recordings from a store: their fingerprint is the hash of the whole file, tags included."""


def store_settings(store: Store, encoder: str | None, audio: AudioCondition | None) -> Settings:
    """The settings of a library that is made from a store.

    Args:
        store: a store with vectors.
        encoder: the encoder of the vectors; None: the default.
        audio: the sound that the encoder has heard; None: the default.

    Raises:
        SingeridError: the store has no such vectors.
    """
    encoder, audio = encoder or DEFAULT_ENCODER, audio or DEFAULT_AUDIO
    origins = store.origins
    found = next(
        (
            identity
            for part, identity in origins.encoders.items()
            if part in (encoder, encoder_part(encoder, identity))
        ),
        None,
    )
    if found is None:
        has = names_text(origins.encoders) or "none"
        raise SingeridError(
            f"{store.path}: has no vectors by {encoder} (it has vectors by: {has}); make them: "
            f"singerid prepare TREE STORE --encoder {encoder}"
        )
    if VOCALS not in SOUNDS[audio]:
        return Settings(encoder, found, audio)
    if origins.separator is None:
        raise SingeridError(
            f"{store.path}: has no vocals; make them: "
            "singerid prepare TREE STORE --vocals spleeter --encoder campplus"
        )
    if origins.separator == "stems":
        raise SingeridError(
            f"{store.path}: its vocals are true stems, which other songs do not have; prepare it "
            "with `vocals='spleeter'`"
        )
    return Settings(encoder, found, audio, origins.separator, origins.separator_version)


def heard_in_store(store: Store, settings: Settings) -> Iterator[tuple[Entrant, FoundFile, HeardVoice]]:
    """The tracks of a store that have all vectors for a library with these settings."""
    part = encoder_part(settings.encoder, settings.identity)
    names = [vectors_of(sound, part) for sound in settings.sounds]
    for track in store.tracks:
        if all(store.has(track, name) for name in names):
            entrant = Entrant(Path(track.path), track.singer, track.album)
            file = FoundFile("", 0, 0, track.source_hash, FILE_SCHEME)
            yield entrant, file, _voice(store, track, names)


def _voice(store: Store, track: StoredTrack, names: list[str]) -> HeardVoice:
    heard = []
    for name in names:
        vectors, starts, share = store.read(track, name)
        step = float(starts[1] - starts[0]) if len(starts) > 1 else track.duration_s
        heard.append(
            Voices(
                np.asarray(vectors, np.float32),
                np.asarray(starts, np.float64),
                np.asarray(share, np.float32),
                min(2 * step, track.duration_s),  # windows overlap by half
                track.duration_s,
            )
        )
    return voice_of(tuple(heard))
