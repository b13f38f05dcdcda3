"""singerid: know who is singing.

Singer identification with the fully generalized non-local (FGNL) network of Kuo, Wei and Lin
(AAAI 2021). Importing this package is cheap: torch is loaded when a name that needs it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from singerid.version import __version__

if TYPE_CHECKING:
    from singerid.errors import SingeridError as SingeridError
    from singerid.identifier import Identifier as Identifier
    from singerid.identify.result import Result as Result
    from singerid.models.registry import ModelEntry as ModelEntry
    from singerid.models.registry import build_model as build_model
    from singerid.models.registry import register_model as register_model
    from singerid.models.weights import save_model as save_model
    from singerid.runs.run import load_model as load_model

# public name -> (module, name there)
_PUBLIC = {
    "Identifier": ("singerid.identifier", "Identifier"),
    "ModelEntry": ("singerid.models.registry", "ModelEntry"),
    "Result": ("singerid.identify.result", "Result"),
    "SingeridError": ("singerid.errors", "SingeridError"),
    "build_model": ("singerid.models.registry", "build_model"),
    "load_model": ("singerid.runs.run", "load_model"),
    "register_model": ("singerid.models.registry", "register_model"),
    "save_model": ("singerid.models.weights", "save_model"),
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
