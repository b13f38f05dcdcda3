"""An open library: its database, its contents, and the networks it hears with."""

import logging
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from singerid.config import AudioCondition
from singerid.encoders.back_end import BackEnd
from singerid.encoders.registry import DEFAULT_ENCODER
from singerid.errors import SingeridError
from singerid.library.database import Change, Database, text
from singerid.library.finding import FoundFile, look
from singerid.library.hearing import Hearing
from singerid.library.records import Contents, Settings, read_contents
from singerid.library.voiceprints import behind, exemplars_of, fit_back_ends
from singerid.sound.fingerprint import sound_fingerprint
from singerid.system.devices import CPU
from singerid.text import shell_word

_log = logging.getLogger(__name__)
DEFAULT_AUDIO: AudioCondition = "mixture"


class LibraryCore:
    """An open library.

    Args:
        database: database of the library.
        device: where networks compute.
        weights: weights of the separator, for a library that hears vocals; None: the published ones.

    Attributes:
        fingerprint_of: returns the fingerprint of a file's sound; raises AudioError.
        notices: warnings about changes that were stored although a later step failed.
    """

    def __init__(self, database: Database, device: torch.device = CPU, weights: Path | None = None) -> None:
        self.database = database
        self.device, self._weights = device, weights
        self._contents: Contents | None = None
        self._version = -1
        self.fingerprint_of: Callable[[Path], str] = sound_fingerprint
        self.notices: list[str] = []

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.database.folder

    @property
    def contents(self) -> Contents:
        """The library's contents; read again when any process has written to the database."""
        version = int(self.database.value("PRAGMA data_version"))
        if self._contents is None or version != self._version:
            self._contents, self._version = read_contents(self.database), version
        return self._contents

    def changed(self) -> None:
        """Drop the contents that were read, because this process has written."""
        self._contents = None

    @property
    def settings(self) -> Settings:
        """Encoder, sounds and separator; raises SingeridError where nothing was enrolled yet."""
        settings = self.contents.settings
        if settings is None:
            raise SingeridError(
                f"{self.path}: is empty; enroll somebody first: "
                f'singerid enroll {shell_word(self.path)} --as "NAME" FILES'
            )
        return settings

    @cached_property
    def hearing(self) -> Hearing:
        """The open encoder and separator.

        Raises:
            SingeridError: encoder or separator cannot be opened, or differ from those that made its vectors.
        """
        again = (
            f"singerid library migrate {shell_word(self.path)} --encoder {shell_word(self.settings.encoder)}"
        )
        hearing, difference = hearing_of(self.settings, self.device, self._weights)
        if difference:
            raise SingeridError(f"{self.path}: {difference}; make the vectors again: {again}")
        return hearing

    def settle(
        self,
        entry: int | None,
        encoder: str | None = None,
        audio: AudioCondition | None = None,
        separator: str | None = None,
    ) -> None:
        """Set encoder, sounds and separator of an empty library; check them against another library's.

        Args:
            entry: entry of the journal.
            encoder: name of the encoder; None: the library's, or the default for an empty one.
            audio: what is listened to; None: likewise.
            separator: name of the separator; None: likewise.

        Raises:
            SingeridError: the library has other settings, or encoder or separator cannot be opened.
        """
        settings = self.contents.settings
        if settings is None:
            audio = audio or DEFAULT_AUDIO
            if audio != "mixture" and separator is None:
                separator = "spleeter"
            hearing = Hearing.open(encoder or DEFAULT_ENCODER, audio, separator, self.device, self._weights)
            self.__dict__["hearing"] = hearing
            self.keep_settings(settings_of(hearing), entry)
            return
        for wanted, has, option in (
            (encoder, settings.encoder, "encoder"),
            (audio, settings.audio, "audio"),
            (separator, settings.separator, "separator"),
        ):
            if wanted is not None and wanted != has:
                raise SingeridError(
                    f"{self.path}: its {option} is {has or 'none'}, not {wanted}; leave out "
                    f"`{option}`, or make all vectors again: singerid library migrate {shell_word(self.path)}"
                )

    def keep_settings(self, settings: Settings, entry: int | None = None) -> None:
        """Store the library's settings."""
        with self.database.changing(entry) as change:
            set_settings(change, asdict(settings))
        self.changed()

    def fit(self, touched: Collection[int]) -> None:
        """Fit the back end and exemplars again after the recordings of some singers have changed.

        In a calibrated library the back end stays as it is until the next calibration. The result can always
        be computed again, so it is not in the journal.
        """
        contents = self.contents
        if not len(contents.enrolled) or not touched:
            return
        prints = contents.voiceprints
        back_ends = contents.back_ends
        keeps = bool(back_ends) and self.database.setting("calibration") is not None
        if not keeps:
            back_ends = fit_back_ends(prints.vectors, prints.owners)
        changes = exemplar_changes(contents, back_ends, touched)
        with self.database.changing() as change:
            if not keeps:
                write_back_ends(change, new_id(), contents.settings, back_ends)
                change.run(_PRUNE)
            change.many("UPDATE recordings SET exemplar = ? WHERE id = ?", changes)
        self.changed()

    def look(self, path: Path) -> FoundFile:
        """Which recording a file is; raises AudioError where it cannot be read."""
        return look(self.database, path, self.fingerprint_of)

    @contextmanager
    def fingerprinting(self, fingerprint_of: Callable[[Path], str]) -> Iterator[None]:
        """Within, `fingerprint_of` makes the fingerprints of files' sounds; it raises AudioError."""
        before, self.fingerprint_of = self.fingerprint_of, fingerprint_of
        try:
            yield
        finally:
            self.fingerprint_of = before

    @contextmanager
    def afterwards(self) -> Iterator[None]:
        """Within are steps that follow a change which is already stored.

        If one of them fails, the error becomes a notice, as the change itself has succeeded.
        """
        try:
            yield
        except SingeridError as error:
            if self.database.in_transaction:  # the change is not stored yet, so all of it fails
                raise
            self.changed()
            self.notices.append(f"the change is stored, but a step after it failed: {error}")

    def close(self) -> None:
        """Close the database, and log unread notices as warnings."""
        for notice in self.notices:
            _log.warning(notice)
        self.notices.clear()
        self.database.close()


