"""Scores of windows for each singer of a library, in place of a network's probabilities.

Letters in shapes: B windows, K sounds, D size of a vector, S singers.
"""

import numpy as np
import torch
from torch import Tensor

from singerid.encoders.back_end import unit
from singerid.library.library import Library


class LibraryScorer:
    """Scores windows against a library.

    Args:
        library: a library with at least one enrolled recording.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def singers(self) -> tuple[str, ...]:
        """Names of the singers who have a recording, in the order of the scores."""
        contents = self._library.core.contents
        return tuple(contents.names[number] for number in contents.singers)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Scores (B, S), -1 to 1, of windows from the library's listener, one input for each sound."""
        encoder, prints = self._library.hearing.encoder, self._library.core.contents.voiceprints
        vectors = np.stack([unit(encoder(sound).cpu().numpy()) for sound in inputs], axis=1)
        return torch.from_numpy(prints.scores(prints.asked(vectors)))
