"""Runs: one network trained on one split, and the folder that holds all of it."""
