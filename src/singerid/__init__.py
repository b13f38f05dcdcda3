"""singerid: know who is singing.

Singer identification with the fully generalized non-local (FGNL) network of Kuo, Wei and Lin
(AAAI 2021). Importing this package is cheap: torch is loaded when a name that needs it is used.
"""

__version__ = "0.1.0"
