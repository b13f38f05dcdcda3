"""singerid: know who is singing.

Singer identification with the fully generalized non-local (FGNL) network of Kuo, Wei and Lin
(AAAI 2021). Importing this package is cheap: torch is loaded when a name that needs it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from singerid.errors import SingeridError as SingeridError
    from singerid.identify import Identifier as Identifier
    from singerid.identify import Result as Result
    from singerid.models import ModelEntry as ModelEntry
    from singerid.models import build_model as build_model
    from singerid.models import register_model as register_model
    from singerid.models import save_model as save_model
    from singerid.runs import load_model as load_model

__version__ = "0.1.0"

# public name -> (module, name there)
_PUBLIC = {
    "Identifier": ("singerid.identify", "Identifier"),
    "ModelEntry": ("singerid.models", "ModelEntry"),
    "Result": ("singerid.identify", "Result"),
    "SingeridError": ("singerid.errors", "SingeridError"),
    "build_model": ("singerid.models", "build_model"),
    "load_model": ("singerid.runs", "load_model"),
    "register_model": ("singerid.models", "register_model"),
    "save_model": ("singerid.models", "save_model"),
}

__all__ = [
    "__version__",
    *_PUBLIC,
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'singerid' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
