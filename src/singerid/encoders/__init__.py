"""Encoders turn windows into vectors: one file per kind."""
