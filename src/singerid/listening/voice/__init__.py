"""Whether somebody sings, and when."""
