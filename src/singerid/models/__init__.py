"""Networks by name, their weights, and pretrained networks by others."""
