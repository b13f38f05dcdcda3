"""Who is singing in a file: a listener cuts it into windows, scores are given for each, and one decides.

Memory does not grow with the length of a file beyond one number per singer and window.
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
from singerid.text import printable

# (what the sound is called, what was said of it, what is wrong with its file) -> the answer
Decide = Callable[[str, Heard, str], Result]


@dataclass(frozen=True, eq=False)
class Identifier:
    """Names the singers of files.

    Attributes:
        listener: cuts sound into windows.
        scorer: says of each window how much each singer is heard.
        decide: makes an answer of it.
        notice: what its user should know; "" if nothing.
        voices: hears where somebody sings, in sound of which no vocals are taken out; None: nothing does.
        all_clips: all that sounds is taken to be sung and votes, as in the paper; else windows in which
            nobody is heard to sing do not.
        library: of known singers, whose decisions these are; None: a network names one of its classes.
        prior: of a library: the share of songs by its singers that is expected; None: half.
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
        """An identifier with a library of known singers, the network of a run, or one that others trained.

        Args:
            run: the library's or the run's folder; where there is none, the name of a pretrained network.
            device: where to compute.
            state: which of the kept states.
            audio: what to listen to; None: to what the run learned on.
            separator: what takes the vocals out; None: what the run learned on.
            weights: of the separator, see `open_separator`; None: the published ones.
            pretrained_weights: of the pretrained network, see `load_pretrained`; None: fetched on first use.
            all_clips: whether clips vote in which nobody sings, as in the paper and in `evaluate`.
            prior: of a library: the share of songs by its singers that is expected; None: half.

        Raises:
            SingeridError: the run or its state is missing, damaged or of another version, there is no
                such pretrained network or it cannot be fetched, or it is not known how to take the
                vocals out.
        """
        device = torch.device(device)
        if is_library(Path(run)):
            if all_clips or audio or separator or pretrained_weights:
                raise SingeridError(
                    f"{printable(run)}: is a library, which hears as it did when it was made; leave out "
                    "--all-clips, --audio, --separator and --pretrained-weights"
                )
            return cls._of_library(Library.open(run, device=device, weights=weights), prior)
        if prior is not None:
            raise SingeridError(f"{printable(run)}: is no library; leave out --prior")
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
        hearing, scorer = library.hearing, LibraryScorer(library)
        return cls(hearing.listener, scorer, notice=library.notice, library=library, prior=prior)

    def identify(self, sound: Sound, name: str | None = None) -> Result:
        """Name the singer of one file of any format and length, or of samples in memory.

        Where nobody is heard to sing, nobody is named. A sound shorter than a window is judged by what
        there is of it, and marked `short`.

        Args:
            sound: a file; mono samples at `listener.sample_rate`; or how to read them.
            name: what the result calls it; None: the file's path.

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
    """The result of each file in turn; a file that cannot be used is a `Failure` and stops nothing.

    While the network hears a file, the next one is being decoded, except where vocals are taken out.

    Args:
        identifier: names the singers.
        files: what to listen to.
        timeline: say when who sings; else timelines are empty.
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
