"""singerid tag."""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from singerid.cli.options import Device, LibraryFolder, SeparatorWeights, Threads
from singerid.cli.printing import warn
from singerid.errors import ExitCode, Failure, SingeridError
from singerid.system.console import conclude, print_rich, progress
from singerid.system.streams import complain, require_output
from singerid.system.streams import say as tell_person
from singerid.text import counted, printable

if TYPE_CHECKING:
    from singerid.tags.plan import Change
    from singerid.tags.tagger import Outcome, Tagger


def tag(
    folder: LibraryFolder,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE_OR_FOLDER...", help="Recordings to tag.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the tags; without it the changes are only shown.")
    ] = False,
    undo: Annotated[
        bool,
        typer.Option(
            "--undo",
            help="Undo the latest --write. With files: undo everything that was written to these files. See "
            "also --all.",
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --undo: undo everything that this library ever wrote.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also write if the library is not calibrated to 1 %, and names that somebody has removed "
            "from a file.",
        ),
    ] = False,
    break_hard_links: Annotated[
        bool,
        typer.Option(
            "--break-hard-links",
            help="Also tag files with several hard links; only the given name gets the tagged file.",
        ),
    ] = False,
    sidecar: Annotated[
        Literal["json", "nfo"] | None,
        typer.Option(
            help="Write the singers to a file beside each recording, and do not change the recording."
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Keep running, and tag new files in the folders, until Ctrl-C."),
    ] = False,
    nice: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=19,
            metavar="N",
            help="Give other programs priority, as the program `nice` does: 0 (no change) to 19 (most).",
        ),
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines, one object per file, instead of a table.")
    ] = False,
    prior: Annotated[
        float | None,
        typer.Option(
            help="The share of songs that you expect to be by the library's singers; by default .5."
        ),
    ] = None,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Write who sings into the tags of recordings, as a performer with the role "vocals".

    By default it only shows the changes; --write makes them, and --undo takes them back. The tag ARTIST is
    never changed. Tags are written to a copy, which replaces the file only if its sound is identical. Only
    decisions of a library that is calibrated to 1 % are written.
    """
    given = list(paths or ())
    if undo:
        if write or watch or sidecar or json_output:
            raise SingeridError("--undo: leave out --write, --watch, --sidecar and --json")
        if everything and given:
            raise SingeridError("--undo: give either files or --all, not both")
        raise typer.Exit(_undo(folder, given, everything, break_hard_links))
    if everything:
        raise SingeridError("--all works with --undo only")
    if not given:
        raise SingeridError("give files or folders to tag, or --undo")
    if prior is not None and not 0 < prior < 1:
        raise SingeridError("--prior: give a share above 0 and below 1")
    require_output()
    if nice is not None:
        if not hasattr(os, "nice"):
            raise SingeridError("--nice: this system does not support it; leave it out")
        os.nice(nice)

    from singerid.library.library import Library
    from singerid.sound.listing import find_files, passed_over_text
    from singerid.system.devices import choose_device, use_threads
    from singerid.tags.journal import JournalError
    from singerid.tags.tagger import Tagger, notice_of, unkept_promise
    from singerid.tags.watch import require_watchable, watched

    if watch:
        require_watchable(given)
    use_threads(threads)
    failures: list[Failure] = []
    with Library.open(folder, device=choose_device(device), weights=weights) as library:
        unkept = "" if force else unkept_promise(library)
        if unkept and write:
            raise SingeridError(f"{folder}: {unkept}")
        notice = "" if unkept else notice_of(library)
        if notice:
            warn(notice)
        make = partial(
            Tagger,
            library,
            medium=sidecar or "tags",
            force=force,
            break_hard_links=break_hard_links,
            prior=prior,
        )
        try:
            tagger = make(write=write)
        except JournalError as error:
            if watch:
                raise
            failures.append(error.failure)
            tagger = make(write=False)  # still show the changes
        with tagger:
            if watch:
                for some in watched(given, failures.append):
                    _print_arrived(tagger.outcomes(some), json_output)
                raise typer.Exit(conclude(1, failures))
            files, passed_over = find_files(given, failures.append)
            if passed_over:
                warn(passed_over_text(passed_over))
            changes = _print(tagger, files, failures, json_output)
    if unkept and any(change.status == "held back" for change in changes):
        failures.append(Failure(str(folder), unkept))
    raise typer.Exit(conclude(len(changes), failures))


def _print(
    tagger: "Tagger", files: tuple[Path, ...], failures: list[Failure], as_json: bool
) -> "list[Change]":
    from singerid.tags.report import change_table, summary

    changes = []
    for outcome in progress(map(_worded, tagger.outcomes(files)), "Listening", len(files)):
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            changes.append(outcome)
        if as_json:
            _print_json(outcome)
    if changes and not as_json:
        print_rich(change_table(changes))
        further = "; add --write" if any(change.is_due for change in changes) else ""
        tell_person(summary(changes) + further)
    return changes


def _print_arrived(outcomes: "Iterable[Outcome]", as_json: bool) -> None:
    """Print one line for each file that is or would be changed, or that failed, at once."""
    from singerid.tags.report import change_line

    for outcome in map(_worded, outcomes):
        if as_json:
            _print_json(outcome)
        elif isinstance(outcome, Failure):
            complain(str(outcome))
        elif outcome.is_due or outcome.status in ("written", "held back"):
            tell_person(change_line(outcome))


def _worded(outcome: "Outcome") -> "Outcome":
    """The outcome with a note that names this command's option."""
    from singerid.tags.plan import PUT_BACK

    if isinstance(outcome, Failure):
        return outcome
    return replace(outcome, note=outcome.note.replace(PUT_BACK, "; --force puts it back"))


def _print_json(outcome: "Outcome") -> None:
    fields = (
        {"path": outcome.path, "error": outcome.reason} if isinstance(outcome, Failure) else outcome.to_json()
    )
    text = json.dumps(fields, ensure_ascii=False)
    # ASCII escapes carry names that are not UTF-8.
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"), flush=True)


def _undo(folder: Path, files: list[Path], everything: bool, break_hard_links: bool) -> ExitCode:
    from singerid.library.database import is_library
    from singerid.sound.listing import find_files
    from singerid.tags.undo import take_back

    if not is_library(folder):
        raise SingeridError(f"{folder}: is not a library; give the one that wrote the tags")
    failures: list[Failure] = []
    found = find_files(files, failures.append)[0]
    done: set[str] = set()
    if found or not files:
        for outcome in take_back(folder, found, everything, break_hard_links):
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                done.add(outcome)
                tell_person(f"taken back: {printable(outcome)}")
    if done:
        tell_person(f"{counted(len(done), 'file')} restored")
    return conclude(len(done), failures)
