"""The version of singerid."""

__version__ = "0.1.0"
