"""Who is singing in a file: a listener cuts it into windows, a scorer scores each window, a decision follows.

The only memory that grows with the length of a file is one number per singer and window.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from singerid.config import REPORTED_STATE, AudioCondition, StateName
from singerid.encoders.trained import open_trained
from singerid.errors import Failure, SingeridError
from singerid.identify.decision import by_vote
from singerid.identify.result import Result
from singerid.identify.scores import Heard, Scorer, hear
from singerid.library.asking import identify_files as library_answers
from singerid.library.database import is_library
from singerid.library.library import Library
from singerid.library.scorer import LibraryScorer
from singerid.listening.ahead import decoded_ahead
from singerid.listening.listener import Listener, Sound
from singerid.listening.opening import notice_of, open_listener
from singerid.listening.voice.network import VoiceNetwork, open_voice_network, unchecked
from singerid.listening.voice.watch import VoiceWatch
from singerid.sound.files import AudioError, one_warning
from singerid.text import shell_word

# (name of the sound, scores of its windows, warning about its file) -> the answer
Decide = Callable[[str, Heard, str], Result]


@dataclass(frozen=True, eq=False)
class Identifier:
    """Names the singers of files.

    Attributes:
        listener: cuts sound into windows.
        scorer: scores every singer in each window.
        decide: makes the answer from the scores.
        notice: what the user should know; "" if nothing.
        voices: finds the windows with a singing voice, for sound without vocal separation; None: not checked.
        all_clips: all windows vote, as in the paper; False: only windows in which somebody sings vote.
        library: the library of known singers that decides; None: a network names one of its classes.
        prior: for a library: expected share of songs that are by its singers; None: half.
    """

    listener: Listener
    scorer: Scorer
    decide: Decide = by_vote
    notice: str = ""
    voices: VoiceNetwork | None = None
    all_clips: bool = False
    library: Library | None = None
    prior: float | None = None

    @classmethod
    def load(
        cls,
        run: Path | str,
        device: torch.device | str = "cpu",
        state: StateName = REPORTED_STATE,
        *,
        audio: AudioCondition | None = None,
        separator: str | None = None,
        weights: Path | None = None,
        pretrained_weights: Path | None = None,
        all_clips: bool = False,
        prior: float | None = None,
    ) -> "Identifier":
        """An identifier with a library of known singers, the network of a run, or a pretrained network.

        Args:
            run: folder of a library or a run, or the address of an exported run on a model hub,
                "hf:ORG/NAME" or "hf:ORG/NAME@REVISION"; if there is no such folder, the name of a pretrained
                network.
            device: where to compute.
            state: which of the kept states to use.
            audio: what to listen to; None: what the run was trained on.
            separator: the separator that extracts the vocals; None: the one that the run was trained with.
            weights: weights of the separator, see `open_separator`; None: the published ones.
            pretrained_weights: weights of the pretrained network, see `load_pretrained`; None: fetched on
                first use.
            all_clips: let clips without singing vote too, as in the paper and in `evaluate`.
            prior: for a library: expected share of songs that are by its singers; None: half.

        Raises:
            SingeridError: the run or its state is missing, damaged or of another version, there is no
                such pretrained network or it cannot be fetched, or it is unknown how to extract the vocals.
        """
        device = torch.device(device)
        if is_library(Path(run)):
            if all_clips or audio or separator or pretrained_weights:
                raise SingeridError(
                    f"{run}: is a library, which listens as it did when it was made; leave out "
                    "`all_clips`, `audio`, `separator` and `pretrained_weights`"
                )
            return cls._of_library(Library.open(run, device=device, weights=weights), prior)
        if prior is not None:
            raise SingeridError(f"{run}: is not a library; leave out `prior`")
        network = open_trained(run, device, state, pretrained_weights)
        listener = open_listener(
            network.name, network.spec, device, audio=audio, separator=separator, weights=weights
        )
        notice = notice_of(network.name, network.spec, listener, network.origins, network.notice)
        voices = None
        if not (all_clips or listener.knows_voices):
            try:
                voices = open_voice_network(device)
            except SingeridError as error:
                notice = "; ".join(filter(None, (notice, unchecked(error))))
        return cls(listener, network, notice=notice, voices=voices, all_clips=all_clips)

    @classmethod
    def _of_library(cls, library: Library, prior: float | None) -> "Identifier":
        if not library.core.contents.recordings:  # every song would be "unknown, 100 % sure"
            raise SingeridError(
                f"{library.path}: is empty; enroll somebody first: "
                f'singerid enroll {shell_word(library.path)} --as "NAME" FILES'
            )
        hearing, scorer = library.hearing, LibraryScorer(library)
        return cls(hearing.listener, scorer, notice=library.notice, library=library, prior=prior)

    def identify(self, sound: Sound, name: str | None = None) -> Result:
        """Name the singer of one file of any format and length, or of samples in memory.

        If nobody sings, nobody is named. A sound shorter than a window is judged as it is, and the result is
        marked `short`.

        Args:
            sound: a file; mono samples at `listener.sample_rate`; or a function that yields such samples.
            name: the `path` of the result; None: the file's path.

        Raises:
            AudioError: the file cannot be decoded or separated, or the sound is too short for the network.
        """
        if self.library is not None:
            return self.library.identify(sound, name, self.prior)
        if name is None:
            name = str(Path(sound)) if isinstance(sound, Path | str) else ""
        warnings: list[str] = []
        watch = VoiceWatch(self.voices, by_level=not self.all_clips)
        heard = hear(self.listener, self.scorer, sound, warnings.append, watch=watch)
        return self.decide(name, heard, one_warning(warnings))


def identify_files(
    identifier: Identifier, files: Iterable[Path], *, timeline: bool = True
) -> Iterator[Result | Failure]:
    """The result of each file in turn; a file that cannot be used gives a `Failure`, and the others go on.

    While the network processes a file, the next one is being decoded, except if vocals are extracted.

    Args:
        identifier: names the singers.
        files: what to listen to.
        timeline: give timelines, which say who sings when; else they are empty.
    """
    for outcome in _outcomes(identifier, files):
        yield outcome if timeline or isinstance(outcome, Failure) else replace(outcome, timeline=())


def _outcomes(identifier: Identifier, files: Iterable[Path]) -> Iterator[Result | Failure]:
    if identifier.library is not None:
        yield from library_answers(identifier.library, list(files), identifier.prior)
        return
    listener = identifier.listener
    if listener.separator is not None:
        for path in files:
            yield _outcome(identifier, path, path)
        return
    for file in decoded_ahead(files, listener.sample_rate):
        outcome = _outcome(identifier, file.read, file.path)
        if file.warnings and isinstance(outcome, Result):
            outcome = replace(outcome, warning=one_warning(file.warnings))
        yield outcome


def _outcome(identifier: Identifier, sound: Sound, path: Path) -> Result | Failure:
    try:
        return identifier.identify(sound, str(path))
    except AudioError as error:
        return Failure(str(path), error.reason)
