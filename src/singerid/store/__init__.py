"""The store: features of many tracks on disk."""
