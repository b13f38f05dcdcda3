"""A separator that kills its process, in a file of its own: each of many processes imports it anew."""

import os
import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Murderous:
    """Does it as the system does when memory is short."""

    name = "repet"
    origin = "1"
    notice = ""
    sample_rate = 16_000

    def blocks(self, path, mixture, warn):
        os.kill(os.getpid(), signal.SIGKILL)
        yield
