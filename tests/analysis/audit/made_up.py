"""A store of made-up features where the truth is known: voices below, bands above, nothing in common."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from singerid.analysis.audit.remix import mix
from singerid.config import FeatureConfig
from singerid.store.arrays import f0_of, features_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store
from singerid.store.writer import open_writer

SINGERS, ALBUMS, SONGS, FRAMES, BANDS = 4, 4, 4, 160, 128
VOICE, BAND = slice(0, 64), slice(64, 128)  # the mel bands that each of them fills
SILENT = 32  # frames at the start of every song in which nobody sings
FLOOR = -40.0  # 80 below the loudest cell


def made_up_store(path: Path, stems: bool = True) -> Store:
    """Four singers, each with a voice; four albums of each singer, each with a band; four songs per album."""
    rng = np.random.default_rng(0)
    config = FeatureConfig()
    with open_writer(path, config) as writer:
        writer.incoming.mkdir(parents=True)
        made = SimpleNamespace(name="stems", origin="made up"), SimpleNamespace(name="pyin", origin="made up")
        writer.claim(made[0] if stems else None, made[1:])
        for singer in range(SINGERS):
            voice = spectrum(rng)
            for album in range(ALBUMS):
                band = spectrum(rng)
                for song in range(SONGS):
                    vocals, accompaniment = (sound(rng, *made) for made in ((voice, VOICE), (band, BAND)))
                    vocals[:SILENT] = FLOOR
                    parts = {"mixture": mix(vocals, accompaniment, config)}
                    if stems:
                        parts |= {"vocals": vocals, "accompaniment": accompaniment}
                    track = f"singer-{singer}/album-{album}/{song}.flac"
                    stored = StoredTrack(
                        track, f"singer-{singer}", f"album-{album}", 5.12, FRAMES, track.encode().hex(), 1, 1
                    )
                    files = {}
                    for condition, features in parts.items():
                        file = files[features_of(condition)] = writer.incoming / f"{condition}.npy"
                        np.save(file, features.astype(np.float16))
                    for condition in ("mixture", "vocals")[: 1 + stems]:
                        file = files[f0_of(condition, "pyin")] = writer.incoming / f"{condition}.npz"
                        f0 = np.full(FRAMES, 100.0 * (1 + singer), np.float32)
                        np.savez(file, f0=f0, confidence=np.ones_like(f0))
                    writer.put(stored, files)
    return Store.open(path)


def spectrum(rng: np.random.Generator) -> np.ndarray:
    """A smooth spectrum (64,) in dB."""
    return np.interp(np.arange(64), np.linspace(0, 63, 8), rng.uniform(0, 36, 8))


def sound(rng: np.random.Generator, shape: np.ndarray, bands: slice) -> np.ndarray:
    """(FRAMES, BANDS) dB: one spectrum with some noise in its bands, and its loudest cell at 40."""
    features = np.full((FRAMES, BANDS), FLOOR)
    features[:, bands] = np.minimum(shape + rng.normal(0, 0.5, (FRAMES, 64)), 40)
    features[SILENT, bands.start] = 40
    return features
