"""The version of singerid."""

__version__ = "0.2.0"
