"""singerid library: commands to inspect, correct and calibrate a library."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from singerid.cli.collection import collect, similar_in
from singerid.cli.folding import FoldingCommand, FoldingGroup
from singerid.cli.options import Device, Json, LibraryFolder, NewLibrary, SeparatorWeights, Threads, one_of
from singerid.cli.printing import print_json, warn
from singerid.cli.ray_options import RayCommand
from singerid.config import AudioCondition
from singerid.data.names import clean_name, folded_name
from singerid.errors import ExitCode, Failure, SingeridError
from singerid.sound.separation.separators import SEPARATORS
from singerid.system.console import conclude, print_rich, stepping
from singerid.system.streams import say as tell_person
from singerid.text import counted, printable, shell_word

if TYPE_CHECKING:
    from singerid.library.library import Library

library = typer.Typer(
    cls=FoldingGroup,
    help="Inspect and correct a library of singers, and measure how reliable its decisions are.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a singer.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A recording.")]


def _open(
    folder: Path, device: str = "cpu", threads: int | None = None, weights: Path | None = None
) -> "Library":
    from singerid.library.library import Library
    from singerid.system.devices import choose_device, use_threads

    use_threads(threads)
    return Library.open(folder, device=choose_device(device), weights=weights)


@library.command("list", cls=FoldingCommand)
def list_(folder: LibraryFolder, json_output: Json = False) -> None:
    """List the singers of a library, with the number of recordings and minutes of voice of each."""
    from singerid.system.tables import Table

    with _open(folder) as opened:
        rows = opened.overview()
        notice = opened.notice if opened.core.contents.settings else ""
    if json_output:
        print_json(rows)
        return
    table = Table("singer", "recordings", "albums", "minutes of voice", "exemplars", right=(1, 2, 3, 4))
    for row in rows:
        cells = (row["recordings"], row["albums"], f"{row['voice_seconds'] / 60:.1f}", row["exemplars"])
        table.add_row(printable(row["singer"]), *map(str, cells))
    print_rich(table)
    if notice:
        warn(notice)


@library.command(cls=FoldingCommand)
def info(folder: LibraryFolder, name: Name, json_output: Json = False) -> None:
    """List the recordings of a singer, and which of them were confirmed by a person."""
    from singerid.system.tables import Table

    with _open(folder) as opened:
        rows = opened.recordings_of(name)
    if json_output:
        print_json(rows)
        return
    table = Table("recording", "album", "voice", "like the singer", "exemplar", "said", right=(2, 3, 4))
    for row in rows:
        like = "" if row["score"] is None else f"{row['score']:.2f}"
        exemplar = str(row["exemplar"] or "")
        cells = (f"{row['voice_seconds']:.0f} s", like, exemplar, "yes" if row["said"] else "")
        table.add_row(printable(row["path"] or row["id"]), printable(row["album"]), *cells)
    print_rich(table)


@library.command(cls=FoldingCommand)
def rename(
    folder: LibraryFolder,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW_NAME", help="The new name.")],
) -> None:
    """Rename a singer."""
    with _open(folder) as opened:
        before = _spelling(opened, name)
        opened.rename(name, new)
        after = _spelling(opened, new)
    tell_person(f"{before} is now called {after}")


@library.command(cls=FoldingCommand)
def merge(
    folder: LibraryFolder,
    name: Name,
    into: Annotated[str, typer.Argument(metavar="INTO", help="Name of the singer who keeps the name.")],
) -> None:
    """Merge a singer into another one."""
    with _open(folder) as opened:
        moved = opened.merge(name, into)
    tell_person(f"{printable(name)} is now {printable(into)}: {counted(moved, 'recording')} moved")


@library.command(cls=FoldingCommand)
def split(
    folder: LibraryFolder,
    name: Name,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE...]",
            help="Recordings of the new singer; by default the recordings are split into two groups by "
            "voice, and the smaller group is moved.",
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the new singer; by default the old name with (2)."),
    ] = None,
) -> None:
    """Split a singer in two: move some recordings to a new singer."""
    with _open(folder) as opened:
        done = opened.split(name, into, files)
    for path in done.moved:
        tell_person(printable(path))
    moved = counted(len(done.moved), "recording")
    tell_person(f"{printable(done.name)}: {moved}; {printable(name)}: {done.stayed} stayed")


@library.command(cls=FoldingCommand)
def say(
    folder: LibraryFolder,
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_VOICE",
            help='A recording, or a voice found by `singerid discover`: "voice 3".',
        ),
    ],
    is_: Annotated[str | None, typer.Option("--is", metavar="NAME", help="The singer who sings.")] = None,
    is_not: Annotated[
        str | None,
        typer.Option("--is-not", metavar="NAME", help="A singer who does not sing, or an unnamed voice."),
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody sings.")] = False,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Correct the library: say who sings in a recording, who does not, or that nobody sings.

    A correction outweighs every score, and stays until it is undone.
    """
    if nobody and (is_ is not None or is_not is not None):
        raise SingeridError("--nobody: leave out --is and --is-not")
    with _open(folder, device, threads, weights) as opened:
        before = opened.singers
        count = opened.say_nobody(what) if nobody else opened.say(what, singer=is_, never=is_not)
        new = is_ is not None and opened.singers != before
        named = _spelling(opened, is_ or is_not or "")
    who = "nobody sings" if nobody else f"is {named}" if is_ is not None else f"is not {named}"
    tell_person(f"{printable(what)}: {who} ({counted(count, 'recording')})")
    if is_ is not None and new:
        _warn_of_near_name(folder, is_, before)


