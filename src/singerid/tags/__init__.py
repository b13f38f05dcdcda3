"""Names in music files: what would change, written so that no recording is ever harmed, and undone."""
