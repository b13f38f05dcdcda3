"""Decode files into pieces of sound: which decoder to use, and how to read files that decoders misread."""