def _spelling(opened: "Library", name: str) -> str:
    """A singer's name as the library has it, or would have it."""
    contents = opened.core.contents
    number = contents.number_of(name)
    return printable(clean_name(name) if number is None else contents.names[number])


def _warn_of_near_name(folder: Path, name: str, before: Sequence[str]) -> None:
    """Warn of a new singer with nearly the name of another: it may be a slip, and the word holds for ever."""
    folded = {folded_name(one): one for one in before}
    for near in get_close_matches(folded_name(name), folded, n=1, cutoff=0.8):
        merge = " ".join((shell_word(folder), shell_word(name), shell_word(folded[near])))
        warn(
            f"'{printable(name)}' is a new singer; if it is '{printable(folded[near])}': "
            f"singerid library merge {merge}"
        )


@library.command(cls=FoldingCommand)
def verify(
    folder: LibraryFolder,
    file: File,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The singer to check.")],
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Check whether a singer sings in a recording: exit code 0 for yes, 1 for no. Not secure for logins."""
    with _open(folder, device, threads, weights) as opened:
        yes, score, needs = opened.verify(name, file)
    tell_person(f"{'yes' if yes else 'no'} (score {score:.2f}, needs {needs:.2f})")
    raise typer.Exit(ExitCode.DONE if yes else 1)


@library.command(cls=FoldingCommand)
def similar(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="[LIBRARY] FILE",
            help="Folder of a library, and a recording; with --collection the recording alone.",
        ),
    ],
    collection: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Search this collection, made by `singerid library collect`, instead of a library.",
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Largest number of recordings to list.")] = 10,
    json_output: Json = False,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """List the recordings in a library or a collection with the most similar voices to a given recording."""
    from singerid.system.tables import Table

    *folders, file = places
    if len(folders) != (collection is None):
        raise SingeridError(
            "similar: give LIBRARY and FILE" if collection is None else "--collection: give FILE alone"
        )
    if collection is not None:
        found = similar_in(collection, file, most, device, threads, weights)
    else:
        with _open(folders[0], device, threads, weights) as opened:
            found = opened.similar(file, most)
    if json_output:
        print_json([{"path": path, "singer": singer, "score": score} for path, singer, score in found])
        return
    table = Table("recording", "singer", "score", right=(2,))
    for path, singer, score in found:
        table.add_row(printable(path or "(not known where)"), printable(singer), f"{score:.2f}")
    print_rich(table)


library.command(cls=RayCommand)(collect)


@library.command(cls=FoldingCommand)
def calibrate(
    folder: LibraryFolder,
    fpir: Annotated[
        str,
        typer.Option(
            help="Largest allowed share of strangers' songs that are given a name (false positive "
            "identification rate); `singerid tag` needs 1%."
        ),
    ] = "5%",
    strangers: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of songs by people who are not in the library, with a subfolder for each person; "
            "makes the estimate better.",
        ),
    ] = None,
    json_output: Json = False,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Set the score that a song needs for a name, and tell how reliable the library's decisions then are.

    The threshold is chosen on the library's own recordings, so that hardly any stranger is given a name
    (--fpir).
    """
    from singerid.library.entrants import strangers_of
    from singerid.library.pages import sentences

    failures: list[Failure] = []
    entrants = [one for each in strangers or () for one in strangers_of(each, failures.append)]
    wanted = _share(fpir)
    with _open(folder, device, threads, weights) as opened, stepping("Calibrating") as step:
        found, report = opened.calibrate(wanted, strangers=entrants, step=step)
    if json_output:
        print_json({key: value for key, value in found.to_json().items() if key != "scores"})
    else:
        for sentence in sentences(found):
            tell_person(sentence)
        tell_person(f"A picture and all numbers: {printable(folder)}/calibration.svg, calibration.json")
    failures += report.refused
    raise typer.Exit(conclude(1 + report.usable, failures, report.warnings))


def _share(text: str) -> float:
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise SingeridError(f"--fpir {text!r}: give a share, for example 5% or 0.05") from error


@library.command(cls=FoldingCommand)
def undo(
    folder: LibraryFolder,
    count: Annotated[int, typer.Argument(metavar="[N]", min=1, help="Number of commands to undo.")] = 1,
    show: Annotated[bool, typer.Option("--list", help="Only list the commands; undo nothing.")] = False,
) -> None:
    """Undo the latest commands that changed the library, the last one first."""
    with _open(folder) as opened:
        if show:
            for number, entry in enumerate(opened.journal(), 1):
                tell_person(f"{number}  {entry}{'' if entry.can_undo else ': cannot be taken back'}")
            return
        for entry in opened.undo(count):
            tell_person(f"taken back: {entry}")


@library.command(cls=FoldingCommand)
def forget(
    folder: LibraryFolder,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a singer and all data made from the singer's voice. This cannot be undone."""
    with _open(folder) as opened:
        opened.core.contents.require(name)
        if not yes:
            if not sys.stdin.isatty():
                raise SingeridError("forget cannot be undone; confirm it with --yes")
            typer.confirm(f"Forget {printable(name)} for ever?", abort=True)
        count = opened.forget(name)
        pending = opened.core.database.setting("scrub_pending") is not None
    tell_person(
        f"{printable(name)} is forgotten: {counted(count, 'recording')} deleted, and with them the back end, "
        "calibration, groups and undo records. Not deleted: exports, stores, Parquet files, tags and backups"
    )
    if pending:
        warn("another program has the library open: the rest of its log is erased at the next command")


@library.command(cls=FoldingCommand)
def check(folder: LibraryFolder) -> None:
    """Check a library for damage, and repair it."""
    from singerid.library.check import check as look

    told = look(folder)
    for sentence in told:
        tell_person(sentence)
    if not told:
        tell_person(f"{printable(folder)}: is undamaged")


@library.command(cls=FoldingCommand)
def migrate(
    folder: LibraryFolder,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The encoder that makes the vectors; by default the same as now."),
    ] = None,
    audio: Annotated[
        AudioCondition | None,
        typer.Option(help="The part of the sound to listen to; by default the same as now."),
    ] = None,
    separator: Annotated[
        str | None,
        one_of(
            SEPARATORS,
            "The separator that extracts the vocals; by default the same as now, or else spleeter.",
        ),
    ] = None,
    weights: SeparatorWeights = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Make all vectors of a library anew from its recordings, for example with another encoder.

    Names and corrections are kept. This cannot be undone.
    """
    with (
        _open(folder, device, threads, weights) as opened,
        stepping("Listening", len(opened.core.contents.recordings)) as step,
    ):
        report = opened.migrate(encoder, audio, separator, step)
    for one in report.changed:
        tell_person(f"{printable(one.path)}: {printable(one.before)} -> {printable(one.after)}")
    tell_person(
        f"{counted(report.made, 'recording')} processed again, {len(report.changed)} decisions changed; "
        "calibrate next"
    )
    raise typer.Exit(conclude(report.made, report.failures))


@library.command(cls=FoldingCommand)
def export(
    folder: LibraryFolder,
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write to.")],
) -> None:
    """Write a library as JSON and npz, for other programs and machines. Voiceprints are biometric data."""
    with _open(folder) as opened:
        count = opened.export(target)
    tell_person(f"{printable(target)}: {counted(count, 'recording')}")


@library.command("import", cls=FoldingCommand)
def import_(
    folder: NewLibrary,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER",
            help="Folder written by `singerid library export`, or the folder of Parquet files (--parquet) of "
            "a command with --ray.",
        ),
    ],
) -> None:
    """Add to a library the recordings of an export, or those processed on a cluster."""
    from singerid.library.library import Library

    with Library.open(folder, create=True) as opened:
        new, known = opened.import_from(source)
    tell_person(f"{printable(folder)}: {counted(new, 'recording')} new, {known} known already")
