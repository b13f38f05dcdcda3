"""The streaming form, left out by `torch.compile`: its unrolled blocks would take minutes to compile.

It is a separate module because `torch.compiler.disable` imports the compiler, which takes longer than many
commands.
"""

import torch

from singerid.nn.operation import _stream

stream = torch.compiler.disable(_stream)
