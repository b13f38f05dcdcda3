"""The program: its global options, and how it ends."""

import io
import os
import select
import sys
from pathlib import Path
from typing import Annotated

import typer

from singerid.errors import ExitCode, SingeridError
from singerid.text import printable
from singerid.version import __version__

app = typer.Typer(
    name="singerid",
    help="Know who is singing: train, evaluate and use singer-identification networks.",
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
        typer.Option(metavar="FILE.py", help="Run a Python file first, which registers models or data sets."),
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
    """Run the command line: errors in one line on standard error, exit codes as `ExitCode` says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an output that is no UTF-8 gets escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        code = _ended(error)
    except SingeridError as error:
        if os.environ.get("SINGERID_DEBUG"):
            raise
        _complain(str(error))
        code = ExitCode.UNUSABLE
    except Exception as error:
        # Typer's own errors of usage; their class moved between its versions, their method did not.
        explain = getattr(error, "format_message", None)
        if os.environ.get("SINGERID_DEBUG"):
            raise
        unexpected = f"unexpected {type(error).__name__}: {printable(str(error))}; --debug shows where"
        _complain(f"{explain()} See --help." if explain else unexpected)
        code = ExitCode.UNUSABLE
    if code == ExitCode.INTERRUPTED:
        _complain("interrupted; run the same command again to go on")
    sys.exit(code)


def _ended(error: BrokenPipeError | SystemExit) -> int:
    """The exit code where output is not read to its end, or something has ended the program.

    Whoever reads, as in `singerid ... | head`, has seen enough: that is no failure. Typer makes a SystemExit
    of it. After any other one no command succeeds, whatever its code: something gave up before the end.
    """
    pipe = error if isinstance(error, BrokenPipeError) else error.__context__
    if isinstance(pipe, BrokenPipeError) and _output_is_closed():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    if os.environ.get("SINGERID_DEBUG"):
        raise error
    _complain(f"ended before it was done, by {type(error).__name__} {error}; --debug shows where")
    code = error.code if isinstance(error, SystemExit) else None
    return code if isinstance(code, int) and code else ExitCode.UNUSABLE


def _output_is_closed() -> bool:
    """Whether nobody reads standard output any more; where the system does not tell, it is taken to be so."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _complain(message: str) -> None:
    print(f"singerid: {message}", file=sys.stderr)
