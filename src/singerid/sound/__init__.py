"""Sound: read any file as samples, and compute from samples the features that networks read."""
