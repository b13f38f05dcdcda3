"""singerid doctor."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from singerid.cli.options import Json
from singerid.cli.printing import print_json
from singerid.errors import ExitCode
from singerid.system.console import print_rich


def doctor(
    store: Annotated[
        Path | None, typer.Argument(metavar="STORE", help="Check this store instead of the machine.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Check this machine (versions, devices, sound formats, extras), or a store for damage."""
    from singerid import doctor as check

    if store is None:
        findings = check.check_machine()
        whole = all(finding.state != "broken" for finding in findings)
        value: object = [asdict(finding) for finding in findings]
        table = check.machine_table(findings)
    else:
        report = check.check_store(store, show_progress=True)
        whole, value, table = not report.problems, report.to_json(), check.store_table(report)
    print_json(value) if json_output else print_rich(table)
    raise typer.Exit(ExitCode.DONE if whole else ExitCode.SOME_FAILED)
