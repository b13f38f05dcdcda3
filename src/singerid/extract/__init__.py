"""From audio files to features on disk."""

MIN_SECONDS = 3.0
"""Recordings shorter than this are left out: the length of the paper's shortest clip."""
