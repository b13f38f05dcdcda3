"""What a library says of windows: a score for each of its singers, as networks say probabilities.

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
        library: of known singers.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def singers(self) -> tuple[str, ...]:
        """Names of those who have a recording, in the order of the scores."""
        contents = self._library.core.contents
        return tuple(contents.names[number] for number in contents.singers)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Scores (B, S), -1 to 1, of windows as the library's listener makes them, one input a sound."""
        encoder, prints = self._library.hearing.encoder, self._library.core.contents.voiceprints
        vectors = np.stack([unit(encoder(sound).cpu().numpy()) for sound in inputs], axis=1)
        return torch.from_numpy(prints.scores(prints.asked(vectors)))
