"""What turns windows into vectors: one file a kind."""
