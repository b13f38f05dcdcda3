"""A library of known singers: open it, enroll, ask who sings, correct it."""

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
    """Singers whose voices are known, in a folder. What is written is one transaction a recording.

    Use it as a context, or `close` it.
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
            create: make it where there is none.
            device: where networks compute.
            weights: of the separator, where vocals are heard; None: the published ones.

        Raises:
            SingeridError: there is none, or it is damaged or of a newer version.
        """
        folder = Path(folder)
        if create and not is_library(folder) and folder.is_dir() and any(folder.iterdir()):
            raise SingeridError(f"{printable(folder)}: holds other things; give a new folder for the library")
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
        """Close it."""
        self.core.close()

    # Whom it knows

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.core.path

    @property
    def singers(self) -> tuple[str, ...]:
        """Names of the singers, also of those who have no recording at the moment."""
        return tuple(self.core.contents.names.values())

    @property
    def hearing(self) -> Hearing:
        """What it hears by; raises SingeridError where it is empty, or cannot hear as it did."""
        return self.core.hearing

    def overview(self) -> list[dict[str, Any]]:
        """Of each singer: name, recordings, albums, seconds of voice, exemplars."""
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
        """Of each recording of a singer: id, path, album, seconds, exemplar, score, and what was said.

        The score is that of the singer with the recording itself in it: what is low stands out.
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
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        separator: str | None = None,
    ) -> EnrollReport:
        """Make a singer known by recordings; those that are known already are not heard again.

        Args:
            singer: the name.
            files: recordings in which this singer sings, and nobody else.
            encoder: of a new library: what makes its vectors; None: the default.
            audio: of a new library: what is listened to; None: the mixture.
            separator: of a new library: what takes the vocals out, where they are heard.

        Raises:
            SingeridError: the library has other settings, or encoder or separator cannot be opened.
        """
        entrants = [Entrant(Path(file), singer) for file in files]
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
        """As `enroll`, of recordings of several singers; `elsewhere` is a cluster that hears them."""
        with self.core.database.command(command) as entry:
            self.core.settle(entry, encoder, audio, separator)
            report = self._enrolled(entrants, entry, elsewhere, step)
        write_pages(self.core)
        return report

    def _enrolled(
        self, entrants: Sequence[Entrant], entry: int | None, elsewhere: Elsewhere | None, step: Step
    ) -> EnrollReport:
        """Bring files into the library, heard here or on a cluster."""
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
        """Make the singers of a store known by the vectors that it has; nothing is heard.

        Raises:
            SingeridError: the store has none of the vectors that the library holds.
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
                    f"{printable(store.path)}: its vectors are of other weights or vocals than the "
                    "library's; give a new library for them"
                )
            report = enroll_heard(self.core, heard_in_store(store, settings), entry, step=step)
        write_pages(self.core)
        return report

    # Who sings

    def rule(self, prior: float | None = None) -> tuple[Rule, Calibration | None]:
        """How it decides, and the calibration that says so; None: it is not calibrated.

        Args:
            prior: the share of songs by enrolled singers that is expected; None: half.
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
        """What its user should know before its decisions are believed; "" if nothing."""
        calibration = read_calibration(self.core)
        command = f"singerid library calibrate {shell_word(self.path)}"
        if calibration is None:
            return f"{printable(self.path)}: is not calibrated, its decisions keep no promise yet: {command}"
        recordings, singers = calibration.drift(self.core.contents)
        if recordings:
            return (
                f"{printable(self.path)}: has changed since it was calibrated "
                f"({counted(recordings, 'recording')} of {counted(singers, 'singer')}): {command}"
            )
        return ""

    def identify(self, sound: Sound, name: str | None = None, prior: float | None = None) -> Result:
        """Who sings in a file, or in mono samples at `hearing.sample_rate`; or nobody that is known.

        Args:
            sound: a file, samples, or how to read them.
            name: what the answer calls it; None: the file's path.
            prior: the share of songs by enrolled singers that is expected; None: half.

        Raises:
            AudioError: the file cannot be decoded or separated, or is too short.
            SingeridError: the library is empty, or cannot hear as it did.
        """
        known = NOTHING_KNOWN
        if isinstance(sound, Path | str):
            name = str(Path(sound)) if name is None else name
            known = self.known(Path(sound))
        warnings: list[str] = []
        heard = self.hearing(sound, warnings.append, with_cells=True)
        return self.judged(heard, known, name or "", one_warning(warnings), prior)

    def known(self, path: Path) -> Known:
        """What people said of a file, if the library has it."""
        file = self.core.look(path)
        return known_of(self.core.contents, file.recording, (file.fingerprint, file.scheme))

    def judged(
        self, heard: HeardVoice, known: Known, name: str, warning: str = "", prior: float | None = None
    ) -> Result:
        """The answer for what was heard."""
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
        """Whether a singer sings in a file: (yes or no, score, the score that is needed). No login.

        Raises:
            SingeridError: nobody is called so, or has no recording.
        """
        contents = self.core.contents
        number = contents.require(singer)
        path = Path(file)
        known = self.known(path)
        heard = self._voice(path)
        if known.nobody or number in known.refused or (known.singer is not None and known.singer != number):
            return False, 0.0, 1.0
        if number not in contents.singers:
            raise SingeridError(f"'{printable(singer)}' has no recording; enroll one first")
        rule, _ = self.rule()
        place = contents.singers.index(number)
        assert heard.vectors is not None  # `_voice` refuses what has no voice
        judged = judge(contents.voiceprints, rule, heard.vectors, heard.voice_seconds)
        score = float(judged.scores[place])
        if known.singer == number:
            return True, score, score
        needs = judged.needs if judged.best == place and judged.needs is not None else 1.0
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

    # Answers that are kept

    @cached_property
    def answers(self) -> Answers:
        """What it last said of files."""
        return Answers(self.core.database)

    @cached_property
    def jobs(self) -> Jobs:
        """Long work that was asked for."""
        return Jobs(self.core.database)

    @property
    def state(self) -> str:
        """A short mark of all that its answers depend on: an answer of another state is out of date."""
        contents = self.core.contents
        if self._state is None or self._state[0] is not contents:
            calibration = self.core.database.setting("calibration") or ""
            self._state = contents, state_of(contents, calibration)
        return self._state[1]

    def keep(self, path: Path, heard: HeardVoice, warning: str = "", name: str = "") -> int:
        """Keep what was heard of a file, and the answer; gives the answer's id.

        It is a recording of the library from then on, nobody's unless a person says so. No command is noted
        in the journal for that: there is nothing to take back.

        Args:
            path: the file.
            heard: what was heard of it, cell by cell.
            warning: what was wrong with the file.
            name: what people call the file, where that is not in its path.
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
        """Make kept answers anew of the library's vectors; nothing is heard.

        Args:
            which: ids of answers; None: all that are out of date, by their ids.
            most_seconds: after so long the rest of those is left as it is.
            after: the id behind which to begin with those.

        Returns:
            The id behind which the rest begins; None: all that can be made anew was. What needs hearing for
            it stays out of date.
        """
        if self.core.contents.settings is None:
            return None
        rule, calibration = self.rule()
        again = AnswerAgain(self.core, self.answers, rule, calibration is not None, self.state)
        if which is not None:
            again.each(which)
            return None
        return again.outdated(most_seconds, after)

    # What people say

    def say(self, what: What, *, singer: str | None = None, never: str | UnnamedVoice | None = None) -> int:
        """A person says who sings in a recording, or who does not; that outweighs every score, for ever.

        Args:
            what: a file, which is heard where it is new, the id of a recording, or a voice: "voice 3"; or
                what says by its type which of these it is (`saying`).
            singer: who sings; the recordings are enrolled as this singer's.
            never: who does not sing; or an unnamed voice that a file is not of.

        Returns:
            Number of recordings of which that was said.

        Raises:
            SingeridError: nothing is said, or of what the library does not have.
        """
        count = say(self.core, what, singer, never)
        self._write_pages()
        return count

    def say_nobody(self, what: What) -> int:
        """A person says that nobody sings in a recording; that outweighs what is heard, for ever.

        What was enrolled of it is nobody's from then on. `say` takes it back.

        Args:
            what: as for `say`; a file need not be heard.

        Returns:
            Number of recordings of which that was said.

        Raises:
            SingeridError: it is no file that can be read, and nothing that the library has.
        """
        count = say_nobody(self.core, what)
        self._write_pages()
        return count

    def rename(self, old: str, new: str) -> None:
        """Call a singer by another name; raises SingeridError where that is somebody else's."""
        before = self._name(old)
        with self.core.database.command("rename") as entry:
            corrections.rename(self.core, entry, old, new)
            self.answers.call(before, self._name(new))
        self._write_pages()

    def merge(self, name: str, into: str) -> int:
        """Make two singers one; gives the number of recordings that were moved."""
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
        """Make two singers of one: of the files or recordings (by their ids), or of two groups by voice."""
        chosen = None if recordings is None else set(recordings)
        if files:
            found = [self.core.look(Path(file)).recording for file in files]
            chosen = {recording for recording in found if recording is not None} | (chosen or set())
        with self.core.database.command("split") as entry:
            done = corrections.split(self.core, entry, name, into, chosen)
        self._write_pages()
        return done

    def forget(self, name: str) -> int:
        """Remove a singer and all that was made of that voice, for ever; gives the number of recordings."""
        self.answers.call(self._name(name), None)
        count = corrections.forget(self.core, name)
        self._write_pages()
        return count

    def _write_pages(self) -> None:
        """After what people say, which is kept by now."""
        with self.core.afterwards():
            write_pages(self.core)

    def _name(self, name: str) -> str:
        """A singer's name as the library spells it."""
        contents = self.core.contents
        return contents.names[contents.require(name)]

    def undo(self, count: int = 1, latest: int | None = None) -> list[Entry]:
        """Take back the latest commands, also those of earlier processes; gives them, latest first.

        Raises OvertakenError, and nothing is taken back, where another entry than `latest` is the latest.
        """
        done = undo(self.core.database, count, latest)
        self.core.changed()
        with self.core.afterwards():
            self.core.fit(set(self.core.contents.singers))
        self._write_pages()
        return done

    def journal(self, most: int = -1) -> list[Entry]:
        """What was done and can be taken back, the latest first."""
        return entries(self.core.database, most)

    # Trust

    def calibrate(
        self,
        fpir: float = DEFAULT_FPIR,
        *,
        strangers: Sequence[Entrant] = (),
        begin: Callable[[int], None] = lambda _: None,
        step: Step = _nothing,
    ) -> tuple[Calibration, EnrollReport]:
        """Measure the library on its own recordings, and decide by that from now on.

        Args:
            fpir: the share of strangers' songs that may be named.
            strangers: songs by people who are not in it; those of earlier calls stay.
            begin: is told how many steps there will be.
            step: is called for each.

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
        """The calibration that its decisions follow; None: there is none."""
        return read_calibration(self.core)

    # Voices without a name

    def discover(
        self, files: Sequence[Path], step: Step = _nothing, elsewhere: Elsewhere | None = None
    ) -> tuple[Discovery, EnrollReport]:
        """Hear files, and group those of nobody known by voice; what was heard before is not heard again.

        Args:
            files: what to hear.
            step: is called for each.
            elsewhere: a cluster that hears them; None: this process does.
        """
        with self.core.database.command("discover") as entry:
            self.core.settle(entry)
            report = self._enrolled([Entrant(path) for path in files], entry, elsewhere, step)
            rule, _ = self.rule()
            found = group_voices(self.core, entry, rule)
        return found, report

    def paths(self, recordings: Sequence[str]) -> dict[str, str]:
        """Where recordings were found last, as far as that is known."""
        return paths_of(self.core.database, list(recordings))

    # All of it

    def migrate(
        self,
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        separator: str | None = None,
        step: Step = _nothing,
        far: Callable[[Hearing], Hearing] = lambda hearing: hearing,
    ) -> MigrateReport:
        """Make all vectors anew by another encoder, or of another sound; names and what people said stay.

        `far` gives what listens in place of a hearing, in another process for example.
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
        """Write it as JSON and npz; gives the number of recordings."""
        return export_library(self.core, Path(folder))

    def import_from(self, folder: Path | str) -> tuple[int, int]:
        """Read an export, or what was heard on a cluster (a folder or an address of Parquet files).

        Returns:
            The numbers of recordings that were new, and that were known.
        """
        with self.core.database.command("import") as entry:
            if is_heard_folder(str(folder)):
                report = import_heard(self.core, entry, str(folder))
                counts = report.added, report.changed + report.unchanged
            else:
                counts = import_library(self.core, entry, Path(folder))
        write_pages(self.core)
        return counts
