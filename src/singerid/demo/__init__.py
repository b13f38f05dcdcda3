"""The demo: in minutes, it enrolls singers, identifies songs, and writes a page that shows the results.

It runs on songs that it makes itself (`run_demo`), or on the user's own music (`run_on_music`).
"""

from singerid.demo.config import DemoConfig
from singerid.demo.music import run_on_music
from singerid.demo.synthetic import run_demo

__all__ = ["DemoConfig", "run_demo", "run_on_music"]
