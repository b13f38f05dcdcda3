"""Sound: from any file to samples, and from samples to what networks read."""
