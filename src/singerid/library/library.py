"""A library of known singers: open it, enroll singers, identify who sings, correct it."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from singerid.config import AudioCondition
from singerid.errors import SingeridError
from singerid.identify.result import Result
from singerid.library import corrections
from singerid.library.answer import answer
from singerid.library.answering import AnswerAgain, kept_content, state_of, with_name
from singerid.library.answers import Answers
from singerid.library.calibrate import DEFAULT_FPIR, Calibration, calibrate, read_calibration
from singerid.library.core import LibraryCore
from singerid.library.database import Database, is_library
from singerid.library.decide import NOTHING_KNOWN, Known, judge, known_of, similar
from singerid.library.discover import Discovery, group_voices
from singerid.library.enroll import EnrollReport, Entrant, enroll, enroll_heard
from singerid.library.finding import TAKEN_FOR, by_sound, paths_of
from singerid.library.from_store import heard_in_store, store_settings
from singerid.library.heard_rows import is_heard_folder
from singerid.library.hearing import HeardVoice, Hearing
from singerid.library.import_heard import import_heard
from singerid.library.jobs import Jobs
from singerid.library.journal import Entry, entries, undo
from singerid.library.likeness import fits
from singerid.library.migrate import MigrateReport, migrate
from singerid.library.on_ray import Elsewhere, hear_elsewhere
from singerid.library.pages import write_pages
from singerid.library.records import Contents, Recording
from singerid.library.rule import Rule
from singerid.library.saying import UnnamedVoice, What, say, say_nobody
from singerid.library.shipped import shipped_rule
from singerid.library.transfer import export_library, import_library
from singerid.listening.listener import Sound
from singerid.sound.files import AudioError, one_warning
from singerid.store.reader import Store
from singerid.system.devices import CPU
from singerid.text import counted, printable, shell_word

Step = Callable[[], None]


def _nothing() -> None:
    pass


class Library:
    """A folder of singers whose voices are known. Each recording is written in one transaction.

    Use it as a context manager, or `close` it.
    """

    def __init__(self, core: LibraryCore) -> None:
        self.core = core
        self._decides: tuple[Contents, Rule, Calibration | None] | None = None
        self._state: tuple[Contents, str] | None = None

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        create: bool = False,
        device: torch.device | str = CPU,
        weights: Path | None = None,
    ) -> "Library":
        """Open a library.

        Args:
            folder: its folder.
            create: make a library if there is none.
            device: where networks compute.
            weights: weights of the separator, for a library that hears vocals; None: the published ones.

        Raises:
            SingeridError: there is no library, or it is damaged or of a newer version.
        """
        folder = Path(folder)
        if create and not is_library(folder) and folder.is_dir() and any(folder.iterdir()):
            raise SingeridError(f"{folder}: holds other things; give a new folder for the library")
        return cls(LibraryCore(Database(folder, create), torch.device(device), weights))

    def __enter__(self) -> "Library":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the library."""
        self.core.close()

    # Singers and recordings

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.core.path

    @property
    def singers(self) -> tuple[str, ...]:
        """Names of the singers, including those without a recording."""
        return tuple(self.core.contents.names.values())

    @property
    def hearing(self) -> Hearing:
        """The open encoder and separator; raises SingeridError if it is empty or they do not match it."""
        return self.core.hearing

    def overview(self) -> list[dict[str, Any]]:
        """Name, recordings, albums, seconds of voice and exemplars of each singer."""
        contents = self.core.contents
        own: dict[int, list[Recording]] = {number: [] for number in contents.names}
        for at in contents.enrolled:
            recording = contents.recordings[at]
            own[recording.singer or 0].append(recording)
        return [
            {
                "singer": contents.names[number],
                "recordings": len(recordings),
                "albums": len({recording.album for recording in recordings}),
                "voice_seconds": round(sum(recording.voice_seconds for recording in recordings), 1),
                "exemplars": max((recording.exemplar for recording in recordings), default=0),
            }
            for number, recordings in own.items()
        ]

    def recordings_of(self, singer: str) -> list[dict[str, Any]]:
        """Id, path, album, seconds, exemplar, score and statement of each recording of a singer.

        The score compares the recording with its singer's voiceprint, which includes the recording itself: a
        recording with a low score does not fit.
        """
        contents = self.core.contents
        number = contents.require(singer)
        own = [at for at in contents.enrolled if contents.recordings[at].singer == number]
        scores = [round(score, 3) for score in fits(contents).get(number, ())]
        places = paths_of(self.core.database, [contents.recordings[at].id for at in own])
        return [
            {
                "id": one.id,
                "path": places.get(one.id, ""),
                "album": one.album,
                "seconds": one.seconds,
                "voice_seconds": one.voice_seconds,
                "exemplar": one.exemplar,
                "score": score,
                "said": contents.statements.get(one.id, {}).get(number, False),
            }
            for one, score in zip((contents.recordings[at] for at in own), scores, strict=True)
        ]

    def enroll(
        self,
        singer: str,
        files: Sequence[Path | str],
        *,
        album: str = "",
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        separator: str | None = None,
    ) -> EnrollReport:
        """Enroll a singer by recordings; recordings that are known already are not heard again.

        Args:
            singer: the singer's name.
            files: recordings in which this singer sings, and nobody else.
            album: the album of all these recordings; "": not known. Recordings of an album sound alike, so
                calibration tries each song with its album left out. If a recording is enrolled already, its
                album is filled in where it was not known.
            encoder: name of the encoder of a new library; None: the default.
            audio: what a new library listens to; None: the mixture.
            separator: name of the separator of a new library that hears vocals.

        Raises:
            SingeridError: the library has other settings, or encoder or separator cannot be opened.
        """
        entrants = [Entrant(Path(file), singer, album) for file in files]
        return self.enroll_all(entrants, encoder=encoder, audio=audio, separator=separator)

    def enroll_all(
        self,
        entrants: Sequence[Entrant],
        *,
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        separator: str | None = None,
        command: str = "enroll",
        step: Step = _nothing,
        elsewhere: Elsewhere | None = None,
    ) -> EnrollReport:
        """Like `enroll`, for recordings of several singers; `elsewhere` is a cluster that hears them."""
        with self.core.database.command(command) as entry:
            self.core.settle(entry, encoder, audio, separator)
            report = self._enrolled(entrants, entry, elsewhere, step)
        write_pages(self.core)
        return report

    def _enrolled(
        self, entrants: Sequence[Entrant], entry: int | None, elsewhere: Elsewhere | None, step: Step
    ) -> EnrollReport:
        """Add files to the library; they are heard here or on a cluster."""
        if elsewhere is None:
            return enroll(self.core, entrants, entry, step=step)
        heard = hear_elsewhere(self.core, entrants, elsewhere, step)
        with self.core.fingerprinting(heard.fingerprint):
            return enroll(self.core, entrants, entry, hear=heard.each)

    def enroll_store(
        self,
        store: Store,
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        step: Step = _nothing,
    ) -> EnrollReport:
        """Enroll the singers of a store with the store's vectors; no file is heard.

        Raises:
            SingeridError: the store has no vectors with the library's settings.
        """
        has = self.core.contents.settings
        if has is not None:
            encoder, audio = encoder or has.encoder, audio or has.audio
        settings = store_settings(store, encoder, audio)
        with self.core.database.command("enroll") as entry:
            if has is None:
                self.core.keep_settings(settings, entry)
            elif has != settings:
                raise SingeridError(
                    f"{store.path}: its vectors were made with other weights or vocals than the "
                    "library's; give a new library for them"
                )
            report = enroll_heard(self.core, heard_in_store(store, settings), entry, step=step)
        write_pages(self.core)
        return report

    # Who sings

    def rule(self, prior: float | None = None) -> tuple[Rule, Calibration | None]:
        """The rule for decisions, and the calibration that it comes from; None: not calibrated.

        Args:
            prior: the expected share of songs by enrolled singers; None: half.
        """
        contents = self.core.contents
        if self._decides is None or self._decides[0] is not contents:
            calibration = read_calibration(self.core)
            settings = self.core.settings
            rule = calibration.rule if calibration else shipped_rule(settings.identity, settings.audio)
            self._decides = contents, rule, calibration
        _, rule, calibration = self._decides
        return (rule if prior is None else rule.with_prior(prior)), calibration

    @property
    def notice(self) -> str:
        """A warning for the user about the calibration; "": there is none."""
        calibration = read_calibration(self.core)
        command = f"singerid library calibrate {shell_word(self.path)}"
        if calibration is None:
            return f"{printable(self.path)}: is not calibrated, so its error rates are not known: {command}"
        recordings, singers = calibration.drift(self.core.contents)
        if recordings:
            return (
                f"{printable(self.path)}: has changed since it was calibrated "
                f"({counted(recordings, 'recording')} of {counted(singers, 'singer')}): {command}"
            )
        return ""

    def identify(self, sound: Sound, name: str | None = None, prior: float | None = None) -> Result:
        """Identify who sings in a file, or in mono samples at `hearing.sample_rate`.

        Args:
            sound: a file, samples, or a function that reads them.
            name: name of the sound in the answer; None: the file's path.
            prior: the expected share of songs by enrolled singers; None: half.

        Raises:
            AudioError: the file cannot be decoded or separated, or is too short.
            SingeridError: the library is empty, or encoder or separator do not match its vectors.
        """
        known = NOTHING_KNOWN
        if isinstance(sound, Path | str):
            name = str(Path(sound)) if name is None else name
            known = self.known(Path(sound))
        warnings: list[str] = []
        heard = self.hearing(sound, warnings.append, with_cells=True)
        return self.judged(heard, known, name or "", one_warning(warnings), prior)

    def known(self, path: Path) -> Known:
        """What people said about a file."""
        file = self.core.look(path)
        return known_of(self.core.contents, file.recording, (file.fingerprint, file.scheme))

    def judged(
        self, heard: HeardVoice, known: Known, name: str, warning: str = "", prior: float | None = None
    ) -> Result:
        """The answer for a voice that was heard."""
        if known.recording is None and not known.nobody:
            alike = by_sound(self.core.contents, heard)
            if alike is not None:
                known = known_of(self.core.contents, alike.id)
                warning = "; ".join(filter(None, (warning, TAKEN_FOR)))
        rule, calibration = self.rule(prior)
        return answer(
            self.core,
            rule,
            heard,
            known,
            path=name,
            calibrated=calibration is not None,
            warning=warning,
        )

    def verify(self, singer: str, file: Path | str) -> tuple[bool, float, float]:
        """Whether a singer sings in a file: (yes or no, score, needed score). Not safe enough for a login.

        The needed score depends on the file: on how much voice is in it, and how much other singers sound
        like it.

        Raises:
            SingeridError: the library has no such singer, or the singer has no recording.
        """
        contents = self.core.contents
        number = contents.require(singer)
        path = Path(file)
        known = self.known(path)
        heard = self._voice(path)
        if known.nobody or number in known.refused or (known.singer is not None and known.singer != number):
            return False, 0.0, 1.0
        if number not in contents.singers:
            raise SingeridError(f"'{singer}' has no recording; enroll one first")
        rule, _ = self.rule()
        place = contents.singers.index(number)
        assert heard.vectors is not None  # `_voice` refuses what has no voice
        judged = judge(contents.voiceprints, rule, heard.vectors, heard.voice_seconds)
        score = float(judged.scores[place])
        if known.singer == number:
            return True, score, score
        needs = 1.0 if judged.needs is None else judged.needs
        if judged.best is not None and judged.best != place:  # somebody else must be beaten, too
            needs = max(needs, float(judged.scores[judged.best]))
        return judged.decision == "known" and judged.best == place, score, needs

    def similar(self, file: Path | str, most: int = 10) -> list[tuple[str, str, float]]:
        """(path, singer, score) of the recordings that sound most like a file, best first."""
        known = self.known(Path(file))
        heard = self._voice(Path(file))
        assert heard.vectors is not None
        contents = self.core.contents
        own = contents.index.get(known.recording or "")
        found = similar(self.core, heard.vectors, own, most)
        return [(path, contents.names[singer], score) for path, singer, score in found]

    def _voice(self, path: Path) -> HeardVoice:
        heard = self.hearing(path, lambda _: None)
        if heard.vectors is None:
            raise AudioError(path, "nobody is heard to sing in it")
        return heard

    # Stored answers

    @cached_property
    def answers(self) -> Answers:
        """The stored answers for files."""
        return Answers(self.core.database)

    @cached_property
    def jobs(self) -> Jobs:
        """The queue of long jobs."""
        return Jobs(self.core.database)

    @property
    def state(self) -> str:
        """A short hash of all that its answers depend on: an answer with another state is out of date."""
        contents = self.core.contents
        if self._state is None or self._state[0] is not contents:
            calibration = self.core.database.setting("calibration") or ""
            self._state = contents, state_of(contents, calibration)
        return self._state[1]

    def keep(self, path: Path, heard: HeardVoice, warning: str = "", name: str = "") -> int:
        """Store the voice that was heard in a file, and the answer; return the answer's id.

        The file is a recording of the library from then on, without a singer until a person names one. It has
        no journal entry, as there is nothing to undo.

        Args:
            path: the file.
            heard: the voice that was heard, with cells.
            warning: what was wrong with the file.
            name: name of the file for people, where it differs from the name in its path.
        """
        core = self.core
        with core.database.command("hear", can_undo=False):
            file = core.look(path)
            known = known_of(core.contents, file.recording, (file.fingerprint, file.scheme))
            if not known.nobody:
                enroll_heard(core, [(Entrant(path), file, heard)], None)
                file = core.look(path)
                known = known_of(core.contents, file.recording, (file.fingerprint, file.scheme))
            result = with_name(self.judged(heard, known, str(path), warning), path)
            return self.answers.put(
                result.path,
                file.size,
                file.changed_ns,
                file.recording,
                kept_content(result, name),
                self.state,
            )

    def answer_again(
        self, which: Sequence[int] | None = None, most_seconds: float = math.inf, after: int = 0
    ) -> int | None:
        """Recompute stored answers from the library's vectors; no file is heard.

        Args:
            which: ids of answers; None: all that are out of date, in the order of their ids.
            most_seconds: without `which`, stop after this time.
            after: without `which`, begin after this id.

        Returns:
            The last id that was done, if there are more; None: all answers are done that can be recomputed.
            Answers for which a file must be heard again stay out of date.
        """
        if self.core.contents.settings is None:
            return None
        rule, calibration = self.rule()
        again = AnswerAgain(self.core, self.answers, rule, calibration is not None, self.state)
        if which is not None:
            again.each(which)
            return None
        return again.outdated(most_seconds, after)

    # Corrections by people

    def say(self, what: What, *, singer: str | None = None, never: str | UnnamedVoice | None = None) -> int:
        """Store a person's statement about who sings in a recording, or who does not.

        It outweighs every score, for ever.

        Args:
            what: a file (a new one is heard), the id of a recording, or an unnamed voice such as "voice 3";
                or an object of one of the types in `saying`.
            singer: who sings; the recordings are enrolled as this singer's.
            never: who does not sing; or an unnamed voice that the file does not belong to.

        Returns:
            Number of recordings that the statement is about.

        Raises:
            SingeridError: no statement is given, or the library does not have the recording or voice.
        """
        count = say(self.core, what, singer, never)
        self._write_pages()
        return count

    def say_nobody(self, what: What) -> int:
        """Store a person's statement that nobody sings in a recording.

        It outweighs what is heard, for ever, until `say` takes it back. If the recording was enrolled, it no
        longer is.

        Args:
            what: as for `say`; a file need not be heard.

        Returns:
            Number of recordings that the statement is about.

        Raises:
            SingeridError: the file cannot be read, or the library does not have the recording or voice.
        """
        count = say_nobody(self.core, what)
        self._write_pages()
        return count

    def rename(self, old: str, new: str) -> None:
        """Rename a singer; raises SingeridError where another singer has the new name."""
        before = self._name(old)
        with self.core.database.command("rename") as entry:
            corrections.rename(self.core, entry, old, new)
            self.answers.call(before, self._name(new))
        self._write_pages()

    def merge(self, name: str, into: str) -> int:
        """Make two singers one; return the number of recordings that were moved."""
        before = self._name(name)
        with self.core.database.command("merge") as entry:
            moved = corrections.merge(self.core, entry, name, into)
            self.answers.call(before, self._name(into))
        self._write_pages()
        return moved

    def split(
        self,
        name: str,
        into: str | None = None,
        files: Sequence[Path | str] | None = None,
        recordings: Sequence[str] | None = None,
    ) -> corrections.Split:
        """Split a singer in two: the new one gets the files or recordings (ids), or a group by voice."""
        chosen = None if recordings is None else set(recordings)
        if files:
            found = [self.core.look(Path(file)).recording for file in files]
            chosen = {recording for recording in found if recording is not None} | (chosen or set())
        with self.core.database.command("split") as entry:
            done = corrections.split(self.core, entry, name, into, chosen)
        self._write_pages()
        return done

    def forget(self, name: str) -> int:
        """Remove a singer and all data of that voice, for ever; return the number of recordings removed."""
        self.answers.call(self._name(name), None)
        count = corrections.forget(self.core, name)
        self._write_pages()
        return count

    def _write_pages(self) -> None:
        """Write the pages after a correction, which is stored already."""
        with self.core.afterwards():
            write_pages(self.core)

    def _name(self, name: str) -> str:
        """A singer's name as the library spells it."""
        contents = self.core.contents
        return contents.names[contents.require(name)]

    def undo(self, count: int = 1, latest: int | None = None) -> list[Entry]:
        """Undo the latest commands, also those of earlier processes; return their entries, latest first.

        If the latest entry is not `latest`, it undoes nothing and raises OvertakenError.
        """
        done = undo(self.core.database, count, latest)
        self.core.changed()
        with self.core.afterwards():
            self.core.fit(set(self.core.contents.singers))
        self._write_pages()
        return done

    def journal(self, most: int = -1) -> list[Entry]:
        """The entries of the journal, the latest first."""
        return entries(self.core.database, most)

    # Calibration

    def calibrate(
        self,
        fpir: float = DEFAULT_FPIR,
        *,
        strangers: Sequence[Entrant] = (),
        begin: Callable[[int], None] = lambda _: None,
        step: Step = _nothing,
    ) -> tuple[Calibration, EnrollReport]:
        """Measure the library on its own recordings, and base its decisions on the result from now on.

        Args:
            fpir: the share of strangers' songs that may be named.
            strangers: songs by people who are not in the library; those of earlier calls stay.
            begin: called once with the number of steps.
            step: called after each step.

        Raises:
            SingeridError: there are too few singers or recordings.
        """
        core = self.core
        with core.database.command("calibrate") as entry:
            report = enroll(core, strangers, entry)
            found = calibrate(
                core, entry, fpir, begin=begin, step=step, paths=lambda which: paths_of(core.database, which)
            )
        write_pages(core)
        return found, report

    @property
    def calibration(self) -> Calibration | None:
        """The calibration that its decisions are based on; None: there is none."""
        return read_calibration(self.core)

    # Unnamed voices

    def discover(
        self, files: Sequence[Path], step: Step = _nothing, elsewhere: Elsewhere | None = None
    ) -> tuple[Discovery, EnrollReport]:
        """Hear files, and group those without a known singer by voice; no file is heard twice.

        Args:
            files: files to hear.
            step: called after each file.
            elsewhere: a cluster that hears them; None: they are heard in this process.
        """
        with self.core.database.command("discover") as entry:
            self.core.settle(entry)
            report = self._enrolled([Entrant(path) for path in files], entry, elsewhere, step)
            rule, _ = self.rule()
            found = group_voices(self.core, entry, rule)
        return found, report

    def paths(self, recordings: Sequence[str]) -> dict[str, str]:
        """The latest known paths of recordings, by id; recordings without one are left out."""
        return paths_of(self.core.database, list(recordings))

    # The whole library

    def migrate(
        self,
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        separator: str | None = None,
        step: Step = _nothing,
        far: Callable[[Hearing], Hearing] = lambda hearing: hearing,
    ) -> MigrateReport:
        """Make all vectors again with other settings; names and people's statements stay.

        `far` returns a replacement for a `Hearing`, for example one that runs in another process.
        """
        settings = self.core.settings
        encoder, audio = encoder or settings.encoder, audio or settings.audio
        if audio != "mixture":
            separator = separator or settings.separator or "spleeter"
        hearing = Hearing.open(encoder, audio, separator, self.core.device)
        report = migrate(self.core, far(hearing), step)
        self.core.__dict__["hearing"] = hearing
        write_pages(self.core)
        return report

    def export(self, folder: Path | str) -> int:
        """Export the library as JSON and npz; return the number of recordings."""
        return export_library(self.core, Path(folder))

    def import_from(self, folder: Path | str) -> tuple[int, int]:
        """Import an export, or recordings that were heard on a cluster (folder or address of Parquet files).

        Returns:
            The number of new recordings, and of those that were known already.
        """
        with self.core.database.command("import") as entry:
            if is_heard_folder(str(folder)):
                report = import_heard(self.core, entry, str(folder))
                counts = report.added, report.changed + report.unchanged
            else:
                counts = import_library(self.core, entry, Path(folder))
        write_pages(self.core)
        return counts
