"""Does the network know when nobody sings? The paper's argument about confidence, checked.

The paper explains why vocals vote better than mixtures: accompaniment lowers the confidence of clips,
and clips whose confidence is not above 0.5 do not vote (Results and Comparisons).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.analysis.audit.conditions import ConditionHeard, ConditionName, own_condition, require
from singerid.analysis.audit.estimate import (
    FEWEST_ALBUMS,
    Estimate,
    Flags,
    f1,
    named_clips,
    share,
    share_difference,
)
from singerid.analysis.audit.remix import powers
from singerid.config import VOCALS, FeatureConfig
from singerid.evaluation.significance import Named
from singerid.evaluation.voting import THRESHOLD
from singerid.models.spec import InputSpec
from singerid.runs.part import Part
from singerid.runs.run import Run
from singerid.store.reader import Store

VOICE_DB = 20.0
"""A frame has voice if its vocals are less than this many real decibels below the track's loudest frame."""
WITH_VOICE, WITHOUT_VOICE = 0.5, 0.1
"""A clip is "with voice" if at least the first share of its frames have voice, "without" up to the second."""
FEWEST_CLIPS = 20
"""A group is compared only if it has this many clips, from at least `FEWEST_ALBUMS` albums."""


@dataclass(frozen=True)
class Group:
    """Scores of a run on a group of clips.

    Attributes:
        clips: number of clips.
        albums: number of albums that they are from.
        f1: weighted F1.
        confidence: mean confidence.
        confident: share of clips whose confidence passes the threshold of voting.
    """

    clips: int
    albums: int
    f1: Estimate
    confidence: float
    confident: Estimate

    @property
    def enough(self) -> bool:
        """Whether there are enough clips, from enough albums, to compare them."""
        return self.clips >= FEWEST_CLIPS and self.albums >= FEWEST_ALBUMS


@dataclass(frozen=True)
class Presence:
    """Scores of a run on clips with voice and on clips without, in the condition that it learned on.

    Attributes:
        with_voice: clips with voice; None: there are none.
        without_voice: clips without voice; None: there are none.
        between: number of clips that are neither.
        mixture_less_vocals: share of clips that pass the threshold in the mixture, minus the share in the
            vocals; None if it cannot hear both.
    """

    with_voice: Group | None
    without_voice: Group | None
    between: int
    mixture_less_vocals: Estimate | None


def presence(run: Run, heard: Mapping[ConditionName, ConditionHeard]) -> Presence:
    """Compare a run's confidence where somebody sings with its confidence where nobody does.

    Args:
        run: a run, whose store has the vocals of the test tracks.
        heard: the conditions that it heard.

    Raises:
        SingeridError: the store lacks the vocals of a track.
    """
    store, own = run.store, heard[own_condition(run.config)]
    part, probabilities = own.part, own.probabilities
    require(store, part.tracks, [VOCALS])
    voiced = voiced_share(store, part, run.config.spec)
    sung, unsung = voiced >= WITH_VOICE, voiced <= WITHOUT_VOICE
    difference = None
    if "mixture" in heard and "vocals" in heard:
        mixture, vocals = (heard[name].probabilities.max(1) > THRESHOLD for name in ("mixture", "vocals"))
        difference = share_difference(mixture, vocals, named_clips(part, probabilities).albums)
    return Presence(
        _group(part, probabilities, sung),
        _group(part, probabilities, unsung),
        int((~sung & ~unsung).sum()),
        difference,
    )


def voiced_share(store: Store, part: Part, spec: InputSpec) -> NDArray[np.float64]:
    """Share of the frames of each clip that have voice, (clips,); see `VOICE_DB`.

    Args:
        store: a store with the vocals.
        part: the clips.
        spec: the input of the network that the clips were cut for.
    """
    voiced = [voiced_frames(store.features(track, VOCALS), store.config) for track in part.tracks]
    frame = store.config.frame_seconds
    length = max(1, round(spec.window_frames * spec.features.frame_seconds / frame))
    starts = np.round(spec.seconds_of(part.clips.start) / frame).astype(int)
    return np.array(
        [
            voiced[track][start : start + length].mean()
            for track, start in zip(part.clips.track, starts, strict=True)
        ]
    )


def voiced_frames(vocals: NDArray[np.floating[Any]], config: FeatureConfig) -> Flags:
    """Which frames (frames,) of a track have voice, from its vocals' features (frames, n_mels) in dB."""
    energy = powers(vocals, config).sum(axis=1)
    voiced: Flags = energy > energy.max() * 10 ** (-VOICE_DB / 10)
    return voiced


def _group(part: Part, probabilities: NDArray[np.float32], chosen: Flags) -> Group | None:
    if not chosen.any():
        return None
    confidence = probabilities[chosen].max(1)
    every = named_clips(part, probabilities)
    albums = tuple(album for album, own in zip(every.albums, chosen, strict=True) if own)
    return Group(
        int(chosen.sum()),
        len(set(albums)),
        f1(Named(every.truth[chosen], every.named[chosen], albums)),
        float(confidence.mean()),
        share(confidence > THRESHOLD, albums),
    )
