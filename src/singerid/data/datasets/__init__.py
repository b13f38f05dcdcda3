"""Data sets: what they are, by name in `registry`, one file each."""
