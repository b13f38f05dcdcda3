"""The commands. Each is a few lines: it reads options, calls one function and prints.

Heavy imports (torch, librosa, ...) stay inside the commands, so that `singerid --help` answers at once.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import singerid
from singerid.errors import ExitCode, SingeridError

app = typer.Typer(
    name="singerid",
    help="Know who is singing: train, evaluate and use singer-identification networks.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"singerid {singerid.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.py", help="Run a Python file first, which registers your own models."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SINGERID_DEBUG"] = "1"
    if plugin:
        from singerid.models import load_plugin

        for path in plugin:
            load_plugin(path)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def models(
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """List the networks: parameters as the paper counts them (20 singers), and the tables they are in."""
    from singerid.models import describe_models

    rows = describe_models()
    if json_output:
        _print_json(rows)
        return
    from rich.table import Table

    table = Table("model", "parameters", "trainable", "tables", "what it is")
    for column in table.columns[1:3]:
        column.justify = "right"
    for row in rows:
        counts = (f"{row[key]:,}" for key in ("parameters", "trainable_parameters"))
        table.add_row(row["name"], *counts, " ".join(map(str, row["tables"])), row["description"])
    _print(table)


def _print(renderable: object) -> None:
    """Print for a person on standard output; as wide as it needs to be where that is no terminal."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(renderable)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def main() -> None:
    """Run the command line: errors in one line on standard error, exit codes as `ExitCode` says."""
    try:
        code = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except SingeridError as error:
        if os.environ.get("SINGERID_DEBUG"):
            raise
        _complain(str(error))
        code = ExitCode.UNUSABLE
    except Exception as error:
        # Typer's own errors of usage; their class moved between its versions, their method did not.
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        _complain(f"{explain()} See --help.")
        code = ExitCode.UNUSABLE
    if code == ExitCode.INTERRUPTED:
        _complain("interrupted; run the same command again to go on")
    sys.exit(code)


def _complain(message: str) -> None:
    print(f"singerid: {message}", file=sys.stderr)
