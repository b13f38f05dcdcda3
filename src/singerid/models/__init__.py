"""Networks by name, their weights, and those that others trained."""
