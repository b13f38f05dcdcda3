"""Cut sound, or tracks of a store, into windows, and ask networks about windows."""
