"""Preparation: features of recordings are extracted into a store."""
