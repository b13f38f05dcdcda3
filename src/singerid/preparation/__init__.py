"""Recordings into a store."""
