"""What no run could be made of: found before anything is trained, not once a run."""

import math
from itertools import combinations

from singerid.config import ReproduceConfig
from singerid.errors import SingeridError, printable
from singerid.extract.store import Store
from singerid.features import frames_to_seconds, seconds_to_frames

_LARGEST_SEED = 2**64 - 1  # that torch takes


def check_settings(config: ReproduceConfig) -> None:
    """Raise SingeridError where seeds or width are of no use, whatever the store."""
    for seed in config.seeds:
        if not 0 <= seed <= _LARGEST_SEED:
            raise SingeridError(f"--seeds {seed}: choose from 0 to {_LARGEST_SEED}")
    if not (math.isfinite(config.width) and config.width > 0):
        raise SingeridError(f"--width must be a positive number, not {config.width:g}")


def check_clips(store: Store, config: ReproduceConfig) -> None:
    """Raise SingeridError where clips are longer than any track, or lengths cannot be told apart."""
    frame = frames_to_seconds(1, store.config)
    # The columns of the paper are always shown, so their names are taken.
    for one, other in combinations(sorted({*ReproduceConfig().clip_seconds, *config.clip_seconds}), 2):
        both_run = {one, other} <= set(config.clip_seconds)
        if f"{one:g}" == f"{other:g}" or (both_run and other - one < frame):
            raise SingeridError(
                f"--clip-seconds: {one!r} and {other!r} are too close to tell apart; give one of them"
            )
    dropped = config.protocol == "authors"  # the last whole clip of a track
    longest = max((track.frames for track in store.tracks), default=0)
    for seconds in config.clip_seconds:
        if seconds_to_frames(seconds, store.config) * (1 + dropped) > longest:
            clips = "two clips" if dropped else "a clip"
            raise SingeridError(
                f"--clip-seconds {seconds:g}: no track of {printable(store.path)} is as long as {clips}, the "
                f"longest has {frames_to_seconds(longest, store.config):.1f} s; choose shorter clips"
            )
