"""The commands. Each is a few lines: it reads options, calls one function and prints.

Heavy imports (torch, librosa, ...) stay inside the commands, so that `singerid --help` answers at once.
"""

import os
import sys
from typing import Annotated

import typer

import singerid
from singerid.errors import ExitCode, SingeridError

app = typer.Typer(
    name="singerid",
    help="Know who is singing: train, evaluate and use singer-identification networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"singerid {singerid.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SINGERID_DEBUG"] = "1"


def main() -> None:
    """Run the command line: errors in one line on standard error, exit codes as `ExitCode` says."""
    try:
        app()
    except SingeridError as error:
        if os.environ.get("SINGERID_DEBUG"):
            raise
        print(f"singerid: {error}", file=sys.stderr)
        sys.exit(ExitCode.UNUSABLE)
    except KeyboardInterrupt:
        print("singerid: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
