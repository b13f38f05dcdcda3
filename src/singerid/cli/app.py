"""The program `singerid`: its global options, its error messages and exit codes."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.folding import FoldingGroup
from singerid.cli.supervised import end_at_once
from singerid.errors import ExitCode, SingeridError
from singerid.system.caches import set_cache_folders
from singerid.system.streams import complain, drop_output, guard_streams, output_failure, output_message
from singerid.text import printable
from singerid.version import __version__

NAME = "singerid"  # shown in --help, even if started as `python -m singerid`

app = typer.Typer(
    name=NAME,
    cls=FoldingGroup,
    help="Know who is singing: name the singers in your music; train and evaluate networks that do so.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"singerid {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.py",
            help="First run a Python file that registers your own models or data sets. May be given several "
            "times.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SINGERID_DEBUG"] = "1"
    if plugin:
        from singerid.plugins import load_plugin

        for path in plugin:
            load_plugin(path)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line. Errors are one line on standard error; exit codes are those of `ExitCode`."""
    guard_streams()
    set_cache_folders()
    try:
        code = _run()
    finally:
        drop_output()
    end_at_once(code or 0)
    sys.exit(code)


def _run() -> int | None:
    try:
        code: int | None = app(prog_name=NAME, standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except (OSError, SystemExit) as error:
        code = _ended(error)
    except SingeridError as error:
        if os.environ.get("SINGERID_DEBUG"):
            raise
        complain(str(error))
        code = ExitCode.UNUSABLE
    except Exception as error:
        # Typer's usage errors. Their class has moved between versions, so they are recognised by a method.
        explain = getattr(error, "format_message", None)
        if os.environ.get("SINGERID_DEBUG"):
            raise
        complain(f"{explain().rstrip('.')}. See --help." if explain else _unexpected(error))
        code = ExitCode.UNUSABLE
    if code == ExitCode.INTERRUPTED:  # Typer, too, returns this code after Ctrl-C
        complain("interrupted; run the same command again to go on")
    return code


def _ended(error: OSError | SystemExit) -> int:
    """The exit code if standard output cannot be written, or if some code has ended the program.

    If the reader has closed the pipe, as in `singerid ... | head`, that is not a failure; Typer and Rich
    raise SystemExit then. Any other SystemExit means that the command did not finish, so it counts as a
    failure, whatever its code.
    """
    failure = output_failure()
    if isinstance(failure, BrokenPipeError):
        return ExitCode.DONE
    if os.environ.get("SINGERID_DEBUG"):
        raise error
    if failure is not None:
        complain(output_message(failure))
        return ExitCode.UNUSABLE
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        complain(_unexpected(error))
        return ExitCode.UNUSABLE
    complain(f"ended before it was done, by {type(error).__name__} {error}; --debug shows where")
    code = error.code if isinstance(error, SystemExit) else None
    return code if isinstance(code, int) and code else ExitCode.UNUSABLE


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {printable(str(error))}; --debug shows where"
