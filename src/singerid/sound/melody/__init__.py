"""Melody: trackers by name."""
