"""A library of known singers: their names, the voices in their recordings, and people's statements."""
