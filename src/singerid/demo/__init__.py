"""The demo: from nothing to singers who are named or called unknown, on a page that shows it, in minutes.

It runs on songs that it makes itself (`run_demo`), or on somebody's own music (`run_on_music`).
"""

from singerid.demo.config import DemoConfig
from singerid.demo.music import run_on_music
from singerid.demo.synthetic import run_demo

__all__ = ["DemoConfig", "run_demo", "run_on_music"]
