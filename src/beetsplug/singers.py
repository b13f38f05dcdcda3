"""singerid in beets: who sings, in fields of items for queries, and in tags, written by singerid itself.

plugins: singers
singers:
    library: ~/my-singers   # folder of a singerid library, calibrated to 1 %
    auto: yes               # on import
    force: no               # hear items again; write although the library is not calibrated to 1 %
    quiet: no               # show only errors
    threads: 0              # CPU threads; 0: all
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from beets.dbcore import types
from beets.plugins import BeetsPlugin
from beets.ui import Subcommand, print_, should_write
from beets.ui import UserError as BeetsError  # type: ignore[attr-defined]

from singerid.errors import Failure, SingeridError

SEPARATOR = "; "  # of several singers in one field
_TOGETHER = 16  # items that are heard before their answers are kept


class SingersPlugin(BeetsPlugin):
    """The command `beet singers [-p] [-f] [QUERY]`, and the same on import."""

    item_types = {  # noqa: RUF012 (beets wants a class attribute)
        "singers": types.STRING,
        "singers_probability": types.FLOAT,
        "singers_decision": types.STRING,
    }

    def __init__(self) -> None:
        super().__init__()
        self.config.add({"library": "", "auto": True, "force": False, "quiet": False, "threads": 0})
        self._library: Any = None
        # The library is opened, used and closed by one thread, because beets imports in several.
        self._worker = ThreadPoolExecutor(1)
        self.register_listener("cli_exit", self._close)
        if self.config["auto"].get(bool):
            # By then the files are in their final place: the originals are not touched.
            self.register_listener("import_task_files", self._imported)

    def commands(self) -> list[Subcommand]:
        """The command `singers`."""
        command = Subcommand("singers", help="find out who sings, and write it into fields and tags")
        command.parser.add_option(
            "-p", "--pretend", action="store_true", default=False, help="only show what would change"
        )
        command.parser.add_option(
            "-f",
            "--force",
            action="store_true",
            default=False,
            help="hear items again; write although the library is not calibrated to 1 %",
        )
        command.func = self._command
        return [command]

    def _command(self, lib: Any, options: Any, arguments: Sequence[str]) -> None:
        items = list(lib.items(arguments))
        force = options.force or self.config["force"].get(bool)
        try:
            self._deal_with(items, force, write=should_write(), pretend=options.pretend)
        except SingeridError as error:
            raise BeetsError(str(error)) from error

    def _imported(self, session: Any, task: Any) -> None:
        try:
            self._deal_with(task.imported_items(), self.config["force"].get(bool), write=should_write())
        except SingeridError as error:  # the import goes on without singers
            self._log.error("{}", error)

    def _deal_with(self, items: Sequence[Any], force: bool, write: bool, pretend: bool = False) -> None:
        wanted = [item for item in items if force or "singers_decision" not in item]
        # Paths may be relative to beets' music folder; the worker knows neither that folder nor the database.
        paths = [Path(item.filepath).absolute() for item in wanted]
        for first in range(0, len(wanted), _TOGETHER):
            some = slice(first, first + _TOGETHER)
            heard = self._worker.submit(self._hear, paths[some], force, write and not pretend).result()
            for item, outcome in zip(wanted[some], heard, strict=True):
                self._tell(outcome, pretend)
                if not (pretend or isinstance(outcome, Failure)):
                    self._store(item, outcome)

    def _hear(self, paths: Sequence[Path], force: bool, write: bool) -> list[Any]:
        from singerid.tags.tagger import Tagger

        library = self._opened()
        with Tagger(library, write=write, force=force) as tagger:
            if tagger.held_back:
                raise SingeridError(f"{library.path}: {_in_beets(tagger.held_back)}")
            return list(tagger.outcomes(paths, again=True))

    def _tell(self, outcome: Any, pretend: bool) -> None:
        from singerid.tags.report import change_line

        if isinstance(outcome, Failure):
            self._log.error("{}", Failure(outcome.path, _in_beets(outcome.reason)))
            return
        line = change_line(replace(outcome, note=_in_beets(outcome.note)))
        if pretend:
            print_(line)
        elif not self.config["quiet"].get(bool):
            self._log.info("{}", line)

    def _store(self, item: Any, change: Any) -> None:
        """Keep an answer in the fields of an item."""
        named = change.singers if change.decision == "known" else ()
        # If a field is missing, beets prints its placeholder: "$singers".
        found = {
            "singers": SEPARATOR.join(one.singer for one in named),
            "singers_decision": change.decision,
        }
        if named:
            found["singers_probability"] = named[0].probability
        for field in self.item_types:
            if field in found:
                item[field] = found[field]
            elif field in item:
                del item[field]
        item.store()

    def _opened(self) -> Any:
        if self._library is None:
            from singerid.library.library import Library
            from singerid.system.devices import choose_device, use_threads

            folder = self.config["library"].as_filename() if self.config["library"].get() else ""
            if not folder:
                raise SingeridError(
                    "singers: name the library's folder in the configuration of beets: library: FOLDER"
                )
            use_threads(self.config["threads"].get(int) or None)
            self._library = Library.open(folder, device=choose_device("auto"))
        return self._library

    def _close(self, lib: Any) -> None:
        if self._library is not None:
            self._worker.submit(self._library.close).result()
        self._worker.shutdown()


def _in_beets(message: str) -> str:
    """A message with settings named as options: this command's own --force, else those of `singerid tag`."""
    from singerid.tags.report import by_command

    return by_command(message.replace("`force=True`", "--force"))
