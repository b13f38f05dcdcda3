"""How well singers are named."""
