"""Singers' names in the tags of music files: previewed, written without harm to a recording, and undone."""
