"""A library of known singers: who they are, what was heard of them, and what people said."""
