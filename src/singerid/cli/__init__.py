"""The command line. Each command is short: it reads its options, calls one function and prints the result.

Slow imports (torch, librosa, ...) are inside the commands, so that `singerid --help` answers at once.
"""

from singerid.cli.app import app, main
from singerid.cli.attention import attention
from singerid.cli.audit import audit
from singerid.cli.demo import demo
from singerid.cli.discover import discover
from singerid.cli.doctor import doctor
from singerid.cli.embed import embed
from singerid.cli.encoders import encoders
from singerid.cli.enroll import enroll
from singerid.cli.evaluate import evaluate
from singerid.cli.export import export
from singerid.cli.folding import FoldingCommand
from singerid.cli.identify import identify
from singerid.cli.library import library
from singerid.cli.models import models
from singerid.cli.prepare import prepare
from singerid.cli.ray_options import RayCommand
from singerid.cli.reproduce import reproduce
from singerid.cli.serve import serve
from singerid.cli.synth import synth
from singerid.cli.tag import tag
from singerid.cli.train import train

__all__ = ["app", "main"]

_PANELS = {  # the panels of --help, in order
    "Your music": (enroll, identify, discover, tag, serve),
    "Networks": (prepare, train, evaluate, export, models, encoders),
    "Research": (reproduce, audit, embed, attention, synth),
    "This machine": (demo, doctor),
}

_ON_RAY = (enroll, identify, discover, prepare, reproduce)

for _panel, _commands in _PANELS.items():
    for _command in _commands:
        _class = RayCommand if _command in _ON_RAY else FoldingCommand
        app.command(cls=_class, rich_help_panel=_panel)(_command)

app.add_typer(library, name="library", rich_help_panel="Your music")
