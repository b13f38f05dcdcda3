"""Tracks, splits, clips and the built-in corpus."""
