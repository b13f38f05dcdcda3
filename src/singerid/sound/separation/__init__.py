"""Vocals: separators by name."""