def hearing_of(settings: Settings, device: torch.device, weights: Path | None) -> tuple[Hearing, str]:
    """The encoder and separator of settings, as this machine has them, and how they differ; "" if not.

    Args:
        settings: what vectors were made with.
        device: where to compute.
        weights: weights of the separator; None: the published ones.

    Raises:
        SingeridError: encoder or separator cannot be opened.
    """
    hearing = Hearing.open(settings.encoder, settings.audio, settings.separator or None, device, weights)
    here, difference = settings_of(hearing), ""
    if here.identity != settings.identity:
        difference = (
            f"its vectors were made with other weights of {settings.encoder} than those on this machine"
        )
    elif here.origin != settings.origin:
        difference = f"its vocals were made by {settings.origin}, and this machine has {here.origin}"
    return hearing, difference


def settings_of(hearing: Hearing) -> Settings:
    """The settings of a library that hears with `hearing`."""
    separator = hearing.separator
    return Settings(
        hearing.encoder.address,
        hearing.encoder.identity,
        hearing.audio,
        separator.name if separator else "",
        separator.origin if separator else "",
    )


def set_settings(change: Change, values: dict[str, str]) -> None:
    """Write settings; existing values are replaced."""
    change.many(
        "INSERT INTO settings (key, value) VALUES (?, CAST(? AS TEXT)) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
        [(key, text(value)) for key, value in values.items()],
    )


def write_back_ends(
    change: Change, which: str, settings: Settings | None, back_ends: tuple[BackEnd, ...]
) -> None:
    """Store back ends, and make them the library's current ones."""
    sounds = settings.sounds if settings else ()
    for sound, back_end in zip(sounds, back_ends, strict=True):
        whitening = back_end.whitening.astype("<f4").tobytes() if back_end.whitened else b""
        change.run(
            "INSERT OR REPLACE INTO back_ends (id, sound, mean, whitening) VALUES (?, ?, ?, ?)",
            (which, sound, back_end.mean.astype("<f4").tobytes(), whitening),
        )
    set_settings(change, {"back_end": which})


def new_id() -> str:
    """A random id."""
    return secrets.token_hex(8)


def exemplar_changes(
    contents: Contents, back_ends: tuple[BackEnd, ...], singers: Collection[int]
) -> list[tuple[int, str]]:
    """(exemplar, recording) for each recording of these singers whose exemplar has changed."""
    prints = contents.voiceprints
    changes = []
    for place, number in enumerate(contents.singers):
        if number in singers:
            own = np.flatnonzero(prints.owners == place)
            found = exemplars_of(behind(back_ends, prints.vectors[own]))
            changes += [
                (int(exemplar), contents.recordings[contents.enrolled[at]].id)
                for at, exemplar in zip(own, found, strict=True)
                if exemplar != prints.exemplars[at]
            ]
    return changes


# Deletes unused back ends; the current one and those that a calibration or an undo may need are kept.
_PRUNE = """
DELETE FROM back_ends WHERE id NOT IN (SELECT value FROM settings WHERE key = 'back_end')
AND id NOT IN (SELECT json_extract(content, '$.back_end') FROM calibrations)
AND id NOT IN (SELECT json_extract(before, '$.value') FROM changes WHERE part = 'settings'
               AND key = '["back_end"]' AND before IS NOT NULL)
"""
