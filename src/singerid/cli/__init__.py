"""The command line. Each command is a few lines: it reads options, calls one function and prints.

Heavy imports (torch, librosa, ...) stay inside the commands, so that `singerid --help` answers at once.
"""

from singerid.cli.app import app, main
from singerid.cli.audit import audit
from singerid.cli.data import prepare, synth
from singerid.cli.export import export
from singerid.cli.learning import evaluate, identify, train
from singerid.cli.look import attention, embed
from singerid.cli.machine import doctor, models
from singerid.cli.reproduce import ReproduceCommand, reproduce
from singerid.cli.show import demo

__all__ = ["app", "main"]

for _command in (  # in the order of --help
    demo,
    synth,
    prepare,
    train,
    evaluate,
    identify,
    reproduce,
    embed,
    attention,
    audit,
    export,
    models,
    doctor,
):
    app.command(cls=ReproduceCommand if _command is reproduce else None)(_command)
