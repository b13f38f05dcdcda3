"""What a run names when it hears the mixture, the vocals, the accompaniment, or a remix of them."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from singerid.analysis.audit.encoded import Encoding
from singerid.analysis.audit.estimate import (
    Estimate,
    f1,
    f1_difference,
    named_clips,
    named_tracks,
    share,
    share_difference,
    sign_flip_p,
)
from singerid.analysis.audit.remix import draw_partners, remixed
from singerid.config import ACCOMPANIMENT, MIXTURE, VOCALS
from singerid.errors import Failure, SingeridError
from singerid.evaluation.significance import Chance, Named, Paired, chance
from singerid.evaluation.voting import THRESHOLD
from singerid.runs.config import RunConfig
from singerid.runs.part import Part
from singerid.runs.run import Run
from singerid.store.arrays import features_of, waveform_of
from singerid.store.index import StoredTrack
from singerid.store.reader import Store

Probabilities = NDArray[np.float32]
Predict = Callable[[Part], Probabilities]  # probabilities (clips, singers) of the clips of a part

ConditionName = Literal["mixture", "vocals", "accompaniment", "remix_own", "remix_same", "remix_other"]
CONDITIONS: Mapping[ConditionName, str] = {
    "mixture": "mixture",
    "vocals": "vocals alone",
    "accompaniment": "accompaniment alone",
    "remix_own": "vocals over their own accompaniment, remixed",
    "remix_same": "vocals over another album of the singer",
    "remix_other": "vocals over another singer's album",
}
_STEMS: Mapping[ConditionName, tuple[str, ...]] = {
    "mixture": (MIXTURE,),
    "vocals": (VOCALS,),
    "accompaniment": (ACCOMPANIMENT,),
    "remix_own": (VOCALS, ACCOMPANIMENT),
    "remix_same": (VOCALS, ACCOMPANIMENT),
    "remix_other": (VOCALS, ACCOMPANIMENT),
}
REMIX_SEED = 0  # seed of pairing vocals with other accompaniments


@dataclass(frozen=True)
class Conflict:
    """Whom a run names when one singer's voice is over the accompaniment of another singer's album.

    Attributes:
        voice: share of clips for which it names the singer of the voice.
        accompaniment: share of clips for which it names the singer of the accompaniment's album.
        difference: `voice` minus `accompaniment`.
        p_value: p-value of the difference, by `sign_flip_p`.
    """

    voice: Estimate
    accompaniment: Estimate
    difference: Estimate
    p_value: float


@dataclass(frozen=True)
class ConditionScores:
    """Scores of a run in one condition.

    Attributes:
        name: the condition. "remix_own": vocals over the accompaniment they belong to, which shows the
            effect of remixing itself; "remix_same": over the accompaniment of another album of the singer;
            "remix_other": over that of another singer's album; both albums are from the training part.
        clip: weighted F1 of clips.
        track: weighted F1 of tracks, by voting.
        change: `clip` minus its value in the condition that the run learned on.
        chance: F1 of clips when albums exchange their singers.
        confidence: mean confidence of clips.
        confident: share of clips whose confidence passes the threshold of voting.
        conflict: only for "remix_other".
    """

    name: ConditionName
    clip: Estimate
    track: Estimate
    change: Estimate
    chance: Chance
    confidence: float
    confident: Estimate
    conflict: Conflict | None = None


@dataclass(frozen=True, eq=False)
class ConditionHeard:
    """What a run heard in one condition, and its answers.

    Attributes:
        part: the test part in this condition.
        probabilities: (clips, singers).
        scores: scores of these probabilities.
    """

    part: Part
    probabilities: Probabilities
    scores: ConditionScores


def asked_of(config: RunConfig) -> tuple[ConditionName, ...]:
    """The conditions that a network can be tested in: without a voice, there is no melody to read."""
    names: tuple[ConditionName, ...] = get_args(ConditionName)
    return tuple(name for name in names if name != "accompaniment" or config.spec.melody is None)


def own_condition(config: RunConfig) -> ConditionName:
    """The condition that a network learned on; if it hears both, the mixture with its own vocals."""
    audio = config.spec.audio
    return "mixture" if audio == "both" else audio


def hear_conditions(
    run: Run, predict: Predict, on_failure: Callable[[Failure], None]
) -> Mapping[ConditionName, ConditionHeard]:
    """Let a run name its test tracks in every condition that it can be tested in and the store can provide.

    All conditions have the same clips in the same order.

    Args:
        run: a run.
        predict: the run's network.
        on_failure: called for each condition that the store cannot provide.

    Raises:
        SingeridError: the store lacks the condition that the run learned on.
    """
    own = run.part()
    named = predict(own)
    found: dict[ConditionName, ConditionHeard] = {}
    for name in asked_of(run.config):
        if name == own_condition(run.config):
            part, partners, probabilities = own, None, named
        else:
            try:
                part, partners = _part(name, run, own)
            except SingeridError as error:
                on_failure(Failure(CONDITIONS[name], str(error)))
                continue
            probabilities = predict(part)
        found[name] = ConditionHeard(part, probabilities, _scores(name, part, probabilities, named, partners))
    return found


def accompaniment_effect(heard: Mapping[ConditionName, ConditionHeard]) -> Estimate | None:
    """F1 of vocals over the singer's other albums minus F1 over other singers' albums; None without remixes.

    Voice and remixing are the same in both; they differ only in the singer that the accompaniment suggests.
    """
    if "remix_same" not in heard or "remix_other" not in heard:
        return None
    same, other = heard["remix_same"], heard["remix_other"]
    clips = named_clips(same.part, same.probabilities)
    return f1_difference(Paired(clips.truth, clips.named, other.probabilities.argmax(1), clips.albums))


def require(store: Store, tracks: Sequence[StoredTrack], stored: Sequence[str]) -> None:
    """Raise SingeridError unless a store has everything in `stored` for all tracks."""
    needed = set(map(features_of, stored))
    lacking = sum(not track.arrays.keys() >= needed for track in tracks)
    if lacking:
        waveform = set(stored) & {waveform_of(stem) for stem in (MIXTURE, VOCALS, ACCOMPANIMENT)}
        mixture = set(stored) <= {MIXTURE, waveform_of(MIXTURE)}
        options = " --vocals ..." * (not mixture) + " --waveform" * bool(waveform)
        raise SingeridError(
            f"{lacking} of {len(tracks)} test tracks lack the data for this in {store.path}; "
            f"extract it: singerid prepare TREE STORE{options}"
        )


def _part(name: ConditionName, run: Run, own: Part) -> tuple[Part, Mapping[str, StoredTrack] | None]:
    """The test part in a condition; for a remix, also the track whose accompaniment goes with each track."""
    spec = run.config.spec
    waveform = spec.reads_waveform or spec.encoder is not None
    stored = [waveform_of(stem) if waveform else stem for stem in _STEMS[name]]
    require(run.store, own.tracks, stored)
    if spec.encoder is not None:
        encoding = Encoding(run, own)
        if len(_STEMS[name]) == 1:
            return encoding.of_stem(*_STEMS[name]), None
        partners = _partners(name, run, own, set(stored))
        return encoding.remixed(partners), partners
    if name == "mixture" or name == "vocals":
        return run.hearing(name).part(), None
    if name == "accompaniment":
        return run.part(condition=stored[0]), None
    partners = _partners(name, run, own, set(stored))
    return remixed(run, own, partners), partners


def _partners(name: ConditionName, run: Run, own: Part, stored: Set[str]) -> Mapping[str, StoredTrack]:
    """For each track of a remix, by path, the track whose accompaniment it gets."""
    if name == "remix_own":
        return {track.path: track for track in own.tracks}
    learned = set(run.split.train)
    needed = set(map(features_of, stored))
    heard = [track for track in run.store.tracks if track.path in learned and track.arrays.keys() >= needed]
    partners = draw_partners(own.tracks, heard, name == "remix_same", REMIX_SEED)
    if partners is None:
        raise SingeridError(
            "a test track has no partner in the training part; train on a split with more albums"
        )
    return partners


def _scores(
    name: ConditionName,
    part: Part,
    probabilities: Probabilities,
    own: Probabilities,
    partners: Mapping[str, StoredTrack] | None,
) -> ConditionScores:
    clips, confidence = named_clips(part, probabilities), probabilities.max(1)
    return ConditionScores(
        name=name,
        clip=f1(clips),
        track=f1(named_tracks(part, probabilities)),
        change=f1_difference(Paired(clips.truth, clips.named, own.argmax(1), clips.albums)),
        chance=chance(clips),
        confidence=float(confidence.mean()),
        confident=share(confidence > THRESHOLD, clips.albums),
        conflict=_conflict(part, clips, partners) if partners and name == "remix_other" else None,
    )


def _conflict(part: Part, clips: Named, partners: Mapping[str, StoredTrack]) -> Conflict:
    players = part.classes_of(partners[track.path].singer for track in part.tracks)
    voice, accompaniment = clips.named == clips.truth, clips.named == players[part.clips.track]
    return Conflict(
        share(voice, clips.albums),
        share(accompaniment, clips.albums),
        share_difference(voice, accompaniment, clips.albums),
        sign_flip_p(voice, accompaniment, clips.albums),
    )
