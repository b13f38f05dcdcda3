"""Tracks, data sets, splits, clips, and the synthetic corpus."""
