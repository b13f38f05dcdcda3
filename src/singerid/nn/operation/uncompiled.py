"""What `torch.compile` leaves as it is: blocks, unrolled, would compile for minutes.

A module of its own: `torch.compiler.disable` imports the compiler, which takes longer than many a command.
"""

import torch

from singerid.nn.operation import _stream

stream = torch.compiler.disable(_stream)
